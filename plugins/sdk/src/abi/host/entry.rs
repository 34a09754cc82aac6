//! An entry, checked before anything in it is believed.

use crate::abi::convert::Malformed;
use crate::abi::{ABI_MAGIC, ABI_MAJOR, FLAG_PANIC_ABORT, FLAG_RELOADABLE, PluginEntry};

/// Why an entry or an instance is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CreateError {
    /// Not the entry of a plugin.
    #[error("its moonsail_plugin_entry_v1 is no entry of a plugin (its magic is {0:#010x})")]
    Magic(u32),
    /// Another major of the border.
    #[error(
        "it speaks version {found} of the plugin interface, and this server version {}; build it \
         with the moonsail-sdk of this server",
        ABI_MAJOR
    )]
    Major {
        /// What it speaks.
        found: u16,
    },
    /// An entry too small to be one.
    #[error("its entry has {found} bytes, and must have {least}; build it again")]
    Size {
        /// Bytes that it has.
        found: u32,
        /// Bytes that it must have.
        least: usize,
    },
    /// A text of the entry that is none.
    #[error("its entry is damaged: {0}")]
    Malformed(#[from] Malformed),
    /// What the plugin itself says about its configuration.
    #[error("{0}")]
    Refused(String),
}

/// What an entry says, checked and copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryFacts {
    /// Name of the plugin.
    pub name: String,
    /// Its version.
    pub version: String,
    /// SDK it was built with.
    pub sdk: String,
    /// Compiler and target.
    pub build: String,
    /// Major and minor of the border.
    pub abi: (u16, u16),
    /// JSON Schema of its configuration; may be empty.
    pub config_schema: String,
    /// A panic in it ends the whole server.
    pub panic_aborts: bool,
    /// It may be loaded again beside an older copy of itself.
    pub reloadable: bool,
}

/// Bytes up to the end of `abi_major`, which every entry has.
const HEAD: usize = std::mem::offset_of!(PluginEntry, abi_minor);

/// Checks an entry and reads it.
///
/// # Safety
/// `entry` points to at least 12 bytes, and to as many as its second field says if its magic, major
/// and size are right.
///
/// # Errors
/// [`CreateError`].
pub unsafe fn facts(entry: *const PluginEntry) -> Result<EntryFacts, CreateError> {
    const { assert!(HEAD <= 12) };
    // SAFETY: within the first twelve bytes.
    let (magic, size, major) = unsafe {
        (
            (&raw const (*entry).magic).read_unaligned(),
            (&raw const (*entry).size).read_unaligned(),
            (&raw const (*entry).abi_major).read_unaligned(),
        )
    };
    if magic != ABI_MAGIC {
        return Err(CreateError::Magic(magic));
    }
    if major != ABI_MAJOR {
        return Err(CreateError::Major { found: major });
    }
    let least = std::mem::size_of::<PluginEntry>();
    if (size as usize) < least {
        return Err(CreateError::Size { found: size, least });
    }
    // SAFETY: as large as ours, as the caller promises.
    let entry = unsafe { entry.read_unaligned() };
    // SAFETY: constants of the library.
    unsafe {
        Ok(EntryFacts {
            name: entry.name.owned()?,
            version: entry.version.owned()?,
            sdk: entry.sdk.owned()?,
            build: entry.build.owned()?,
            abi: (entry.abi_major, entry.abi_minor),
            config_schema: entry.config_schema.owned()?,
            panic_aborts: entry.flags & FLAG_PANIC_ABORT != 0,
            reloadable: entry.flags & FLAG_RELOADABLE != 0,
        })
    }
}
