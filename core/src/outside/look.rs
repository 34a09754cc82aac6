//! One look at the disk: compare, wait for what was decided, compare again, read, tell the tree.

use futures_util::stream::{self, StreamExt, TryStreamExt};

use super::compare::{self, Compared, Difference, LookError};
use super::counts::Counts;
use super::moves::{Lost, find_origin};
use crate::content::{Content, ContentError};
use crate::storage::{Entry, Kind, Tag, Unusable, WhyUnusable};
use crate::store::StoreError;
use crate::store::nodes::Located;
use crate::tree::{Adopted, Found, Sight, Tree, folder_on_disk};

/// Names that are settled in one job of the index: few enough that requests hardly wait for it.
const AT_ONCE: usize = 200;
/// Files that are read at once.
const READERS: usize = 4;
/// New files up to this size are read before they are shown; larger ones are read later, so that
/// what else changes does not wait for them.
const NEW_READ_FIRST: u64 = 1 << 20;
/// The same of files that changed: one that was only written again keeps its etag, and nobody fetches
/// it again.
const CHANGED_READ_FIRST: u64 = 256 << 20;

/// What to look at.
#[derive(Debug, Clone)]
pub(super) struct Target {
    /// Path of the folder on the disk.
    pub(super) folder: String,
    /// Names in it; `None` for all.
    pub(super) names: Option<Vec<String>>,
}

/// What to do with nodes whose place on the disk is empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Losses {
    /// Delete them.
    Now,
    /// Leave them, and tell: what they were may yet be found elsewhere.
    Later,
}

/// What looks have brought.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub(super) counts: Counts,
    /// Folders whose members have not been looked at: new, renamed, or in another inode.
    pub(super) new_folders: Vec<String>,
    /// Folders in those that were looked at as a whole.
    pub(super) folders: Vec<String>,
    /// Folder and name of what moves still.
    pub(super) again: Vec<(String, String)>,
    /// Folder and name of losses that were left.
    pub(super) losses: Vec<(String, String)>,
    /// Folder and what cannot be served in it.
    pub(super) unusable: Vec<(String, Unusable)>,
    /// Homes whose folder is not there, or empty where it was not.
    pub(super) missing_homes: Vec<String>,
    /// Members that were looked at.
    pub(super) members: u64,
}

/// Looks at the disk. Cheap to clone; looks may run side by side.
#[derive(Clone)]
pub(super) struct Looker {
    pub(super) content: Content,
    pub(super) tree: Tree,
}

impl Looker {
    /// Looks at all targets. New things come first, so that what was renamed is found before its old
    /// place is believed to be empty, or somebody else's.
    pub(super) async fn look(
        &self,
        targets: Vec<Target>,
        losses: Losses,
    ) -> Result<Outcome, LookError> {
        let mut outcome = Outcome::default();
        let mut plan = Plan::default();
        for target in targets {
            let folder = target.folder.clone();
            match self.compare_standing(target, &mut outcome).await {
                Ok(Some((folder, compared))) => plan.add(&folder, compared, &mut outcome),
                Ok(None) => {}
                Err(LookError::Content(error)) => outcome.note_unreadable(&folder, &error)?,
                Err(error) => return Err(error),
            }
        }
        for (folder, names) in plan.new.into_iter().chain(plan.changed) {
            self.settle_all(&folder, names, &plan.lost, &mut outcome).await?;
        }
        for (folder, names) in plan.losses {
            match losses {
                Losses::Now => self.settle_all(&folder, names, &[], &mut outcome).await?,
                Losses::Later => {
                    outcome.losses.extend(names.into_iter().map(|name| (folder.clone(), name)));
                }
            }
        }
        Ok(outcome)
    }

    /// The target, or what is to be looked at instead because its folder on the disk is not the one
    /// in the index: that folder's own name. `None` if it is a home that is missing.
    async fn standing(
        &self,
        mut target: Target,
        outcome: &mut Outcome,
    ) -> Result<Option<Target>, LookError> {
        loop {
            let path = target.folder.clone();
            let folder = self.tree.store_read(move |tx| folder_on_disk(tx, &path)).await?;
            let Some(folder) = folder else { return Ok(Some(target)) };
            let entry = self.content.stat(&target.folder).await?;
            if entry.as_ref().is_some_and(|entry| entry.tag == folder.node.tag) {
                return Ok(Some(target));
            }
            if folder.path.is_root() {
                if self.is_that_home(&folder, &target.folder, entry).await? {
                    return Ok(Some(Target { names: None, ..target }));
                }
                outcome.missing_homes.push(target.folder);
                return Ok(None);
            }
            let Some((above, name)) = target.folder.rsplit_once('/') else { return Ok(None) };
            target = Target { folder: above.to_owned(), names: Some(vec![name.to_owned()]) };
        }
    }

    async fn compare_standing(
        &self,
        target: Target,
        outcome: &mut Outcome,
    ) -> Result<Option<(String, Compared)>, LookError> {
        let Some(target) = self.standing(target, outcome).await? else { return Ok(None) };
        let compared = self.compare(&target).await?;
        Ok(compared.map(|compared| (target.folder, compared)))
    }

    async fn compare(&self, target: &Target) -> Result<Option<Compared>, LookError> {
        match &target.names {
            None => compare::whole(&self.content, &self.tree, &target.folder).await,
            Some(names) => compare::names(&self.content, &self.tree, &target.folder, names).await,
        }
    }

    /// Whether another folder at a home's place is that home, as after copying everything back. An
    /// empty one instead of a full one is a disk that is not mounted rather than a wish to delete
    /// everything.
    async fn is_that_home(
        &self,
        home: &Located,
        disk_path: &str,
        entry: Option<Entry>,
    ) -> Result<bool, LookError> {
        let Some(entry) = entry.filter(|entry| entry.kind == Kind::Folder) else {
            return Ok(false);
        };
        if home.node.tag == Tag::default() {
            return Ok(true); // it is being taken over
        }
        let root = home.node.id;
        let count = self.tree.store_read(move |tx| Ok(tx.child_count(root)?)).await?;
        let survey = self.content.survey(disk_path).await?.unwrap_or_default();
        if survey.members.is_empty() && count > 0 {
            return Ok(false);
        }
        let (from, to) = (home.node.tag.clone(), entry.tag);
        let store = self.tree.store();
        crate::store::write(store, move |tx| tx.retag(&from, &to)).await?;
        Ok(true)
    }

    async fn settle_all(
        &self,
        folder: &str,
        names: Vec<String>,
        lost: &[Lost],
        outcome: &mut Outcome,
    ) -> Result<(), LookError> {
        for names in names.chunks(AT_ONCE) {
            let again = self.settle(folder, names, lost, outcome).await?;
            outcome.again.extend(again.into_iter().map(|name| (folder.to_owned(), name)));
        }
        Ok(())
    }

    /// Takes over what differs at these names once all that was decided is on the disk. Gives the
    /// names that are to be looked at again.
    async fn settle(
        &self,
        folder: &str,
        names: &[String],
        lost: &[Lost],
        outcome: &mut Outcome,
    ) -> Result<Vec<String>, LookError> {
        let Some(mark) = self.content.mark().await? else { return Ok(names.to_vec()) };
        let compared = compare::names(&self.content, &self.tree, folder, names).await?;
        let Some(Compared { folder: located, differences, .. }) = compared else {
            return Ok(Vec::new());
        };
        let read = stream::iter(differences)
            .map(|difference| self.read(folder, &located, difference, lost))
            .buffered(READERS)
            .try_collect::<Vec<_>>()
            .await?;
        let (mut again, mut found) = (Vec::new(), Vec::new());
        for read in read {
            match read {
                Read::Still(one) => found.push(*one),
                Read::Moving(name) => again.push(name),
                Read::Unreadable(name, error) => {
                    outcome.note_unreadable(&format!("{folder}/{name}"), &error)?;
                }
            }
        }
        if found.is_empty() {
            return Ok(again);
        }
        let sight =
            Sight { folder: located.node.id, path: folder.to_owned(), mark, found: found.clone() };
        let adopted = self.tree.adopt(sight).await?;
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

    /// Where it came from, or what its bytes are.
    async fn read(
        &self,
        folder: &str,
        located: &Located,
        difference: Difference,
        lost: &[Lost],
    ) -> Result<Read, LookError> {
        let moved =
            find_origin(&self.content, &self.tree, &located.home, &difference, lost).await?;
        let mut checksums = None;
        if let (None, Some(entry)) = (&moved, &difference.entry)
            && entry.kind == Kind::File
            && entry.size <= read_first(difference.row.is_some())
        {
            let path = format!("{folder}/{}", difference.name);
            match self.content.sha1_on_disk(&path, &entry.tag).await {
                Ok(Some(read)) => checksums = Some(read),
                Ok(None) => return Ok(Read::Moving(difference.name)),
                Err(error) => return Ok(Read::Unreadable(difference.name, error)),
            }
        }
        let known = difference.known();
        let Difference { name, entry, .. } = difference;
        Ok(Read::Still(Box::new(Found { name, entry, known, checksums, moved })))
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

fn read_first(changed: bool) -> u64 {
    if changed { CHANGED_READ_FIRST } else { NEW_READ_FIRST }
}

/// What differs in several folders, in the order in which it is settled: names by folder.
#[derive(Default)]
struct Plan {
    /// Without a row.
    new: Vec<(String, Vec<String>)>,
    /// With a row of something else.
    changed: Vec<(String, Vec<String>)>,
    /// Rows whose place is empty, or holds another kind of thing.
    losses: Vec<(String, Vec<String>)>,
    /// The same, to be found elsewhere.
    lost: Vec<Lost>,
}

impl Plan {
    fn add(&mut self, folder: &str, compared: Compared, outcome: &mut Outcome) {
        outcome.members += compared.members;
        let folders = compared.folders.into_iter();
        outcome.folders.extend(folders.map(|name| format!("{folder}/{name}")));
        let unusable = compared.unusable.into_iter();
        outcome.unusable.extend(unusable.map(|it| (folder.to_owned(), it)));
        let owner = &compared.folder.home.owner;
        let (mut new, mut changed, mut losses) = (Vec::new(), Vec::new(), Vec::new());
        for difference in compared.differences {
            let is_loss = difference.is_loss();
            let Difference { name, row, .. } = difference;
            match row {
                None => new.push(name),
                Some(row) if is_loss => {
                    let disk_path = format!("{folder}/{name}");
                    let (id, tag, owner) = (row.id, row.tag, owner.clone());
                    self.lost.push(Lost { id, tag, owner, disk_path });
                    losses.push(name);
                }
                Some(_) => changed.push(name),
            }
        }
        for (list, names) in
            [(&mut self.new, new), (&mut self.changed, changed), (&mut self.losses, losses)]
        {
            if !names.is_empty() {
                list.push((folder.to_owned(), names));
            }
        }
    }
}

/// A difference that was read.
enum Read {
    Still(Box<Found>),
    /// It changed while it was read.
    Moving(String),
    /// It cannot be read.
    Unreadable(String, ContentError),
}

impl Outcome {
    /// What the storage refuses at one place hinders no other; what the index refuses does.
    fn note_unreadable(&mut self, path: &str, error: &ContentError) -> Result<(), LookError> {
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

impl From<StoreError> for LookError {
    fn from(error: StoreError) -> Self {
        Self::Tree(error.into())
    }
}
