//! What is to be told, while nobody listens: one entry a folder, however much happens.

use std::collections::HashMap;

use moonsail_sdk::storage::Seen;

use super::table::{Id, Table};

/// See the module. Paths are made when it is told, so that they are those after all renames.
#[derive(Debug)]
pub(super) struct Pending {
    folders: HashMap<Id, What>,
    /// Names in all of them.
    names: usize,
    /// Names in one folder from which on the whole folder is told instead.
    most_in_one: usize,
    /// The same for all folders together.
    most_in_all: usize,
    /// When something was seen, as a number.
    clock: u64,
}

#[derive(Debug)]
enum What {
    /// These members, and when each was first seen.
    Members(HashMap<Box<str>, u64>),
    /// Any member.
    All(u64),
}

impl Pending {
    pub(super) fn new(most_in_one: usize, most_in_all: usize) -> Self {
        Self { folders: HashMap::new(), names: 0, most_in_one, most_in_all, clock: 0 }
    }

    /// Folders with something to tell.
    pub(super) fn len(&self) -> usize {
        self.folders.len()
    }

    /// The member `name` of a folder may have changed.
    pub(super) fn member(&mut self, folder: Id, name: &str) {
        self.clock += 1;
        let what = self.folders.entry(folder).or_insert_with(|| What::Members(HashMap::new()));
        let What::Members(names) = what else { return };
        if names.contains_key(name) {
            return;
        }
        if names.len() >= self.most_in_one {
            return self.all(folder);
        }
        names.insert(name.into(), self.clock);
        self.names += 1;
        if self.names > self.most_in_all {
            let folders: Vec<_> = self.folders.keys().copied().collect();
            folders.into_iter().for_each(|folder| self.all(folder));
        }
    }

    /// Any member of a folder may have changed.
    pub(super) fn all(&mut self, folder: Id) {
        self.clock += 1;
        match self.folders.insert(folder, What::All(self.clock)) {
            Some(What::All(since)) => {
                self.folders.insert(folder, What::All(since));
            }
            Some(What::Members(names)) => self.names -= names.len(),
            None => {}
        }
    }

    /// The folder is gone, which its parent tells.
    pub(super) fn forget(&mut self, folder: Id) {
        if let Some(What::Members(names)) = self.folders.remove(&folder) {
            self.names -= names.len();
        }
    }

    /// All of it, oldest first, with the folders that it is about. What is about a folder that is
    /// not in its place just now, or of which it is open whether it can be watched, stays.
    pub(super) fn take(&mut self, table: &Table) -> (Vec<Seen>, Vec<Id>) {
        let mut told = Vec::new();
        let mut ids = Vec::new();
        for (id, what) in std::mem::take(&mut self.folders) {
            let Some(node) = table.node(id) else { continue };
            let path = table.path(id).filter(|_| node.is_watched() || node.is_refused());
            match (path, what) {
                (Some(path), What::All(since)) => {
                    told.push((since, Seen::Folder { path, watched: node.is_watched() }));
                }
                (Some(folder), What::Members(names)) => {
                    self.names -= names.len();
                    told.extend(names.into_iter().map(|(name, since)| {
                        let folder = folder.clone();
                        (since, Seen::Member { folder, name: name.into() })
                    }));
                }
                (None, what) => {
                    self.folders.insert(id, what);
                    continue;
                }
            }
            ids.push(id);
        }
        told.sort_unstable_by_key(|(since, _)| *since);
        (told.into_iter().map(|(_, seen)| seen).collect(), ids)
    }
}

#[cfg(test)]
mod tests {
    use super::super::table::ROOT;
    use super::*;

    fn table() -> (Table, Id) {
        let mut table = Table::new();
        let d = table.insert(ROOT, "d".into());
        table.set_watch(ROOT, 1);
        table.set_watch(d, 2);
        (table, d)
    }

    fn member(folder: &str, name: &str) -> Seen {
        Seen::Member { folder: folder.into(), name: name.into() }
    }

    fn folder(path: &str) -> Seen {
        Seen::Folder { path: path.into(), watched: true }
    }

    #[test]
    fn it_is_told_oldest_first_and_once() {
        let (table, d) = table();
        let mut pending = Pending::new(10, 100);
        for (id, name) in [(d, "z"), (ROOT, "d"), (d, "a"), (d, "z"), (ROOT, "b")] {
            pending.member(id, name);
        }
        let expected = [member("d", "z"), member("", "d"), member("d", "a"), member("", "b")];
        assert_eq!(pending.take(&table).0, expected);
        assert_eq!(pending.take(&table), (vec![], vec![]));
    }

    #[test]
    fn too_many_names_become_their_folder() {
        let (table, d) = table();
        let mut pending = Pending::new(3, 5);
        ["a", "b", "c", "d"].iter().for_each(|name| pending.member(d, name));
        pending.member(ROOT, "x");
        assert_eq!(pending.take(&table).0, [folder("d"), member("", "x")]);
        ["a", "b", "c"].iter().for_each(|name| pending.member(d, name));
        ["u", "v", "w"].iter().for_each(|name| pending.member(ROOT, name));
        let told = pending.take(&table).0;
        assert!(told.contains(&folder("d")) && told.contains(&folder("")), "{told:?}");
        assert_eq!((told.len(), pending.names), (2, 0));
    }

    #[test]
    fn what_is_away_waits_and_comes_under_its_new_name() {
        let (mut table, d) = table();
        let mut pending = Pending::new(10, 100);
        pending.member(d, "f");
        table.take_away(d);
        assert_eq!(pending.take(&table).0, []);
        table.put(d, ROOT, "e".into());
        assert_eq!(pending.take(&table), (vec![member("e", "f")], vec![d]));
        pending.member(d, "f");
        pending.forget(d);
        assert_eq!((pending.take(&table).0, pending.names), (vec![], 0));
    }
}
