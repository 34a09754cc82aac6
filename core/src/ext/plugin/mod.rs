//! Native plugins: shared libraries named in `server.toml`.
//!
//! [`Plugins`] loads them and keeps one [`Slot`] for each. A slot holds the generation in service; a
//! reload makes another one beside it, swaps, and lets the old one end when nobody uses it any more.
//! A library is never unloaded: its threads and thread-locals may outlive every call.
//!
//! What crosses the border lives in the SDK (`moonsail_sdk::abi`); here are the checks of the file,
//! loading, and the services that the server gives to its plugins.

mod client;
mod error;
mod figures;
mod file;
mod generation;
mod kv;
mod library;
mod list;
mod services;
mod slot;
mod trial;

pub use error::PluginError;
pub use library::{Inspected, inspect};
pub use list::{PluginState, Plugins};
pub use slot::Slot;
pub use trial::Trial;
