//! The configuration: layers, raw sections, checked settings.
//!
//! Each section has a file with two structs: the raw one mirrors `server.toml` and refuses unknown
//! keys; its `check` gives the other, which the rest of the server trusts. [`load`] puts the
//! layers together: `server.toml`, then `MOONSAIL_*` environment variables, then flags. This is the
//! only place that reads the environment.

mod apps;
mod auth;
mod checker;
mod cidr;
mod errors;
mod events;
mod hooks;
mod layers;
mod limits;
mod lines;
mod load;
mod log;
mod mounts;
mod names;
mod nearest;
mod plugins;
mod previews;
mod reload;
mod scripts;
pub mod secret;
mod server;
mod service;
mod settings;
mod shape;
mod storage;
#[cfg(test)]
mod tests;
mod theme;
mod tls;

pub use apps::Apps;
pub use auth::{Auth, AuthProvider};
pub use cidr::Cidr;
pub use errors::{ConfigError, ConfigErrors, Place};
pub use events::Events;
pub use hooks::Hooks;
pub use layers::Overrides;
pub use limits::Limits;
pub use load::{Effective, Loaded, defaults, documented, load};
pub use log::{Log, LogFormat};
pub use mounts::{Mount, StorageName};
pub use names::Names;
pub(crate) use nearest::nearest;
pub use plugins::{PROVIDES, Plugin, Plugins};
pub use previews::Previews;
pub use reload::Changes;
pub use scripts::{OnError as ScriptOnError, Script, Scripts};
pub use server::{Proxies, Server};
pub use service::socket_names;
pub use settings::Settings;
pub use storage::{Durability, Storage};
pub use theme::Theme;
pub use tls::{Tls, TlsFiles};

/// Processors that this process may use, at least 1.
fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}
