//! A script in service: the generation of the moment, what is counted, and its last runs.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use moonsail_lua::mlua::{self, Lua};
use moonsail_lua::script::Returned;
use moonsail_lua::services::{Clock as _, SystemClock};
use moonsail_lua::{Fault, Trouble};
use serde::Serialize;

use super::generation::{Generation, Question};
use crate::hooks::Complaints;

/// Runs that are remembered.
const RUNS: usize = 200;
/// Errors within [`WINDOW`] after which a script counts as degraded.
const MANY: usize = 5;
/// See [`MANY`].
const WINDOW: Duration = Duration::from_secs(60);

/// A run of a script.
#[derive(Debug, Clone, Serialize)]
pub struct Run {
    /// Unix milliseconds.
    pub time: u64,
    /// The event, the route or the timer.
    pub event: String,
    /// The request it was for; empty if none.
    pub request: String,
    /// What it answered: the name of the answer, or `value`; empty if it failed.
    pub decision: String,
    /// How long it took, waiting included.
    pub micros: u64,
    /// What went wrong; empty if nothing.
    pub error: String,
}

/// One `[[script]]`, loaded.
pub struct Slot {
    name: String,
    current: ArcSwap<Generation>,
    runs: Mutex<VecDeque<Run>>,
    calls: AtomicU64,
    failures: AtomicU64,
    micros: AtomicU64,
    lately: Mutex<VecDeque<Instant>>,
    complaints: Complaints,
}

impl Slot {
    pub(super) fn new(name: &str, generation: Generation) -> Self {
        Self {
            name: name.to_owned(),
            current: ArcSwap::from_pointee(generation),
            runs: Mutex::default(),
            calls: AtomicU64::new(0),
            failures: AtomicU64::new(0),
            micros: AtomicU64::new(0),
            lately: Mutex::default(),
            complaints: Complaints::default(),
        }
    }

    /// The script's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn current(&self) -> Arc<Generation> {
        self.current.load_full()
    }

    /// Puts another generation into service; gives the old one.
    pub(super) fn swap(&self, generation: Generation) -> Arc<Generation> {
        self.complaints.clear();
        self.lately.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.current.swap(Arc::new(generation))
    }

    /// Calls, failures, and microseconds of all calls.
    pub fn counts(&self) -> (u64, u64, u64) {
        (self.calls.load(Relaxed), self.failures.load(Relaxed), self.micros.load(Relaxed))
    }

    /// Whether it has failed often within the last minute.
    pub fn is_degraded(&self) -> bool {
        let mut lately = self.lately.lock().unwrap_or_else(PoisonError::into_inner);
        lately.retain(|at| at.elapsed() < WINDOW);
        lately.len() >= MANY
    }

    /// The last runs, oldest first.
    pub fn runs(&self) -> Vec<Run> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    /// Calls something that `generation` has registered, and remembers the run.
    ///
    /// # Errors
    /// [`Fault`], which is logged with its traceback, if nobody else has lately.
    pub(super) async fn ask(
        &self,
        generation: &Generation,
        question: &Question<'_>,
        argument: impl FnOnce(&Lua) -> mlua::Result<mlua::Table>,
    ) -> Result<Returned, Fault> {
        let begun = Instant::now();
        let answered = generation.call(question, argument).await;
        let micros = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.calls.fetch_add(1, Relaxed);
        self.micros.fetch_add(micros, Relaxed);
        let (decision, error) = match &answered {
            Ok(Returned::Answer(answer)) => (answer.kind.name(), ""),
            Ok(Returned::Values(_)) => ("value", ""),
            Err(fault) => ("", fault.message.as_str()),
        };
        self.note(question, decision, error, micros);
        if let Err(fault) = &answered {
            self.failed(question.event, question.request_id, fault);
        }
        answered
    }

    fn note(&self, question: &Question<'_>, decision: &str, error: &str, micros: u64) {
        let run = Run {
            time: u64::try_from(SystemClock.millis()).unwrap_or_default(),
            event: question.event.to_owned(),
            request: question.request_id.to_owned(),
            decision: decision.to_owned(),
            micros,
            error: error.to_owned(),
        };
        let mut runs = self.runs.lock().unwrap_or_else(PoisonError::into_inner);
        if runs.len() == RUNS {
            runs.pop_front();
        }
        runs.push_back(run);
    }

    /// Counts a failure, and logs it with its traceback.
    pub(super) fn failed(&self, event: &str, request: &str, fault: &Fault) {
        self.failures.fetch_add(1, Relaxed);
        let now = Instant::now();
        {
            let mut lately = self.lately.lock().unwrap_or_else(PoisonError::into_inner);
            if lately.len() == MANY {
                lately.pop_front();
            }
            lately.push_back(now);
        }
        let Some(more) = self.complaints.note(&self.name, known(event), now) else { return };
        let request = (!request.is_empty()).then_some(request);
        let (script, trouble) = (self.name.as_str(), name_of(fault.trouble));
        tracing::error!(
            script,
            event,
            request,
            trouble,
            error = fault.message,
            traceback = fault.traceback,
            not_logged = more,
            "a script failed"
        );
    }
}

/// The name by which complaints are counted: they keep no texts of their own.
fn known(event: &str) -> &'static str {
    let own = super::AUTH_EVENTS.iter().chain(super::SERVER_EVENTS).map(|event| event.name);
    let hooks = crate::hooks::EVENTS.iter().map(|spec| spec.name);
    let after = moonsail_sdk::events::NAMES.into_iter();
    own.chain(hooks).chain(after).find(|name| *name == event).unwrap_or("other")
}

fn name_of(trouble: Trouble) -> &'static str {
    match trouble {
        Trouble::Syntax => "syntax",
        Trouble::Script => "error",
        Trouble::Cpu => "processor time",
        Trouble::Wall => "time",
        Trouble::Memory => "memory",
        Trouble::Panic => "panic",
    }
}
