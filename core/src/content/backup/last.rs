//! The last pass of a backup, and what is made of it (ADR 6).
//!
//! 1. Writes wait. What is decided gets published, one snapshot of the index is opened, and the few
//!    files that are still missing are opened too, or copied where they are many.
//! 2. Writes go on. A live file is never written into, so an open one keeps its bytes for as long as
//!    copying takes, and the snapshot keeps its rows.
//! 3. From the snapshot come the index, the tree of links and the manifest, so they agree.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::time::timeout;

use super::manifest::{FORMAT, Header};
use super::run::{Plan, Refusal, Run, refusal};
use super::walk::walk;
use super::{BackupError, Done, put};
use crate::content::verify::{Finding, Problem};
use crate::ids::NodeId;
use crate::storage::StorageNo;
use crate::store::hold::Hold;
use crate::store::nodes::{Located, Node, locate};
use crate::store::{ReadTx, Store};

/// Files that are held open over the end of the wait; small ones are in memory, up to 64 KiB each.
const OPEN: usize = 128;
/// Files that changed since the pass before; more are for another pass.
const MANY: usize = 20_000;
/// What is said of a file that changes all the time.
const WRITTEN: &str = "is being written all the time";
/// How often it is tried.
const TRIES: usize = 8;
/// How long writes wait at most; apps wait much longer for an answer.
const HELD: Duration = Duration::from_secs(10);
/// How long decided changes may take to be published before.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long they may take meanwhile.
const SETTLE: Duration = Duration::from_secs(1);

impl Run {
    /// The last pass, and all that follows. Blocking; `runtime` fetches the bytes.
    pub(super) fn finish(
        mut self,
        runtime: &Handle,
        plan: &Plan,
        mut since: u64,
    ) -> Result<Done, BackupError> {
        for attempt in 0..TRIES {
            if attempt > 0 {
                // What could not be waited for is taken in beside the writers, as before.
                since = runtime.block_on(self.begin_pass(false))?;
                runtime.block_on(self.pass(false))?;
            }
            let store = Arc::clone(&self.content.store);
            let Some(mut snapshot) = self.catch_up(runtime, &*store, since)? else { continue };
            let Some(faults) = self.complete(runtime, &mut *snapshot)? else { continue };
            let made = self.content.clock.seconds();
            let header = Header {
                format: FORMAT,
                moonsail: env!("CARGO_PKG_VERSION").to_owned(),
                made,
                instance: store.installation().instance.0.clone(),
            };
            let to = self.shelf.begin()?;
            let pool = &self.shelf.pool;
            let is_over = || self.findings.is_closed();
            let totals =
                put::put(&mut *snapshot, pool, &to, header, &plan.extra, &faults, &is_over)?;
            drop(snapshot);
            let generation = self.shelf.finish(made)?;
            tracing::info!(
                generation = %generation.path.display(),
                files = totals.files,
                copied = self.done.copied_files,
                missing = totals.missing,
                held_ms = self.done.held_millis,
                "a backup was made"
            );
            if let Some(keep) = plan.keep {
                self.done.pruned = self.shelf.prune(keep)?;
            }
            return Ok(Done {
                generation: generation.path,
                files: totals.files,
                folders: totals.folders,
                bytes: totals.bytes,
                problems: totals.missing,
                ..self.done
            });
        }
        Err(BackupError::TooBusy)
    }

    /// Holds the writes, opens a snapshot, and opens or copies all that changed after `since` and is
    /// not in the pool. `None` if that took too long, or what was decided was not published in time.
    fn catch_up<'s>(
        &mut self,
        runtime: &Handle,
        store: &'s dyn Store,
        since: u64,
    ) -> Result<Option<Box<dyn ReadTx + 's>>, BackupError> {
        let content = self.content.clone();
        // What this reads is in memory when it is asked again.
        store.reader()?.files_after(since, MANY)?;
        // All but what comes last is durable and recorded already.
        let settled = async {
            content.publisher.settle_on(StorageNo::DATA, true).await;
            content.publisher.unrecorded().await
        };
        let settled = runtime.block_on(async { timeout(PATIENCE, settled).await });
        let Ok(unrecorded) = settled else { return Err(BackupError::Stuck) };
        let hold = Hold::begin(store, HELD)?;
        let begun = Instant::now();
        let settled = content.publisher.settle_on(StorageNo::DATA, false);
        let settled = runtime.block_on(async { timeout(SETTLE, settled).await.is_ok() });
        let mut opened = Vec::new();
        let mut snapshot = store.reader()?;
        let newer = snapshot.files_after(since, MANY)?;
        let caught_up = settled && newer.len() < MANY;
        for node in newer.into_iter().filter(|_| caught_up) {
            let Some(Located { home, path, node }) = locate(&mut *snapshot, node.id)? else {
                continue;
            };
            if !home.owner.is_person() || self.shelf.pool.has(&node)? {
                continue;
            }
            match runtime.block_on(content.open_as_it_is(node, &home.disk_path(&path))) {
                Ok(file) if opened.len() < OPEN => opened.push(file),
                Ok(file) => runtime.block_on(self.try_to_take_in(file))?,
                // Looked at again, in peace.
                Err(_) => {}
            }
            if begun.elapsed() > HELD {
                break;
            }
        }
        let in_time = hold.end();
        drop(unrecorded);
        self.done.held_millis += u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        if !caught_up || !in_time {
            return Ok(None);
        }
        for file in opened {
            runtime.block_on(self.try_to_take_in(file))?;
        }
        Ok(Some(snapshot))
    }

    /// Takes in what the snapshot has and the pool still has not: what moved from before a pass to
    /// behind it, and files with which something is wrong, which are told. `None` if one of them has
    /// changed after the snapshot, so that its bytes may be gone.
    fn complete(
        &mut self,
        runtime: &Handle,
        snapshot: &mut dyn ReadTx,
    ) -> Result<Option<Vec<(NodeId, String)>>, BackupError> {
        let mut faults: Vec<(NodeId, String)> = Vec::new();
        let mut problems = Vec::new();
        for (node, path) in self.missing(snapshot)? {
            let (id, stamp) = (node.id, node.content);
            let opened = runtime.block_on(self.content.open(node, path.clone()));
            let taken = match opened.map_err(refusal) {
                Ok(opened) if opened.node.content != stamp => Err(Refusal::Moved),
                Ok(opened) => runtime.block_on(self.take_in(opened)),
                Err(refusal) => Err(refusal),
            };
            match taken {
                Ok(()) => {}
                Err(Refusal::Fatal(error)) => return Err(error),
                Err(Refusal::Moved) if self.has_moved(id) => {
                    Self::leave_out(id, path, WRITTEN.to_owned(), &mut faults, &mut problems);
                }
                Err(Refusal::Moved) => return Ok(None),
                Err(Refusal::Fault(what)) => {
                    let now = locate(&mut *self.content.store.reader()?, id)?;
                    let moved = now.is_none_or(|now| now.node.content != stamp);
                    if moved && !self.has_moved(id) {
                        return Ok(None);
                    }
                    Self::leave_out(id, path, what, &mut faults, &mut problems);
                }
            }
        }
        for problem in problems {
            self.progress.problems += 1;
            // Who has gone is noticed below.
            let _gone = self.findings.blocking_send(Finding::Problem(problem));
        }
        if self.findings.is_closed() {
            return Err(BackupError::Stopped);
        }
        Ok(Some(faults))
    }

    /// Whether a file had moved on already when an earlier snapshot was completed: one that is written
    /// to all the time must not keep all others from being backed up.
    fn has_moved(&mut self, id: NodeId) -> bool {
        !self.moved.insert(id)
    }

    fn leave_out(
        id: NodeId,
        path: String,
        what: String,
        faults: &mut Vec<(NodeId, String)>,
        problems: &mut Vec<Problem>,
    ) {
        let remedy = "it is not in the backup; `moonsail fsck` says what to do";
        problems.push(Problem { path, what: what.clone(), remedy: remedy.to_owned() });
        faults.push((id, what));
    }

    /// Files that the pool does not have.
    fn missing(&self, tx: &mut dyn ReadTx) -> Result<Vec<(Node, String)>, BackupError> {
        let mut missing = Vec::new();
        walk(tx, &mut |node, path| {
            if !node.is_folder() && !self.shelf.pool.has(node)? {
                missing.push((node.clone(), path.to_owned()));
            }
            Ok(())
        })?;
        Ok(missing)
    }
}
