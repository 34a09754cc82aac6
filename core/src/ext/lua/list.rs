//! All scripts of a server: loaded at the start, loaded anew when their files change, ended with it.

use std::collections::BTreeMap;
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
use super::stamps::Stamps;
use super::{events, hook, route, timers};
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
    /// Of each script, for the generation of that number.
    timers: std::sync::Mutex<BTreeMap<String, (u64, JoinSet<()>)>>,
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
            let failed = |fault| ScriptError { name: script.name.clone(), fault };
            let generation = all.generation(script, &Stamps::default()).await?;
            generation.begin(Data::Null).await.map_err(failed)?;
            announce(script, &generation, "a script was loaded");
            all.slots.push(Arc::new(Slot::new(&script.name, generation)));
        }
        Ok(all)
    }

    /// A script in its VMs, which is not told yet.
    async fn generation(
        &self,
        script: &config::Script,
        seen: &Stamps,
    ) -> Result<Generation, ScriptError> {
        let failed = |fault| ScriptError { name: script.name.clone(), fault };
        let number = self.loaded.fetch_add(1, Relaxed) + 1;
        let before = around(&script.path, seen).await;
        let source = source(script, &self.services).await.map_err(failed)?;
        let vms = self.rules.vms;
        Generation::load(source, script.clone(), vms, number, &before).await.map_err(failed)
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
        let app = |slot| route::app(slot).map(|app| (slot.name().to_owned(), app));
        self.slots.iter().filter_map(app).collect()
    }

    /// Who hears of changes. Each may want to, when it is loaded anew.
    pub fn sinks(&self) -> Vec<(String, Arc<dyn EventSink>)> {
        let sink = |slot: &Arc<Slot>| (format!("lua:{}", slot.name()), Arc::clone(slot) as _);
        self.slots.iter().map(sink).collect()
    }

    /// Starts the timers of those that are in service now; earlier ones end. Those of a generation that
    /// stays go on: what comes every hour must come though another script is edited every minute.
    pub fn start_timers(&self) {
        let mut timers = self.timers.lock().unwrap_or_else(PoisonError::into_inner);
        for slot in &self.slots {
            let number = slot.current().number;
            if timers.get(slot.name()).is_none_or(|(of, _)| *of != number) {
                timers.insert(slot.name().to_owned(), (number, timers::start(slot)));
            }
        }
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
        // One that does not even load is no reason to tell the old one that it ends.
        let new = self.generation(script, &old.stamps()).await?;
        let state = match old.unload().await {
            Ok(state) => state,
            // Its successor is perhaps the one in which that is repaired.
            Err(fault) => {
                slot.failed("server.unload", "", &fault);
                Data::Null
            }
        };
        new.begin(state).await.map_err(failed)?;
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
        // From before they are read: what is saved meanwhile is another state of the files.
        let seen = around(&script.path, &slot.current().stamps()).await;
        match self.reload(slot, script).await {
            Ok(()) => true,
            Err(error) => {
                // Said once for each state of the files.
                slot.current().note_stamps(seen);
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

async fn around(script: &Path, more: &Stamps) -> Stamps {
    let (script, more) = (script.to_owned(), more.clone());
    let seen = tokio::task::spawn_blocking(move || Stamps::around(&script, &more)).await;
    seen.unwrap_or_default()
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
