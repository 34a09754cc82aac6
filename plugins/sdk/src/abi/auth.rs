//! `moonsail.auth/1`: the tables around [`crate::auth::Authenticator`], which says what each function
//! means.

use std::ffi::c_void;

use super::values::{CallInfo, Done, Grows, List, Op, Str, StrList};

/// Id of [`AuthTable`].
pub const EXTENSION_AUTH: &str = "moonsail.auth/1";

/// A user. [`AuthTable::check_password`] and its like give one with `CODE_OK`, and otherwise
/// `CODE_NEXT`, `CODE_DENIED`, `CODE_DISABLED`, `CODE_EXPIRED`, or `CODE_UNAVAILABLE` if the question
/// could not be answered.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct Identity {
    /// Size of this struct.
    pub size: u32,
    /// 1 if `quota` says something.
    pub has_quota: u32,
    /// Bytes that the user may store.
    pub quota: u64,
    /// The immutable id of the account at its provider.
    pub subject: Str,
    /// The login name.
    pub login: Str,
    /// The name that people see; none if the provider knows none.
    pub display_name: Str,
    /// Mail address; none if the provider knows none.
    pub email: Str,
    /// Names of groups; none if the provider does not say.
    pub groups: StrList,
}

/// An account as its provider has it now.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct Account {
    /// Size of this struct.
    pub size: u32,
    /// 1 if it may log in.
    pub enabled: u32,
    /// Who it is.
    pub identity: *const Identity,
}

/// Some of a provider's accounts.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct AccountPage {
    /// Size of this struct.
    pub size: u32,
    /// Zero.
    pub reserved: u32,
    /// [`Account`]s.
    pub accounts: List,
    /// The cursor of the next page; none at the end.
    pub next: Str,
}

/// An authenticator. All functions but `check_password` may be missing.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct AuthTable {
    /// Size of this struct.
    pub size: u32,
    /// Zero.
    pub reserved: u32,
    /// First argument of its functions.
    pub this: *mut c_void,
    /// Gives an [`Identity`].
    pub check_password: Option<
        unsafe extern "C" fn(
            this: *mut c_void,
            call: *const CallInfo,
            login: Str,
            password: Str,
            done: Done,
        ) -> *mut Op,
    >,
    /// Gives an [`Identity`]. `kind` is `bearer` or another word for what the token is.
    pub check_token: Option<
        unsafe extern "C" fn(
            this: *mut c_void,
            call: *const CallInfo,
            kind: Str,
            token: Str,
            done: Done,
        ) -> *mut Op,
    >,
    /// Gives the [`Account`] of a subject, or `CODE_NOT_FOUND` if it is gone for good.
    pub lookup: Option<
        unsafe extern "C" fn(
            this: *mut c_void,
            call: *const CallInfo,
            subject: Str,
            done: Done,
        ) -> *mut Op,
    >,
    /// Gives the [`Account`] that `login` would log in to, or `CODE_NOT_FOUND`.
    pub find: Option<
        unsafe extern "C" fn(
            this: *mut c_void,
            call: *const CallInfo,
            login: Str,
            done: Done,
        ) -> *mut Op,
    >,
    /// Gives an [`AccountPage`] of at most `limit` accounts.
    pub list: Option<
        unsafe extern "C" fn(
            this: *mut c_void,
            call: *const CallInfo,
            search: Str,
            limit: u64,
            cursor: Str,
            done: Done,
        ) -> *mut Op,
    >,
    /// No value; `CODE_DENIED` with a sentence for the user, or `CODE_NEXT`. `old_password` is none when
    /// an administrator asks.
    pub set_password: Option<
        unsafe extern "C" fn(
            this: *mut c_void,
            call: *const CallInfo,
            login: Str,
            old_password: Str,
            new_password: Str,
            done: Done,
        ) -> *mut Op,
    >,
    /// Gives a [`Str`]: a JSON object for the administrator.
    pub explain: Option<
        unsafe extern "C" fn(
            this: *mut c_void,
            call: *const CallInfo,
            login: Str,
            done: Done,
        ) -> *mut Op,
    >,
}

// SAFETY: as the trait demands.
unsafe impl Grows for Identity {}
// SAFETY: the same.
unsafe impl Grows for Account {}
// SAFETY: the same.
unsafe impl Grows for AccountPage {}
// SAFETY: the same.
unsafe impl Grows for AuthTable {}
