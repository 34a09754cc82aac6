//! `moonsail.capabilities/1`: the table around [`crate::capabilities::CapabilityProvider`].

use std::ffi::c_void;

use super::values::{CallInfo, Done, Grows, Op, Str, StrList};

/// Id of [`CapabilitiesTable`].
pub const EXTENSION_CAPABILITIES: &str = "moonsail.capabilities/1";

/// What a provider learns of the user who asks.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct UserView {
    /// Size of this struct.
    pub size: u32,
    /// 1 for an administrator.
    pub admin: u32,
    /// User id.
    pub id: Str,
    /// The name that people see.
    pub display_name: Str,
    /// Mail address, or none.
    pub email: Str,
    /// Names of groups.
    pub groups: StrList,
}

/// What a provider wants to change.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct CapabilitiesPatch {
    /// Size of this struct.
    pub size: u32,
    /// Seconds for which the patch may be remembered for the same user; 0 asks every time.
    pub ttl_seconds: u32,
    /// A JSON object, merged into the document (RFC 7396).
    pub json: Str,
}

/// A provider of capabilities.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct CapabilitiesTable {
    /// Size of this struct.
    pub size: u32,
    /// Zero.
    pub reserved: u32,
    /// First argument of its functions.
    pub this: *mut c_void,
    /// Gives a [`CapabilitiesPatch`]. `user` is null for somebody who has not logged in; `base_json` is the
    /// document as it is before the patch.
    pub contribute: Option<
        unsafe extern "C" fn(
            this: *mut c_void,
            call: *const CallInfo,
            user: *const UserView,
            base_json: Str,
            done: Done,
        ) -> *mut Op,
    >,
}

// SAFETY: as the trait demands.
unsafe impl Grows for UserView {}
// SAFETY: the same.
unsafe impl Grows for CapabilitiesPatch {}
// SAFETY: the same.
unsafe impl Grows for CapabilitiesTable {}
