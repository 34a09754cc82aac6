//! What a host does for its plugins, as traits.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tracing::Level;

use crate::BoxFuture;
use crate::abi::guest::HttpReply;

/// The answer of a service; the text of an error is for the plugin's log.
pub type ServiceFuture<T> = BoxFuture<'static, Result<T, String>>;

/// What a figure is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Figure {
    /// It only rises.
    Counter,
    /// It rises and falls.
    Gauge,
}

/// Figures of one instance.
pub trait MetricsService: Send + Sync + 'static {
    /// A handle above 0 for a figure of that name; 0 if it is refused.
    fn figure(&self, kind: Figure, name: &str, help: &str) -> u64;
    /// Adds to a figure.
    fn add(&self, handle: u64, value: f64);
    /// Sets a gauge.
    fn set(&self, handle: u64, value: f64);
}

/// The persistent store of one instance.
pub trait KvService: Send + Sync + 'static {
    /// The value of a key.
    fn get(&self, key: String) -> ServiceFuture<Option<Bytes>>;
    /// Sets a key, durably.
    fn set(&self, key: String, value: Bytes) -> ServiceFuture<()>;
    /// Removes a key.
    fn remove(&self, key: String) -> ServiceFuture<()>;
    /// The keys that begin alike, in byte order.
    fn list(&self, prefix: String) -> ServiceFuture<Vec<String>>;
}

/// A request of a plugin to somebody else.
#[derive(Debug, Clone)]
pub struct HttpRequest {
    /// The method.
    pub method: String,
    /// Absolute URL.
    pub url: String,
    /// Header fields.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The body.
    pub body: Bytes,
    /// How long all of it may take.
    pub timeout: Duration,
}

/// HTTP over the host's TLS.
pub trait HttpService: Send + Sync + 'static {
    /// Sends a request. Follows no redirect.
    fn send(&self, request: HttpRequest) -> ServiceFuture<HttpReply>;
}

/// What a host does for one instance. Everything but the log may be missing.
pub trait HostServices: Send + Sync + 'static {
    /// Name of the host.
    fn name(&self) -> &str;
    /// Version of the host.
    fn version(&self) -> &str;
    /// Whether a line of this level would be written.
    fn is_logged(&self, level: Level) -> bool;
    /// Writes a line to the log.
    fn log(&self, level: Level, message: &str, fields: &[(String, Vec<u8>)], request_id: &str);
    /// Figures.
    fn metrics(&self) -> Option<Arc<dyn MetricsService>> {
        None
    }
    /// A persistent store.
    fn kv(&self) -> Option<Arc<dyn KvService>> {
        None
    }
    /// HTTP requests.
    fn http(&self) -> Option<Arc<dyn HttpService>> {
        None
    }
}

/// A host that does nothing but drop log lines.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoServices;

impl HostServices for NoServices {
    fn name(&self) -> &str {
        "moonsail"
    }

    fn version(&self) -> &str {
        env!("CARGO_PKG_VERSION")
    }

    fn is_logged(&self, _: Level) -> bool {
        false
    }

    fn log(&self, _: Level, _: &str, _: &[(String, Vec<u8>)], _: &str) {}
}
