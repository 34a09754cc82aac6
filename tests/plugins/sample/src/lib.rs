//! A plugin that does what tests ask of it, also what no plugin should: logins with certain names
//! panic, hang, or take their time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use moonsail_sdk::abi::guest::{Host, Offers, Plugin, PluginError};
use moonsail_sdk::auth::{Auth, AuthUnavailable, Authenticator, Call, Identity};
use moonsail_sdk::capabilities::{CapabilityProvider, Patch, UserView};
use moonsail_sdk::error::Error;
use moonsail_sdk::hooks::{Decision, Event, Hooks, Interest};
use moonsail_sdk::secret::Secret;
use serde::Deserialize;

/// Longer than anybody waits.
const LONG: Duration = Duration::from_secs(3600);

/// `[plugin.config]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Config {
    /// Logins and their passwords.
    users: BTreeMap<String, String>,
    /// How long each answer takes.
    delay_ms: u64,
    /// What the capabilities say.
    greeting: String,
    /// `fail` or `hang`.
    at_start: String,
    /// Events that it refuses by its greeting.
    refuses: Vec<String>,
    /// How long it thinks about each.
    thinks_ms: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            users: BTreeMap::new(),
            delay_ms: 0,
            greeting: "hello".to_owned(),
            at_start: String::new(),
            refuses: Vec::new(),
            thinks_ms: 0,
        }
    }
}

struct Sample(Config);

impl Plugin for Sample {
    type Config = Config;
    const SCHEMA: &'static str =
        r#"{"type": "object", "properties": {"greeting": {"type": "string"}}}"#;

    fn create(config: Config, host: Host) -> Result<Self, PluginError> {
        match config.greeting.as_str() {
            "" => Err(PluginError::new("greeting: must not be empty")),
            "panic" => panic!("in create"),
            _ => {
                tracing::info!(server = host.server_name(), "sample was made");
                Ok(Self(config))
            }
        }
    }

    async fn start(&self) -> Result<(), PluginError> {
        match self.0.at_start.as_str() {
            "fail" => Err(PluginError::new("the start was to fail")),
            "hang" => {
                tokio::time::sleep(LONG).await;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    async fn stop(&self) {
        tracing::info!("sample was stopped");
    }

    fn offer(self: &Arc<Self>, offers: &mut Offers) {
        offers.auth(Arc::clone(self));
        offers.capabilities(Arc::clone(self));
        offers.hooks(Arc::clone(self));
    }
}

impl Drop for Sample {
    fn drop(&mut self) {
        tracing::info!("sample was destroyed");
    }
}

/// Says when a call ends before its answer.
struct Cancelled;

impl Drop for Cancelled {
    fn drop(&mut self) {
        tracing::info!("sample was cancelled");
    }
}

impl Authenticator for Sample {
    async fn check_password(
        &self,
        _: &Call,
        login: &str,
        password: &Secret,
    ) -> Result<Auth, AuthUnavailable> {
        match login {
            "panics" => panic!("at once"),
            "panics-later" => {
                tokio::time::sleep(Duration::from_millis(1)).await;
                panic!("later");
            }
            "hangs" => {
                let _cancelled = Cancelled;
                tokio::time::sleep(LONG).await;
            }
            "down" => return Err(AuthUnavailable::new("no directory")),
            "expired" => return Ok(Auth::Expired),
            "disabled" => return Ok(Auth::Disabled),
            _ => {}
        }
        if self.0.delay_ms > 0 {
            tokio::time::sleep(Duration::from_millis(self.0.delay_ms)).await;
        }
        let Some(right) = self.0.users.get(login) else { return Ok(Auth::Next) };
        if right != password.reveal() {
            tracing::warn!(login, "a wrong password");
            return Ok(Auth::Denied);
        }
        let identity = Identity {
            subject: format!("sample-{login}"),
            login: login.to_owned(),
            display_name: Some(format!("{login} of the sample")),
            groups: Some(vec!["sample".to_owned()]),
            ..Identity::default()
        };
        Ok(Auth::Ok(identity))
    }
}

impl CapabilityProvider for Sample {
    async fn contribute(&self, _: &Call, user: Option<&UserView>, _: &str) -> Result<Patch, Error> {
        let who = user.map_or("nobody", |user| user.id.as_str());
        let json =
            format!("{{\"sample\": {{\"greeting\": {:?}, \"user\": {who:?}}}}}", self.0.greeting);
        Ok(Patch { json, ttl: Duration::ZERO })
    }
}

impl Hooks for Sample {
    fn interest(&self) -> Vec<Interest> {
        self.0.refuses.iter().cloned().map(Interest::new).collect()
    }

    async fn before(&self, _: &Call, _: &Event) -> Result<Decision, Error> {
        if self.0.thinks_ms > 0 {
            let cancelled = Cancelled;
            tokio::time::sleep(Duration::from_millis(self.0.thinks_ms)).await;
            std::mem::forget(cancelled);
        }
        Ok(Decision::deny(format!("{} to {}", self.0.greeting, self.0.refuses.join(" and "))))
    }
}

moonsail_sdk::export_plugin!(Sample);
