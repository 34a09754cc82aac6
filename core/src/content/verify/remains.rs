//! What is not a file or folder of a home: decided changes, rows in no tree, the stage, and what
//! lies beside the homes.

use std::collections::HashSet;

use super::{Fault, Run};
use crate::content::ContentError;
use crate::ids::Uid;
use crate::storage::{DiskOp, StagePath, StorageNo};
use crate::store;

/// Age in seconds from which a stage entry that nobody mentions is a leftover. Any younger one may
/// be the body of a running request, of which a byte must come every few seconds.
const LEFTOVER_AGE: u64 = 3600;
/// Rows that hang in no tree that are reported at most.
const MOST_ROWS: usize = 100;

impl Run<'_> {
    /// Decided changes that stay undone.
    pub(super) async fn pending(&mut self) -> Result<(), ContentError> {
        let before = self.disk_ops().await?;
        self.settle().await;
        let known: HashSet<i64> = before.into_iter().map(|(id, _)| id).collect();
        for (id, op) in self.disk_ops().await? {
            if known.contains(&id) {
                let what = match op {
                    DiskOp::Publish { .. } => "is stored, but cannot be put at its place",
                    DiskOp::Move { .. } => "was moved, but cannot be moved on the disk",
                    DiskOp::Remove { .. } => "was removed, but cannot be removed from the disk",
                    DiskOp::Touch { .. } => "has a new time that cannot be set on the disk",
                };
                let remedy = "the log says why; free space or mend the disk, and restart";
                self.report(place(op), Fault::new(what, remedy)).await;
            }
        }
        Ok(())
    }

    async fn disk_ops(&self) -> Result<Vec<(i64, DiskOp)>, ContentError> {
        store::read(&self.content.store, |tx| Ok(tx.disk_ops()?)).await
    }

    /// Rows that hang in no tree.
    pub(super) async fn unreachable_rows(&mut self) -> Result<(), ContentError> {
        let rows = store::read(&self.content.store, |tx| {
            Ok::<_, ContentError>(tx.unreachable(MOST_ROWS)?)
        })
        .await?;
        for node in rows {
            let what = match node.parent {
                Some(parent) => format!("hangs in no tree, below row {parent}"),
                None => "is a root that belongs to no home".to_owned(),
            };
            let path = format!("row {} ({})", node.id, node.name);
            self.report(path, Fault::new(what, "restore the index from a backup")).await;
        }
        Ok(())
    }

    /// What lies among the homes and is none.
    pub(super) async fn strangers_among_homes(&mut self) -> Result<(), ContentError> {
        for (name, _) in self.content.storage.list("").await? {
            if self.is_home(&name).await? {
                continue;
            }
            self.settle().await;
            if !matches!(self.content.storage.stat(&name).await, Ok(Some(_)))
                || self.is_home(&name).await?
            {
                continue;
            }
            let remedy = "move it away; nobody can reach it through the server";
            self.report(name, Fault::new("belongs to no home", remedy)).await;
        }
        Ok(())
    }

    async fn is_home(&self, base: &str) -> Result<bool, ContentError> {
        let (base, owner) = (base.to_owned(), Uid::parse(base));
        store::read(&self.content.store, move |tx| {
            // A home is called as its owner, as a rule; the rest is looked for one by one.
            if let Some(owner) = owner
                && tx.home(&owner)?.is_some_and(|home| home.base == base)
            {
                return Ok(true);
            }
            Ok(tx.homes()?.iter().any(|home| home.base.split('/').next() == Some(&base)))
        })
        .await
    }

    /// Stage entries without owner, and owners without stage entry.
    pub(super) async fn stage(&mut self) -> Result<(), ContentError> {
        let listed = self.content.storage.list_stage().await?;
        // Read after the listing: what is listed and has an owner now is none left over.
        let (uploads, mut used) = self.stage_owners().await?;
        used.extend(uploads.iter().map(|at| at.key().to_owned()));
        for (at, age) in &listed {
            if *age >= LEFTOVER_AGE && !used.contains(at.key()) {
                let what = "belongs to no upload";
                let fault = Fault::new(what, "restart the server, which removes it");
                self.report(format!("stage/{}", at.0), fault).await;
            }
        }
        let there: HashSet<&str> = listed.iter().map(|(at, _)| at.key()).collect();
        let missing: Vec<StagePath> =
            uploads.into_iter().filter(|at| !there.contains(at.key())).collect();
        let mut missing = missing;
        for index in (0..missing.len()).rev() {
            // Of a storage that is not there nothing was listed.
            if self.content.storages.require(StorageNo::of_stage(&missing[index])).await.is_err() {
                missing.swap_remove(index);
            }
        }
        if missing.is_empty() {
            return Ok(());
        }
        // Began or ended since the listing?
        let now: HashSet<String> =
            self.content.storage.list_stage().await?.into_iter().map(|(at, _)| at.0).collect();
        let (uploads, _) = self.stage_owners().await?;
        for at in missing {
            if !now.contains(at.key()) && uploads.contains(&at) {
                let fault = Fault::new(
                    "is missing, though an unfinished upload needs it",
                    "delete the upload in its app, or wait until it is removed by its age",
                );
                self.report(format!("stage/{}", at.0), fault).await;
            }
        }
        Ok(())
    }

    /// Stage entries of chunked uploads, and keys of decided publications.
    async fn stage_owners(&self) -> Result<(Vec<StagePath>, HashSet<String>), ContentError> {
        store::read(&self.content.store, |tx| {
            let publications = tx.disk_ops()?.into_iter().filter_map(|(_, op)| match op {
                DiskOp::Publish { stage, .. } => Some(stage.key().to_owned()),
                _ => None,
            });
            let publications = publications.collect();
            Ok((tx.upload_stage_keys()?, publications))
        })
        .await
    }
}

fn place(op: DiskOp) -> String {
    match op {
        DiskOp::Publish { path, .. } | DiskOp::Remove { path, .. } | DiskOp::Touch { path, .. } => {
            path
        }
        DiskOp::Move { to, .. } => to,
    }
}
