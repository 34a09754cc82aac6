//! A library in this process, and the entry that it exports.

use std::path::Path;

use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};
use moonsail_sdk::abi::PluginEntry;
use moonsail_sdk::abi::host::{EntryFacts, facts};

use super::error::{Cause, PluginError};
use super::file;

/// The exported symbol.
const SYMBOL: &[u8] = b"moonsail_plugin_entry_v1\0";

/// An entry that stays valid for ever, since its library is never unloaded.
#[derive(Clone, Copy)]
pub(super) struct Entry(*const PluginEntry);

// SAFETY: a table of constants.
unsafe impl Send for Entry {}

impl Entry {
    pub(super) fn pointer(self) -> *const PluginEntry {
        self.0
    }
}

/// Loads a library and checks its entry. The library's own start-up code runs here, and nothing else
/// of it.
pub(super) fn open(path: &Path) -> Result<(Entry, EntryFacts), Cause> {
    // SAFETY: the administrator has named the file, which has all rights of the server (`docs/extend`).
    let library = unsafe { Library::open(Some(path), RTLD_NOW | RTLD_LOCAL) }
        .map_err(|error| Cause::NotALibrary(reason(&error)))?;
    // SAFETY: a data symbol, whose address is wanted and nothing else.
    let entry = unsafe { library.get::<*const PluginEntry>(SYMBOL) };
    let entry = entry.map(|symbol| *symbol).unwrap_or(std::ptr::null());
    // Never unloaded: see the module of the folder.
    std::mem::forget(library);
    if entry.is_null() {
        return Err(Cause::NoEntry);
    }
    // SAFETY: it says of itself that it is an entry, and begins as one.
    let facts = unsafe { facts(entry) };
    let facts = facts.map_err(|error| Cause::Create { plugin: String::new(), error })?;
    Ok((Entry(entry), facts))
}

/// The loader's own words, which the error keeps for itself.
fn reason(error: &libloading::Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text = cause.to_string();
        source = cause.source();
    }
    text
}

/// What `moonsail plugin inspect` tells of a file.
#[derive(Debug, Clone)]
pub struct Inspected {
    /// What its entry says.
    pub facts: EntryFacts,
    /// SHA-256 in lower-case hex.
    pub sha256: String,
}

/// Loads a library and reads its entry, without making an instance.
///
/// # Errors
/// [`PluginError`].
pub fn inspect(path: &Path) -> Result<Inspected, PluginError> {
    let failed = |cause| PluginError { name: String::new(), path: path.to_owned(), cause };
    let checked = file::check(path, None).map_err(failed)?;
    let path = std::path::absolute(path).map_err(|error| failed(Cause::Unreadable(error)))?;
    let (_, facts) = open(&path).map_err(failed)?;
    Ok(Inspected { facts, sha256: checked.sha256 })
}
