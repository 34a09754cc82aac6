//! Looking at the disk, which others may have changed.
//!
//! Who compares it with the index (the room `outside`) has to know that what was decided before is
//! visible by then: [`Content::mark`].

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use moonsail_sdk::BoxFuture;
use tokio::time::timeout;

use super::stage::{digest, verify_checksums};
use super::{Content, ContentError, read};
use crate::ids::Uid;
use crate::path::DavPath;
use crate::proto::checksum::{ChecksumKind, Digester};
use crate::storage::{Entry, StorageError, StorageNo, Survey, Tag, Watch};
use crate::store;

/// How long decided changes may take to be published before a look is put off.
const SETTLE: Duration = Duration::from_secs(10);
/// Up to this size a piece is hashed at once, without another thread.
const SMALL: usize = 64 << 10;

/// Brings the index up to date with the disk where a request needs it now. The roof sets it; without
/// one, changes from outside are not seen.
pub trait Freshness: Send + Sync {
    /// Looks at one file or folder that is not what the index says.
    fn look(&self, disk_path: String) -> BoxFuture<'static, ()>;

    /// Looks at a whole folder.
    fn look_into(&self, disk_path: String) -> BoxFuture<'static, ()>;

    /// Looks at a folder of a home that is about to be listed, if nobody watches it; `None` if that is
    /// not necessary.
    fn before_listing(&self, owner: &Uid, path: &DavPath) -> Option<BoxFuture<'static, ()>>;

    /// Makes the home of a user from a folder that was there before the home, or goes on with it.
    /// `false` while it is not finished: what is not known as a whole is not to be served.
    fn take_over(&self, owner: &Uid) -> BoxFuture<'static, bool>;
}

/// Where [`Content::set_freshness`] puts it.
pub(super) type FreshnessCell = Arc<OnceLock<Arc<dyn Freshness>>>;

impl Content {
    /// Sets who looks at the disk for requests. The first call counts.
    pub fn set_freshness(&self, freshness: Arc<dyn Freshness>) {
        if self.freshness.set(freshness).is_err() {
            tracing::error!("the disk is looked at by somebody already");
        }
    }

    /// The same without anybody who looks at the disk for it: for those who do.
    pub fn apart(&self) -> Self {
        Self { freshness: Arc::default(), ..self.clone() }
    }

    /// Lets a path be looked at that is not what the index says.
    pub(super) async fn look(&self, disk_path: &str) {
        if let Some(freshness) = self.freshness.get() {
            freshness.look(disk_path.to_owned()).await;
        }
    }

    /// Looks at a whole folder now.
    pub async fn look_into(&self, disk_path: &str) {
        if let Some(freshness) = self.freshness.get() {
            freshness.look_into(disk_path.to_owned()).await;
        }
    }

    /// Brings a folder up to date before it is listed, if nobody watches it.
    pub async fn freshen(&self, owner: &Uid, path: &DavPath) {
        if let Some(look) = self.freshness.get().and_then(|it| it.before_listing(owner, path)) {
            look.await;
        }
    }

    /// Makes the home of a user from a folder that is there already; `false` while it is not ready,
    /// or if nobody does that.
    pub async fn take_over(&self, owner: &Uid) -> bool {
        match self.freshness.get() {
            Some(freshness) => freshness.take_over(owner).await,
            None => false,
        }
    }

    /// Waits until all that was decided so far is on the disk, of the storage that a path is on, and
    /// gives the last operation of it: what is seen there from then on is later. `None` if the disk
    /// refuses some.
    ///
    /// # Errors
    /// [`ContentError::Store`].
    pub async fn mark(&self, disk_path: &str) -> Result<Option<i64>, ContentError> {
        // By a write: its answer comes after the operations of all earlier commits were handed over.
        let mark = store::write(&self.store, |tx| tx.last_disk_op()).await?;
        let settled =
            timeout(SETTLE, self.publisher.settle_on(StorageNo::of(disk_path), true)).await;
        // More may have been carried out, and recorded, together with it.
        Ok(settled.ok().map(|last| last.max(mark)))
    }

    /// Whether others may change what is on a storage; also if it is not there. Not one that the
    /// configuration does not have any more.
    pub async fn is_changed_outside(&self, no: StorageNo) -> bool {
        self.storages.has(no) && self.storages.changes_outside(no).await.unwrap_or(true)
    }

    /// Whether the server may read a folder on the disk and change what is in it.
    ///
    /// # Errors
    /// [`ContentError::Storage`].
    pub async fn may_change(&self, disk_path: &str) -> Result<bool, ContentError> {
        Ok(self.storage.may_change(disk_path).await?)
    }

    /// See [`FileStorage::watch`](crate::storage::FileStorage::watch).
    ///
    /// # Errors
    /// [`ContentError::Storage`].
    pub async fn watch(&self) -> Result<Option<Box<dyn Watch>>, ContentError> {
        Ok(self.storage.watch().await?)
    }

    /// A folder as it is on the disk; `None` if it is not there.
    ///
    /// # Errors
    /// [`ContentError::Storage`].
    pub async fn survey(&self, disk_path: &str) -> Result<Option<Survey>, ContentError> {
        match self.storage.survey(disk_path).await {
            Err(StorageError::NotFound(_)) => Ok(None),
            survey => Ok(Some(survey?)),
        }
    }

    /// What is at these names of a folder on the disk, in their order.
    ///
    /// # Errors
    /// [`ContentError::Storage`].
    pub async fn stat_members(
        &self,
        folder: &str,
        names: Vec<String>,
    ) -> Result<Vec<Option<Entry>>, ContentError> {
        Ok(self.storage.stat_members(folder, names).await?)
    }

    /// What is at a path on the disk. On a storage of objects nothing is but what the index has.
    ///
    /// # Errors
    /// [`ContentError::Storage`].
    pub async fn stat(&self, disk_path: &str) -> Result<Option<Entry>, ContentError> {
        if self.storages.has_objects(StorageNo::of(disk_path)).await {
            return Ok(None);
        }
        Ok(self.storage.stat(disk_path).await?)
    }

    /// Whether both tags are of one file or folder.
    pub fn is_same(&self, one: &Tag, other: &Tag) -> bool {
        self.storage.is_same(one, other)
    }

    /// `SHA1:…` of the bytes of a live file; `None` if it is not the one of the tag, or changes while
    /// it is read.
    ///
    /// # Errors
    /// [`ContentError`].
    pub async fn sha1_on_disk(
        &self,
        disk_path: &str,
        tag: &Tag,
    ) -> Result<Option<String>, ContentError> {
        let file = match self.storage.open(disk_path, tag).await {
            Err(StorageError::NotFound(_) | StorageError::Changed(_)) => return Ok(None),
            file => file?,
        };
        let mut digester = Digester::new(&[ChecksumKind::Sha1]);
        let mut at = 0;
        while at < file.size() {
            let piece = file.read_at(at, read::PIECE).await?;
            if piece.is_empty() {
                return Ok(None);
            }
            at += piece.len() as u64;
            if piece.len() <= SMALL {
                digester.update(&piece);
            } else {
                digester = digest(digester, piece).await?;
            }
        }
        // Its tag holds size and time: the same as before, so nobody wrote meanwhile.
        let after = self.storage.stat(disk_path).await?;
        let unchanged = after.is_some_and(|entry| entry.tag == *tag);
        if unchanged { Ok(Some(verify_checksums(digester, None)?)) } else { Ok(None) }
    }
}
