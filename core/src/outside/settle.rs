//! Taking over what differs at some names of a folder: read, wait for what was decided, compare again,
//! tell the tree.
//!
//! Reading takes long and comes first: from the moment on that is given to the tree, nothing may be
//! decided about these names.

use std::collections::HashMap;

use futures_util::stream::{self, StreamExt};

use super::compare::{self, Compared, Difference, LookError};
use super::look::{Looker, Losses, Outcome};
use super::moves::{Lost, find_origin};
use crate::content::ContentError;
use crate::storage::{Entry, Kind, Tag, Unusable, WhyUnusable};
use crate::store::nodes::Located;
use crate::tree::{Adopted, Found, Sight};

/// Files that are read at once.
const READERS: usize = 4;
/// New files up to this size are read before they are shown; larger ones are read later, so that
/// what else changes does not wait for them.
const NEW_READ_FIRST: u64 = 1 << 20;
/// The same of files that changed: one that was only written again keeps its etag, and nobody fetches
/// it again.
const CHANGED_READ_FIRST: u64 = 256 << 20;
/// Larger files cannot be: clients and the index count in numbers that hold no more.
const LARGEST: u64 = 1 << 53;

/// Checksums of files that were read, by name, with the tags that they had.
type Sums = HashMap<String, (Tag, String)>;

impl Looker {
    /// Gives the names that are to be looked at again.
    pub(super) async fn settle(
        &self,
        folder: &str,
        names: &[String],
        losses: Losses,
        lost: &[Lost],
        outcome: &mut Outcome,
    ) -> Result<Vec<String>, LookError> {
        let (names, sums) = self.read(folder, names, lost, outcome).await?;
        let Some(mark) = self.content.mark(folder).await? else { return Ok(names) };
        let compared = compare::names(&self.content, &self.tree, folder, &names).await?;
        let Some(Compared { folder: located, differences, .. }) = compared else {
            return Ok(Vec::new());
        };
        if !self.still_stands(folder, &located).await? {
            return Ok(names);
        }
        let (mut again, mut found) = (Vec::new(), Vec::new());
        for difference in differences {
            if difference.is_loss() && losses == Losses::Later {
                outcome.losses.push((folder.to_owned(), difference.name));
                continue;
            }
            let origin = find_origin(&self.content, &self.tree, &located.home, &difference, lost);
            let moved = origin.await?;
            let known = difference.known();
            let read_first = moved.is_none() && self.is_read_first(&difference);
            let Difference { name, entry, .. } = difference;
            let sum =
                sums.get(&name).filter(|(tag, _)| entry.as_ref().is_some_and(|it| it.tag == *tag));
            match sum.map(|(_, sum)| sum.clone()) {
                None if read_first => again.push(name),
                checksums => found.push(Found { name, entry, known, checksums, moved }),
            }
        }
        again.extend(self.adopt(folder, &located, mark, found, outcome).await?);
        Ok(again)
    }

    async fn adopt(
        &self,
        folder: &str,
        located: &Located,
        mark: i64,
        found: Vec<Found>,
        outcome: &mut Outcome,
    ) -> Result<Vec<String>, LookError> {
        let mut again = Vec::new();
        if found.is_empty() {
            return Ok(again);
        }
        let (path, id) = (folder.to_owned(), located.node.id);
        let adopted =
            self.tree.adopt(Sight { folder: id, path, mark, found: found.clone() }).await?;
        for (adopted, found) in adopted.into_iter().zip(found) {
            outcome.counts.add(adopted);
            let is_folder = found.entry.as_ref().is_some_and(|it| it.kind == Kind::Folder);
            if is_folder && matches!(adopted, Adopted::Created | Adopted::Touched | Adopted::Moved)
            {
                outcome.new_folders.push(format!("{folder}/{}", found.name));
            }
            // What was renamed may have been written to as well.
            if adopted == Adopted::Again || (adopted == Adopted::Moved && !is_folder) {
                again.push(found.name);
            }
        }
        Ok(again)
    }

    /// Whether the folder on the disk is the one in the index, so that what is not in it is gone.
    async fn still_stands(&self, folder: &str, located: &Located) -> Result<bool, LookError> {
        let entry = self.content.stat(folder).await?;
        let taken_over = located.path.is_root() && located.node.tag == Tag::default();
        Ok(entry.is_some_and(|entry| taken_over || entry.tag == located.node.tag))
    }

    /// Reads what is to be read before it is shown. Gives the names that can be taken over, and what
    /// was read; the others are told.
    async fn read(
        &self,
        folder: &str,
        names: &[String],
        lost: &[Lost],
        outcome: &mut Outcome,
    ) -> Result<(Vec<String>, Sums), LookError> {
        let compared = compare::names(&self.content, &self.tree, folder, names).await?;
        let Some(Compared { folder: located, differences, .. }) = compared else {
            return Ok((Vec::new(), Sums::new()));
        };
        let mut reading = stream::iter(differences)
            .map(|difference| self.read_one(folder, &located, difference, lost))
            .buffered(READERS);
        let (mut usable, mut sums) = (Vec::new(), Sums::new());
        while let Some(read) = reading.next().await {
            match read? {
                Read::Usable(name, sum) => {
                    if let Some(sum) = sum {
                        sums.insert(name.clone(), sum);
                    }
                    usable.push(name);
                }
                Read::Moving(name) => outcome.again.push((folder.to_owned(), name)),
                Read::Unusable(name, why) => {
                    outcome.unusable.push((folder.to_owned(), Unusable { name, why }));
                }
                Read::Unreadable(name, error) => {
                    outcome.note_unreadable(&format!("{folder}/{name}"), &error)?;
                }
            }
        }
        Ok((usable, sums))
    }

    async fn read_one(
        &self,
        folder: &str,
        located: &Located,
        difference: Difference,
        lost: &[Lost],
    ) -> Result<Read, LookError> {
        let Some(entry) = difference.entry.clone() else {
            return Ok(Read::Usable(difference.name, None));
        };
        let path = format!("{folder}/{}", difference.name);
        if entry.size > LARGEST || located.path.join(&difference.name).is_err() {
            return Ok(Read::Unusable(difference.name, WhyUnusable::Impossible));
        }
        if difference.row.is_none() && entry.kind == Kind::Folder {
            // One that the server may not write to would hold up what apps do in it.
            return match self.content.may_change(&path).await {
                Ok(true) => Ok(Read::Usable(difference.name, None)),
                Ok(false) => Ok(Read::Unusable(difference.name, WhyUnusable::Unreadable)),
                Err(error) => Ok(Read::Unreadable(difference.name, error)),
            };
        }
        let (content, tree) = (&self.content, &self.tree);
        if !self.is_read_first(&difference)
            || find_origin(content, tree, &located.home, &difference, lost).await?.is_some()
        {
            return Ok(Read::Usable(difference.name, None));
        }
        match self.content.sha1_on_disk(&path, &entry.tag).await {
            Ok(Some(sum)) => Ok(Read::Usable(difference.name, Some((entry.tag, sum)))),
            Ok(None) => Ok(Read::Moving(difference.name)),
            Err(error) => Ok(Read::Unreadable(difference.name, error)),
        }
    }

    fn is_read_first(&self, difference: &Difference) -> bool {
        let most = match &difference.row {
            Some(row) if !row.is_folder() => CHANGED_READ_FIRST,
            _ => NEW_READ_FIRST,
        };
        let is_small = |entry: &Entry| entry.kind == Kind::File && entry.size <= most;
        self.reading && difference.entry.as_ref().is_some_and(is_small)
    }

    /// Reads files that were shown before they were read.
    pub(super) async fn read_large(&self) -> Result<(), LookError> {
        let mut after = crate::ids::NodeId(0);
        loop {
            let from = after;
            let page = self.tree.store_read(move |tx| {
                let nodes = tx.files_without_checksums(from, 1)?;
                let Some(node) = nodes.into_iter().next() else { return Ok(None) };
                let at = crate::store::nodes::locate(tx, node.id)?;
                Ok(Some((node.id, node.tag, at.map(|at| at.home.disk_path(&at.path)))))
            });
            let Some((id, tag, path)) = page.await? else { return Ok(()) };
            after = id;
            let Some(path) = path else { continue };
            // What cannot be read now may be later; it keeps no other from being read.
            match self.content.sha1_on_disk(&path, &tag).await {
                Ok(Some(sum)) => self.tree.record_checksums(id, tag, sum).await?,
                Ok(None) => {}
                Err(error) => tracing::debug!(path, %error, "cannot be read"),
            }
        }
    }
}

/// What came of reading one.
enum Read {
    /// It can be taken over; its tag and checksum if it was read.
    Usable(String, Option<(Tag, String)>),
    /// It changed while it was read.
    Moving(String),
    /// It cannot be served.
    Unusable(String, WhyUnusable),
    /// It cannot be read.
    Unreadable(String, ContentError),
}

impl Outcome {
    /// What the storage refuses at one place hinders no other; what the index refuses does.
    pub(super) fn note_unreadable(
        &mut self,
        path: &str,
        error: &ContentError,
    ) -> Result<(), LookError> {
        if let ContentError::Store(error) = error {
            return Err(error.clone().into());
        }
        tracing::debug!(path, %error, "cannot be read");
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        let unusable = Unusable { name: name.to_owned(), why: WhyUnusable::Unreadable };
        self.unusable.push((folder.to_owned(), unusable));
        Ok(())
    }
}
