//! Copying into the stage, with the kernel doing the work where it can.

use std::sync::Arc;

use moonsail_sdk::blocking::blocking;
use moonsail_sdk::storage::{Durability, StagePath, Staged, StorageError};
use rustix::fd::OwnedFd;
use rustix::fs::{copy_file_range, ioctl_ficlone};
use rustix::io::{Errno, Result};

use crate::areas::Areas;
use crate::fs::{failed, read_full, set_mtime, write_all};
use crate::stage::{close, create};
use crate::tag::Meta;

/// Bytes of one `copy_file_range`; a bound, so that a signal or an error is noticed.
const STEP: u64 = 256 << 20;
/// Bytes of one read and write where the kernel cannot copy.
const BUFFER: usize = 1 << 20;

/// Copies an open file under a new key, or to `to`, with its modification time.
///
/// # Errors
/// [`StorageError::Changed`] if the source was written to meanwhile.
pub(crate) async fn copy(
    areas: Arc<Areas>,
    source: impl FnOnce(&Areas) -> std::result::Result<(OwnedFd, Meta), StorageError> + Send + 'static,
    name: String,
    to: Option<StagePath>,
    durability: Durability,
) -> std::result::Result<Staged, StorageError> {
    let (meta, scrap) = blocking(move || {
        let (from, before) = source(&areas)?;
        let (into, scrap) = create(&areas, to)?;
        let (seconds, nanos) = before.mtime();
        copy_content(&from, &into, before.size)
            .and_then(|()| set_mtime(&into, seconds, i64::from(nanos)))
            .map_err(failed(&name))?;
        let after = Meta::of(&from).map_err(failed(&name))?;
        let copied = Meta::of(&into).map_err(failed(&name))?;
        if after.tag() != before.tag() || copied.size != before.size {
            return Err(StorageError::Changed(name));
        }
        let at = StagePath(name);
        Ok((close(&into, durability, &at)?, scrap))
    })
    .await?;
    Ok(Staged { at: scrap.hand_over(), size: meta.size, tag: meta.tag() })
}

fn copy_content(from: &OwnedFd, into: &OwnedFd, size: u64) -> Result<()> {
    if size == 0 || ioctl_ficlone(into, from).is_ok() {
        return Ok(());
    }
    let mut done = 0;
    while done < size {
        let (mut off_in, mut off_out) = (done, done);
        let step = usize::try_from((size - done).min(STEP)).unwrap_or(BUFFER);
        match copy_file_range(from, Some(&mut off_in), into, Some(&mut off_out), step) {
            Ok(0) => return Ok(()), // the source shrank: the caller compares
            Ok(copied) => done += copied as u64,
            Err(Errno::INTR) => {}
            Err(Errno::NOSPC | Errno::DQUOT | Errno::FBIG) => return Err(Errno::NOSPC),
            Err(_) => return copy_by_hand(from, into, done),
        }
    }
    Ok(())
}

fn copy_by_hand(from: &OwnedFd, into: &OwnedFd, mut done: u64) -> Result<()> {
    loop {
        let data = read_full(from, done, BUFFER)?;
        if data.is_empty() {
            return Ok(());
        }
        write_all(into, &data, done)?;
        done += data.len() as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::FileExt;

    #[test]
    fn both_ways_of_copying_give_the_same() {
        let content: Vec<u8> = (0..3 * BUFFER + 17).map(|i| (i % 251) as u8).collect();
        let from = tempfile::tempfile().unwrap();
        from.write_all_at(&content, 0).unwrap();
        let from = OwnedFd::from(from);
        for by_hand in [false, true] {
            let into = OwnedFd::from(tempfile::tempfile().unwrap());
            if by_hand {
                copy_by_hand(&from, &into, 0).unwrap();
            } else {
                copy_content(&from, &into, content.len() as u64).unwrap();
            }
            assert!(read_full(&into, 0, content.len() + 1).unwrap() == content, "{by_hand}");
        }
    }
}
