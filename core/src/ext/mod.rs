//! Extensions: what comes from outside, turned into what the core's ports want.
//!
//! Every extension point is one trait of the SDK and one ordered chain, the same for what is linked
//! in, for plugins and for scripts. `app` fills [`Extensions`] in the order of `server.toml` and
//! hands each chain to those who ask it.
//!
//! | Where | What |
//! |---|---|
//! | `plugin/` | native plugins: loading, generations, what the server does for them |
//! | `lua/` | scripts |
//! | `blobs/` | a storage of files over any store of objects |
//! | `capabilities/` | the chain of those who patch the capabilities |

pub mod blobs;
pub mod capabilities;
pub mod lua;
#[expect(unsafe_code, reason = "a library is loaded, and its entry believed")]
pub mod plugin;

use std::sync::Arc;

use moonsail_sdk::capabilities::DynCapabilityProvider;
use moonsail_sdk::events::EventSink;
use moonsail_sdk::http::HttpApp;
use moonsail_sdk::preview::Previewer;

use crate::hooks::HookSource;

/// All extensions by what they offer, each list in the order of `server.toml`.
#[derive(Clone, Default)]
pub struct Extensions {
    /// `moonsail.hooks/1`.
    pub hooks: Vec<HookSource>,
    /// `moonsail.capabilities/1`, with the names of the instances.
    pub capabilities: Vec<(String, Arc<dyn DynCapabilityProvider>)>,
    /// Who hears of changes (`moonsail.events/1`).
    pub sinks: Vec<(String, Arc<dyn EventSink>)>,
    /// Who answers requests (`moonsail.http/1`).
    pub apps: Vec<(String, Arc<dyn HttpApp>)>,
    /// Who makes previews (`moonsail.preview/1`).
    pub previewers: Vec<(String, Arc<dyn Previewer>)>,
    /// Instances that are configured and not there now: their places in the feed are kept.
    pub absent: Vec<String>,
}
