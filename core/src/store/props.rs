//! Rows of dead properties (RFC 4918 §4) and favourites.

use std::collections::HashSet;

use super::StoreError;
use crate::ids::{NodeId, Uid};

/// A property that the server stores and does not understand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadProp {
    /// Namespace URI; empty for none.
    pub namespace: String,
    /// Local name.
    pub name: String,
    /// The XML inside the element, self-contained (declares the prefixes it uses), well-formed.
    pub value: String,
}

/// Reading properties.
pub trait PropsRead {
    /// Dead properties of a node, by namespace and name in byte order.
    ///
    /// # Errors
    /// [`StoreError`], as all methods here.
    fn dead_props(&mut self, node: NodeId) -> Result<Vec<DeadProp>, StoreError>;
    /// Members of `parent` that have dead properties.
    fn children_with_dead_props(&mut self, parent: NodeId) -> Result<HashSet<NodeId>, StoreError>;
    /// Whether `user` marked the node.
    fn is_favorite(&mut self, node: NodeId, user: &Uid) -> Result<bool, StoreError>;
    /// Members of `parent` that `user` marked.
    fn favorite_children(
        &mut self,
        parent: NodeId,
        user: &Uid,
    ) -> Result<HashSet<NodeId>, StoreError>;
    /// All in the tree that `user` marked, by id.
    fn favorites(&mut self, user: &Uid) -> Result<Vec<NodeId>, StoreError>;
}

/// Writing properties.
pub trait PropsWrite {
    /// Sets a dead property.
    ///
    /// # Errors
    /// [`StoreError`], as all methods here.
    fn set_dead_prop(&mut self, node: NodeId, prop: &DeadProp) -> Result<(), StoreError>;
    /// Removes one; no error if it is not there.
    fn remove_dead_prop(
        &mut self,
        node: NodeId,
        namespace: &str,
        name: &str,
    ) -> Result<(), StoreError>;
    /// Replaces the dead properties of `to` by those of `from` (COPY).
    fn copy_dead_props(&mut self, from: NodeId, to: NodeId) -> Result<(), StoreError>;
    /// Marks or unmarks a node for a user.
    fn set_favorite(&mut self, node: NodeId, user: &Uid, on: bool) -> Result<(), StoreError>;
}
