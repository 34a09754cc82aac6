//! Listeners, TLS and connections: everything below a request.
//!
//! The house starts with [`Server::bind`], reads the addresses, and hands [`Server::serve`] a
//! function from a request to a response. Nothing here knows what the requests mean.

mod activity;
mod connection;
mod entrance;
mod inherited;
mod listener;
mod own_ca;
mod places;
mod proxy_header;
mod socket;
mod tls;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::wire::Peers;

pub use connection::AnyError;
pub use entrance::UnixAddress;
pub use inherited::{Inherited, InheritedError};
pub use listener::{NetMetrics, Server};
pub use tls::{CertSource, CertStore, Fingerprints, TlsError};

/// What the listeners and connections obey. `threats.md` §6 has the defaults.
#[derive(Debug, Clone)]
pub struct NetSettings {
    /// Addresses that speak TLS. Port 0 takes a free port.
    pub tls: Vec<SocketAddr>,
    /// Addresses that speak plain HTTP.
    pub plain: Vec<SocketAddr>,
    /// Unix sockets that speak plain HTTP.
    pub unix: Vec<UnixAddress>,
    /// Time for the TLS handshake, and for the PROXY header before it.
    pub handshake_timeout: Duration,
    /// Time from the first byte of a request, or from the start of the connection, to the end of
    /// its fields.
    pub header_timeout: Duration,
    /// Time that a connection may stay open between requests, and that a peer may take no byte of
    /// an answer.
    pub idle_timeout: Duration,
    /// Time that running requests get to finish after the shutdown signal.
    pub drain_timeout: Duration,
    /// Connections of one address (IPv6: of one /64).
    pub per_address: usize,
    /// Connections in all; lowered to three quarters of the process's limit of open files.
    pub total: usize,
    /// Peers that `per_address` does not bound: reverse proxies.
    pub trusted_proxies: Peers,
    /// Peers whose connections must begin with a PROXY header; nobody else's may.
    pub proxy_protocol: Peers,
    /// Size of the fields of a request in bytes.
    pub header_bytes: u32,
    /// Number of the fields of a request.
    pub header_count: usize,
    /// Size of a request target in bytes.
    pub uri_bytes: usize,
    /// Streams at once of one HTTP/2 connection.
    pub streams: u32,
    /// Streams that the peer opened and reset before they were looked at; more ends the connection
    /// (CVE-2023-44487).
    pub pending_resets: usize,
    /// Streams that we reset for the peer's faults; more ends the connection.
    pub local_resets: usize,
}

impl Default for NetSettings {
    fn default() -> Self {
        Self {
            tls: Vec::new(),
            plain: Vec::new(),
            unix: Vec::new(),
            handshake_timeout: Duration::from_secs(10),
            header_timeout: Duration::from_secs(15),
            idle_timeout: Duration::from_secs(60),
            drain_timeout: Duration::from_secs(30),
            per_address: 256,
            total: 4096,
            trusted_proxies: Peers::default(),
            proxy_protocol: Peers::default(),
            header_bytes: 64 * 1024,
            header_count: 100,
            uri_bytes: 16 * 1024,
            streams: 128,
            pending_resets: 20,
            local_resets: 1024,
        }
    }
}

/// Why the server could not take its addresses.
#[derive(Debug, thiserror::Error)]
pub enum NetError {
    /// An address could not be bound.
    #[error("cannot listen on {address}: {source}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// The operating system's answer.
        source: std::io::Error,
    },
    /// A Unix socket could not be made.
    #[error("cannot listen on {path}: {source}")]
    Unix {
        /// The socket.
        path: PathBuf,
        /// The operating system's answer.
        source: std::io::Error,
    },
    /// TLS addresses without a certificate.
    #[error("{0} is to speak TLS, but there is no certificate")]
    NoCertificate(SocketAddr),
    /// A socket that the service manager opened cannot be used.
    #[error("the service manager's socket cannot be used: {0}")]
    Inherited(std::io::Error),
}
