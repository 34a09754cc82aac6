//! The pipeline: from a connection's request to a room and back.
//!
//! [`Pipeline`] takes what a connection read, refuses what no room should see, hands the rest to
//! the [`Handler`], and finishes the reply. [`Admin`] answers on the administrator's own address.

mod access;
mod admin;
mod asked;
mod checks;
mod gzip;
mod incoming;
mod log;
mod metrics;
mod origin;
mod pipeline;
mod respond;

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;

use crate::wire::{Peers, Reply, Request};

pub use access::ResponseBody;
pub use admin::{Admin, Health};
pub use log::{LogError, LogFormat, LogOutput, LogSettings, Logs};
pub use metrics::Metrics;
pub use pipeline::Pipeline;

/// Answers requests: the router, with the rooms behind it.
pub trait Handler: Send + Sync + 'static {
    /// Answers one request. The future is dropped if the client goes away; a panic is a 500 for
    /// this request only.
    fn handle(&self, request: Request) -> BoxFuture<'_, Reply>;

    /// Whether the answer costs next to nothing: no disk, no password, no body. Such a request
    /// waits for no place, so that monitors and apps see a living server also when it is full.
    fn is_cheap(&self, _head: &http::request::Parts) -> bool {
        false
    }
}

/// What every request obeys, whatever room it is for. `threats.md` §6 has the defaults.
#[derive(Debug, Clone)]
pub struct HttpLimits {
    /// Size of a request target in bytes; more is 414.
    pub uri_bytes: usize,
    /// Size of names and values of all fields in bytes; more is 431.
    pub header_bytes: usize,
    /// Number of fields; more is 431.
    pub header_count: usize,
    /// Bytes per second that a request body must bring on average over `body_window`, counting only
    /// the time in which we wait for it; less is 408.
    pub body_bytes_per_second: u64,
    /// See `body_bytes_per_second`.
    pub body_window: Duration,
    /// Requests handled at once, over all connections.
    pub in_flight: usize,
    /// Requests that may wait to be handled; more are 503.
    pub queue: usize,
    /// How long they may wait; longer is 503.
    pub queue_wait: Duration,
    /// Whether XML and JSON are compressed for clients that take gzip.
    pub compression: bool,
}

impl Default for HttpLimits {
    fn default() -> Self {
        Self {
            uri_bytes: 16 * 1024,
            header_bytes: 64 * 1024,
            header_count: 100,
            body_bytes_per_second: 1024,
            body_window: Duration::from_secs(60),
            in_flight: 1024,
            queue: 4096,
            queue_wait: Duration::from_secs(5),
            compression: true,
        }
    }
}

/// Where requests come from and what the house is called.
#[derive(Debug, Clone, Default)]
pub struct HttpOrigins {
    /// Reverse proxies whose `X-Forwarded-*` and `Forwarded` fields count.
    pub trusted_proxies: Peers,
    /// The base of all URLs, without trailing slash, whatever the request says.
    pub public_url: Option<Arc<str>>,
    /// The port to which pages asked for over plain HTTP are sent; `None` sends none.
    pub https_port: Option<u16>,
}
