//! Finding nodes by what is in their rows, for SEARCH and `oc:filter-files`.

use std::time::Duration;

use super::StoreError;
use super::nodes::Node;
use crate::ids::{NodeId, Uid};

/// A condition on a node. Depth is bounded by the parser.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Filter {
    /// All of them; true if empty.
    And(Vec<Filter>),
    /// Any of them; false if empty.
    Or(Vec<Filter>),
    /// Not it.
    Not(Box<Filter>),
    /// The whole name matches a pattern: `%` is any number of characters, `_` is one, and `\` takes
    /// its meaning from the next. Without regard to case (also beyond ASCII) and to how the pattern
    /// composes its characters.
    NameLike(String),
    /// Media type, derived from the name, matches such a pattern; folders have none.
    MediaTypeLike(String),
    /// Modification time in Unix seconds compared.
    Mtime(Order, i64),
    /// Upload time in Unix seconds compared.
    Uploaded(Order, i64),
    /// Size in bytes compared.
    Size(Order, i64),
    /// The node id compared.
    FileId(Order, i64),
    /// Marked by the asking user.
    Favorite(bool),
    /// A folder.
    IsCollection,
}

/// How two values compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// `=`.
    Equal,
    /// `<`.
    Less,
    /// `<=`.
    LessOrEqual,
    /// `>`.
    Greater,
    /// `>=`.
    GreaterOrEqual,
}

/// What results are sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SortKey {
    /// Name, in byte order.
    Name,
    /// Modification time.
    Mtime,
    /// Upload time.
    Uploaded,
    /// Size.
    Size,
    /// Node id.
    FileId,
}

/// A whole question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// Only nodes below this one (itself left out).
    pub below: NodeId,
    /// Who asks (favourites are personal).
    pub user: Uid,
    /// Condition.
    pub filter: Filter,
    /// Sort keys with `true` for descending, the first one above the others; what they leave equal
    /// is ordered by node id.
    pub sort: Vec<(SortKey, bool)>,
    /// Number of results to skip.
    pub offset: usize,
    /// Greatest number of results.
    pub limit: usize,
    /// How long the answer may take.
    pub time: Duration,
    /// Members only (depth 1) instead of all below.
    pub members_only: bool,
}

/// Searching.
pub trait SearchRead {
    /// Nodes that answer the question, each with its path below `question.below`; none if that is
    /// not in the tree.
    ///
    /// # Errors
    /// [`StoreError::TooLong`] if it takes longer than `question.time`, and others.
    fn search(&mut self, question: &Question) -> Result<Vec<(Node, String)>, StoreError>;
}
