//! Lines of scripts in the server's log.

/// How loud a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// For its author.
    Debug,
    /// What was done.
    Info,
    /// What somebody should look at.
    Warn,
    /// What failed.
    Error,
}

impl Level {
    /// In lower case, as scripts and logs have it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

/// A line. The request it belongs to is that of the running call (`context`).
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    /// The script's name.
    pub script: &'a str,
    /// How loud.
    pub level: Level,
    /// What happened.
    pub message: &'a str,
    /// Names and values, by name.
    pub fields: &'a [(String, String)],
}

/// Takes lines.
pub trait Log: Send + Sync {
    /// Writes one.
    fn write(&self, record: &Record<'_>);
}

/// The server's log.
#[derive(Debug, Clone, Copy, Default)]
pub struct TracingLog;

impl Log for TracingLog {
    fn write(&self, record: &Record<'_>) {
        // The names of tracing's fields are part of the program; a script's are not.
        let fields: serde_json::Map<String, serde_json::Value> = record
            .fields
            .iter()
            .map(|(name, value)| (name.clone(), value.as_str().into()))
            .collect();
        let fields = match fields.is_empty() {
            true => None,
            false => Some(serde_json::Value::Object(fields).to_string()),
        };
        let (script, message) = (record.script, record.message);
        let context = crate::context::current();
        let request = (!context.request_id.is_empty()).then_some(context.request_id.as_str());
        match record.level {
            Level::Debug => {
                tracing::debug!(target: "moonsail::script", script, request, fields, "{message}")
            }
            Level::Info => {
                tracing::info!(target: "moonsail::script", script, request, fields, "{message}")
            }
            Level::Warn => {
                tracing::warn!(target: "moonsail::script", script, request, fields, "{message}")
            }
            Level::Error => {
                tracing::error!(target: "moonsail::script", script, request, fields, "{message}")
            }
        }
    }
}
