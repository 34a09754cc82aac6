//! What a storage of files gives to hold, and what it has put into the stage.

use std::sync::Arc;

use bytes::Bytes;

use super::{PluginFiles, c_durability, read};
use crate::BoxFuture;
use crate::abi::ask::{Failure, failure, succeeded};
use crate::abi::convert::read_struct;
use crate::abi::host::storage::{Held, Span, piece};
use crate::abi::{
    Buf, CODE_UNSUPPORTED, FILE_NO_TIME, FileOpened, FileStage, FileWatch, FilesTable, Outcome,
};
use crate::storage::{
    Durability, ReadFile, Seen, StageFile, StagePath, Staged, StorageError, Tag, Watch,
};

/// A staged entry that is discarded unless somebody takes it: an answer may come when nobody waits.
pub(super) struct Unclaimed {
    staged: Staged,
    files: Option<PluginFiles>,
}

impl Unclaimed {
    /// Reads one; `files` is where it is discarded, if it is to be.
    pub(super) fn reader(
        files: Option<&PluginFiles>,
    ) -> impl FnOnce(&Outcome) -> Result<Self, Failure> + Send + use<> {
        let files = files.cloned();
        move |outcome| Ok(Self { staged: read::staged(outcome)?, files })
    }

    pub(super) fn claim(mut self) -> Staged {
        self.files = None;
        let none = Staged { at: StagePath(String::new()), size: 0, tag: Tag::default() };
        std::mem::replace(&mut self.staged, none)
    }
}

impl Drop for Unclaimed {
    fn drop(&mut self) {
        if let Some(files) = self.files.take() {
            files.forget(&self.staged.at);
        }
    }
}

/// Whether a stage file is new or was there before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Opening {
    New,
    Again,
}

struct PluginStage {
    files: PluginFiles,
    held: Arc<Held<FilesTable>>,
    at: StagePath,
    opening: Opening,
}

/// A stage file that has been given to nobody yet. One that was there before stays there then: it is
/// only this answer that came too late.
pub(super) struct Fresh(Option<PluginStage>);

impl Fresh {
    /// # Errors
    /// None in truth: it has not been taken before.
    pub(super) fn claim(mut self) -> Result<Box<dyn StageFile>, StorageError> {
        let stage = self.0.take().ok_or_else(|| StorageError::Internal("taken before".into()))?;
        Ok(Box::new(stage))
    }
}

impl Drop for Fresh {
    fn drop(&mut self) {
        if let Some(stage) = self.0.take().filter(|stage| stage.opening == Opening::Again) {
            stage.leave();
        }
    }
}

pub(super) fn stage(
    files: &PluginFiles,
    opening: Opening,
) -> impl FnOnce(&Outcome) -> Result<Fresh, Failure> + Send + use<> {
    let files = files.clone();
    move |outcome| {
        succeeded(outcome)?;
        let FilesTable { this, stage_release, .. } = *files.table();
        // SAFETY: alive while the outcome is read, and what the table says.
        unsafe {
            let stage = read_struct::<FileStage>(outcome.value)?;
            let held = Held::new(&files.0, this, stage.stage, stage_release)?;
            let at = StagePath(stage.at.owned()?);
            Ok(Fresh(Some(PluginStage { files, held, at, opening })))
        }
    }
}

impl PluginStage {
    /// Has the plugin leave the file when it is released.
    fn leave(&self) {
        let FilesTable { this, stage_keep, .. } = *self.files.table();
        if let Some(keep) = stage_keep {
            // SAFETY: the handle has not been released.
            unsafe { keep(this, self.held.handle()) }
        }
    }
}

impl PluginStage {
    /// Waits for a call that may tell where the file is from now on.
    fn moved(
        &mut self,
        asked: BoxFuture<'static, Result<Option<StagePath>, StorageError>>,
    ) -> BoxFuture<'_, Result<(), StorageError>> {
        Box::pin(async {
            if let Some(at) = asked.await? {
                self.at = at;
            }
            Ok(())
        })
    }
}

impl StageFile for PluginStage {
    fn at(&self) -> StagePath {
        self.at.clone()
    }

    fn write_at(&mut self, offset: u64, data: Bytes) -> BoxFuture<'_, Result<(), StorageError>> {
        let FilesTable { this, stage_write, .. } = *self.files.table();
        let (keep, handle) = (Arc::clone(&self.held), self.held.handle());
        let asked = self.files.0.storage(
            Span::Data,
            keep,
            stage_write,
            read::place,
            |write, info, done| {
                // SAFETY: `keep` holds the handle; the buffer goes over.
                unsafe { write(this, info, handle, offset, Buf::of(data), done) }
            },
        );
        self.moved(asked)
    }

    fn sync(&mut self) -> BoxFuture<'_, Result<(), StorageError>> {
        let FilesTable { this, stage_sync, .. } = *self.files.table();
        let (keep, handle) = (Arc::clone(&self.held), self.held.handle());
        let asked =
            self.files.0.storage(Span::Whole, keep, stage_sync, read::place, |sync, info, done| {
                // SAFETY: `keep` holds the handle.
                unsafe { sync(this, info, handle, done) }
            });
        self.moved(asked)
    }

    fn read_at(&mut self, offset: u64, len: usize) -> BoxFuture<'_, Result<Bytes, StorageError>> {
        let FilesTable { this, stage_read, .. } = *self.files.table();
        let (keep, handle, len) = (Arc::clone(&self.held), self.held.handle(), len as u64);
        let reader = piece(offset, len);
        self.files.0.storage(Span::Data, keep, stage_read, reader, |read, info, done| {
            // SAFETY: `keep` holds the handle.
            unsafe { read(this, info, handle, offset, len, done) }
        })
    }

    fn finish(
        self: Box<Self>,
        size: u64,
        mtime: Option<i64>,
        durability: Durability,
    ) -> BoxFuture<'static, Result<Staged, StorageError>> {
        let Self { files, held, opening, .. } = *self;
        let FilesTable { this, stage_finish, .. } = *files.table();
        let (mtime, durability) = (mtime.unwrap_or(FILE_NO_TIME), c_durability(durability));
        let handle = held.handle();
        let reader = Unclaimed::reader(Some(&files));
        let mut asked =
            files.0.storage(Span::Endless, held, stage_finish, reader, |finish, info, done| {
                // SAFETY: the call holds the handle.
                unsafe { finish(this, info, handle, size, mtime, durability, done) }
            });
        let most = Span::Whole.of(files.0.timeout).unwrap_or_default();
        Box::pin(async move {
            match tokio::time::timeout(most, &mut asked).await {
                Ok(result) => result.map(Unclaimed::claim),
                Err(_) => {
                    if opening == Opening::Again {
                        // Cancelled it would be removed, as one is that nobody waits for. But this
                        // is a failure, after which a file that was there before stays.
                        tokio::spawn(async { asked.await.map(Unclaimed::claim) });
                    }
                    Err(StorageError::Unavailable("no answer came in time".to_owned()))
                }
            }
        })
    }

    fn keep(self: Box<Self>) {
        self.leave();
    }
}

struct PluginFile {
    held: Arc<Held<FilesTable>>,
    size: u64,
}

pub(super) fn file(
    files: &PluginFiles,
) -> impl FnOnce(&Outcome) -> Result<Box<dyn ReadFile>, Failure> + Send + use<> {
    let files = files.clone();
    move |outcome| {
        succeeded(outcome)?;
        let FilesTable { this, file_release, .. } = *files.table();
        // SAFETY: alive while the outcome is read, and what the table says.
        unsafe {
            let opened = read_struct::<FileOpened>(outcome.value)?;
            let held = Held::new(&files.0, this, opened.file, file_release)?;
            Ok(Box::new(PluginFile { held, size: opened.bytes }) as Box<dyn ReadFile>)
        }
    }
}

impl ReadFile for PluginFile {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, offset: u64, len: usize) -> BoxFuture<'_, Result<Bytes, StorageError>> {
        let FilesTable { this, file_read, .. } = self.held.callee().table;
        let (keep, handle, len) = (Arc::clone(&self.held), self.held.handle(), len as u64);
        let reader = piece(offset, len);
        self.held.callee().storage(Span::Data, keep, file_read, reader, |read, info, done| {
            // SAFETY: `keep` holds the handle.
            unsafe { read(this, info, handle, offset, len, done) }
        })
    }
}

/// A watch. The question what was seen stands as long as it is not answered, whoever listens, so
/// nothing is lost where a listener leaves.
struct PluginWatch {
    asked: Option<BoxFuture<'static, Result<read::Hints, StorageError>>>,
    held: Arc<Held<FilesTable>>,
    counts: (u64, u64),
    lost: u64,
    ended: bool,
}

pub(super) fn watch(
    files: &PluginFiles,
) -> impl FnOnce(&Outcome) -> Result<Option<Box<dyn Watch>>, Failure> + Send + use<> {
    let files = files.clone();
    move |outcome| {
        match outcome.code {
            CODE_UNSUPPORTED => return Ok(None),
            code if code != crate::abi::CODE_OK => return Err(failure(outcome)),
            _ => {}
        }
        let FilesTable { this, watch_release, .. } = *files.table();
        // SAFETY: alive while the outcome is read, and what the table says.
        let held = unsafe {
            let watch = read_struct::<FileWatch>(outcome.value)?;
            Held::new(&files.0, this, watch.watch, watch_release)?
        };
        let watch = PluginWatch { asked: None, held, counts: (0, 0), lost: 0, ended: false };
        Ok(Some(Box::new(watch) as Box<dyn Watch>))
    }
}

impl PluginWatch {
    fn ask(&self) -> BoxFuture<'static, Result<read::Hints, StorageError>> {
        let FilesTable { this, watch_next, .. } = self.held.callee().table;
        let (keep, handle) = (Arc::clone(&self.held), self.held.handle());
        let callee = self.held.callee();
        callee.storage(Span::Endless, keep, watch_next, read::hints, |next, info, done| {
            // SAFETY: `keep` holds the handle.
            unsafe { next(this, info, handle, done) }
        })
    }
}

impl Watch for PluginWatch {
    fn next(&mut self) -> BoxFuture<'_, Option<Vec<Seen>>> {
        Box::pin(async {
            if self.ended {
                return None;
            }
            // It stays where it is while it is waited for: whoever waits next goes on with it.
            let asked = match self.asked.take() {
                Some(asked) => self.asked.insert(asked),
                None => {
                    let asked = self.ask();
                    self.asked.insert(asked)
                }
            };
            let answer = asked.await;
            self.asked = None;
            match answer {
                Ok(hints) => {
                    (self.counts, self.lost) = (hints.counts, hints.lost);
                    self.ended = hints.ended;
                    (!hints.ended || !hints.seen.is_empty()).then_some(hints.seen)
                }
                Err(error) => {
                    let plugin = self.held.callee().instance.name();
                    tracing::error!(plugin, %error, "the watch of a storage failed");
                    self.ended = true;
                    None
                }
            }
        })
    }

    fn counts(&self) -> (u64, u64) {
        self.counts
    }

    fn lost(&self) -> u64 {
        self.lost
    }
}
