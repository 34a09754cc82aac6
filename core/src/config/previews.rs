//! `[previews]`: bounds for small pictures of files.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::checker::Checker;

/// The section as written in `server.toml`; the file documents each key.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RawPreviews {
    at_once: u64,
    timeout_secs: u64,
    max_file_bytes: u64,
    max_side: u64,
}

impl Default for RawPreviews {
    fn default() -> Self {
        Self { at_once: 2, timeout_secs: 5, max_file_bytes: 256 << 20, max_side: 4096 }
    }
}

/// Checked `[previews]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Previews {
    /// Pictures that are made at the same time.
    pub at_once: usize,
    /// How long the making of one may take.
    pub timeout: Duration,
    /// The largest file in bytes that pictures are made of; `None` for any.
    pub max_file: Option<u64>,
    /// The longest side of a picture in pixels.
    pub max_side: u32,
}

impl RawPreviews {
    pub(crate) fn check(&self, see: &mut Checker<'_>) -> Previews {
        see.section("previews");
        let max_file = see.number("max_file_bytes", self.max_file_bytes, 0..=1 << 40);
        Previews {
            at_once: see.count("at_once", self.at_once, 1..=1024),
            timeout: see.secs("timeout_secs", self.timeout_secs, 1..=600),
            max_file: (max_file != 0).then_some(max_file),
            max_side: see.number("max_side", self.max_side, 16..=8192),
        }
    }
}
