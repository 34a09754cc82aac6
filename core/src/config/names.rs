//! `[names]`: which names of files are taken.

use serde::{Deserialize, Serialize};

/// The section as written in `server.toml`; the file documents each key.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RawNames {
    windows_compatible: bool,
}

/// Checked `[names]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Names {
    /// Refuse names that Windows cannot store with 400, and say so in the capabilities
    /// (`forbidden_filename_*`).
    pub windows_compatible: bool,
}

impl RawNames {
    pub(crate) fn check(&self) -> Names {
        Names { windows_compatible: self.windows_compatible }
    }
}
