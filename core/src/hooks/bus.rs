//! The chain: asks those who are interested in an event, one after the other.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use futures_util::FutureExt as _;

use super::check::{Denial, check};
use super::complaints::Complaints;
use super::table::{Answers, Class, EVENTS, EventId, EventSpec, WAITING};
use super::{Call, Content, Decision, DynHooks, Event, Fields, OnError, Response};
use crate::config::nearest;

/// How long one hook may take, until somebody says otherwise.
const PATIENCE: Duration = Duration::from_secs(10);

/// Somebody with hooks, as `server.toml` names them.
#[derive(Clone)]
pub struct HookSource {
    /// The instance, for logs.
    pub name: String,
    /// What it answers.
    pub hooks: Arc<dyn DynHooks>,
    /// What the owner says about its errors, above what it says itself.
    pub on_error: Option<OnError>,
    /// It is asked, and what it says only goes into the log.
    pub shadow: bool,
}

/// Somebody who listens to an event.
#[derive(Clone)]
pub struct Listening {
    /// The instance, for logs.
    pub name: Arc<str>,
    /// What it answers.
    pub hooks: Arc<dyn DynHooks>,
    priority: i32,
    on_error: Option<OnError>,
    shadow: bool,
}

/// An interest in an event that cannot come.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{extension} wants to be asked about \"{event}\", {why}")]
pub struct BadInterest {
    /// The instance.
    pub extension: String,
    /// What it asked for.
    pub event: String,
    /// What is wrong with it, and what was perhaps meant.
    pub why: String,
}

/// What came of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It may happen, with these fields replaced.
    Go(Fields),
    /// A hook refused it.
    Denied(Denial),
    /// A hook could not decide, and its say counts: a temporary failure.
    Failed,
    /// The answer to the request.
    Respond(Response),
}

/// The chain of hooks. Cheap to clone; all clones are one.
#[derive(Clone, Default)]
pub struct Bus(Arc<Inner>);

struct Inner {
    /// A bit for each event that somebody listens to.
    heard: AtomicU64,
    /// By event, in the order in which they are asked.
    listening: ArcSwap<Vec<Vec<Listening>>>,
    patience_millis: AtomicU64,
    complaints: Complaints,
}

const _: () = assert!(EVENTS.len() <= 64, "an event has a bit of `heard`");

impl Default for Inner {
    fn default() -> Self {
        Self {
            heard: AtomicU64::new(0),
            listening: ArcSwap::from_pointee(vec![Vec::new(); EVENTS.len()]),
            patience_millis: AtomicU64::new(millis(PATIENCE)),
            complaints: Complaints::default(),
        }
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

impl Bus {
    /// A chain of `sources`, in the order of `server.toml`.
    ///
    /// # Errors
    /// [`BadInterest`] if one of them wants to be asked about what cannot come.
    pub fn of(sources: &[HookSource]) -> Result<Self, BadInterest> {
        let bus = Self::default();
        bus.replace(sources)?;
        Ok(bus)
    }

    /// Takes other hooks. Events that are being decided are decided by the old ones.
    ///
    /// # Errors
    /// [`BadInterest`]; the hooks stay as they were.
    pub fn replace(&self, sources: &[HookSource]) -> Result<(), BadInterest> {
        let mut lists = vec![Vec::new(); EVENTS.len()];
        for source in sources {
            listen(&mut lists, source)?;
        }
        let mut heard = 0;
        for (bit, list) in lists.iter_mut().enumerate() {
            // Stable: of equal ones the first of server.toml stays the first.
            list.sort_by_key(|listening| std::cmp::Reverse(listening.priority));
            heard |= u64::from(!list.is_empty()) << bit;
        }
        self.0.listening.store(Arc::new(lists));
        self.0.heard.store(heard, Relaxed);
        self.0.complaints.clear();
        Ok(())
    }

    /// How long one hook may take to decide; longer is an error of it.
    pub fn set_patience(&self, patience: Duration) {
        self.0.patience_millis.store(millis(patience), Relaxed);
    }

    /// How long one hook may take.
    pub fn patience(&self) -> Duration {
        Duration::from_millis(self.0.patience_millis.load(Relaxed))
    }

    /// Whether anybody listens to an event: one load and one bit, so that an event costs nothing
    /// where nobody does.
    #[inline]
    pub fn has(&self, event: EventId) -> bool {
        self.0.heard.load(Relaxed) & (1 << event as u32) != 0
    }

    /// Who listens to an event, in order.
    pub fn listening(&self, event: EventId) -> Vec<Listening> {
        self.0.listening.load()[event as usize].clone()
    }

    /// Asks about an event, and beside that those who only would have a say. To be called without any
    /// lock.
    pub async fn ask(
        &self,
        call: &Call,
        id: EventId,
        fields: Fields,
        content: Option<Arc<dyn Content>>,
    ) -> Verdict {
        // Whose turn it is does not change while they are being asked.
        let (shadows, live): (Vec<_>, Vec<_>) =
            self.listening(id).into_iter().partition(|it| it.shadow);
        if shadows.is_empty() {
            return self.decide(live, call, id, fields, content).await;
        }
        let verdict = self.decide(live, call, id, fields.clone(), content.clone()).await;
        // The content is there no longer than the decision takes.
        let event = Event { name: id.spec().name.into(), fields, content };
        for shadow in shadows {
            let said = self.ask_one(&shadow, call, id.spec(), &event).await;
            super::shadow::compare(&shadow.name, call, &event, said.ok(), &verdict);
        }
        verdict
    }

    async fn decide(
        &self,
        live: Vec<Listening>,
        call: &Call,
        id: EventId,
        fields: Fields,
        content: Option<Arc<dyn Content>>,
    ) -> Verdict {
        let spec = id.spec();
        #[cfg(debug_assertions)]
        if let Err(fault) = super::check::is_as_promised(spec, &fields) {
            debug_assert!(false, "{fault}");
        }
        let mut event = Event { name: spec.name.into(), fields, content };
        let mut changed = Fields::new();
        for listening in live {
            let decision = match self.ask_one(&listening, call, spec, &event).await {
                Ok(decision) => decision,
                Err(true) => return Verdict::Failed,
                Err(false) => continue,
            };
            match decision {
                Decision::Next => {}
                // Who is told, or folds, does not end it for the others.
                Decision::Allow if matches!(spec.answers, Answers::Tell | Answers::Fold) => {}
                Decision::Allow => return Verdict::Go(changed),
                Decision::Deny { status, message } => {
                    // It was checked with the decision.
                    let Ok(denial) = Denial::new(status, &message) else { return Verdict::Failed };
                    tracing::info!(
                        extension = %listening.name,
                        event = spec.name,
                        request = call.request_id,
                        user = event.fields.text("user"),
                        status = denial.status.as_u16(),
                        text = denial.message,
                        "refused by a hook"
                    );
                    return Verdict::Denied(denial);
                }
                Decision::Replace(fields) => {
                    for (name, value) in fields.iter() {
                        event.fields.set(name.to_owned(), value.clone());
                        changed.set(name.to_owned(), value.clone());
                    }
                    if spec.answers != Answers::Fold {
                        return Verdict::Go(changed);
                    }
                }
                Decision::Respond(response) => return Verdict::Respond(response),
            }
        }
        Verdict::Go(changed)
    }

    /// What one says. An error is whether it ends the event.
    async fn ask_one(
        &self,
        listening: &Listening,
        call: &Call,
        spec: &EventSpec,
        event: &Event,
    ) -> Result<Decision, bool> {
        let patience = self.patience();
        // The call itself may panic too, not only its future.
        let asked = AssertUnwindSafe(async { listening.hooks.before(call, event).await });
        let fault = match tokio::time::timeout(patience, asked.catch_unwind()).await {
            Ok(Ok(Ok(decision))) => match checked(spec, &decision) {
                Ok(()) => return Ok(decision),
                Err(fault) => fault,
            },
            Ok(Ok(Err(error))) => error.to_string(),
            Ok(Err(_)) => "it panicked".to_owned(),
            Err(_) => format!("it took longer than {} ms", patience.as_millis()),
        };
        let ends = match listening.on_error {
            _ if spec.class == Class::After => false,
            Some(on_error) => on_error == OnError::Deny,
            None => matches!(spec.class, Class::Auth | Class::Before),
        };
        self.complain(&listening.name, spec.name, &call.request_id, &fault, ends);
        Err(ends)
    }

    fn complain(&self, who: &str, event: &'static str, request: &str, fault: &str, ends: bool) {
        let Some(more) = self.0.complaints.note(who, event, Instant::now()) else { return };
        let what = match ends {
            true => "a hook could not decide; the request fails for now",
            false => "a hook could not decide; it counts as without an opinion",
        };
        tracing::error!(
            extension = who,
            event,
            request,
            error = fault,
            not_logged = more,
            "{what}"
        );
    }
}

/// Checks that the event takes such an answer, and that a refusal is one.
pub(crate) fn checked(spec: &EventSpec, decision: &Decision) -> Result<(), String> {
    check(spec, decision)?;
    match decision {
        Decision::Deny { status, message } => Denial::new(*status, message).map(|_| ()),
        _ => Ok(()),
    }
}

/// Adds what `source` is interested in.
fn listen(lists: &mut [Vec<Listening>], source: &HookSource) -> Result<(), BadInterest> {
    let name: Arc<str> = source.name.as_str().into();
    for interest in source.hooks.interest() {
        let mut meant = 0;
        for (spec, list) in EVENTS.iter().zip(lists.iter_mut()) {
            // Named and matched by a family as well: it is asked once, by the first.
            let known = list.iter().any(|other: &Listening| Arc::ptr_eq(&other.name, &name));
            if interest.matches(spec.name) {
                meant += 1;
                if !known {
                    list.push(Listening {
                        name: Arc::clone(&name),
                        hooks: Arc::clone(&source.hooks),
                        priority: interest.priority,
                        on_error: source.on_error.or(interest.on_error),
                        shadow: source.shadow,
                    });
                }
            }
        }
        if meant == 0 {
            let why = why_not(&interest.event);
            return Err(BadInterest { extension: source.name.clone(), event: interest.event, why });
        }
    }
    Ok(())
}

/// What follows a change, and so comes from the change feed and not from here.
const AFTERWARDS: [&str; 10] = [
    "file.uploaded",
    "file.downloaded",
    "file.deleted",
    "file.moved",
    "file.copied",
    "file.created_dir",
    "file.restored",
    "file.version_created",
    "file.locked",
    "file.unlocked",
];

fn why_not(event: &str) -> String {
    if let Some((_, waits)) = WAITING.iter().find(|(name, _)| *name == event) {
        return format!("which has to wait for {waits}");
    }
    if AFTERWARDS.contains(&event) {
        return "which comes when it has happened; provide moonsail.events/1 instead".into();
    }
    if event.starts_with("auth.") {
        return "which is asked in the order of auth.chain; provide moonsail.auth/1 instead".into();
    }
    match nearest(event, EVENTS.iter().map(|spec| spec.name)) {
        Some(near) => format!("which there is not; did you mean \"{near}\"?"),
        None => "which there is not; docs/extend/hooks.md lists the events".to_owned(),
    }
}
