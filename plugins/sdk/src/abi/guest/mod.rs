//! A plugin in Rust: [`Plugin`] is what its author writes, [`export_plugin!`](crate::export_plugin)
//! the last line of its `lib.rs`.
//!
//! Each instance has a tokio runtime of its own: a library has its own copy of tokio, which does not
//! see the host's. Calls enter it, are polled once on the host's thread, and move to the runtime if
//! they have to wait.

mod auth;
mod blobs;
mod body;
mod capabilities;
mod events;
mod files;
mod handles;
mod hooks;
mod host;
mod http;
mod instance;
mod log;
mod offers;
mod preview;

pub use host::{Counter, Gauge, Host, HttpReply, Kv};
pub use instance::{Plugin, PluginError, create, entry};
pub use offers::Offers;
