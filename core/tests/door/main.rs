//! The door, from a socket to a handler and back: what a client sees, over real connections.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests, which clippy cannot see")]

mod bodies;
mod house;
mod http2;
mod lives;
mod proxies;
mod strictness;
mod tls;
