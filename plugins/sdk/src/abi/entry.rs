//! What a library exports, a plugin is, and a host gives.

use std::ffi::c_void;

use super::values::{Buf, Done, Grows, KvList, Str};

/// First field of every entry.
pub const ABI_MAGIC: u32 = 0x4E43_5031;
/// Another major is refused.
pub const ABI_MAJOR: u16 = 1;
/// Any minor is taken: sizes and extension ids say what is there.
pub const ABI_MINOR: u16 = 0;

/// Flag of an entry: a panic ends the whole server (`panic = "abort"`).
pub const FLAG_PANIC_ABORT: u32 = 1;
/// Flag of an entry: it may be loaded again beside an older copy of itself.
pub const FLAG_RELOADABLE: u32 = 4;

/// The exported **data** symbol `moonsail_plugin_entry_v1`. The host reads `magic`, `size` and
/// `abi_major` before anything else, and nothing else unless they fit.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct PluginEntry {
    /// [`ABI_MAGIC`].
    pub magic: u32,
    /// Size of this struct.
    pub size: u32,
    /// [`ABI_MAJOR`].
    pub abi_major: u16,
    /// [`ABI_MINOR`].
    pub abi_minor: u16,
    /// `FLAG_` constants.
    pub flags: u32,
    /// Name of the plugin, as in `auth-ldap`.
    pub name: Str,
    /// Its version.
    pub version: Str,
    /// What it was built with, as in `moonsail-sdk 0.1.0`; for messages.
    pub sdk: Str,
    /// Compiler and target; for messages.
    pub build: Str,
    /// JSON Schema of its configuration; may be empty.
    pub config_schema: Str,
    /// Makes an instance. `instance_name` is the name in `server.toml`, `config_json` its section.
    /// Null means failure, and `error` then holds why in UTF-8. May block for a moment.
    pub create: Option<
        unsafe extern "C" fn(
            host: *const HostTable,
            instance_name: Str,
            config_json: Str,
            error: *mut Buf,
        ) -> *mut PluginTable,
    >,
}

// SAFETY: a table of constants that nobody writes to.
unsafe impl Sync for PluginEntry {}

/// An instance of a plugin.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct PluginTable {
    /// Size of this struct.
    pub size: u32,
    /// Zero.
    pub reserved: u32,
    /// First argument of its functions.
    pub this: *mut c_void,
    /// The table of an extension (`moonsail.auth/1`, …), which lives as long as the instance; null if
    /// it does not offer that. Called before `start`, too.
    pub get_extension: Option<unsafe extern "C" fn(this: *mut c_void, id: Str) -> *const c_void>,
    /// Connects, migrates. Fails with a message; null if there is nothing to do. No value.
    pub start: Option<unsafe extern "C" fn(this: *mut c_void, done: Done)>,
    /// Finishes what runs: no new calls come. No value.
    pub stop: Option<unsafe extern "C" fn(this: *mut c_void, done: Done)>,
    /// Frees the instance and this table, after `stop`, and joins its threads.
    pub destroy: Option<unsafe extern "C" fn(this: *mut c_void)>,
}

// SAFETY: as the trait demands.
unsafe impl Grows for PluginTable {}

/// What the host gives to an instance. It lives until `destroy` has returned; all functions may be
/// called from any thread.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct HostTable {
    /// Size of this struct.
    pub size: u32,
    /// [`ABI_MAJOR`] of the host.
    pub abi_major: u16,
    /// [`ABI_MINOR`] of the host.
    pub abi_minor: u16,
    /// First argument of its functions.
    pub this: *mut c_void,
    /// `moonsail`, or what hosts it in a test.
    pub server_name: Str,
    /// Version of the host.
    pub server_version: Str,
    /// Whether a line of this level would be written: 1 error, 2 warning, 3 info, 4 debug, 5 trace.
    pub log_enabled: Option<unsafe extern "C" fn(this: *mut c_void, level: u32) -> bool>,
    /// Writes a line to the log. `request_id` is that of the call, or none.
    pub log: Option<
        unsafe extern "C" fn(
            this: *mut c_void,
            level: u32,
            message: Str,
            fields: KvList,
            request_id: Str,
        ),
    >,
    /// The table of a host service (`moonsail.host.kv/1`, …); null if there is none of that id.
    pub get_extension: Option<unsafe extern "C" fn(this: *mut c_void, id: Str) -> *const c_void>,
}

// SAFETY: as the trait demands.
unsafe impl Grows for HostTable {}
