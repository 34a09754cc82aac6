//! The folders of the live tree as the watch knows them.
//!
//! A folder is one [`Node`] that names its parent, so a renamed folder is one changed node, whatever
//! is below it. Its place is looked up by `(parent, name)`, and by the number of its watch.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Names a node as long as it is in the table; used again afterwards.
pub(super) type Id = u32;

/// The root of the live tree, always there.
pub(super) const ROOT: Id = 0;

/// A folder.
#[derive(Debug)]
pub(super) struct Node {
    /// The folder that it is in, or was in when it went away.
    pub(super) parent: Id,
    /// Its name there; empty for the root.
    pub(super) name: Arc<str>,
    /// Number of its watch; 0 if it has none.
    wd: i32,
    /// Whether it waits for a place among the watches; such a node is counted.
    refused: bool,
    /// Whether it is going to be visited.
    pub(super) queued: bool,
    /// 0 while it is in its place, else which going away of a folder this was.
    away: u32,
    /// The last round in which it was read.
    pub(super) round: u32,
    /// Which folder it was when it was last visited ([`Meta::print`](crate::tag::Meta::print)).
    pub(super) print: u64,
}

impl Node {
    pub(super) fn is_watched(&self) -> bool {
        self.wd != 0
    }

    pub(super) fn is_refused(&self) -> bool {
        self.refused
    }

    pub(super) fn away(&self) -> u32 {
        self.away
    }
}

/// See the module.
#[derive(Debug)]
pub(super) struct Table {
    nodes: Vec<Option<Node>>,
    free: Vec<Id>,
    /// Nodes in their places, without the root.
    members: BTreeMap<(Id, Arc<str>), Id>,
    watches: HashMap<i32, Id>,
    refused: usize,
    went_away: u32,
}

impl Table {
    /// A table with only a root.
    pub(super) fn new() -> Self {
        let mut table = Self {
            nodes: Vec::new(),
            free: Vec::new(),
            members: BTreeMap::new(),
            watches: HashMap::new(),
            refused: 0,
            went_away: 0,
        };
        table.add(ROOT, "".into());
        table
    }

    fn add(&mut self, parent: Id, name: Arc<str>) -> Id {
        let node = Node {
            parent,
            name,
            wd: 0,
            refused: false,
            queued: false,
            away: 0,
            round: 0,
            print: 0,
        };
        match self.free.pop() {
            Some(id) => {
                self.nodes[id as usize] = Some(node);
                id
            }
            None => {
                self.nodes.push(Some(node));
                Id::try_from(self.nodes.len() - 1).expect("more folders than memory holds")
            }
        }
    }

    pub(super) fn node(&self, id: Id) -> Option<&Node> {
        self.nodes.get(id as usize)?.as_ref()
    }

    pub(super) fn node_mut(&mut self, id: Id) -> Option<&mut Node> {
        self.nodes.get_mut(id as usize)?.as_mut()
    }

    pub(super) fn member(&self, parent: Id, name: &str) -> Option<Id> {
        self.members.get(&(parent, name.into())).copied()
    }

    pub(super) fn members(&self, parent: Id) -> impl Iterator<Item = Id> {
        let all = (parent, "".into())..(parent.saturating_add(1), "".into());
        self.members.range(all).map(|(_, id)| *id)
    }

    /// A new node in a place where none is.
    pub(super) fn insert(&mut self, parent: Id, name: Arc<str>) -> Id {
        let id = self.add(parent, name.clone());
        self.members.insert((parent, name), id);
        id
    }

    /// The node with this watch.
    pub(super) fn watched_by(&self, wd: i32) -> Option<Id> {
        self.watches.get(&wd).copied()
    }

    /// Gives the node a watch, or takes it away (0).
    pub(super) fn set_watch(&mut self, id: Id, wd: i32) {
        let Some(node) = self.nodes.get_mut(id as usize).and_then(Option::as_mut) else { return };
        self.watches.remove(&node.wd);
        node.wd = wd;
        if wd != 0 {
            self.watches.insert(wd, id);
        }
    }

    /// Notes whether the node waits for a watch.
    pub(super) fn set_refused(&mut self, id: Id, refused: bool) {
        let Some(node) = self.nodes.get_mut(id as usize).and_then(Option::as_mut) else { return };
        match (node.refused, refused) {
            (false, true) => self.refused += 1,
            (true, false) => self.refused -= 1,
            _ => {}
        }
        node.refused = refused;
    }

    /// Takes a node, and what is below it with it, out of its place; the number of this event.
    pub(super) fn take_away(&mut self, id: Id) -> u32 {
        self.leave(id);
        self.went_away = self.went_away.wrapping_add(1).max(1);
        let event = self.went_away;
        if let Some(node) = self.node_mut(id) {
            node.away = event;
        }
        event
    }

    /// Puts a node in a place where none is.
    pub(super) fn put(&mut self, id: Id, parent: Id, name: Arc<str>) {
        self.leave(id);
        if let Some(node) = self.node_mut(id) {
            (node.parent, node.name, node.away) = (parent, name.clone(), 0);
            self.members.insert((parent, name), id);
        }
    }

    fn leave(&mut self, id: Id) {
        if let Some(node) = self.node(id)
            && node.away == 0
        {
            let place = (node.parent, node.name.clone());
            self.members.remove(&place);
        }
    }

    /// Removes a node and all that is below it; tells each with its watch.
    pub(super) fn remove(&mut self, id: Id, mut gone: impl FnMut(Id, i32)) {
        self.leave(id);
        let mut waiting = vec![id];
        while let Some(id) = waiting.pop() {
            let below: Vec<_> = self.members(id).collect();
            for member in below {
                self.leave(member);
                waiting.push(member);
            }
            let Some(node) = self.nodes.get_mut(id as usize).and_then(Option::take) else {
                continue;
            };
            self.watches.remove(&node.wd);
            self.refused -= usize::from(node.refused);
            self.free.push(id);
            gone(id, node.wd);
        }
    }

    /// Path below the root; `None` if it, or a folder above it, is not in its place.
    pub(super) fn path(&self, id: Id) -> Option<String> {
        let mut names = Vec::new();
        self.climb(id, |_, node| names.push(&*node.name))?;
        names.reverse();
        Some(names.join("/"))
    }

    /// Whether `id` is `above` or lies below it.
    pub(super) fn is_within(&self, id: Id, above: Id) -> bool {
        let mut met = above == ROOT || id == above;
        self.climb(id, |id, _| met |= id == above).is_some() && met
    }

    /// Tells the node and those above it, without the root; `None` if one is not in its place.
    fn climb<'a>(&'a self, mut id: Id, mut tell: impl FnMut(Id, &'a Node)) -> Option<()> {
        while id != ROOT {
            let node = self.node(id).filter(|node| node.away == 0)?;
            tell(id, node);
            id = node.parent;
        }
        Some(())
    }

    /// Folders that are watched, and folders that wait for a watch.
    pub(super) fn counts(&self) -> (usize, usize) {
        (self.watches.len(), self.refused)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `a`, `a/b`, `a/b/c` and `d`.
    fn table() -> (Table, [Id; 4]) {
        let mut table = Table::new();
        let a = table.insert(ROOT, "a".into());
        let b = table.insert(a, "b".into());
        let c = table.insert(b, "c".into());
        let d = table.insert(ROOT, "d".into());
        for id in [a, b, c, d] {
            table.set_watch(id, 10 + i32::try_from(id).unwrap());
        }
        (table, [a, b, c, d])
    }

    #[test]
    fn a_path_follows_the_renames_above_it() {
        let (mut table, [a, b, c, d]) = table();
        assert_eq!(table.path(c).as_deref(), Some("a/b/c"));
        table.put(b, d, "e".into());
        assert_eq!(table.path(c).as_deref(), Some("d/e/c"));
        table.take_away(d);
        assert_eq!(table.path(c), None);
        assert_eq!(table.member(ROOT, "d"), None);
        table.put(d, a, "d".into());
        assert_eq!(table.path(c).as_deref(), Some("a/d/e/c"));
        assert_eq!(table.path(ROOT).as_deref(), Some(""));
        assert!(table.is_within(c, a) && table.is_within(c, ROOT) && table.is_within(a, a));
        assert!(!table.is_within(a, c));
    }

    #[test]
    fn removing_a_folder_removes_what_is_below_and_nothing_else() {
        let (mut table, [a, b, c, d]) = table();
        table.set_refused(b, true);
        table.set_refused(d, true);
        let mut gone = Vec::new();
        table.remove(a, |id, wd| gone.push((id, wd)));
        gone.sort_unstable();
        assert_eq!(gone, [(a, 11), (b, 12), (c, 13)]);
        assert_eq!(table.counts(), (1, 1));
        assert_eq!(table.members(ROOT).collect::<Vec<_>>(), [d]);
        assert_eq!(table.watched_by(12), None);
        let again = table.insert(d, "new".into());
        assert!([a, b, c].contains(&again), "ids are used again");
        assert_eq!(table.path(again).as_deref(), Some("d/new"));
    }
}
