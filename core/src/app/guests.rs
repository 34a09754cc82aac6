//! What extensions offer, by extension point, and how it comes into the house.

use std::sync::Arc;

use moonsail_sdk::events::EventSink;
use moonsail_sdk::http::HttpApp;
use moonsail_sdk::preview::Previewer;

use super::rooms::Rooms;
use super::{House, settings};
use crate::config::Settings;
use crate::feed::{Feed, FeedMetrics};
use crate::http::Handler;
use crate::store::StoreError;

/// Extensions with the names of their instances, each list in the order of `server.toml`.
#[derive(Clone, Default)]
pub struct Guests {
    /// Who hears of changes (`moonsail.events/1`).
    pub sinks: Vec<(String, Arc<dyn EventSink>)>,
    /// Who answers requests (`moonsail.http/1`).
    pub apps: Vec<(String, Arc<dyn HttpApp>)>,
    /// Who makes previews (`moonsail.preview/1`).
    pub previewers: Vec<(String, Arc<dyn Previewer>)>,
    /// Instances that are configured and not there now: their places in the feed are kept.
    pub absent: Vec<String>,
}

impl House {
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
        let (sinks, absent) = (self.guests.sinks.clone(), self.guests.absent.clone());
        let (settings, clock) = (settings::feed(settings), self.clock.clone());
        Feed::start(Arc::clone(&self.store), sinks, absent, settings, clock, metrics).await
    }

    /// The rooms, as what answers all requests.
    pub fn handler(&self, settings: &Settings) -> Arc<dyn Handler> {
        Arc::new(Rooms::new(self, settings))
    }
}
