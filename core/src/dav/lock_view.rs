//! Locks as `d:activelock` shows them to one viewer (RFC 4918 §14.1).

use crate::path::DavPath;
use crate::proto::dav::{self as codec, ActiveLock};
use crate::store::locks::{Lock, LockDepth, LockScope};

/// A lock as `d:activelock` shows it to one viewer.
pub(super) struct WireLock<'a> {
    lock: &'a Lock,
    root: String,
    left: codec::LockTimeout,
    mine: bool,
}

impl WireLock<'_> {
    pub(super) fn view(&self) -> ActiveLock<'_> {
        ActiveLock {
            scope: match self.lock.scope {
                LockScope::Exclusive => codec::LockScope::Exclusive,
                LockScope::Shared => codec::LockScope::Shared,
            },
            depth: match self.lock.depth {
                LockDepth::Zero => codec::LockDepth::Zero,
                LockDepth::Infinity => codec::LockDepth::Infinity,
            },
            owner_xml: &self.lock.owner,
            timeout: self.left,
            token: if self.mine { &self.lock.token } else { "" },
            root_href: &self.root,
        }
    }
}

/// Locks with the hrefs of their roots and the time they have left.
pub(super) fn wire_locks<'a>(
    locks: &'a [(DavPath, Lock)],
    base: &str,
    viewer: &str,
    now: i64,
) -> Vec<WireLock<'a>> {
    let wire = locks.iter().map(|(path, lock)| WireLock {
        root: format!("{base}/{}", path.encode()),
        left: match lock.expires {
            None => codec::LockTimeout::Infinite,
            Some(expires) => {
                let left = expires.saturating_sub(now).max(0);
                codec::LockTimeout::Seconds(u32::try_from(left).unwrap_or(u32::MAX))
            }
        },
        mine: lock.user.as_str() == viewer,
        lock,
    });
    wire.collect()
}
