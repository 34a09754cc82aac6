//! `[events]`: telling extensions of changes, and keeping what has happened.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::checker::Checker;

/// The section as written in `server.toml`; the file documents each key.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RawEvents {
    max_batch: u64,
    deliver_timeout_secs: u64,
    keep_secs: u64,
    keep_changes: u64,
}

impl Default for RawEvents {
    fn default() -> Self {
        Self {
            max_batch: 100,
            deliver_timeout_secs: 30,
            keep_secs: 30 * 86_400,
            keep_changes: 1_000_000,
        }
    }
}

/// Checked `[events]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Events {
    /// Most events that an extension is told at once.
    pub max_batch: usize,
    /// How long it may take to acknowledge them.
    pub deliver_timeout: Duration,
    /// How long changes are kept in the feed.
    pub keep: Duration,
    /// How many changes are kept in the feed.
    pub keep_changes: u64,
}

impl RawEvents {
    pub(crate) fn check(&self, see: &mut Checker<'_>) -> Events {
        see.section("events");
        let (timeout, keep) = (self.deliver_timeout_secs, self.keep_secs);
        Events {
            max_batch: see.count("max_batch", self.max_batch, 1..=1000),
            deliver_timeout: see.secs("deliver_timeout_secs", timeout, 1..=3600),
            keep: see.secs("keep_secs", keep, 60..=315_360_000),
            keep_changes: see.number("keep_changes", self.keep_changes, 1..=1_000_000_000),
        }
    }
}
