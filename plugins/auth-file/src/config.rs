//! Where the accounts are.

use std::path::PathBuf;

/// The settings of an [`AuthFile`](crate::AuthFile).
#[derive(Debug, Clone)]
pub struct AuthFileConfig {
    /// The htpasswd file. It is read again when it changes.
    pub path: PathBuf,
}
