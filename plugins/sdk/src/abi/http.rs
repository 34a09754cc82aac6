//! `moonsail.http/1`: the tables around [`crate::http::HttpApp`], which says what they mean.

use std::ffi::c_void;

use super::stream::Stream;
use super::values::{CallInfo, Done, Grows, KvList, Op, Str};

/// Id of [`HttpAppTable`].
pub const EXTENSION_HTTP: &str = "moonsail.http/1";

/// [`HttpRoute::access`]: anybody.
pub const ACCESS_NONE: u32 = 0;
/// [`HttpRoute::access`]: whoever is logged in.
pub const ACCESS_USER: u32 = 1;
/// [`HttpRoute::access`]: administrators.
pub const ACCESS_ADMIN: u32 = 2;

/// A method and a pattern of paths.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct HttpRoute {
    /// Size of this struct.
    pub size: u32,
    /// One of the `ACCESS_` constants.
    pub access: u32,
    /// The largest request body in bytes; 0 takes none.
    pub max_body: u64,
    /// `GET`, `POST` and so on.
    pub method: Str,
    /// `/apps/<name>/…` or `/ocs/v2.php/apps/<name>/…` with the instance's name; `{id}` stands for one
    /// segment, `{rest*}` at the end for all that is left.
    pub pattern: Str,
}

/// The head of a request. Borrowed until the starting call returns.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct HttpHead {
    /// Size of this struct.
    pub size: u32,
    /// Which of the routes was found, counted from 0.
    pub route: u32,
    /// The method.
    pub method: Str,
    /// The path, decoded: it begins with `/apps/` or `/ocs/v2.php/apps/`.
    pub path: Str,
    /// What is behind the question mark, as it came; empty if nothing.
    pub query: Str,
    /// The segments that the pattern names, decoded.
    pub params: KvList,
    /// Header fields, names in lower case.
    pub fields: KvList,
}

/// An answer to a request.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct HttpReplyHead {
    /// Size of this struct.
    pub size: u32,
    /// Status, 200 to 599.
    pub status: u32,
    /// Header fields.
    pub fields: KvList,
    /// Length of the body, if `has_length` is 1. A body that ends before it breaks the connection.
    pub length: u64,
    /// 0 if the length is not known; of a `body` it is known anyway.
    pub has_length: u32,
    /// Zero.
    pub reserved: u32,
    /// The whole body, which is copied.
    pub body: Str,
    /// The body in pieces, instead; goes over to the host. Null where `body` is it.
    pub stream: *mut Stream,
}

/// Answers requests under a path of the plugin's own.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct HttpAppTable {
    /// Size of this struct.
    pub size: u32,
    /// Zero.
    pub reserved: u32,
    /// First argument of its functions.
    pub this: *mut c_void,
    /// Answers **before it returns**, with a [`List`](super::List) of [`HttpRoute`]. Asked once, after the start.
    pub routes: Option<unsafe extern "C" fn(this: *mut c_void, done: Done)>,
    /// Gives an [`HttpReplyHead`]; `CODE_UNAVAILABLE` is 503 for the client, `CODE_TOO_LARGE` 413,
    /// `CODE_INVALID` 400, and anything else 500. `body` is never null, and **goes over to the plugin**:
    /// it is read to its end, or not, also while the answer is sent, and closed exactly once.
    pub handle: Option<
        unsafe extern "C" fn(
            this: *mut c_void,
            call: *const CallInfo,
            head: *const HttpHead,
            body: *mut Stream,
            done: Done,
        ) -> *mut Op,
    >,
}

// SAFETY: as the trait demands.
unsafe impl Grows for HttpRoute {}
// SAFETY: the same.
unsafe impl Grows for HttpHead {}
// SAFETY: the same.
unsafe impl Grows for HttpReplyHead {}
// SAFETY: the same.
unsafe impl Grows for HttpAppTable {}
