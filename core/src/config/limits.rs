//! `[limits]`: how much one client, one request or one connection may take (`threats` §6).

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::checker::Checker;

/// The section as written in `server.toml`; the file documents each key.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RawLimits {
    header_timeout_secs: u64,
    idle_timeout_secs: u64,
    body_min_bytes_per_sec: u64,
    body_window_secs: u64,
    max_uri_bytes: u64,
    max_header_bytes: u64,
    max_headers: u64,
    max_connections: u64,
    max_connections_per_address: u64,
    max_requests_in_flight: u64,
    max_queued_requests: u64,
    http2_max_streams: u64,
    http2_max_pending_resets: u64,
    http2_max_local_resets: u64,
    max_xml_bytes: u64,
    max_xml_depth: u64,
    max_ocs_body_bytes: u64,
    max_ranges: u64,
    max_properties: u64,
    max_dead_property_bytes: u64,
    max_dead_properties: u64,
    max_locks_per_user: u64,
    max_transfers_per_user: u64,
    max_chunks_per_transfer: u64,
    max_search_operators: u64,
    max_search_results: u64,
    search_timeout_secs: u64,
}

impl Default for RawLimits {
    fn default() -> Self {
        Self {
            header_timeout_secs: 15,
            idle_timeout_secs: 60,
            body_min_bytes_per_sec: 1024,
            body_window_secs: 60,
            max_uri_bytes: 16 * 1024,
            max_header_bytes: 64 * 1024,
            max_headers: 100,
            max_connections: 4096,
            max_connections_per_address: 256,
            max_requests_in_flight: 1024,
            max_queued_requests: 4096,
            http2_max_streams: 128,
            http2_max_pending_resets: 20,
            http2_max_local_resets: 1024,
            max_xml_bytes: 1024 * 1024,
            max_xml_depth: 64,
            max_ocs_body_bytes: 1024 * 1024,
            max_ranges: 16,
            max_properties: 1000,
            max_dead_property_bytes: 64 * 1024,
            max_dead_properties: 100,
            max_locks_per_user: 1000,
            max_transfers_per_user: 1000,
            max_chunks_per_transfer: 10_000,
            max_search_operators: 16,
            max_search_results: 5000,
            search_timeout_secs: 5,
        }
    }
}

/// Checked limits. `reload` tells which of them may change while the server runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// From the first byte of a connection or request to the end of its header.
    pub header_timeout: Duration,
    /// How long a connection may wait between two requests.
    pub idle_timeout: Duration,
    /// Slowest request body, averaged over [`Limits::body_window`]; 0 asks for no speed.
    pub body_min_bytes_per_sec: u64,
    /// Time over which the speed of a body is averaged.
    pub body_window: Duration,
    /// Longest request target, in bytes; above it 414.
    pub max_uri_bytes: usize,
    /// All fields of one request together, in bytes; above it 431.
    pub max_header_bytes: usize,
    /// Fields of one request; above it 431.
    pub max_headers: usize,
    /// Open connections (also bounded by the limit on file descriptors).
    pub max_connections: usize,
    /// Open connections of one address (IPv6: one /64).
    pub max_connections_per_address: usize,
    /// Requests worked on at the same time.
    pub max_requests_in_flight: usize,
    /// Requests that wait for one of the above; above it 503 with `Retry-After`.
    pub max_queued_requests: usize,
    /// Open streams of one HTTP/2 connection.
    pub http2_max_streams: u32,
    /// Streams reset by the client before they were accepted (h2's pending-accept limit).
    pub http2_max_pending_resets: usize,
    /// Streams reset by us for the client's faults before the connection is closed.
    pub http2_max_local_resets: usize,
    /// Largest XML request body, in bytes; above it 413.
    pub max_xml_bytes: usize,
    /// Deepest nesting of elements in a request body; above it 400.
    pub max_xml_depth: usize,
    /// Largest form or JSON body of the OCS API, in bytes; above it 413.
    pub max_ocs_body_bytes: usize,
    /// Ranges in one `Range` field; above it the field is ignored.
    pub max_ranges: usize,
    /// Properties named in one request body; above it 400.
    pub max_properties: usize,
    /// Largest value of a dead property, in bytes; above it 507.
    pub max_dead_property_bytes: usize,
    /// Dead properties of one resource; above it 507.
    pub max_dead_properties: usize,
    /// Locks that one user holds; above it 507.
    pub max_locks_per_user: usize,
    /// Unfinished chunked uploads of one user; above it 507.
    pub max_transfers_per_user: usize,
    /// Chunks of one chunked upload; above it 507.
    pub max_chunks_per_transfer: usize,
    /// Deepest nesting of operators in one SEARCH; above it 400.
    pub max_search_operators: usize,
    /// Results in one page of a SEARCH or REPORT.
    pub max_search_results: usize,
    /// How long one SEARCH or REPORT may run; above it 503.
    pub search_timeout: Duration,
}

impl RawLimits {
    pub(crate) fn check(&self, see: &mut Checker<'_>) -> Limits {
        see.section("limits");
        let limits = Limits {
            header_timeout: see.secs("header_timeout_secs", self.header_timeout_secs, 1..=600),
            idle_timeout: see.secs("idle_timeout_secs", self.idle_timeout_secs, 1..=86_400),
            body_min_bytes_per_sec: see.number(
                "body_min_bytes_per_sec",
                self.body_min_bytes_per_sec,
                0..=1 << 30,
            ),
            body_window: see.secs("body_window_secs", self.body_window_secs, 1..=3600),
            max_uri_bytes: see.count("max_uri_bytes", self.max_uri_bytes, 4096..=65_534),
            max_header_bytes: see.count("max_header_bytes", self.max_header_bytes, 8192..=1 << 20),
            max_headers: see.count("max_headers", self.max_headers, 32..=1000),
            max_connections: see.count("max_connections", self.max_connections, 1..=1_000_000),
            max_connections_per_address: see.count(
                "max_connections_per_address",
                self.max_connections_per_address,
                1..=1_000_000,
            ),
            max_requests_in_flight: see.count(
                "max_requests_in_flight",
                self.max_requests_in_flight,
                1..=1_000_000,
            ),
            max_queued_requests: see.count(
                "max_queued_requests",
                self.max_queued_requests,
                0..=1_000_000,
            ),
            http2_max_streams: see.number("http2_max_streams", self.http2_max_streams, 1..=10_000),
            http2_max_pending_resets: see.count(
                "http2_max_pending_resets",
                self.http2_max_pending_resets,
                1..=10_000,
            ),
            http2_max_local_resets: see.count(
                "http2_max_local_resets",
                self.http2_max_local_resets,
                1..=100_000,
            ),
            max_xml_bytes: see.count("max_xml_bytes", self.max_xml_bytes, 4096..=64 << 20),
            max_xml_depth: see.count("max_xml_depth", self.max_xml_depth, 16..=1024),
            max_ocs_body_bytes: see.count(
                "max_ocs_body_bytes",
                self.max_ocs_body_bytes,
                4096..=64 << 20,
            ),
            max_ranges: see.count("max_ranges", self.max_ranges, 1..=1000),
            max_properties: see.count("max_properties", self.max_properties, 50..=100_000),
            max_dead_property_bytes: see.count(
                "max_dead_property_bytes",
                self.max_dead_property_bytes,
                0..=1 << 20,
            ),
            max_dead_properties: see.count(
                "max_dead_properties",
                self.max_dead_properties,
                0..=10_000,
            ),
            max_locks_per_user: see.count(
                "max_locks_per_user",
                self.max_locks_per_user,
                1..=1_000_000,
            ),
            max_transfers_per_user: see.count(
                "max_transfers_per_user",
                self.max_transfers_per_user,
                1..=1_000_000,
            ),
            max_chunks_per_transfer: see.count(
                "max_chunks_per_transfer",
                self.max_chunks_per_transfer,
                1..=1_000_000,
            ),
            max_search_operators: see.count(
                "max_search_operators",
                self.max_search_operators,
                4..=256,
            ),
            max_search_results: see.count(
                "max_search_results",
                self.max_search_results,
                1..=1_000_000,
            ),
            search_timeout: see.secs("search_timeout_secs", self.search_timeout_secs, 1..=600),
        };
        if limits.max_uri_bytes > limits.max_header_bytes {
            see.refuse(
                "max_uri_bytes",
                "at most limits.max_header_bytes",
                self.max_uri_bytes.to_string(),
            );
        }
        limits
    }
}
