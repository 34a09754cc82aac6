//! A sink that posts events to a URL: JSON, signed, until the receiver says that it has them.
//!
//! | The receiver answers       | What happens |
//! |----------------------------|--------------|
//! | 2xx                        | the batch is acknowledged |
//! | 410                        | it wants nothing more, for ever: the batch and all that follow are let go, with an error in the log, until the server starts again |
//! | anything else, also 3xx    | the same batch again, after `Retry-After` if it says so, else after longer and longer pauses |
//! | nothing, or too late       | the same batch again |
//!
//! So a receiver hears everything at least once and in order, and `seq` of an event tells it what it
//! has heard before. The core keeps the place in its feed; nothing is kept here.

mod config;
mod sign;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use moonsail_sdk::BoxFuture;
use moonsail_sdk::abi::guest::{Host, Offers, Plugin, PluginError};
use moonsail_sdk::events::{Delivered, Event, EventSink};
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::{Client, Response, StatusCode, redirect};
use serde_json::json;

use config::Checked;
pub use config::{BadConfig, WebhookConfig};
pub use sign::signature;

/// Field with the Unix seconds at which a batch was sent; part of what is signed.
pub const TIMESTAMP: &str = "moonsail-timestamp";
/// Field with the signature: see [`signature`].
pub const SIGNATURE: &str = "moonsail-signature";

/// The sink.
pub struct Webhook {
    config: Checked,
    client: Client,
    /// Whether the receiver has said that it wants nothing more.
    gone: AtomicBool,
}

impl Webhook {
    /// A sink as configured. Nothing is sent yet.
    ///
    /// # Errors
    /// [`BadConfig`], with words for whoever wrote it.
    pub fn new(config: WebhookConfig) -> Result<Self, BadConfig> {
        let config = config.check()?;
        // Only the first in a process counts, and all of ours are this one.
        let _there_already = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder()
            .timeout(config.timeout)
            .redirect(redirect::Policy::none())
            .user_agent(concat!("moonsail-events-webhook/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| BadConfig::Client(error.to_string()))?;
        Ok(Self { config, client, gone: AtomicBool::new(false) })
    }

    async fn post(&self, events: &[Event]) -> Delivered {
        if self.gone.load(Relaxed) {
            return Delivered::Ack;
        }
        let body = json!({ "events": events.iter().map(shown).collect::<Vec<_>>() }).to_string();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let signature = signature(self.config.secret.as_bytes(), now, body.as_bytes());
        let request = self
            .client
            .post(self.config.url.clone())
            .header(CONTENT_TYPE, "application/json")
            .header(TIMESTAMP, now.to_string())
            .header(SIGNATURE, signature)
            .body(body);
        match request.send().await {
            Ok(answer) => self.judge(&answer),
            Err(error) => {
                // Without the URL, which may hold a secret.
                tracing::warn!(error = %error.without_url(), "events could not be posted");
                Delivered::RetryAfter(Duration::ZERO)
            }
        }
    }

    fn judge(&self, answer: &Response) -> Delivered {
        let status = answer.status();
        if status.is_success() {
            return Delivered::Ack;
        }
        if status == StatusCode::GONE {
            tracing::error!(
                "the receiver of events answers 410: it is told nothing more until the next start"
            );
            self.gone.store(true, Relaxed);
            return Delivered::Ack;
        }
        let wait = answer.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
        let wait = wait.and_then(|seconds| seconds.trim().parse().ok()).unwrap_or(0);
        tracing::warn!(status = status.as_u16(), "events were not taken");
        Delivered::RetryAfter(Duration::from_secs(wait))
    }
}

impl Plugin for Webhook {
    type Config = WebhookConfig;

    fn create(config: WebhookConfig, _: Host) -> Result<Self, PluginError> {
        Ok(Self::new(config)?)
    }

    fn offer(self: &Arc<Self>, offers: &mut Offers) {
        offers.events(Arc::clone(self));
    }
}

impl EventSink for Webhook {
    fn interest(&self) -> Vec<String> {
        self.config.events.clone()
    }

    fn deliver(&self, events: Vec<Event>) -> BoxFuture<'_, Delivered> {
        Box::pin(async move { self.post(&events).await })
    }
}

/// An event as the receiver sees it: what is not known is left out.
fn shown(event: &Event) -> serde_json::Value {
    let mut shown = json!({
        "seq": event.seq,
        "time_millis": event.time_millis,
        "name": event.name,
        "actor": event.actor,
        "origin": event.origin,
        "owner": event.owner,
        "path": event.path,
        "old_path": event.old_path,
        "file_id": event.node,
        "etag": event.etag,
        "size": event.size,
        "folder": event.folder,
        "request_id": event.request_id,
    });
    if let Some(members) = shown.as_object_mut() {
        members.retain(|_, value| !value.is_null());
    }
    shown
}
