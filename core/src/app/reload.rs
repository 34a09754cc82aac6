//! What SIGHUP changes in a running server. No connection notices: each request takes the pipeline
//! of the moment, and one that runs keeps the one it began with.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use arc_swap::ArcSwap;

use super::rooms::Rooms;
use super::{House, settings};
use crate::config::{Changes, Settings};
use crate::http::{Metrics, Pipeline};
use crate::net::CertStore;

/// A configuration that was read again.
pub struct Reloaded {
    /// The new settings.
    pub settings: Settings,
    /// What differs: from the settings in force, and from those that only a start takes over.
    pub changes: Changes,
}

/// The parts of a running server that a reload replaces.
pub(super) struct Live {
    pipeline: Arc<ArcSwap<Pipeline>>,
    certs: Arc<CertStore>,
    metrics: Metrics,
    https_port: Option<u16>,
}

impl Live {
    pub(super) fn new(
        house: &House,
        settings: &Settings,
        certs: Arc<CertStore>,
        metrics: Metrics,
        https_port: Option<u16>,
    ) -> Self {
        let pipeline = pipeline(house, settings, &metrics, https_port);
        let pipeline = Arc::new(ArcSwap::from_pointee(pipeline));
        Self { pipeline, certs, metrics, https_port }
    }

    /// The pipeline of the moment, for each request anew.
    pub(super) fn pipeline(&self) -> Arc<ArcSwap<Pipeline>> {
        Arc::clone(&self.pipeline)
    }

    /// Takes over what can change.
    pub(super) async fn apply(&self, house: &House, reloaded: Reloaded) {
        let Reloaded { settings, changes } = reloaded;
        house.min_free.store(settings.storage.min_free_bytes, Relaxed);
        house.auth.set_default_quota(settings.storage.default_quota);
        let plugins = house.plugins.follow(&settings.plugin).await;
        if house.scripts.follow(&settings.script).await || plugins {
            house.guests_changed();
        }
        house.bus.set_patience(settings.hooks.timeout);
        house.capabilities.forget();
        house.ocs.store(Arc::new(super::settings::capability_facts(&settings)));
        let pipeline = pipeline(house, &settings, &self.metrics, self.https_port);
        self.pipeline.store(Arc::new(pipeline));
        self.certificates(settings::certificates(&settings, house.folder().path())).await;
        tracing::info!(changed = changes.reload.join(" "), "the configuration was read again");
        if !changes.restart.is_empty() {
            let keys = changes.restart.join(" ");
            tracing::warn!(keys, "these settings have changed, and take a restart to count");
        }
    }

    async fn certificates(&self, source: crate::net::CertSource) {
        let certs = Arc::clone(&self.certs);
        let replaced = tokio::task::spawn_blocking(move || certs.replace(source)).await;
        match replaced {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(%error, "the TLS certificate in use stays"),
            Err(error) => tracing::error!(%error, "the TLS certificate in use stays"),
        }
    }
}

fn pipeline(
    house: &House,
    settings: &Settings,
    metrics: &Metrics,
    https_port: Option<u16>,
) -> Pipeline {
    let rooms = Arc::new(Rooms::new(house, settings));
    let origins = settings::origins(settings, https_port);
    let (limits, bus) = (settings::http(settings), house.bus.clone());
    Pipeline::asking(limits, origins, rooms, metrics.clone(), bus)
}
