//! What the host does for its plugins, by id. The tables live as long as the host's own.

use std::ffi::c_void;

use super::values::{Buf, CallInfo, Done, Grows, KvList, Str};

/// Id of [`BlockingTable`].
pub const HOST_BLOCKING: &str = "moonsail.host.blocking/1";
/// Id of [`MetricsTable`].
pub const HOST_METRICS: &str = "moonsail.host.metrics/1";
/// Id of [`KvTable`].
pub const HOST_KV: &str = "moonsail.host.kv/1";
/// Id of [`HttpTable`].
pub const HOST_HTTP: &str = "moonsail.host.http/1";

/// Runs what blocks, for a plugin without threads of its own.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct BlockingTable {
    /// Size of this struct.
    pub size: u32,
    /// Zero.
    pub reserved: u32,
    /// First argument of its functions.
    pub this: *mut c_void,
    /// Calls `work(argument)` on a thread that may block. False if the host is stopping, and then
    /// `work` is never called.
    pub run: Option<
        unsafe extern "C" fn(
            this: *mut c_void,
            work: Option<unsafe extern "C" fn(argument: *mut c_void)>,
            argument: *mut c_void,
        ) -> bool,
    >,
}

/// Figures for the host's `/metrics`.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct MetricsTable {
    /// Size of this struct.
    pub size: u32,
    /// Zero.
    pub reserved: u32,
    /// First argument of its functions.
    pub this: *mut c_void,
    /// A counter by its name (`a-z`, `0-9`, `_`), made if there is none: a handle above 0, or 0 if the
    /// name is no name or there are too many. It shows as `moonsail_plugin_<name>` with the
    /// instance as a label.
    pub counter: Option<unsafe extern "C" fn(this: *mut c_void, name: Str, help: Str) -> u64>,
    /// The same for a gauge.
    pub gauge: Option<unsafe extern "C" fn(this: *mut c_void, name: Str, help: Str) -> u64>,
    /// Adds to a counter or gauge; a counter takes no negative value.
    pub add: Option<unsafe extern "C" fn(this: *mut c_void, handle: u64, value: f64)>,
    /// Sets a gauge.
    pub set: Option<unsafe extern "C" fn(this: *mut c_void, handle: u64, value: f64)>,
}

/// A small persistent store; each instance sees its own keys. Keys have at most 512 bytes, values at
/// most 1 MiB.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct KvTable {
    /// Size of this struct.
    pub size: u32,
    /// Zero.
    pub reserved: u32,
    /// First argument of its functions.
    pub this: *mut c_void,
    /// Gives a [`Buf`], or `CODE_NOT_FOUND`.
    pub get: Option<unsafe extern "C" fn(this: *mut c_void, key: Str, done: Done)>,
    /// Sets, durably when answered. No value.
    pub set: Option<unsafe extern "C" fn(this: *mut c_void, key: Str, value: Str, done: Done)>,
    /// Removes; success if there was nothing. No value.
    pub remove: Option<unsafe extern "C" fn(this: *mut c_void, key: Str, done: Done)>,
    /// Gives a [`Buf`] with the keys that begin with `prefix`, in byte order, each followed by a zero
    /// byte.
    pub list: Option<unsafe extern "C" fn(this: *mut c_void, prefix: Str, done: Done)>,
}

/// HTTP requests over the host's TLS.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct HttpTable {
    /// Size of this struct.
    pub size: u32,
    /// Zero.
    pub reserved: u32,
    /// First argument of its functions.
    pub this: *mut c_void,
    /// Sends a request and gives an [`HttpAnswer`]. No redirect is followed. At most 8 MiB of an
    /// answer are taken.
    pub send: Option<
        unsafe extern "C" fn(
            this: *mut c_void,
            call: *const CallInfo,
            method: Str,
            url: Str,
            headers: KvList,
            body: Str,
            done: Done,
        ),
    >,
}

/// The answer to a request of [`HttpTable::send`].
#[repr(C)]
#[derive(Debug)]
pub struct HttpAnswer {
    /// Size of this struct.
    pub size: u32,
    /// Status code.
    pub status: u32,
    /// Header fields, names in lower case.
    pub headers: KvList,
    /// The body.
    pub body: Buf,
}

// SAFETY: as the trait demands.
unsafe impl Grows for BlockingTable {}
// SAFETY: the same.
unsafe impl Grows for MetricsTable {}
// SAFETY: the same.
unsafe impl Grows for KvTable {}
// SAFETY: the same.
unsafe impl Grows for HttpTable {}
