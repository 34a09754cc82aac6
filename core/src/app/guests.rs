//! What extensions offer, by extension point, and how it comes into the house.

use std::sync::Arc;

use super::rooms::Rooms;
use super::{House, settings};
use crate::config::Settings;
use crate::ext::Extensions;
use crate::ext::plugin::Plugins;
use crate::feed::{Feed, FeedMetrics};
use crate::hooks::HookSource;
use crate::http::Handler;
use crate::store::StoreError;

/// Adds what the plugins offer, in the order of `server.toml`, behind what is there.
pub(super) fn welcome(plugins: &Plugins, settings: &Settings, extensions: &mut Extensions) {
    for slot in plugins.slots() {
        let name = slot.name().to_owned();
        if slot.offers("hooks") {
            let hooks = Arc::clone(slot) as _;
            extensions.hooks.push(HookSource { name: name.clone(), hooks, on_error: None });
        }
        if slot.offers("capabilities") {
            extensions.capabilities.push((name.clone(), Arc::clone(slot) as _));
        }
        if slot.offers("events") {
            extensions.sinks.push((name.clone(), Arc::clone(slot) as _));
        }
        if slot.offers("http") {
            extensions.apps.push((name.clone(), Arc::clone(slot) as _));
        }
        if slot.offers("preview") {
            extensions.previewers.push((name.clone(), Arc::clone(slot) as _));
        }
    }
    let missing = settings.plugin.iter().filter(|plugin| plugins.find(&plugin.name).is_none());
    extensions.absent.extend(missing.map(|plugin| plugin.name.clone()));
}

impl House {
    /// Asks plugins that were loaded anew what they are interested in.
    pub(super) fn plugins_changed(&self) {
        self.auth.forget_logins();
        self.capabilities.replace(self.extensions.capabilities.clone());
        if let Err(error) = self.bus.replace(&self.extensions.hooks) {
            tracing::error!(%error, "the hooks stay as they were");
        }
        if let Err(error) = self.apps.set(self.extensions.apps.clone()) {
            tracing::error!(%error, "the routes stay as they were");
        }
    }

    /// Begins to tell sinks of changes, and to forget old ones. To be stopped before the house is
    /// closed.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn follow(
        &self,
        settings: &Settings,
        metrics: &FeedMetrics,
    ) -> Result<Feed, StoreError> {
        let (sinks, absent) = (self.extensions.sinks.clone(), self.extensions.absent.clone());
        let (settings, clock) = (settings::feed(settings), self.clock.clone());
        Feed::start(Arc::clone(&self.store), sinks, absent, settings, clock, metrics).await
    }

    /// The rooms, as what answers all requests.
    pub fn handler(&self, settings: &Settings) -> Arc<dyn Handler> {
        Arc::new(Rooms::new(self, settings))
    }
}
