//! The host's side of the border: an instance of a plugin as traits of this crate again.
//!
//! The server uses it to serve plugins, and [`TestHost`] to test them. Loading a library is not here;
//! [`Instance::create`] takes an entry, wherever it comes from.

mod auth;
mod blobs;
mod capabilities;
mod content;
mod entry;
mod events;
mod files;
mod hooks;
mod http;
mod instance;
mod preview;
mod services;
mod shelf;
mod storage;
mod test_host;

pub use auth::PluginAuth;
pub use blobs::PluginBlobs;
pub use capabilities::PluginCapabilities;
pub use entry::{CreateError, EntryFacts, facts};
pub use events::PluginEvents;
pub use files::PluginFiles;
pub use hooks::PluginHooks;
pub use http::PluginHttp;
pub use instance::{Callee, Instance};
pub use preview::PluginPreview;
pub use services::{
    Figure, HostServices, HttpRequest, HttpService, KvService, MetricsService, NoServices,
    ServiceFuture,
};
pub use test_host::TestHost;
