//! One look at the disk: compare, wait for what was decided, compare again, read, tell the tree.

use std::collections::HashSet;

use super::compare::{self, Compared, Difference, LookError};
use super::counts::Counts;
use super::moves::Lost;
use crate::content::Content;
use crate::storage::{Entry, Kind, Tag, Unusable};
use crate::store::StoreError;
use crate::store::nodes::Located;
use crate::tree::{Tree, folder_on_disk};

/// Names that are settled in one job of the index: few enough that requests hardly wait for it.
const AT_ONCE: usize = 200;
/// Names at the top of a home by which it is known.
const SAMPLE: usize = 1000;

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
    /// Folders that the disk or the index does not have.
    pub(super) absent: Vec<String>,
    /// Members that were looked at.
    pub(super) members: u64,
    /// Why the rest was not looked at: the index failed.
    pub(super) failed: Option<LookError>,
}

/// Looks at the disk. Cheap to clone; looks may run side by side.
#[derive(Clone)]
pub(super) struct Looker {
    pub(super) content: Content,
    pub(super) tree: Tree,
    /// Whether small and changed files are read before they are shown.
    pub(super) reading: bool,
}

impl Looker {
    /// Looks at all targets. New things come first, so that what was renamed is found before its old
    /// place is believed to be empty, or somebody else's.
    pub(super) async fn look(&self, targets: Vec<Target>, losses: Losses) -> Outcome {
        let mut outcome = Outcome::default();
        let looked = self.look_into(targets, losses, &mut outcome).await;
        outcome.failed = looked.err();
        outcome
    }

    async fn look_into(
        &self,
        targets: Vec<Target>,
        losses: Losses,
        outcome: &mut Outcome,
    ) -> Result<(), LookError> {
        let mut plan = Plan::default();
        for target in targets {
            let folder = target.folder.clone();
            match self.compare_standing(target, outcome).await {
                Ok(Some((folder, compared))) => plan.add(&folder, compared, outcome),
                Ok(None) => outcome.absent.push(folder),
                Err(LookError::Content(error)) => outcome.note_unreadable(&folder, &error)?,
                Err(error) => return Err(error),
            }
        }
        self.settle_all(plan.new, Losses::Later, &plan.lost, outcome).await?;
        self.settle_all(plan.changed, Losses::Later, &plan.lost, outcome).await?;
        match losses {
            Losses::Now => self.settle_all(plan.losses, losses, &[], outcome).await,
            Losses::Later => {
                for (folder, names) in plan.losses {
                    outcome.losses.extend(names.into_iter().map(|name| (folder.clone(), name)));
                }
                Ok(())
            }
        }
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

    /// Whether another folder at a home's place is that home, as after copying everything back: at
    /// least half of what the index knows at its top is there. Else it is a disk that is not mounted,
    /// or a copy that has only begun, rather than a wish to delete everything.
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
        let rows = self.tree.store_read(move |tx| Ok(tx.children(root, None, SAMPLE)?)).await?;
        let survey = self.content.survey(disk_path).await?.unwrap_or_default();
        let there: HashSet<String> = survey.members.into_iter().map(|(name, _)| name).collect();
        let known = rows.iter().filter(|row| there.contains(&row.name)).count();
        if known * 2 < rows.len() {
            return Ok(false);
        }
        let (from, to) = (home.node.tag.clone(), entry.tag);
        let store = self.tree.store();
        crate::store::write(store, move |tx| tx.retag(&from, &to)).await?;
        Ok(true)
    }

    async fn settle_all(
        &self,
        folders: Vec<(String, Vec<String>)>,
        losses: Losses,
        lost: &[Lost],
        outcome: &mut Outcome,
    ) -> Result<(), LookError> {
        for (folder, names) in folders {
            for names in names.chunks(AT_ONCE) {
                let again = self.settle(&folder, names, losses, lost, outcome).await?;
                outcome.again.extend(again.into_iter().map(|name| (folder.clone(), name)));
            }
        }
        Ok(())
    }
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

impl From<StoreError> for LookError {
    fn from(error: StoreError) -> Self {
        Self::Tree(error.into())
    }
}
