//! Room that is kept back on the disk of the index, so that files can be deleted when it is full.
//!
//! A deletion is a commit, and a commit makes the log of writes longer. On a full disk that fails,
//! and nothing could ever be deleted. So a file of some megabytes lies beside the index, which is
//! given up for a deletion ([`Store::make_room`](crate::store::Store::make_room)) and made again
//! once there is room.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::fs::{FallocateFlags, fallocate};

/// Sizes of the file, the one that is wanted first: a deletion writes some ten pages, the recording
/// of its operation three.
const BYTES: [u64; 5] = [4 << 20, 2 << 20, 1 << 20, 512 << 10, 256 << 10];
/// How often it is tried to make it again, or larger: soon, before others have taken the room.
const AGAIN: Duration = Duration::from_millis(200);

/// The file.
pub(super) struct Reserve {
    path: PathBuf,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    bytes: u64,
    tried: Option<Instant>,
}

impl Reserve {
    /// That of the index at `index`. Nothing is made yet.
    pub(super) fn beside(index: &Path) -> Self {
        Self { path: index.with_extension("reserve"), state: Mutex::default() }
    }

    /// Makes the file as large as there is room, unless it is there, or it was tried a moment ago.
    pub(super) fn fill(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.bytes == BYTES[0] || state.tried.is_some_and(|at| at.elapsed() < AGAIN) {
            return;
        }
        for bytes in BYTES.into_iter().take_while(|bytes| *bytes > state.bytes) {
            match self.make(bytes) {
                Ok(()) => {
                    state.bytes = bytes;
                    break;
                }
                Err(error) => tracing::debug!(bytes, %error, "no room can be kept back"),
            }
        }
        state.tried = Some(Instant::now());
    }

    fn make(&self, bytes: u64) -> std::io::Result<()> {
        let mut open = OpenOptions::new();
        let file = open.write(true).create(true).truncate(false).mode(0o600).open(&self.path)?;
        let before = file.metadata()?.len();
        let made = fallocate(&file, FallocateFlags::empty(), 0, bytes);
        if made.is_err() {
            // What came before the disk was full takes room from others.
            file.set_len(before)?;
        }
        Ok(made?)
    }

    /// Gives the room up; whether there was any.
    pub(super) fn release(&self) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        // Not at once again, or the deletion would not find it.
        state.tried = Some(Instant::now());
        std::mem::take(&mut state.bytes) > 0 && std::fs::remove_file(&self.path).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_room_is_given_up_once_and_made_again_later() {
        let folder = tempfile::tempdir().unwrap();
        let reserve = Reserve::beside(&folder.path().join("index.db"));
        let file = folder.path().join("index.reserve");
        assert!(!reserve.release(), "there is none yet");
        reserve.state.lock().unwrap().tried = None;
        reserve.fill();
        assert_eq!(std::fs::metadata(&file).unwrap().len(), BYTES[0]);
        assert!(reserve.release());
        assert!(!file.exists());
        reserve.fill();
        assert!(!file.exists(), "too soon");
        reserve.state.lock().unwrap().tried = Some(Instant::now() - AGAIN);
        reserve.fill();
        assert!(file.exists());
    }
}
