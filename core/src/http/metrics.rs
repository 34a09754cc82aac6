//! What is counted, and how it is shown: OpenMetrics text.
//!
//! Counting a request is a few atomic additions. The families' locks are taken once, at the start:
//! a hot request must not meet another one here.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::{Method, StatusCode};
use prometheus_client::encoding::{EncodeMetric, MetricEncoder, NoLabelSet, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// Methods that have a counter of their own; the rest share `other`.
const METHODS: [&str; 15] = [
    "GET",
    "HEAD",
    "POST",
    "PUT",
    "DELETE",
    "OPTIONS",
    "PROPFIND",
    "PROPPATCH",
    "MKCOL",
    "COPY",
    "MOVE",
    "LOCK",
    "UNLOCK",
    "REPORT",
    "SEARCH",
];
const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// Upper ends of the latency buckets in seconds.
const BUCKETS: [f64; 13] =
    [0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];

/// The counters of the house. Cheap to clone; every clone counts for the same house.
#[derive(Clone)]
pub struct Metrics(Arc<Inner>);

struct Inner {
    registry: Mutex<Registry>,
    /// By method (last: other), then by status class.
    requests: Vec<[Counter; CLASSES.len()]>,
    in_flight: Gauge,
    latency: Latency,
    bytes_in: Counter,
    bytes_out: Counter,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("moonsail");
        let family: Family<Vec<(&'static str, &'static str)>, Counter> = Family::default();
        let requests = METHODS
            .iter()
            .chain(&["other"])
            .map(|method| {
                CLASSES.map(|class| {
                    family.get_or_create_owned(&vec![("method", *method), ("status", class)])
                })
            })
            .collect();
        registry.register("requests", "Requests answered", family);
        let inner = Inner {
            registry: Mutex::default(),
            requests,
            in_flight: Gauge::default(),
            latency: Latency::default(),
            bytes_in: Counter::default(),
            bytes_out: Counter::default(),
        };
        let help = "Requests being handled now";
        registry.register("requests_in_flight", help, inner.in_flight.clone());
        let help = "Time from a request's fields to the end of its answer";
        registry.register("request_duration_seconds", help, inner.latency.clone());
        registry.register("body_received_bytes", "Request body bytes", inner.bytes_in.clone());
        registry.register("body_sent_bytes", "Response body bytes", inner.bytes_out.clone());
        *inner.registry.lock().unwrap_or_else(PoisonError::into_inner) = registry;
        Self(Arc::new(inner))
    }
}

impl Metrics {
    /// Lets another part of the house show its own counters, under the house's prefix.
    pub fn register(&self, add: impl FnOnce(&mut Registry)) {
        add(&mut self.0.registry.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// A new counter, shown as `moonsail_{name}_total`.
    pub fn counter(&self, name: &str, help: &str) -> Counter {
        let counter = Counter::default();
        self.register(|registry| registry.register(name, help, counter.clone()));
        counter
    }

    /// Everything as OpenMetrics text.
    pub fn encode(&self) -> String {
        let mut page = String::new();
        let registry = self.0.registry.lock().unwrap_or_else(PoisonError::into_inner);
        text::encode(&mut page, &registry).expect("a String takes everything");
        page
    }

    pub(super) fn in_flight(&self) -> InFlight {
        self.0.in_flight.inc();
        InFlight(self.clone())
    }

    pub(super) fn answered(
        &self,
        method: &Method,
        status: StatusCode,
        (received, sent): (u64, u64),
        took: Duration,
    ) {
        let row = METHODS.iter().position(|name| *name == method.as_str());
        let class = usize::from(status.as_u16() / 100).clamp(1, CLASSES.len()) - 1;
        self.0.requests[row.unwrap_or(METHODS.len())][class].inc();
        self.0.latency.observe(took);
        self.0.bytes_in.inc_by(received);
        self.0.bytes_out.inc_by(sent);
    }
}

/// A request that is being handled.
pub(super) struct InFlight(Metrics);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.0.in_flight.dec();
    }
}

/// A histogram without a lock; the one of prometheus-client takes one for each observation.
#[derive(Clone, Default)]
struct Latency(Arc<LatencyInner>);

#[derive(Default)]
struct LatencyInner {
    buckets: [AtomicU64; BUCKETS.len() + 1],
    sum_micros: AtomicU64,
}

impl Latency {
    fn observe(&self, took: Duration) {
        let seconds = took.as_secs_f64();
        let bucket = BUCKETS.iter().position(|end| seconds <= *end).unwrap_or(BUCKETS.len());
        self.0.buckets[bucket].fetch_add(1, Relaxed);
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.0.sum_micros.fetch_add(micros, Relaxed);
    }
}

impl fmt::Debug for Latency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Latency")
    }
}

impl EncodeMetric for Latency {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        let ends = BUCKETS.into_iter().chain([f64::INFINITY]);
        let counts = self.0.buckets.iter().map(|count| count.load(Relaxed));
        let buckets: Vec<_> = ends.zip(counts).collect();
        let count = buckets.iter().map(|(_, count)| count).sum();
        #[expect(clippy::cast_precision_loss, reason = "285 years of microseconds fit")]
        let sum = self.0.sum_micros.load(Relaxed) as f64 / 1e6;
        encoder.encode_histogram::<NoLabelSet>(sum, count, &buckets, None)
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Histogram
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_counted_by_method_and_class() {
        let metrics = Metrics::default();
        let uploads = metrics.counter("uploads", "Finished uploads");
        uploads.inc();
        let took = Duration::from_millis(2);
        metrics.answered(&Method::PUT, StatusCode::CREATED, (7, 0), took);
        metrics.answered(&Method::PUT, StatusCode::NO_CONTENT, (7, 0), took);
        let brew = Method::from_bytes(b"BREW").unwrap();
        metrics.answered(&brew, StatusCode::METHOD_NOT_ALLOWED, (0, 5), took);
        let page = metrics.encode();
        for line in [
            r#"moonsail_requests_total{method="PUT",status="2xx"} 2"#,
            r#"moonsail_requests_total{method="other",status="4xx"} 1"#,
            r#"moonsail_request_duration_seconds_bucket{le="0.0025"} 3"#,
            r#"moonsail_request_duration_seconds_bucket{le="+Inf"} 3"#,
            "moonsail_request_duration_seconds_count 3",
            "moonsail_body_received_bytes_total 14",
            "moonsail_body_sent_bytes_total 5",
            "moonsail_uploads_total 1",
            "# EOF",
        ] {
            assert!(page.lines().any(|l| l == line), "{line}\n{page}");
        }
    }
}
