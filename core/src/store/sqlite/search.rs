//! Questions as SQL. Whatever a client sent is bound, never part of the text.

use rusqlite::types::Value;
use rusqlite::{Row, params_from_iter};

use super::nodes::{is_attached, node, select_node};
use super::rows::{Rows, count};
use super::watch::Watch;
use crate::ids::Uid;
use crate::store::StoreError;
use crate::store::nodes::Node;
use crate::store::search::{Filter, Order, Question, SearchRead, SortKey};

/// The folders to look into, each with its path below the one asked about and a slash: for a deep
/// question all below it. Only folders recurse; files are found in a second step by the same index.
const DEEP: &str = "WITH RECURSIVE folder (id, path) AS (
    SELECT ?1, ''
    UNION ALL
    SELECT m.id, folder.path || m.name || '/'
    FROM folder CROSS JOIN node m ON m.parent = folder.id WHERE m.kind = 1
) ";
/// The same for a question about members only.
const FLAT: &str = "WITH folder (id, path) AS (SELECT ?1, '') ";
const MEMBERS: &str = select_node!(
    ", folder.path || n.name FROM folder CROSS JOIN node n ON n.parent = folder.id WHERE "
);
/// Column of the path, after those of [`select_node`].
const PATH: usize = 13;

impl<T: Rows> SearchRead for T {
    fn search(&mut self, question: &Question) -> Result<Vec<(Node, String)>, StoreError> {
        if !is_attached(self, question.below)? {
            return Ok(Vec::new());
        }
        let sql = Sql::of(question);
        let found = |row: &Row<'_>| Ok((node(row)?, row.get(PATH)?));
        let _watch = Watch::begin(question.time);
        // Not kept prepared: no two questions are alike.
        let rows = || {
            let mut statement = self.conn().prepare(&sql.text)?;
            statement.query_map(params_from_iter(&sql.values), found)?.collect()
        };
        self.check(rows())
    }
}

/// A statement as it grows.
struct Sql<'q> {
    text: String,
    values: Vec<Value>,
    user: &'q Uid,
}

impl<'q> Sql<'q> {
    fn of(question: &'q Question) -> Self {
        let text = if question.members_only { FLAT } else { DEEP };
        let below = Value::Integer(question.below.0);
        let mut sql = Self { text: text.to_owned(), values: vec![below], user: &question.user };
        sql.text.push_str(MEMBERS);
        sql.filter(&question.filter);
        sql.text.push_str(" ORDER BY ");
        for (key, descending) in &question.sort {
            sql.text.push_str(column(*key));
            sql.text.push_str(if *descending { " DESC, " } else { ", " });
        }
        sql.text.push_str("n.id LIMIT ");
        sql.bind(count(question.limit));
        sql.text.push_str(" OFFSET ");
        sql.bind(count(question.offset));
        sql
    }

    fn bind(&mut self, value: impl Into<Value>) {
        self.values.push(value.into());
        self.text.push_str(&format!("?{}", self.values.len()));
    }

    fn filter(&mut self, filter: &Filter) {
        match filter {
            Filter::And(all) => self.join(all, " AND ", "1"),
            Filter::Or(any) => self.join(any, " OR ", "0"),
            Filter::Not(inner) => {
                self.text.push_str("NOT (");
                self.filter(inner);
                self.text.push(')');
            }
            Filter::NameLike(pattern) => self.like(pattern, "n.name)"),
            Filter::MediaTypeLike(pattern) => {
                self.text.push_str("n.kind = 0 AND ");
                self.like(pattern, "moon_media_type(n.name))");
            }
            Filter::Mtime(order, value) => self.compare("n.mtime", *order, *value),
            Filter::Uploaded(order, value) => self.compare("n.uploaded", *order, *value),
            Filter::Size(order, value) => self.compare("n.size", *order, *value),
            Filter::FileId(order, value) => self.compare("n.id", *order, *value),
            Filter::Favorite(marked) => {
                let not = if *marked { "" } else { "NOT " };
                self.text.push_str(not);
                self.text.push_str("EXISTS (SELECT 1 FROM favorite f WHERE f.user = ");
                self.bind(self.user.as_str().to_owned());
                self.text.push_str(" AND f.node = n.id)");
            }
            Filter::IsCollection => self.text.push_str("n.kind = 1"),
        }
    }

    /// Halves a list until it is one filter: SQLite bounds the depth of expressions, and a flat list
    /// of operators counts as deep as it is long.
    fn join(&mut self, filters: &[Filter], operator: &str, empty: &str) {
        match filters {
            [] => self.text.push_str(empty),
            [one] => {
                self.text.push('(');
                self.filter(one);
                self.text.push(')');
            }
            many => {
                let (left, right) = many.split_at(many.len() / 2);
                self.text.push('(');
                self.join(left, operator, empty);
                self.text.push_str(operator);
                self.join(right, operator, empty);
                self.text.push(')');
            }
        }
    }

    fn like(&mut self, pattern: &str, text: &str) {
        self.text.push_str("moon_like(");
        self.bind(pattern.to_owned());
        self.text.push_str(", ");
        self.text.push_str(text);
    }

    fn compare(&mut self, column: &str, order: Order, value: i64) {
        self.text.push_str(column);
        self.text.push_str(match order {
            Order::Equal => " = ",
            Order::Less => " < ",
            Order::LessOrEqual => " <= ",
            Order::Greater => " > ",
            Order::GreaterOrEqual => " >= ",
        });
        self.bind(value);
    }
}

fn column(key: SortKey) -> &'static str {
    match key {
        SortKey::Name => "n.name",
        SortKey::Mtime => "n.mtime",
        SortKey::Uploaded => "n.uploaded",
        SortKey::Size => "n.size",
        SortKey::FileId => "n.id",
    }
}
