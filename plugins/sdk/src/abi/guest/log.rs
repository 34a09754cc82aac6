//! `tracing` in a plugin goes to the host's log, with the request id of the call it happens in.

use std::cell::RefCell;
use std::fmt::{self, Write as _};
use std::pin::Pin;
use std::sync::{Arc, Once, PoisonError, RwLock};
use std::task::{Context, Poll};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use super::host::Host;

/// For whom a piece of code runs: an instance's host, and the request behind it.
#[derive(Debug, Clone)]
pub(super) struct Scope {
    host: Host,
    request_id: Arc<str>,
}

thread_local! {
    static CURRENT: RefCell<Option<Scope>> = const { RefCell::new(None) };
}

/// The hosts of all instances of this library. The first one gets what is logged outside of any call.
/// Whoever uses it there holds the lock meanwhile: a host's table is gone once its instance is.
static LIVING: RwLock<Vec<Host>> = RwLock::new(Vec::new());
static SUBSCRIBED: Once = Once::new();

/// A host that may be logged to; dropped before its instance is gone.
pub(super) struct Living(Host);

impl Drop for Living {
    fn drop(&mut self) {
        let mut living = LIVING.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(index) = living.iter().position(|host| host.is(&self.0)) {
            living.remove(index);
        }
    }
}

/// Sends the library's log lines to hosts. In a binary that has a subscriber already (a test, a server
/// with the plugin linked in) that one stays.
#[must_use]
pub(super) fn subscribe(host: &Host) -> Living {
    SUBSCRIBED.call_once(|| {
        let _there_is_one = tracing::subscriber::set_global_default(ToHost);
    });
    LIVING.write().unwrap_or_else(PoisonError::into_inner).push(host.clone());
    Living(host.clone())
}

/// The request id of the call that runs in this thread; empty if none.
pub(super) fn request_id() -> Arc<str> {
    let current = CURRENT.with_borrow(|scope| scope.as_ref().map(|s| Arc::clone(&s.request_id)));
    current.unwrap_or_else(|| Arc::from(""))
}

impl Scope {
    pub(super) fn new(host: &Host, request_id: &str) -> Self {
        Self { host: host.clone(), request_id: request_id.into() }
    }

    /// Runs `work` so that its log lines go to this host, with the request id.
    pub(super) fn within<T>(&self, work: impl FnOnce() -> T) -> T {
        let before = CURRENT.with(|current| current.replace(Some(self.clone())));
        let _restored = Restore(before);
        work()
    }

    /// A future all of whose polls run within.
    pub(super) fn wrap<F: Future + Send>(self, future: F) -> Wrapped<F> {
        Wrapped { scope: self, future: Box::pin(future) }
    }
}

struct Restore(Option<Scope>);

impl Drop for Restore {
    fn drop(&mut self) {
        CURRENT.set(self.0.take());
    }
}

/// See [`Scope::wrap`].
pub(super) struct Wrapped<F> {
    scope: Scope,
    future: Pin<Box<F>>,
}

impl<F: Future> Future for Wrapped<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let this = &mut *self;
        this.scope.within(|| this.future.as_mut().poll(context))
    }
}

/// Writes events to the host whose call runs in this thread.
struct ToHost;

impl ToHost {
    /// Gives `with` the host and the request of the call, or the first host and none.
    fn scope<T>(with: impl FnOnce(&Host, &str) -> T) -> Option<T> {
        if let Some(scope) = CURRENT.with_borrow(Clone::clone) {
            return Some(with(&scope.host, &scope.request_id));
        }
        let living = LIVING.read().unwrap_or_else(PoisonError::into_inner);
        living.first().map(|host| with(host, ""))
    }
}

impl Subscriber for ToHost {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        Self::scope(|host, _| host.is_logged(*metadata.level())).unwrap_or(false)
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line::default();
        event.record(&mut line);
        let level = *event.metadata().level();
        let _nobody = Self::scope(|host, request_id| {
            host.log(level, &line.message, &line.fields, request_id);
        });
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[derive(Default)]
struct Line {
    message: String,
    fields: Vec<(String, String)>,
}

impl Visit for Line {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "message" => self.message.push_str(value),
            name => self.fields.push((name.to_owned(), value.to_owned())),
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        match field.name() {
            // Writing to a text cannot fail.
            "message" => drop(write!(self.message, "{value:?}")),
            name => self.fields.push((name.to_owned(), format!("{value:?}"))),
        }
    }
}
