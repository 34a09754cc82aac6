//! Values that cross the border: texts, buffers, lists, answers.

use std::ffi::c_void;

/// A borrowed text in UTF-8, or bytes where a function says so. Not NUL-ended. A null `ptr` is "none".
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct Str {
    /// First byte.
    pub ptr: *const u8,
    /// Bytes.
    pub len: usize,
}

/// A borrowed list of texts.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct StrList {
    /// First text; null for "none", which is not the empty list.
    pub items: *const Str,
    /// Number of texts.
    pub len: usize,
}

/// A borrowed list of structs that may grow: the next one begins `stride` bytes after each.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct List {
    /// First struct.
    pub items: *const c_void,
    /// Number of structs.
    pub len: usize,
    /// Bytes from one to the next, on the side that made the list.
    pub stride: usize,
}

/// A named text.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct Kv {
    /// Its name.
    pub key: Str,
    /// The text.
    pub value: Str,
}

/// A borrowed list of named texts, in order.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct KvList {
    /// First one.
    pub items: *const Kv,
    /// Number of them.
    pub len: usize,
}

/// Owned bytes. Who holds it calls `release(owner)` exactly once, from any thread.
#[repr(C)]
#[derive(Debug)]
pub struct Buf {
    /// First byte; may be null if `len` is 0.
    pub ptr: *const u8,
    /// Bytes.
    pub len: usize,
    /// For `release` alone.
    pub owner: *mut c_void,
    /// Frees it; null if there is nothing to free.
    pub release: Option<unsafe extern "C" fn(owner: *mut c_void)>,
}

/// Where an answer goes. `complete` is called exactly once, from any thread, also before the call
/// that got it returns.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct Done {
    /// For `complete` alone.
    pub ctx: *mut c_void,
    /// Takes the answer, which is copied before it returns.
    pub complete: Option<unsafe extern "C" fn(ctx: *mut c_void, outcome: *const Outcome)>,
}

/// An answer.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct Outcome {
    /// Size of this struct.
    pub size: u32,
    /// One of the `CODE_` constants.
    pub code: i32,
    /// With [`CODE_DENIED`](super::CODE_DENIED) and the like for people, else for the log.
    pub message: Str,
    /// With [`CODE_BUSY`](super::CODE_BUSY) and [`CODE_UNAVAILABLE`](super::CODE_UNAVAILABLE): when to
    /// try again, in milliseconds; 0 if nobody knows.
    pub retry_after_ms: u32,
    /// Zero.
    pub reserved: u32,
    /// What the function gives, as it says; null if nothing.
    pub value: *const c_void,
}

/// What is known about the request that calls. Borrowed until the starting call returns.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct CallInfo {
    /// Size of this struct.
    pub size: u32,
    /// Milliseconds until nobody waits for the answer any more; 0 if there is no such time.
    pub timeout_ms: u32,
    /// The request's id, as in the access log; empty if no request is behind it.
    pub request_id: Str,
    /// User id of who asks; none if nobody is logged in.
    pub user: Str,
    /// Address of the client; none if unknown.
    pub remote_ip: Str,
    /// The name of who asks, as people see it; none if nobody is logged in, or it is not told.
    pub display_name: Str,
    /// Base of absolute URLs without a slash at the end; none where it is not told.
    pub base_url: Str,
    /// 1 if who asks is an administrator; told to routes alone.
    pub admin: u32,
    /// Zero.
    pub reserved: u32,
}

/// A call that goes on. The host calls `cancel` at most once and `release` exactly once, also after
/// the answer came. A cancelled call is answered all the same, by
/// [`CODE_CANCELLED`](super::CODE_CANCELLED) or by what it found.
#[repr(C)]
#[derive(Debug)]
pub struct Op {
    /// Size of this struct.
    pub size: u32,
    /// Zero.
    pub reserved: u32,
    /// Nobody waits any more. Null if that is of no interest.
    pub cancel: Option<unsafe extern "C" fn(op: *mut Op)>,
    /// Frees the struct.
    pub release: Option<unsafe extern "C" fn(op: *mut Op)>,
}

/// Structs that may be shorter on the other side. All zero is a value of each. Where one has a [`Buf`],
/// its bytes belong to who takes that first.
///
/// # Safety
/// The implementor is `repr(C)`, consists of integers, raw pointers, optional function pointers and
/// such structs, and its first field is a `u32` that holds its size.
pub unsafe trait Grows: Sized {}

// SAFETY: as the trait demands, by their definitions above.
unsafe impl Grows for Outcome {}
// SAFETY: the same.
unsafe impl Grows for CallInfo {}
