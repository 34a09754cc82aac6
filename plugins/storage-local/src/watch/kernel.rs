//! The kernel's side of a watch: an inotify instance.
//!
//! Watches are added through `/proc/self/fd`, to a folder that is open already: a path could lead
//! out of the tree by a link that somebody puts in its place meanwhile.

use rustix::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};
use rustix::io::{Errno, Result};

/// Bytes read at once; an event takes 16 and its name.
const BUFFER: usize = 64 << 10;

/// Events read before they are worked through. The kernel keeps 16,384 by default.
const MOST: usize = 32 << 10;

/// Something that happened in a watched folder.
#[derive(Debug)]
pub(super) struct Event {
    /// Number of the watch.
    pub(super) wd: i32,
    pub(super) flags: ReadFlags,
    /// Of the member; `None` if it is about the folder itself.
    pub(super) name: Option<Box<[u8]>>,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Kernel {
    /// `None` while the system gives no instance.
    fd: Option<OwnedFd>,
}

impl Kernel {
    /// Tries to get an instance; without one, no watch can be added.
    pub(super) fn open() -> Self {
        Self { fd: inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK).ok() }
    }

    /// What one gets from a system that gives no more.
    #[cfg(test)]
    pub(super) fn none() -> Self {
        Self { fd: None }
    }

    /// Tries again, if there is none.
    pub(super) fn reopen(&mut self) {
        if self.fd.is_none() {
            *self = Self::open();
        }
    }

    /// What becomes readable when something happens.
    pub(super) fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.fd.as_ref().map(AsFd::as_fd)
    }

    /// Watches an open folder; the number of the watch, which is the old one if it was watched.
    ///
    /// # Errors
    /// Any errno means that it cannot be watched: `NOSPC` that no more watches can be had, `NOENT`
    /// that there is no `/proc`.
    pub(super) fn add(&self, folder: impl AsFd) -> Result<i32> {
        let Some(fd) = &self.fd else { return Err(Errno::NOSPC) };
        let flags = WatchFlags::ONLYDIR
            | WatchFlags::EXCL_UNLINK
            | WatchFlags::CREATE
            | WatchFlags::DELETE
            | WatchFlags::MOVED_FROM
            | WatchFlags::MOVED_TO
            | WatchFlags::MODIFY
            | WatchFlags::CLOSE_WRITE
            | WatchFlags::ATTRIB;
        let path = format!("/proc/self/fd/{}", folder.as_fd().as_raw_fd());
        inotify::add_watch(fd, path, flags)
    }

    /// Ends a watch; one that has ended by itself is no matter.
    pub(super) fn remove(&self, wd: i32) {
        if let Some(fd) = &self.fd {
            let _ = inotify::remove_watch(fd, wd);
        }
    }

    /// What has happened, and whether there may be more. Does not wait.
    pub(super) fn read(&self) -> (Vec<Event>, bool) {
        let mut events = Vec::new();
        let Some(fd) = &self.fd else { return (events, false) };
        let mut buffer: Vec<u8> = Vec::with_capacity(BUFFER);
        let mut reader = inotify::Reader::new(fd, buffer.spare_capacity_mut());
        loop {
            if events.len() >= MOST && reader.is_buffer_empty() {
                return (events, true);
            }
            match reader.next() {
                Ok(event) => events.push(Event {
                    wd: event.wd(),
                    flags: event.events(),
                    name: event.file_name().map(|name| name.to_bytes().into()),
                }),
                Err(Errno::INTR) => {}
                Err(_) => return (events, false),
            }
        }
    }
}
