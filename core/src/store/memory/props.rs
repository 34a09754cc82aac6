//! Rows of dead properties and favourites.

use std::collections::HashSet;

use super::state::State;
use crate::ids::{NodeId, Uid};
use crate::store::StoreError;
use crate::store::props::{DeadProp, PropsRead, PropsWrite};

impl PropsRead for State {
    fn dead_props(&mut self, node: NodeId) -> Result<Vec<DeadProp>, StoreError> {
        let rows = self.props.iter().filter(|((of, ..), _)| *of == node);
        let prop = |((_, namespace, name), value): (&(NodeId, String, String), &String)| DeadProp {
            namespace: namespace.clone(),
            name: name.clone(),
            value: value.clone(),
        };
        Ok(rows.map(prop).collect())
    }

    fn children_with_dead_props(&mut self, parent: NodeId) -> Result<HashSet<NodeId>, StoreError> {
        let members = self.members(parent).into_iter().map(|node| node.id);
        Ok(members.filter(|id| self.props.keys().any(|(of, ..)| of == id)).collect())
    }

    fn is_favorite(&mut self, node: NodeId, user: &Uid) -> Result<bool, StoreError> {
        Ok(self.favorites.contains(&(user.clone(), node)))
    }

    fn favorite_children(
        &mut self,
        parent: NodeId,
        user: &Uid,
    ) -> Result<HashSet<NodeId>, StoreError> {
        let members = self.members(parent).into_iter().map(|node| node.id);
        Ok(members.filter(|id| self.favorites.contains(&(user.clone(), *id))).collect())
    }

    fn favorites(&mut self, user: &Uid) -> Result<Vec<NodeId>, StoreError> {
        let marked = self.favorites.iter().filter(|(by, _)| by == user).map(|(_, node)| *node);
        Ok(marked.filter(|node| self.is_attached(*node)).collect())
    }
}

impl PropsWrite for State {
    fn set_dead_prop(&mut self, node: NodeId, prop: &DeadProp) -> Result<(), StoreError> {
        let key = (node, prop.namespace.clone(), prop.name.clone());
        self.props.insert(key, prop.value.clone());
        Ok(())
    }

    fn remove_dead_prop(
        &mut self,
        node: NodeId,
        namespace: &str,
        name: &str,
    ) -> Result<(), StoreError> {
        self.props.remove(&(node, namespace.to_owned(), name.to_owned()));
        Ok(())
    }

    fn copy_dead_props(&mut self, from: NodeId, to: NodeId) -> Result<(), StoreError> {
        let props = self.dead_props(from)?;
        self.props.retain(|(node, ..), _| *node != to);
        props.iter().try_for_each(|prop| self.set_dead_prop(to, prop))
    }

    fn set_favorite(&mut self, node: NodeId, user: &Uid, on: bool) -> Result<(), StoreError> {
        let mark = (user.clone(), node);
        let _changed = if on { self.favorites.insert(mark) } else { self.favorites.remove(&mark) };
        Ok(())
    }
}
