//! `[log]`: what is logged, how, and where.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use tracing_subscriber::EnvFilter;

use super::checker::Checker;

/// The section as written in `server.toml`; the file documents each key.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RawLog {
    level: String,
    format: String,
    file: String,
}

impl Default for RawLog {
    fn default() -> Self {
        Self { level: "info".to_owned(), format: "text".to_owned(), file: String::new() }
    }
}

/// How a line of the log looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Checked `[log]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// Directives that [`EnvFilter`] takes, `info` or `info,moonsail::dav=debug`.
    pub filter: String,
    /// How a line looks.
    pub format: LogFormat,
    /// File that lines are appended to; `None` for standard error.
    pub file: Option<PathBuf>,
}

impl RawLog {
    pub(crate) fn check(&self, see: &mut Checker<'_>) -> Log {
        see.section("log");
        let levels = ["off", "error", "warn", "info", "debug", "trace"];
        // A lone word that is no level would be taken as the name of a module, and nothing logged.
        let level = self.level.to_ascii_lowercase();
        let known = |part: &str| part.contains('=') || levels.contains(&part.trim());
        let lone = !level.contains([',', '=']);
        let filter = if lone { &level } else { &self.level };
        if !filter.split(',').all(known) || EnvFilter::builder().parse(filter).is_err() {
            let expected = format!(
                "{}; or directives as in \"info,moonsail::dav=debug\"",
                Checker::choice(levels, &self.level)
            );
            see.refuse("level", expected, format!("{:?}", self.level));
        }
        Log {
            filter: filter.clone(),
            format: see.one_of(
                "format",
                &self.format,
                &[("text", LogFormat::Text), ("json", LogFormat::Json)],
            ),
            file: see.path("file", &self.file),
        }
    }
}
