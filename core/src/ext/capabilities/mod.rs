//! `moonsail.capabilities/1`: the chain of those who patch the capabilities document.
//!
//! Each provider gets what has been made so far, and its patch is merged (RFC 7396) if the apps can
//! read the result ([`schema`]); else it is refused, the log names the key, and what was made so far
//! stays. Hooks on the event `capabilities` come after the providers.
//!
//! Patches are kept by provider and user for as long as they say. They are kept with what the user
//! was when they were made, so a change of name, groups or rights asks anew.

mod kept;
mod patch;
pub mod schema;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use moonsail_sdk::capabilities::{DynCapabilityProvider, UserView};
use serde_json::Value;

use self::kept::Kept;
use self::patch::leaves;
use crate::clock::Clock;
use crate::hooks::{Bus, Call, Complaints, EventId};
use crate::proto::merge_patch::merge;

/// How long a provider that failed is left alone; its last patch counts meanwhile, if it has one.
const PAUSE: Duration = Duration::from_secs(5);
/// Longest patch, in bytes: no client would take such a document.
const MAX_PATCH: usize = 256 << 10;

/// A name and who answers under it.
type Provider = (String, Arc<dyn DynCapabilityProvider>);

/// The chain. One for the whole server.
pub struct CapabilityChain {
    providers: ArcSwap<Vec<Provider>>,
    bus: Bus,
    kept: Kept,
    complaints: Complaints,
    clock: Clock,
}

/// A document and where it has its keys from.
#[derive(Debug, Clone, PartialEq)]
pub struct Made {
    /// The `capabilities` object.
    pub capabilities: Value,
    /// Keys that extensions have set or removed, with the extension whose word was the last.
    pub set_by: Vec<(String, String)>,
    /// Extensions whose patch does not count this time, and why.
    pub refused: Vec<(String, String)>,
}

impl CapabilityChain {
    /// A chain of nobody but the hooks of `bus`.
    pub fn new(bus: Bus, clock: Clock) -> Self {
        Self {
            providers: ArcSwap::default(),
            bus,
            kept: Kept::default(),
            complaints: Complaints::default(),
            clock,
        }
    }

    /// Takes other providers, in the order of `server.toml`, and forgets all patches.
    pub fn replace(&self, providers: Vec<Provider>) {
        self.providers.store(Arc::new(providers));
        self.forget();
    }

    /// Forgets all patches: the configuration was read again.
    pub fn forget(&self) {
        self.kept.clear();
        self.complaints.clear();
    }

    /// Whether there is nobody to ask.
    pub fn is_empty(&self) -> bool {
        self.providers.load().is_empty() && !self.bus.has(EventId::Capabilities)
    }

    /// The document for `user`, or for somebody who has not logged in.
    pub async fn make(&self, call: &Call, user: Option<&UserView>, base: Value) -> Made {
        let mut made = Made { capabilities: base, set_by: Vec::new(), refused: Vec::new() };
        let providers = self.providers.load_full();
        for (name, provider) in providers.iter() {
            let patch = self.patch_of(name, provider.as_ref(), call, user, &made.capabilities);
            let patch = patch.await;
            self.merge(&mut made, name, patch, call);
        }
        for listening in self.bus.listening(EventId::Capabilities) {
            let name = listening.name.to_string();
            let hooks = patch::FromHooks(listening.hooks);
            let patch = self.patch_of(&name, &hooks, call, user, &made.capabilities).await;
            self.merge(&mut made, &name, patch, call);
        }
        made
    }

    /// A provider's patch, from memory as long as it says.
    async fn patch_of(
        &self,
        name: &str,
        provider: &dyn DynCapabilityProvider,
        call: &Call,
        user: Option<&UserView>,
        base: &Value,
    ) -> Result<Arc<Value>, String> {
        let now = self.clock.millis();
        let old = self.kept.find(name, user);
        if let Some((patch, until)) = &old
            && now < *until
        {
            return Ok(Arc::clone(patch));
        }
        let began = self.kept.begin();
        let asked = patch::ask(provider, call, user, base, self.bus.patience()).await;
        match asked {
            Ok((patch, ttl)) => {
                let patch = Arc::new(patch);
                self.kept.put(began, name, user, &patch, now, ttl);
                Ok(patch)
            }
            // The log hears of it; nobody waits for this provider again at once.
            Err(fault) => match old {
                Some((patch, _)) => {
                    self.kept.put(began, name, user, &patch, now, PAUSE);
                    self.complain(name, call, &format!("{fault}; its last patch counts on"));
                    Ok(patch)
                }
                None => {
                    let none = Arc::new(Value::Object(serde_json::Map::new()));
                    self.kept.put(began, name, user, &none, now, PAUSE);
                    Err(fault)
                }
            },
        }
    }

    fn merge(&self, made: &mut Made, name: &str, patch: Result<Arc<Value>, String>, call: &Call) {
        let merged = patch.and_then(|patch| {
            let mut next = made.capabilities.clone();
            merge(&mut next, &patch);
            match schema::check(&next) {
                Ok(()) => Ok((next, leaves(&patch))),
                Err(fault) => Err(format!("the patch is refused: {fault}")),
            }
        });
        match merged {
            Ok((next, keys)) => {
                made.capabilities = next;
                for key in keys {
                    let below = format!("{key}.");
                    // Its word is the last about all that lies below.
                    made.set_by.retain(|(other, _)| *other != key && !other.starts_with(&below));
                    made.set_by.push((key, name.to_owned()));
                }
            }
            Err(fault) => {
                self.complain(name, call, &fault);
                made.refused.push((name.to_owned(), fault));
            }
        }
    }

    fn complain(&self, name: &str, call: &Call, fault: &str) {
        let Some(more) = self.complaints.note(name, "capabilities", Instant::now()) else { return };
        let request = &call.request_id;
        tracing::error!(
            extension = name,
            request,
            error = fault,
            not_logged = more,
            "capabilities stay as they are without this extension"
        );
    }
}
