//! `[hooks]`: patience with those who are asked before something happens.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::checker::Checker;

/// The section as written in `server.toml`; the file documents each key.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RawHooks {
    timeout_millis: u64,
}

impl Default for RawHooks {
    fn default() -> Self {
        Self { timeout_millis: 10_000 }
    }
}

/// Checked `[hooks]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hooks {
    /// How long one extension may take to decide about an event, or to patch the capabilities.
    pub timeout: Duration,
}

impl RawHooks {
    pub(crate) fn check(&self, see: &mut Checker<'_>) -> Hooks {
        see.section("hooks");
        let millis: u64 = see.number("timeout_millis", self.timeout_millis, 10..=600_000);
        Hooks { timeout: Duration::from_millis(millis) }
    }
}
