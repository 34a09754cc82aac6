//! Looking at everything once: `moonsail scan`.

use std::time::Duration;

use super::compare::LookError;
use super::counts::Counts;
use super::look::{Looker, Losses, Outcome, Target};
use crate::content::Content;
use crate::ids::Uid;
use crate::storage::WhyUnusable;
use crate::tree::Tree;

/// Folders that are looked at in one go.
const AT_ONCE: usize = 8;
/// How often what moves is looked at, and the pause in between.
const TRIES: usize = 5;
const PAUSE: Duration = Duration::from_millis(300);

/// What a scan tells on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ScanNote {
    /// Folders and members that were looked at so far.
    Progress {
        /// Folders.
        folders: u64,
        /// Files and folders in them.
        members: u64,
    },
    /// Something that is not served.
    Unserved {
        /// Where, below the folder of all files.
        path: String,
        /// Why.
        why: &'static str,
        /// What can be done.
        remedy: &'static str,
    },
}

/// A scan of some or all homes.
pub struct Scan {
    looker: Looker,
    waiting: Vec<String>,
    losses: Vec<(String, String)>,
    again: Vec<(String, String)>,
    /// What was taken over so far.
    pub counts: Counts,
    folders: u64,
    members: u64,
}

impl Scan {
    /// A scan of one user's home, or of all.
    ///
    /// # Errors
    /// The index cannot be read.
    pub async fn begin(
        content: Content,
        tree: Tree,
        owner: Option<Uid>,
    ) -> Result<Self, crate::tree::TreeError> {
        let looker = Looker { content, tree, reading: true };
        let homes = looker.tree.store_read(move |tx| match owner {
            Some(owner) => Ok(tx.home(&owner)?.into_iter().collect()),
            None => Ok(tx.homes()?),
        });
        let mut waiting = Vec::new();
        for home in homes.await? {
            if looker.content.is_changed_outside(home.storage()).await {
                waiting.push(home.base);
            }
        }
        let (losses, again, counts) = Default::default();
        Ok(Self { looker, waiting, losses, again, counts, folders: 0, members: 0 })
    }

    /// The same, reading no file: for a home that is to be shown soon. The keeper reads them later.
    #[must_use]
    pub(super) fn without_reading(mut self) -> Self {
        self.looker.reading = false;
        self
    }

    /// Looks at some more; `None` when everything was looked at.
    ///
    /// # Errors
    /// Text for the administrator: the disk or the index cannot be read.
    pub async fn step(&mut self) -> Result<Option<Vec<ScanNote>>, String> {
        if self.waiting.is_empty() {
            return self.finish().await;
        }
        let rest = self.waiting.len().saturating_sub(AT_ONCE);
        let folders = self.waiting.split_off(rest);
        self.folders += folders.len() as u64;
        let targets = folders.into_iter().map(|folder| Target { folder, names: None }).collect();
        let outcome = self.looker.look(targets, Losses::Later).await;
        Ok(Some(self.take(outcome)?))
    }

    /// Losses and what moved come last: by then all that was renamed is found.
    async fn finish(&mut self) -> Result<Option<Vec<ScanNote>>, String> {
        let mut names = std::mem::take(&mut self.losses);
        names.append(&mut std::mem::take(&mut self.again));
        for tried in 0.. {
            if names.is_empty() {
                break;
            }
            if tried == TRIES {
                let (folder, name) = &names[0];
                return Err(format!(
                    "{} files or folders, {folder}/{name} among them, change all the time, or what \
                     was decided about them does not get onto the disk; the log says why",
                    names.len()
                ));
            }
            if tried > 0 {
                tokio::time::sleep(PAUSE).await;
            }
            let outcome = self.looker.look(grouped(names), Losses::Now).await;
            let notes = self.take(outcome)?;
            names = std::mem::take(&mut self.again);
            names.append(&mut self.losses);
            if !self.waiting.is_empty() {
                self.again = names;
                return Ok(Some(notes));
            }
        }
        if self.looker.reading {
            self.looker.read_large().await.map_err(told)?;
        }
        Ok(None)
    }

    fn take(&mut self, outcome: Outcome) -> Result<Vec<ScanNote>, String> {
        if let Some(error) = outcome.failed {
            return Err(told(error));
        }
        self.counts.merge(outcome.counts);
        self.members += outcome.members;
        self.waiting.extend(outcome.folders);
        self.waiting.extend(outcome.new_folders);
        self.losses.extend(outcome.losses);
        self.again.extend(outcome.again);
        let mut notes: Vec<ScanNote> = outcome
            .unusable
            .into_iter()
            .map(|(folder, it)| ScanNote::Unserved {
                path: format!("{folder}/{}", it.name),
                why: why_text(it.why),
                remedy: remedy(it.why),
            })
            .collect();
        notes.extend(outcome.missing_homes.into_iter().map(|path| ScanNote::Unserved {
            path,
            why: "is a home whose folder is not on the disk, or empty where it was not",
            remedy: "mount the disk, or remove the user; nothing was deleted",
        }));
        notes.push(ScanNote::Progress { folders: self.folders, members: self.members });
        Ok(notes)
    }
}

fn grouped(names: Vec<(String, String)>) -> Vec<Target> {
    let mut groups = std::collections::BTreeMap::<String, Vec<String>>::new();
    for (folder, name) in names {
        groups.entry(folder).or_default().push(name);
    }
    let groups = groups.into_iter();
    groups.map(|(folder, names)| Target { folder, names: Some(names) }).collect()
}

fn told(error: LookError) -> String {
    error.to_string()
}

/// Why something is not served, for people.
pub(super) fn why_text(why: WhyUnusable) -> &'static str {
    match why {
        WhyUnusable::NotUtf8 => "has a name that is not UTF-8",
        WhyUnusable::NotNfc => "has a name that is not in Unicode's form NFC",
        WhyUnusable::Impossible => "has a name that no app may send",
        WhyUnusable::Link => "is a symbolic link, which is never followed",
        WhyUnusable::Special => "is a device, a socket or a pipe",
        WhyUnusable::Unreadable => "cannot be read",
    }
}

fn remedy(why: WhyUnusable) -> &'static str {
    match why {
        WhyUnusable::NotUtf8 | WhyUnusable::NotNfc => "rename it (convmv does that for many)",
        WhyUnusable::Impossible => "rename it",
        WhyUnusable::Link => "copy what it points to into the place",
        WhyUnusable::Special => "move it away",
        WhyUnusable::Unreadable => {
            "let the server's user read and write it; else look after the disk"
        }
    }
}
