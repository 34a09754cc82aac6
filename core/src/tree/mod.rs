//! The tree: rules of nodes, etags, sizes, conditions and locks.
//!
//! Each method of [`Tree`] that changes something is one job of the index (see `store`): it walks to
//! its target, checks every condition there, writes rows, takes one [`Stamp`] and raises it on all
//! ancestors, appends to the change feed and records the disk operation that will show the change in
//! the plain files. So a change is true as a whole or not at all, and none is invisible.
//!
//! | What is written | file's etag | etags of all folders above | sizes above |
//! |---|---|---|---|
//! | new bytes | new | new | corrected |
//! | new, moved or deleted member | kept | new, on both sides of a move | corrected |
//! | properties, favourite, lock, times | kept | new | same |
//!
//! Bytes are not here: they are staged by `content` before, and published by it afterwards.
//!
//! [`Stamp`]: crate::etag::Stamp

mod carry;
mod change;
mod conditions;
mod copy;
mod error;
mod homes;
mod listing;
mod locks;
mod mkcol;
mod mounts;
mod on_disk;
mod outside;
mod props;
mod put;
mod relocate;
mod remove;
mod walk;

use std::sync::Arc;

pub use carry::{Carry, TreePath};
pub use conditions::{Conditions, IfClause, IfTarget};
pub use copy::{CopyMade, CopyPlan, CopySource};
pub use error::TreeError;
pub use listing::{Listed, Listing, Viewer, Wants, find, listed_at};
pub use locks::{LockGranted, LockRequest, Unlock};
pub use mkcol::NewFolder;
pub use mounts::{Graft, Mount, Mounts};
pub use on_disk::folder_on_disk;
pub use outside::{Adopted, Found, Sight};
pub use props::{PropChange, PropOutcome};
pub use put::{Foreseen, Put, PutDone};
pub use relocate::{Destination, Relocated};

use crate::clock::Clock;
use crate::ids::Uid;
use crate::storage::StorageNo;
use crate::store::{self, Store};

/// Who changes something, for the feed, for locks and for quota.
#[derive(Debug, Clone)]
pub struct Actor {
    /// The user.
    pub uid: Uid,
    /// `dav`, `web`, `cli`, `disk`.
    pub origin: &'static str,
    /// Id of the request.
    pub request_id: Arc<str>,
    /// Bytes that the owner of the changed tree may have; `None` for unlimited.
    pub quota: Option<u64>,
}

/// The rules, over an index.
#[derive(Clone)]
pub struct Tree {
    store: Arc<dyn Store>,
    clock: Clock,
    /// Most locks that a user holds.
    max_locks: usize,
    /// The storage that new homes are made on.
    homes_on: StorageNo,
}

impl Tree {
    /// The rules over `store`.
    pub fn new(store: Arc<dyn Store>, clock: Clock) -> Self {
        Self { store, clock, max_locks: usize::MAX, homes_on: StorageNo::DATA }
    }

    /// The same rules for users who may hold so many locks each.
    #[must_use]
    pub fn limited(self, max_locks: usize) -> Self {
        Self { max_locks, ..self }
    }

    /// The same rules where new homes are made on this storage. Homes that are made already stay where
    /// they are.
    #[must_use]
    pub fn homes_on(self, storage: StorageNo) -> Self {
        Self { homes_on: storage, ..self }
    }

    /// Asks the index something.
    ///
    /// # Errors
    /// [`TreeError`], as `question` gives.
    pub async fn store_read<T: Send + 'static>(
        &self,
        question: impl FnOnce(&mut dyn store::ReadTx) -> Result<T, TreeError> + Send + 'static,
    ) -> Result<T, TreeError> {
        store::read(&self.store, question).await
    }

    /// The index itself, for reading.
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }
}
