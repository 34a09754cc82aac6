//! What extensions offer, by extension point, and how it comes into the house.

use std::sync::Arc;
use std::time::Duration;

use moonsail_sdk::http::HttpApp;

use super::rooms::Rooms;
use super::{House, settings};
use crate::apps::Mounts;
use crate::auth::Auth;
use crate::config::Settings;
use crate::ext::Extensions;
use crate::ext::capabilities::CapabilityChain;
use crate::ext::lua::Scripts;
use crate::ext::plugin::Plugins;
use crate::feed::{Feed, FeedMetrics};
use crate::hooks::{Bus, HookSource};
use crate::http::Handler;
use crate::store::StoreError;

/// How often the files of scripts are looked at.
const LOOK: Duration = Duration::from_millis(500);

/// Adds what the plugins offer, in the order of `server.toml`, behind what is there.
pub(super) fn welcome(plugins: &Plugins, settings: &Settings, extensions: &mut Extensions) {
    for slot in plugins.slots() {
        let name = slot.name().to_owned();
        if slot.offers("hooks") {
            let hooks = Arc::clone(slot) as _;
            extensions.hooks.push(HookSource {
                name: name.clone(),
                hooks,
                on_error: None,
                shadow: false,
            });
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

/// All hooks: plugins' first, then scripts', each in the order of `server.toml`; priorities go before.
pub(super) fn hooks(extensions: &Extensions, scripts: &Scripts) -> Vec<HookSource> {
    extensions.hooks.iter().cloned().chain(scripts.hooks()).collect()
}

/// All who answer requests.
pub(super) fn apps(extensions: &Extensions, scripts: &Scripts) -> Vec<(String, Arc<dyn HttpApp>)> {
    extensions.apps.iter().cloned().chain(scripts.apps()).collect()
}

/// Who must know when plugins or scripts are other ones.
pub(super) struct Guests {
    auth: Arc<Auth>,
    capabilities: Arc<CapabilityChain>,
    bus: Bus,
    apps: Arc<Mounts>,
    extensions: Extensions,
    scripts: Arc<Scripts>,
}

impl Guests {
    /// Asks plugins and scripts that were loaded anew what they are interested in.
    pub(super) fn changed(&self) {
        self.auth.forget_logins();
        self.capabilities.replace(self.extensions.capabilities.clone());
        if let Err(error) = self.bus.replace(&hooks(&self.extensions, &self.scripts)) {
            tracing::error!(%error, "the hooks stay as they were");
        }
        if let Err(error) = self.apps.set(apps(&self.extensions, &self.scripts)) {
            tracing::error!(%error, "the routes stay as they were");
        }
        self.scripts.start_timers();
    }

    /// Loads scripts anew when their files change, for as long as it runs.
    pub(super) async fn watch_scripts(self) {
        while self.scripts.watches() {
            tokio::time::sleep(LOOK).await;
            if self.scripts.follow_files().await {
                self.changed();
            }
        }
    }
}

impl House {
    /// Who must know when plugins or scripts are other ones.
    pub(super) fn guests(&self) -> Guests {
        Guests {
            auth: Arc::clone(&self.auth),
            capabilities: Arc::clone(&self.capabilities),
            bus: self.bus.clone(),
            apps: Arc::clone(&self.apps),
            extensions: self.extensions.clone(),
            scripts: Arc::clone(&self.scripts),
        }
    }

    /// Asks plugins and scripts that were loaded anew what they are interested in.
    pub(super) fn guests_changed(&self) {
        self.guests().changed();
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
