//! `moonsail.events/1`: the tables around [`crate::events::EventSink`], which says what they mean.

use std::ffi::c_void;

use super::values::{CallInfo, Done, Grows, List, Op, Str};

/// Id of [`EventsTable`].
pub const EXTENSION_EVENTS: &str = "moonsail.events/1";

/// [`FeedEvent::kind`]: it is gone meanwhile, so nobody knows.
pub const NODE_GONE: u32 = 0;
/// [`FeedEvent::kind`]: a file.
pub const NODE_FILE: u32 = 1;
/// [`FeedEvent::kind`]: a folder.
pub const NODE_FOLDER: u32 = 2;

/// One change, durable before anybody hears of it.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct FeedEvent {
    /// Size of this struct.
    pub size: u32,
    /// One of the `NODE_` constants, as it is now.
    pub kind: u32,
    /// Its number in the feed: rises, with gaps, and is never used twice. The key by which an event that
    /// comes a second time is known again.
    pub seq: u64,
    /// When it was decided, Unix milliseconds.
    pub time_millis: i64,
    /// Id of the file or folder (`oc:fileid`).
    pub node: i64,
    /// Its size in bytes now, if `has_bytes` is 1.
    pub bytes: u64,
    /// 0 if the size is not known.
    pub has_bytes: u32,
    /// Zero.
    pub reserved: u32,
    /// What happened: `file.uploaded` and so on.
    pub name: Str,
    /// Id of the user who did it, or none.
    pub actor: Str,
    /// The way it came: `dav`, `web`, `cli`, or `disk`.
    pub origin: Str,
    /// Id of the user in whose tree it lies.
    pub owner: Str,
    /// Path in that tree, without a slash in front.
    pub path: Str,
    /// Path before, where something was moved; else none.
    pub old_path: Str,
    /// Its etag now, unquoted; none if it is gone.
    pub etag: Str,
    /// The request that did it; empty if none.
    pub request_id: Str,
}

/// Hears of changes: at least once, in order, one batch at a time.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct EventsTable {
    /// Size of this struct.
    pub size: u32,
    /// Zero.
    pub reserved: u32,
    /// First argument of its functions.
    pub this: *mut c_void,
    /// Answers **before it returns**, with a [`StrList`](super::StrList) of patterns: a name, a beginning (`file.*`), or
    /// `*`. Asked after the start and again for each batch, so it should be quick.
    pub interest: Option<unsafe extern "C" fn(this: *mut c_void, done: Done)>,
    /// Takes a [`List`] of [`FeedEvent`], never empty. `CODE_OK` takes the whole batch; after anything
    /// else it comes again, not before `retry_after_ms`. No value.
    pub deliver: Option<
        unsafe extern "C" fn(
            this: *mut c_void,
            call: *const CallInfo,
            events: List,
            done: Done,
        ) -> *mut Op,
    >,
}

// SAFETY: as the trait demands.
unsafe impl Grows for FeedEvent {}
// SAFETY: the same.
unsafe impl Grows for EventsTable {}
