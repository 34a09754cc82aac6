//! Asking one provider, and what its patch is about.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use moonsail_sdk::capabilities::{CapabilityProvider, DynCapabilityProvider, Patch, UserView};
use serde_json::Value;

use super::MAX_PATCH;
use crate::hooks::{Call, Decision, DynHooks, Event, EventId, ExtensionError, Fields};

/// Asks a provider for its patch and how long it counts.
///
/// # Errors
/// What to write into the log.
pub(super) async fn ask(
    provider: &dyn DynCapabilityProvider,
    call: &Call,
    user: Option<&UserView>,
    base: &Value,
    patience: Duration,
) -> Result<(Value, Duration), String> {
    let base = base.to_string();
    let asked = AssertUnwindSafe(async { provider.contribute(call, user, &base).await });
    let patch = match tokio::time::timeout(patience, asked.catch_unwind()).await {
        Ok(Ok(patch)) => patch.map_err(|error| error.to_string())?,
        Ok(Err(_)) => return Err("it panicked".to_owned()),
        Err(_) => return Err(format!("it took longer than {} ms", patience.as_millis())),
    };
    if patch.json.len() > MAX_PATCH {
        return Err(format!("a patch of {} bytes; {MAX_PATCH} are most", patch.json.len()));
    }
    let json: Value = serde_json::from_str(&patch.json)
        .map_err(|error| format!("the patch is not JSON: {error}"))?;
    match json.is_object() {
        true => Ok((json, patch.ttl)),
        false => Err("the patch is not a JSON object".to_owned()),
    }
}

/// The keys that a patch sets or removes, with dots.
pub(super) fn leaves(patch: &Value) -> Vec<String> {
    let mut keys = Vec::new();
    walk(patch, "", &mut keys);
    keys
}

fn walk(patch: &Value, key: &str, keys: &mut Vec<String>) {
    match patch {
        Value::Object(members) if !members.is_empty() => {
            for (name, value) in members {
                let key = if key.is_empty() { name.clone() } else { format!("{key}.{name}") };
                walk(value, &key, keys);
            }
        }
        _ if key.is_empty() => {}
        _ => keys.push(key.to_owned()),
    }
}

/// Hooks on the event `capabilities`, as a provider.
pub(super) struct FromHooks(pub(super) Arc<dyn DynHooks>);

impl CapabilityProvider for FromHooks {
    async fn contribute(
        &self,
        call: &Call,
        user: Option<&UserView>,
        base_json: &str,
    ) -> Result<Patch, ExtensionError> {
        let fields = Fields::new()
            .with("user", user.map(|user| user.id.as_str()))
            .with("client", "other")
            .with("capabilities", base_json);
        let name = EventId::Capabilities.name().into();
        let event = Event { name, fields, content: None };
        let decision = self.0.before(call, &event).await?;
        if let Err(fault) = crate::hooks::check(EventId::Capabilities.spec(), &decision) {
            return Err(ExtensionError::internal(fault));
        }
        let Decision::Replace(fields) = decision else { return Ok(Patch::none(Duration::ZERO)) };
        let ttl = u64::try_from(fields.int("ttl_secs").unwrap_or(0)).unwrap_or(0);
        let json = fields.text("patch").unwrap_or("{}").to_owned();
        Ok(Patch { json, ttl: Duration::from_secs(ttl) })
    }
}
