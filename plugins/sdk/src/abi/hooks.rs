//! `moonsail.hooks/1`: the tables around [`crate::hooks::Hooks`], which says what they mean.

use std::ffi::c_void;

use super::values::{CallInfo, Done, Grows, KvList, List, Op, Str, StrList};

/// Id of [`HooksTable`].
pub const EXTENSION_HOOKS: &str = "moonsail.hooks/1";

/// [`HookInterest::on_error`]: what the event's class says.
pub const ON_ERROR_USUAL: u32 = 0;
/// [`HookInterest::on_error`]: as if it had denied.
pub const ON_ERROR_DENY: u32 = 1;
/// [`HookInterest::on_error`]: as if it had no opinion.
pub const ON_ERROR_ALLOW: u32 = 2;

/// [`HookField::kind`]: known to be nothing.
pub const FIELD_NULL: u32 = 0;
/// [`HookField::kind`]: `number` is 0 or 1.
pub const FIELD_BOOL: u32 = 1;
/// [`HookField::kind`]: `number` says it.
pub const FIELD_INT: u32 = 2;
/// [`HookField::kind`]: `text` says it.
pub const FIELD_TEXT: u32 = 3;
/// [`HookField::kind`]: `texts` says it.
pub const FIELD_LIST: u32 = 4;

/// Events that a plugin wants to be asked about.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct HookInterest {
    /// Size of this struct.
    pub size: u32,
    /// Who has the higher one is asked first; 0 unless there is a reason.
    pub priority: i32,
    /// One of the `ON_ERROR_` constants: what becomes of the event when the plugin cannot answer.
    pub on_error: u32,
    /// Zero.
    pub reserved: u32,
    /// The name of an event, or all that begin alike: `file.*`.
    pub event: Str,
}

/// A named value.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct HookField {
    /// Size of this struct.
    pub size: u32,
    /// One of the `FIELD_` constants: which of the members below holds the value.
    pub kind: u32,
    /// Its name.
    pub name: Str,
    /// Of `FIELD_BOOL` and `FIELD_INT`.
    pub number: i64,
    /// Of `FIELD_TEXT`.
    pub text: Str,
    /// Of `FIELD_LIST`.
    pub texts: StrList,
}

/// Something that is about to happen. Borrowed until the starting call returns.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct HookEvent {
    /// Size of this struct.
    pub size: u32,
    /// Zero.
    pub reserved: u32,
    /// Its name: `file.before_upload`.
    pub name: Str,
    /// [`HookField`]s: what is known about it.
    pub fields: List,
    /// Number of the bytes that the event is about, for `read_content`; 0 if there are none. Good until
    /// the event is answered.
    pub content: u64,
    /// How many bytes there are.
    pub content_size: u64,
    /// Gives a [`Buf`](super::Buf): at most `most` bytes from `offset` on, and none at the end. May be kept beyond the
    /// call, and used from any thread; once the event is answered, it answers `CODE_CANCELLED`. Null
    /// if there are no bytes.
    pub read_content:
        Option<unsafe extern "C" fn(content: u64, offset: u64, most: u64, done: Done)>,
}

/// What goes with the answer of [`HooksTable::before`]; may be left out where it says nothing.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct HookAnswer {
    /// Size of this struct.
    pub size: u32,
    /// With `CODE_DENIED`: the HTTP status for the client, 400 to 599; 0 for 403. With `CODE_OK`: that of
    /// the answer to the request itself (only of the event `request`); 0 to let it happen.
    pub status: u32,
    /// With `CODE_REPLACE`: [`HookField`]s that get other values.
    pub fields: List,
    /// With `CODE_OK` and a status: header fields of the answer.
    pub headers: KvList,
    /// With `CODE_OK` and a status: its body.
    pub body: Str,
}

/// Has a say before something happens.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct HooksTable {
    /// Size of this struct.
    pub size: u32,
    /// Zero.
    pub reserved: u32,
    /// First argument of its functions.
    pub this: *mut c_void,
    /// Answers **before it returns**, with a [`List`] of [`HookInterest`]. Asked once, after the start.
    pub interest: Option<unsafe extern "C" fn(this: *mut c_void, done: Done)>,
    /// Answers `CODE_NEXT` for no opinion, `CODE_OK` to let it happen, `CODE_DENIED` with a line for the
    /// user, or `CODE_REPLACE`; with a [`HookAnswer`] where there is more to say. Anything else is a
    /// failure to decide.
    pub before: Option<
        unsafe extern "C" fn(
            this: *mut c_void,
            call: *const CallInfo,
            event: *const HookEvent,
            done: Done,
        ) -> *mut Op,
    >,
}

// SAFETY: as the trait demands.
unsafe impl Grows for HookInterest {}
// SAFETY: the same.
unsafe impl Grows for HookField {}
// SAFETY: the same.
unsafe impl Grows for HookEvent {}
// SAFETY: the same.
unsafe impl Grows for HookAnswer {}
// SAFETY: the same.
unsafe impl Grows for HooksTable {}
