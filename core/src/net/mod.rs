//! Listeners, TLS and connections.
