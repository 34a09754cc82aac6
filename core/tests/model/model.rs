//! What the tree should be: a map from paths to nodes, and the rules in their plainest form.

use std::collections::{BTreeMap, BTreeSet};

use moonsail::store::nodes::ChangeKind;

/// Bytes and attributes of something. Folders have no bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Thing {
    /// Stands for the id: kept by whatever keeps the id.
    pub(crate) label: u64,
    pub(crate) bytes: Option<Vec<u8>>,
    pub(crate) mtime: i64,
    pub(crate) favorite: bool,
    pub(crate) dead: BTreeMap<String, String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Lock {
    pub(crate) token: String,
    pub(crate) path: String,
    pub(crate) deep: bool,
    pub(crate) expires: i64,
}

/// The tree. The root is not in it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Model {
    pub(crate) things: BTreeMap<String, Thing>,
    pub(crate) locks: Vec<Lock>,
    labels: u64,
}

/// What a change is to be seen by.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// The folders above these have new etags.
    pub(crate) places: Vec<String>,
    /// Folders that themselves have one.
    pub(crate) folders: Vec<String>,
    /// Files with new bytes, which have one too.
    pub(crate) written: Vec<String>,
    /// Rows of the change feed.
    pub(crate) feed: Vec<(ChangeKind, String, Option<String>)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    Content,
    Membership,
    Tree,
}

pub(crate) fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(parent, _)| parent)
}

pub(crate) fn is_below(path: &str, above: &str) -> bool {
    above.is_empty() || path.strip_prefix(above).is_some_and(|rest| rest.starts_with('/'))
}

impl Model {
    pub(crate) fn is_folder(&self, path: &str) -> bool {
        path.is_empty() || self.things.get(path).is_some_and(|thing| thing.bytes.is_none())
    }

    pub(crate) fn size(&self, path: &str) -> u64 {
        let inside = self.things.iter().filter(|(at, _)| *at == path || is_below(at, path));
        inside.filter_map(|(_, thing)| thing.bytes.as_ref()).map(|bytes| bytes.len() as u64).sum()
    }

    fn thing(&mut self, bytes: Option<Vec<u8>>, mtime: i64) -> Thing {
        self.labels += 1;
        Thing { label: self.labels, bytes, mtime, favorite: false, dead: BTreeMap::new() }
    }

    /// Whether a lock whose token is not submitted stands in the way.
    fn locked(&self, path: &str, reach: Reach, now: i64) -> bool {
        self.locks.iter().filter(|lock| lock.expires > now).any(|lock| {
            let covers = lock.path == path || (lock.deep && is_below(path, &lock.path));
            let members = reach != Reach::Content && !lock.deep && lock.path == parent(path);
            let below = reach == Reach::Tree && is_below(&lock.path, path);
            covers || members || below
        })
    }

    fn free(&self, path: &str, reach: Reach, tokens: bool, now: i64) -> Option<()> {
        (tokens || !self.locked(path, reach, now)).then_some(())
    }

    fn room(&self, growth: i64, quota: Option<u64>) -> Option<()> {
        let after = self.size("") as i64 + growth;
        (growth <= 0 || quota.is_none_or(|quota| after <= quota as i64)).then_some(())
    }

    fn take(&mut self, path: &str) -> BTreeMap<String, Thing> {
        let inside: BTreeSet<String> =
            self.things.keys().filter(|at| *at == path || is_below(at, path)).cloned().collect();
        self.locks.retain(|lock| !inside.contains(&lock.path));
        inside
            .into_iter()
            .map(|at| (at[path.len()..].to_owned(), self.things.remove(&at).unwrap()))
            .collect()
    }

    pub(crate) fn put(
        &mut self,
        path: &str,
        bytes: Vec<u8>,
        mtime: i64,
        quota: Option<u64>,
        (tokens, now): (bool, i64),
    ) -> Option<Seen> {
        let grown = bytes.len() as i64;
        let mut seen = Seen { places: vec![path.to_owned()], ..Seen::default() };
        match self.things.get(path) {
            Some(old) => {
                let freed = old.bytes.as_ref()?.len() as i64;
                self.free(path, Reach::Content, tokens, now)?;
                self.room(grown - freed, quota)?;
                let old = self.things.get_mut(path)?;
                (old.bytes, old.mtime) = (Some(bytes), mtime);
                seen.written.push(path.to_owned());
                seen.feed.push((ChangeKind::Written, path.to_owned(), None));
            }
            None => {
                self.is_folder(parent(path)).then_some(())?;
                self.free(path, Reach::Membership, tokens, now)?;
                self.room(grown, quota)?;
                let thing = self.thing(Some(bytes), mtime);
                self.things.insert(path.to_owned(), thing);
                seen.feed.push((ChangeKind::Created, path.to_owned(), None));
            }
        }
        Some(seen)
    }

    pub(crate) fn mkcol(&mut self, path: &str, tokens: bool, now: i64) -> Option<Seen> {
        (!self.things.contains_key(path) && self.is_folder(parent(path))).then_some(())?;
        self.free(path, Reach::Membership, tokens, now)?;
        let thing = self.thing(None, now);
        self.things.insert(path.to_owned(), thing);
        Some(Seen {
            places: vec![path.to_owned()],
            feed: vec![(ChangeKind::Created, path.to_owned(), None)],
            ..Seen::default()
        })
    }

    pub(crate) fn remove(&mut self, path: &str, tokens: bool, now: i64) -> Option<Seen> {
        self.things.get(path)?;
        self.free(path, Reach::Tree, tokens, now)?;
        self.take(path);
        Some(Seen {
            places: vec![path.to_owned()],
            feed: vec![(ChangeKind::Deleted, path.to_owned(), None)],
            ..Seen::default()
        })
    }

    /// Whether something may go from one place to the other; frees the target.
    fn clear(
        &mut self,
        (from, to): (&str, &str),
        overwrite: bool,
        (tokens, now): (bool, i64),
        seen: &mut Seen,
    ) -> Option<()> {
        (self.is_folder(parent(to))).then_some(())?;
        seen.places.push(to.to_owned());
        match self.things.contains_key(to) {
            false => self.free(to, Reach::Membership, tokens, now)?,
            true => {
                overwrite.then_some(())?;
                self.free(to, Reach::Tree, tokens, now)?;
                self.take(to);
                seen.feed.push((ChangeKind::Deleted, to.to_owned(), None));
            }
        }
        debug_assert!(from != to);
        Some(())
    }

    fn ends(&self, from: &str, to: &str) -> Option<()> {
        self.things.get(from)?;
        (from != to && !is_below(to, from) && !is_below(from, to)).then_some(())
    }

    pub(crate) fn relocate(
        &mut self,
        (from, to): (&str, &str),
        overwrite: bool,
        mtime: Option<i64>,
        (tokens, now): (bool, i64),
    ) -> Option<Seen> {
        self.ends(from, to)?;
        self.free(from, Reach::Tree, tokens, now)?;
        let mut seen = Seen { places: vec![from.to_owned()], ..Seen::default() };
        self.clear((from, to), overwrite, (tokens, now), &mut seen)?;
        for (below, mut thing) in self.take(from) {
            if let (true, Some(mtime), Some(_)) = (below.is_empty(), mtime, &thing.bytes) {
                thing.mtime = mtime;
            }
            self.things.insert(format!("{to}{below}"), thing);
        }
        if self.is_folder(to) {
            seen.folders.push(to.to_owned());
        }
        seen.feed.push((ChangeKind::Moved, to.to_owned(), Some(from.to_owned())));
        Some(seen)
    }

    pub(crate) fn copy(
        &mut self,
        (from, to): (&str, &str),
        overwrite: bool,
        deep: bool,
        quota: Option<u64>,
        (tokens, now): (bool, i64),
    ) -> Option<Seen> {
        self.ends(from, to)?;
        let copied: Vec<(String, Thing)> = self
            .things
            .iter()
            .filter(|(at, _)| *at == from || (deep && is_below(at, from)))
            .map(|(at, thing)| (at[from.len()..].to_owned(), thing.clone()))
            .collect();
        let bytes = |thing: &Thing| thing.bytes.as_ref().map_or(0, Vec::len) as i64;
        let size: i64 = copied.iter().map(|(_, thing)| bytes(thing)).sum();
        self.room(size - self.size(to) as i64, quota)?;
        let mut seen = Seen::default();
        self.clear((from, to), overwrite, (tokens, now), &mut seen)?;
        for (below, thing) in copied {
            let new = self.thing(thing.bytes, thing.mtime);
            let new = Thing { dead: thing.dead, ..new };
            self.things.insert(format!("{to}{below}"), new);
        }
        seen.feed.push((ChangeKind::Copied, to.to_owned(), None));
        Some(seen)
    }

    pub(crate) fn change(
        &mut self,
        path: &str,
        (tokens, now): (bool, i64),
        change: impl FnOnce(&mut Thing),
    ) -> Option<Seen> {
        self.things.get(path)?;
        self.free(path, Reach::Content, tokens, now)?;
        change(self.things.get_mut(path)?);
        Some(self.announced(path))
    }

    /// A change of properties or locks.
    pub(crate) fn announced(&self, path: &str) -> Seen {
        let folder = self.is_folder(path).then(|| path.to_owned());
        Seen {
            places: vec![path.to_owned()],
            folders: folder.into_iter().collect(),
            feed: vec![(ChangeKind::Properties, path.to_owned(), None)],
            ..Seen::default()
        }
    }

    /// Whether an exclusive lock may be had.
    pub(crate) fn may_lock(&self, path: &str, deep: bool, now: i64) -> bool {
        self.things.contains_key(path)
            && !self.locks.iter().filter(|lock| lock.expires > now).any(|lock| {
                lock.path == path
                    || (lock.deep && is_below(path, &lock.path))
                    || (deep && is_below(&lock.path, path))
            })
    }
}
