//! All scripts of a server: loaded at the start, loaded anew when their files change, ended with it.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, PoisonError};

use moonsail_lua::script::Source;
use moonsail_lua::{Data, Fault, Grants, Services, Site, Trouble, VmLimits};
use moonsail_sdk::events::EventSink;
use moonsail_sdk::http::HttpApp;
use prometheus_client::registry::Registry;
use serde::Serialize;
use tokio::sync::Mutex;
use tokio::task::JoinSet;

use super::figures::{Figures, Shown};
use super::generation::Generation;
use super::kv::IndexKv;
use super::slot::{Run, Slot};
use super::{events, hook, timers};
use crate::config;
use crate::hooks::HookSource;
use crate::store::Store;

/// A script cannot be used.
#[derive(Debug, Clone)]
pub struct ScriptError {
    /// Its name.
    pub name: String,
    /// What is wrong, with file and line.
    pub fault: Fault,
}

impl fmt::Display for ScriptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "script {:?}: {}", self.name, self.fault.message)
    }
}

impl std::error::Error for ScriptError {}

/// A script in service, for the administrator.
#[derive(Debug, Clone, Serialize)]
pub struct ScriptState {
    /// Its name.
    pub name: String,
    /// The file.
    pub path: PathBuf,
    /// How many times it was loaded.
    pub generation: u64,
    /// Events it listens to, in order.
    pub events: Vec<String>,
    /// Routes and timers.
    pub routes: Vec<String>,
    /// How many calls there were.
    pub calls: u64,
    /// How many of them failed.
    pub failures: u64,
    /// Microseconds of all calls.
    pub micros: u64,
    /// Bytes of memory of its VMs.
    pub memory: usize,
    /// Whether it has failed often within the last minute.
    pub degraded: bool,
    /// Whether its say only goes into the log.
    pub shadow: bool,
    /// The last runs, oldest first.
    pub runs: Vec<Run>,
}

/// The scripts of a server.
pub struct Scripts {
    slots: Vec<Arc<Slot>>,
    rules: config::Scripts,
    services: Arc<Services>,
    figures: Figures,
    loaded: AtomicU64,
    /// One reload at a time.
    reloading: Mutex<()>,
    timers: std::sync::Mutex<Vec<JoinSet<()>>>,
}

impl Scripts {
    /// Loads all, in the order of `server.toml`.
    ///
    /// # Errors
    /// [`ScriptError`] of the first that does not load: a server must not come up without the rules and
    /// logins that it was told to have.
    pub async fn load(
        scripts: &[config::Script],
        rules: config::Scripts,
        store: &Arc<dyn Store>,
    ) -> Result<Self, ScriptError> {
        let figures = Figures::default();
        let kv = Arc::new(IndexKv { store: Arc::clone(store) });
        let services = Arc::new(Services::real(kv, Arc::new(figures.clone())));
        let mut all = Self {
            slots: Vec::with_capacity(scripts.len()),
            rules,
            services,
            figures,
            loaded: AtomicU64::new(0),
            reloading: Mutex::default(),
            timers: std::sync::Mutex::default(),
        };
        for script in scripts {
            let generation = all.generation(script, &Data::Null).await?;
            announce(script, &generation, "a script was loaded");
            all.slots.push(Arc::new(Slot::new(&script.name, generation)));
        }
        Ok(all)
    }

    async fn generation(
        &self,
        script: &config::Script,
        state: &Data,
    ) -> Result<Generation, ScriptError> {
        let failed = |fault| ScriptError { name: script.name.clone(), fault };
        let number = self.loaded.fetch_add(1, Relaxed) + 1;
        let source = source(script, &self.services).await.map_err(failed)?;
        let vms = self.rules.vms;
        Generation::load(source, script.clone(), vms, number, state).await.map_err(failed)
    }

    /// Shows what is counted of them, and what they count.
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

    /// Whether files are watched.
    pub fn watches(&self) -> bool {
        self.rules.watch && !self.slots.is_empty()
    }

    /// The handlers of all that hooks can be asked about, in order.
    pub fn hooks(&self) -> Vec<HookSource> {
        self.slots.iter().flat_map(hook::sources).collect()
    }

    /// Who answers requests.
    pub fn apps(&self) -> Vec<(String, Arc<dyn HttpApp>)> {
        let routes = |slot: &&Arc<Slot>| !HttpApp::routes(&***slot).is_empty();
        let app = |slot: &Arc<Slot>| (slot.name().to_owned(), Arc::clone(slot) as _);
        self.slots.iter().filter(routes).map(app).collect()
    }

    /// Who hears of changes.
    pub fn sinks(&self) -> Vec<(String, Arc<dyn EventSink>)> {
        let sink = |slot: &Arc<Slot>| (format!("lua:{}", slot.name()), Arc::clone(slot) as _);
        self.slots.iter().filter(|slot| slot.is_told()).map(sink).collect()
    }

    /// Starts the timers of those that are in service now; earlier ones end.
    pub fn start_timers(&self) {
        let started = self.slots.iter().map(timers::start).collect();
        *self.timers.lock().unwrap_or_else(PoisonError::into_inner) = started;
    }

    /// Names of those that have failed often within the last minute.
    pub fn degraded(&self) -> Vec<String> {
        let slots = self.slots.iter().filter(|slot| slot.is_degraded());
        slots.map(|slot| slot.name().to_owned()).collect()
    }

    /// What runs now.
    pub fn states(&self) -> Vec<ScriptState> {
        self.slots.iter().map(state_of).collect()
    }

    /// Loads a script anew, and lets it take over when it is ready. `config` may be another one than so
    /// far.
    ///
    /// # Errors
    /// [`ScriptError`], and the old one stays in service.
    pub async fn reload(&self, slot: &Slot, script: &config::Script) -> Result<(), ScriptError> {
        let _one = self.reloading.lock().await;
        let old = slot.current();
        let failed = |fault| ScriptError { name: slot.name().to_owned(), fault };
        let state = old.unload().await.map_err(failed)?;
        let new = self.generation(script, &state).await?;
        announce(script, &new, "a script was loaded anew");
        slot.swap(new);
        Ok(())
    }

    /// The same with its section as it is.
    ///
    /// # Errors
    /// [`ScriptError`], and the old one stays in service.
    pub async fn reload_files(&self, slot: &Slot) -> Result<(), ScriptError> {
        let config = slot.current().config.clone();
        self.reload(slot, &config).await
    }

    /// Loads those anew whose files or sections have changed, and says whether there were any; what fails
    /// is logged, and stays as it was.
    pub async fn follow(&self, scripts: &[config::Script]) -> bool {
        let mut changed = false;
        for script in scripts {
            let Some(slot) = self.find(&script.name) else { continue };
            let generation = slot.current();
            if generation.config == *script && !has_changed(&generation).await {
                continue;
            }
            changed |= self.try_reload(slot, script).await;
        }
        changed
    }

    /// The same for their files alone.
    pub async fn follow_files(&self) -> bool {
        let mut changed = false;
        for slot in &self.slots {
            let generation = slot.current();
            if has_changed(&generation).await {
                changed |= self.try_reload(slot, &generation.config).await;
            }
        }
        changed
    }

    async fn try_reload(&self, slot: &Slot, script: &config::Script) -> bool {
        match self.reload(slot, script).await {
            Ok(()) => true,
            Err(error) => {
                // Said once for each state of the files.
                slot.current().note_stamps().await;
                tracing::error!(
                    %error,
                    traceback = error.fault.traceback,
                    "the script stays as it was loaded before"
                );
                false
            }
        }
    }
}

async fn has_changed(generation: &Arc<Generation>) -> bool {
    let generation = Arc::clone(generation);
    tokio::task::spawn_blocking(move || generation.has_changed()).await.unwrap_or(false)
}

/// A script as it is on the disk now.
pub(super) async fn source(
    script: &config::Script,
    services: &Arc<Services>,
) -> Result<Source, Fault> {
    let path = script.path.clone();
    let read = tokio::task::spawn_blocking(move || std::fs::read(path)).await;
    let unreadable =
        |why: String| Fault::new(Trouble::Syntax, format!("{}: {why}", script.path.display()));
    let text = match read {
        Ok(Ok(text)) => text,
        Ok(Err(error)) => return Err(unreadable(error.to_string())),
        Err(error) => return Err(unreadable(error.to_string())),
    };
    let folder = script.path.parent().unwrap_or(Path::new(".")).to_owned();
    let shown_folder = folder.file_name().map_or_else(|| ".".into(), |name| name.to_string_lossy());
    let file = script.path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    let shown = format!("{shown_folder}/{file}");
    let shown_folder = shown_folder.into_owned();
    Ok(Source {
        shown,
        text,
        config: script.config.clone().into(),
        secrets: script.secrets.clone(),
        site: Site::new(&script.name, Grants::new(script.allow.clone()), Arc::clone(services)),
        folder: (folder, shown_folder),
        events: Arc::new(events::check),
        limits: VmLimits { memory: script.memory, ..VmLimits::default() },
    })
}

fn announce(script: &config::Script, generation: &Generation, message: &'static str) {
    let loaded = generation.registered();
    let events: Vec<&str> =
        loaded.registered.handlers.iter().map(|handler| handler.event.as_str()).collect();
    tracing::info!(
        name = script.name,
        path = %script.path.display(),
        events = events.join(" "),
        generation = generation.number,
        shadow = script.shadow,
        message
    );
}

fn state_of(slot: &Arc<Slot>) -> ScriptState {
    let generation = slot.current();
    let loaded = generation.registered();
    let all = &loaded.registered;
    let (calls, failures, micros) = slot.counts();
    let routes = all.routes.iter().map(|route| format!("{} {}", route.method, route.pattern));
    let timers = all.timers.iter().map(|timer| format!("every {:?}", timer.every));
    ScriptState {
        name: slot.name().to_owned(),
        path: generation.config.path.clone(),
        generation: generation.number,
        events: all.handlers.iter().map(|handler| handler.event.clone()).collect(),
        routes: routes.chain(timers).collect(),
        calls,
        failures,
        micros,
        memory: generation.memory(),
        degraded: slot.is_degraded(),
        shadow: generation.config.shadow,
        runs: slot.runs(),
    }
}
