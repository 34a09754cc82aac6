//! What the server does for its plugins.

use std::sync::Arc;

use moonsail_sdk::abi::host::{HostServices, HttpService, KvService, MetricsService};
use tracing::Level;

/// The services of one instance.
#[derive(Clone, Default)]
pub(super) struct Services {
    pub(super) instance: String,
    pub(super) metrics: Option<Arc<dyn MetricsService>>,
    pub(super) kv: Option<Arc<dyn KvService>>,
    pub(super) http: Option<Arc<dyn HttpService>>,
}

/// Writes a line at a level that is known only now.
macro_rules! line {
    ($level:expr, $($rest:tt)*) => {
        match $level {
            Level::ERROR => tracing::error!(target: "moonsail::plugin", $($rest)*),
            Level::WARN => tracing::warn!(target: "moonsail::plugin", $($rest)*),
            Level::INFO => tracing::info!(target: "moonsail::plugin", $($rest)*),
            Level::DEBUG => tracing::debug!(target: "moonsail::plugin", $($rest)*),
            Level::TRACE => tracing::trace!(target: "moonsail::plugin", $($rest)*),
        }
    };
}

impl HostServices for Services {
    fn name(&self) -> &str {
        "moonsail"
    }

    fn version(&self) -> &str {
        env!("CARGO_PKG_VERSION")
    }

    fn is_logged(&self, level: Level) -> bool {
        match level {
            Level::ERROR => tracing::enabled!(target: "moonsail::plugin", Level::ERROR),
            Level::WARN => tracing::enabled!(target: "moonsail::plugin", Level::WARN),
            Level::INFO => tracing::enabled!(target: "moonsail::plugin", Level::INFO),
            Level::DEBUG => tracing::enabled!(target: "moonsail::plugin", Level::DEBUG),
            Level::TRACE => tracing::enabled!(target: "moonsail::plugin", Level::TRACE),
        }
    }

    fn log(&self, level: Level, message: &str, fields: &[(String, Vec<u8>)], request_id: &str) {
        let fields: Vec<String> = fields
            .iter()
            .map(|(key, value)| format!("{key}={}", String::from_utf8_lossy(value)))
            .collect();
        let (plugin, about) = (self.instance.as_str(), fields.join(" "));
        let request = (!request_id.is_empty()).then_some(request_id);
        let about = (!about.is_empty()).then_some(about.as_str());
        line!(level, plugin, request, about, "{message}");
    }

    fn metrics(&self) -> Option<Arc<dyn MetricsService>> {
        self.metrics.clone()
    }

    fn kv(&self) -> Option<Arc<dyn KvService>> {
        self.kv.clone()
    }

    fn http(&self) -> Option<Arc<dyn HttpService>> {
        self.http.clone()
    }
}
