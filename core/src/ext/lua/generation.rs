//! A script that is loaded: its VMs, and calling what it has registered.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, OnceLock, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use moonsail_lua::context::{Context, within};
use moonsail_lua::mlua::{self, Function, Lua, MultiValue, Value};
use moonsail_lua::script::{Loaded, Registered, Returned, Source};
use moonsail_lua::{Budget, Data, Fault, Site, Trouble};
use tokio::sync::Mutex;

use super::stamps::Stamps;
use crate::config;

/// What work in the background may use of the processor, in budgets of a request.
const PATIENT: u32 = 10;

/// One loading of a script.
pub(super) struct Generation {
    pub(super) number: u64,
    pub(super) config: config::Script,
    /// Its files as they were when they were read, or as they were when others did not load.
    stamps: std::sync::Mutex<Stamps>,
    /// What the one before has handed over, also for a VM that replaces another one.
    state: OnceLock<Data>,
    source: Source,
    lanes: Vec<Lane>,
    next: AtomicUsize,
}

/// A VM, and the one that replaces it when it is spoilt.
struct Lane {
    loaded: ArcSwap<Loaded>,
    replacing: Mutex<()>,
}

/// What is to be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// A handler, by its number.
    Handler(usize),
    /// A route, by its number.
    Route(usize),
    /// A timer, by its number.
    Timer(usize),
}

/// A call.
pub(super) struct Question<'a> {
    pub(super) place: Place,
    pub(super) request_id: &'a str,
    /// The event, for logs.
    pub(super) event: &'a str,
    /// Nobody waits for the answer.
    pub(super) background: bool,
}

impl Generation {
    /// Loads a script into all of its VMs. It is not told yet ([`Generation::begin`]). `before` are the
    /// stamps of files from before the first of them was read, as far as they were known.
    ///
    /// # Errors
    /// [`Fault`] with file and line.
    pub(super) async fn load(
        source: Source,
        config: config::Script,
        vms: usize,
        number: u64,
        before: &Stamps,
    ) -> Result<Self, Fault> {
        let mut lanes = Vec::with_capacity(vms);
        let mut files = Vec::new();
        let mut shape = None;
        for _ in 0..vms.max(1) {
            let loaded = source.load().await?;
            let found = loaded.registered.shape();
            match &shape {
                None => shape = Some(found),
                Some(first) if *first == found => {}
                Some(_) => {
                    return Err(Fault::new(
                        Trouble::Script,
                        format!(
                            "{}: registers something else each time it is loaded",
                            source.shown
                        ),
                    ));
                }
            }
            files.clone_from(&loaded.files);
            lanes.push(Lane { loaded: ArcSwap::from_pointee(loaded), replacing: Mutex::default() });
        }
        files.insert(0, config.path.clone());
        let stamps = std::sync::Mutex::new(before.of(files));
        let (next, state) = (AtomicUsize::new(0), OnceLock::new());
        Ok(Self { number, config, stamps, state, source, lanes, next })
    }

    /// Tells it in each VM that it is about to be in service, with what the one before has handed over.
    ///
    /// # Errors
    /// [`Fault`], and it should not be.
    pub(super) async fn begin(&self, state: Data) -> Result<(), Fault> {
        let state = self.state.get_or_init(|| state);
        for lane in &self.lanes {
            let loaded = lane.loaded.load_full();
            self.tell(&loaded, "server.load", state).await?;
        }
        Ok(())
    }

    /// What messages call its file.
    pub(super) fn shown(&self) -> &str {
        &self.source.shown
    }

    /// Where it is.
    pub(super) fn site(&self) -> &Site {
        &self.source.site
    }

    /// Whether one of its files is another one than was read. Blocking.
    pub(super) fn has_changed(&self) -> bool {
        self.stamps().differ()
    }

    /// Its files as they were read.
    pub(super) fn stamps(&self) -> Stamps {
        self.stamps.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes `seen` for what was read: it did not load, which is said once.
    pub(super) fn note_stamps(&self, seen: Stamps) {
        *self.stamps.lock().unwrap_or_else(PoisonError::into_inner) = seen;
    }

    /// What it has registered, as it is in the first VM.
    pub(super) fn registered(&self) -> Arc<Loaded> {
        self.lanes[0].loaded.load_full()
    }

    /// Calls the handlers of an event of the script itself in one VM; what the last one returns.
    async fn tell(&self, loaded: &Loaded, event: &str, state: &Data) -> Result<Data, Fault> {
        let mut returned = Data::Null;
        for handler in loaded.registered.handlers.iter().filter(|handler| handler.event == event) {
            let argument = |lua: &Lua| {
                let table = lua.create_table()?;
                table.raw_set("event", event)?;
                table.raw_set("generation", self.number)?;
                table.raw_set("state", state.to_lua(lua)?)?;
                Ok(table)
            };
            let argument = loaded.vm.make(argument)?;
            let budget = self.budget(handler.timeout, true);
            let context = Context { event: event.to_owned(), ..Context::default() };
            let call = loaded.vm.call(&handler.function, argument, budget);
            let values = within(Arc::new(context), call).await?;
            let value = values.front().cloned().unwrap_or(Value::Nil);
            returned = Data::from_lua(&value).map_err(|what| {
                Fault::new(
                    Trouble::Script,
                    format!("{}: {event} returned {what}", self.source.shown),
                )
            })?;
        }
        Ok(returned)
    }

    /// The end of this generation; what it hands to the next one.
    pub(super) async fn unload(&self) -> Result<Data, Fault> {
        let loaded = self.lanes[0].loaded.load_full();
        self.tell(&loaded, "server.unload", &Data::Null).await
    }

    fn budget(&self, timeout: Option<Duration>, background: bool) -> Budget {
        let cpu = match background {
            true => self.config.cpu * PATIENT,
            false => self.config.cpu,
        };
        Budget { cpu, wall: timeout.unwrap_or(self.config.timeout) }
    }

    /// Calls something with an argument that is made in the VM.
    ///
    /// # Errors
    /// [`Fault`].
    pub(super) async fn call(
        &self,
        question: &Question<'_>,
        argument: impl FnOnce(&Lua) -> mlua::Result<mlua::Table>,
    ) -> Result<Returned, Fault> {
        let loaded = self.lane(question.place).await?;
        let Some((function, timeout)) = target(&loaded.registered, question.place) else {
            return Err(Fault::new(Trouble::Script, "what was registered is not there any more"));
        };
        let budget = self.budget(timeout, question.background);
        let argument = loaded.vm.make(argument)?;
        let context = Context {
            request_id: question.request_id.to_owned(),
            event: question.event.to_owned(),
            ..Context::default()
        };
        let read = |_: &Lua, values: MultiValue| {
            Returned::read(&values).map_err(|got| {
                Fault::new(Trouble::Script, format!("{} returned {got}", question.event))
            })
        };
        let call = loaded.vm.call_into(&function, argument, budget, read);
        within(Arc::new(context), call).await
    }

    /// A VM that is free, if there is one, and not spoilt.
    async fn lane(&self, place: Place) -> Result<Arc<Loaded>, Fault> {
        // Timers share one, so what they keep in globals is there the next time.
        let first = match place {
            Place::Timer(_) => 0,
            _ => self.next.fetch_add(1, Relaxed),
        };
        let count = self.lanes.len();
        let order = || (0..count).map(|step| &self.lanes[(first + step) % count]);
        let free = |lane: &&Lane| !lane.loaded.load().vm.is_busy();
        let Some(lane) = order().find(free).or_else(|| order().next()) else {
            return Err(Fault::new(Trouble::Memory, "there is no VM"));
        };
        let loaded = lane.loaded.load_full();
        if !loaded.vm.is_spoilt() {
            return Ok(loaded);
        }
        let _one = lane.replacing.lock().await;
        let loaded = lane.loaded.load_full();
        if !loaded.vm.is_spoilt() {
            return Ok(loaded);
        }
        let fresh = self.source.load().await?;
        let nothing = Data::Null;
        self.tell(&fresh, "server.load", self.state.get().unwrap_or(&nothing)).await?;
        lane.loaded.store(Arc::new(fresh));
        Ok(lane.loaded.load_full())
    }

    /// Bytes of memory of all VMs.
    pub(super) fn memory(&self) -> usize {
        self.lanes.iter().map(|lane| lane.loaded.load().vm.used_memory()).sum()
    }
}

fn target(registered: &Registered, place: Place) -> Option<(Function, Option<Duration>)> {
    match place {
        Place::Handler(at) => {
            registered.handlers.get(at).map(|it| (it.function.clone(), it.timeout))
        }
        Place::Route(at) => registered.routes.get(at).map(|it| (it.function.clone(), it.timeout)),
        Place::Timer(at) => registered.timers.get(at).map(|it| (it.function.clone(), None)),
    }
}
