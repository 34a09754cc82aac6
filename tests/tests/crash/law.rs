//! What must hold over the whole life of a server: etags and ids, from the first answer to the
//! last.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::model::State;

/// All that was ever seen.
#[derive(Debug, Default)]
pub(crate) struct Law {
    /// What each etag of each path stood for: a hash of bytes, or of a subtree.
    etags: HashMap<(String, String), u64>,
    /// What each etag of a folder showed in a listing.
    listings: HashMap<(String, String), u64>,
    /// Ids of the last look, and those that are gone.
    ids: HashSet<u64>,
    gone: HashSet<u64>,
}

impl Law {
    /// Notes what an etag of a path stands for.
    ///
    /// # Errors
    /// If it stood for something else.
    pub(crate) fn note(&mut self, path: &str, etag: &str, stands_for: u64) -> Result<(), String> {
        one(&mut self.etags, path, etag, stands_for)
    }

    /// Notes what a folder with an etag has as members.
    ///
    /// # Errors
    /// If the same etag came with others.
    pub(crate) fn listed(&mut self, path: &str, etag: &str, members: u64) -> Result<(), String> {
        one(&mut self.listings, path, etag, members)
    }

    /// Whether an id was never seen.
    pub(crate) fn is_new(&self, id: u64) -> bool {
        id != 0 && !self.ids.contains(&id) && !self.gone.contains(&id)
    }

    /// Notes a whole tree while nobody writes, folders with their etags.
    ///
    /// # Errors
    /// If an etag or an id breaks its law.
    pub(crate) fn look(
        &mut self,
        tree: &State,
        folders: &BTreeMap<String, String>,
    ) -> Result<(), String> {
        let mut ids = HashSet::new();
        for (path, node) in &tree.0 {
            let id = node.id.unwrap_or(0);
            if id == 0 || !ids.insert(id) {
                return Err(format!("the id {id} of {path} is that of something else, too"));
            }
            if self.gone.contains(&id) {
                return Err(format!("{path} has the id {id}, which was gone"));
            }
            if let Some(file) = &node.file {
                self.note(path, file.etag.as_deref().unwrap_or_default(), file.hash)?;
            }
        }
        for (folder, etag) in folders {
            let mut hasher = DefaultHasher::new();
            for (path, node) in &tree.0 {
                if crate::model::is_below(path, folder) {
                    (&path[folder.len()..], node).hash(&mut hasher);
                }
            }
            self.note(&format!("{folder}/"), etag, hasher.finish())?;
        }
        let lost: Vec<u64> = self.ids.difference(&ids).copied().collect();
        self.gone.extend(lost);
        self.ids = ids;
        Ok(())
    }

    /// How many etags were seen.
    pub(crate) fn count(&self) -> usize {
        self.etags.len() + self.listings.len()
    }
}

fn one(
    known: &mut HashMap<(String, String), u64>,
    path: &str,
    etag: &str,
    stands_for: u64,
) -> Result<(), String> {
    if etag.is_empty() {
        return Err(format!("{path} has no etag"));
    }
    match known.insert((path.to_owned(), etag.to_owned()), stands_for) {
        Some(before) if before != stands_for => {
            Err(format!("{path} has shown two contents under the etag {etag}"))
        }
        _ => Ok(()),
    }
}
