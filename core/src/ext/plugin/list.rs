//! All plugins of a server: loaded at the start, reloaded while it runs, ended with it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use prometheus_client::registry::Registry;
use serde::Serialize;
use tokio::sync::Mutex;

use super::client::HttpClient;
use super::error::{Cause, PluginError};
use super::figures::{Figures, Shown};
use super::file;
use super::generation::{Generation, described};
use super::kv::Kv;
use super::services::Services;
use super::slot::Slot;
use crate::config::{self, nearest};
use crate::store::Store;

/// Generations of one process after which a restart is advised: each keeps about 0.7 MiB.
const MANY: u64 = 50;
/// How long the end of all plugins may take.
const CLOSE: Duration = Duration::from_secs(10);

/// The plugins of a server.
pub struct Plugins {
    slots: Vec<Arc<Slot>>,
    rules: config::Plugins,
    run: PathBuf,
    loaded: AtomicU64,
    /// One reload at a time.
    reloading: Mutex<()>,
    /// The index, where plugins keep what they must remember; `None` outside of a house.
    store: Option<Arc<dyn Store>>,
    figures: Figures,
    client: Arc<HttpClient>,
}

/// A plugin in service, for the administrator.
#[derive(Debug, Clone, Serialize)]
pub struct PluginState {
    /// Name of the instance.
    pub name: String,
    /// Name and version of the plugin.
    pub plugin: String,
    /// The library.
    pub path: PathBuf,
    /// SHA-256 of the copy in use.
    pub sha256: String,
    /// SDK and compiler that it was built with.
    pub build: String,
    /// What it is taken for.
    pub offers: Vec<&'static str>,
    /// Which loaded copy of this process it is.
    pub generation: u64,
    /// Calls of this generation.
    pub calls: u64,
    /// Calls that failed by its own fault.
    pub failures: u64,
}

impl Plugins {
    /// Loads all in the order of `server.toml`. `run` is a private folder for their copies, which
    /// nobody else uses.
    ///
    /// # Errors
    /// [`PluginError`] of the first that cannot be loaded and is not optional: a server must not come
    /// up without the rules and logins that it was told to have.
    pub async fn load(
        plugins: &[config::Plugin],
        rules: config::Plugins,
        run: &Path,
        store: Option<&Arc<dyn Store>>,
    ) -> Result<Self, PluginError> {
        file::clean(run);
        let mut all = Self {
            slots: Vec::with_capacity(plugins.len()),
            rules,
            run: run.to_owned(),
            loaded: AtomicU64::new(0),
            reloading: Mutex::new(()),
            store: store.cloned(),
            figures: Figures::default(),
            client: Arc::default(),
        };
        for plugin in plugins {
            match all.generation(plugin).await {
                Ok(generation) => {
                    announce(&generation, "a plugin was loaded");
                    all.slots.push(Arc::new(Slot::new(&plugin.name, generation)));
                }
                Err(error) if plugin.optional => {
                    tracing::error!(%error, "an optional plugin is left out");
                }
                Err(error) => {
                    all.close().await;
                    return Err(error);
                }
            }
        }
        Ok(all)
    }

    async fn generation(&self, plugin: &config::Plugin) -> Result<Generation, PluginError> {
        let number = self.loaded.fetch_add(1, Ordering::Relaxed) + 1;
        let services = Services {
            instance: plugin.name.clone(),
            metrics: Some(Arc::new(self.figures.of(&plugin.name))),
            kv: self.store.as_ref().map(|store| {
                let instance = format!("plugin:{}", plugin.name).into();
                Arc::new(Kv { instance, store: Arc::clone(store) }) as _
            }),
            http: Some(Arc::clone(&self.client) as _),
        };
        Generation::load(plugin, self.rules, number, &self.run, services).await
    }

    /// Shows what they count, and what is counted of them.
    pub fn register(&self, registry: &mut Registry) {
        let slots = self.slots.iter().map(Arc::downgrade).collect();
        Shown { figures: self.figures.clone(), slots }.register(registry);
    }

    /// All of them, in the order of `server.toml`.
    pub fn slots(&self) -> &[Arc<Slot>] {
        &self.slots
    }

    /// One by its name.
    pub fn find(&self, name: &str) -> Option<&Arc<Slot>> {
        self.slots.iter().find(|slot| slot.name() == name)
    }

    /// What runs now.
    pub fn states(&self) -> Vec<PluginState> {
        let state = |slot: &Arc<Slot>| slot.current().as_deref().map(state_of);
        self.slots.iter().filter_map(state).collect()
    }

    /// Loads a plugin anew beside the old copy, and lets it take over. With `None` its configuration
    /// stays as it is.
    ///
    /// # Errors
    /// [`PluginError`], and the old copy stays in service.
    pub async fn reload(
        &self,
        name: &str,
        config: Option<&config::Plugin>,
    ) -> Result<PluginState, PluginError> {
        let _one = self.reloading.lock().await;
        let found = self.find(name).and_then(|slot| Some((slot, slot.current()?)));
        let Some((slot, old)) = found else {
            let near = nearest(name, self.slots.iter().map(|slot| slot.name()));
            let hint = near.map(|near| format!("; perhaps {near:?} is meant")).unwrap_or_default();
            let (name, path) = (name.to_owned(), PathBuf::from("-"));
            return Err(PluginError { name, path, cause: Cause::Unknown(hint) });
        };
        let config = config.unwrap_or(&old.config).clone();
        if !old.facts.reloadable {
            let cause = Cause::NotReloadable { plugin: described(&old.facts) };
            return Err(PluginError { name: config.name, path: config.path, cause });
        }
        // What it is in service for now must be served by the new copy, too.
        let wanted = config::Plugin {
            provides: old.offers().into_iter().map(str::to_owned).collect(),
            ..config
        };
        let new = self.generation(&wanted).await?;
        announce(&new, "a plugin was loaded anew");
        let state = state_of(&new);
        if new.number >= MANY {
            tracing::warn!(
                loaded = new.number,
                "many copies of plugins were loaded; restart the server to free their memory"
            );
        }
        drop(old);
        if let Some(old) = slot.swap(Some(new)) {
            drop(tokio::spawn(old.retire()));
        }
        Ok(state)
    }

    /// Reloads those whose file or section has changed, and says whether there were any; what fails is
    /// logged, and stays as it was.
    pub async fn follow(&self, plugins: &[config::Plugin]) -> bool {
        let mut changed = false;
        for plugin in plugins {
            let Some(old) = self.find(&plugin.name).and_then(|slot| slot.current()) else {
                continue;
            };
            let (path, known) = (plugin.path.clone(), old.sha256.clone());
            let is_same = old.config.config_json == plugin.config_json
                && old.config.timeout == plugin.timeout
                && tokio::task::spawn_blocking(move || {
                    file::check(&path, None).is_ok_and(|checked| checked.sha256 == known)
                })
                .await
                .unwrap_or(false);
            drop(old);
            if is_same {
                continue;
            }
            match self.reload(&plugin.name, Some(plugin)).await {
                Ok(_) => changed = true,
                Err(error) => {
                    tracing::error!(%error, "the copy of the plugin that is in use stays");
                }
            }
        }
        changed
    }

    /// Stops all of them and removes their copies with the folder, for a process that ends now.
    pub async fn discard(&self) {
        self.close().await;
        // Left behind it costs a few megabytes.
        let _left = std::fs::remove_dir_all(&self.run);
    }

    /// Stops all of them, in the reverse order of their loading.
    pub async fn close(&self) {
        for slot in self.slots.iter().rev() {
            let Some(generation) = slot.swap(None) else { continue };
            if tokio::time::timeout(CLOSE, generation.retire()).await.is_err() {
                tracing::warn!(
                    plugin = slot.name(),
                    "a plugin is in use still and was not stopped"
                );
            }
        }
    }
}

fn announce(generation: &Generation, message: &'static str) {
    tracing::info!(
        name = generation.instance.name(),
        plugin = described(&generation.facts),
        sdk = generation.facts.sdk,
        offers = generation.offers().join(" "),
        generation = generation.number,
        message
    );
}

fn state_of(generation: &Generation) -> PluginState {
    let (calls, failures) = generation.instance.counts();
    PluginState {
        name: generation.instance.name().to_owned(),
        plugin: described(&generation.facts),
        path: generation.config.path.clone(),
        sha256: generation.sha256.clone(),
        build: format!("{}, {}", generation.facts.sdk, generation.facts.build),
        offers: generation.offers(),
        generation: generation.number,
        calls,
        failures,
    }
}
