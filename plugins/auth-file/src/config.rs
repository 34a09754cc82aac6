//! Where the accounts are.

use std::path::PathBuf;

use serde::Deserialize;

/// The settings of an [`AuthFile`](crate::AuthFile).
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuthFileConfig {
    /// The htpasswd file. It is read again when it changes.
    pub path: PathBuf,
}
