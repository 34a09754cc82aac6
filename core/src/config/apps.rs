//! `[apps]`: requests that extensions answer.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::checker::Checker;

/// The section as written in `server.toml`; the file documents each key.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RawApps {
    answer_timeout_secs: u64,
}

impl Default for RawApps {
    fn default() -> Self {
        Self { answer_timeout_secs: 60 }
    }
}

/// Checked `[apps]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Apps {
    /// How long an extension may take to answer a request, and for each piece of an answer.
    pub answer_timeout: Duration,
}

impl RawApps {
    pub(crate) fn check(&self, see: &mut Checker<'_>) -> Apps {
        see.section("apps");
        let timeout = see.secs("answer_timeout_secs", self.answer_timeout_secs, 1..=3600);
        Apps { answer_timeout: timeout }
    }
}
