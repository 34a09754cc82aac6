//! An [`EventsTable`] as an [`EventSink`].

use std::sync::Arc;
use std::time::Duration;

use super::instance::{Callee, Instance};
use crate::BoxFuture;
use crate::abi::ask::{Failure, call_info, succeeded};
use crate::abi::convert::{Malformed, size_of};
use crate::abi::{
    EXTENSION_EVENTS, EventsTable, FeedEvent, List, NODE_FILE, NODE_FOLDER, NODE_GONE, Outcome,
    Str, StrList,
};
use crate::events::{Delivered, Event, EventSink};

/// The event sink of a plugin.
#[derive(Clone)]
pub struct PluginEvents(Callee<EventsTable>);

impl PluginEvents {
    /// That of an instance; `None` if it offers none.
    pub fn of(instance: &Arc<Instance>, timeout: Duration) -> Option<Self> {
        let callee: Callee<EventsTable> = Callee::new(instance, EXTENSION_EVENTS, timeout)?;
        callee.table.deliver.is_some().then_some(Self(callee))
    }

    /// What [`EventSink::interest`] gives, or why it cannot be read.
    ///
    /// # Errors
    /// [`Failure`], in words for the administrator.
    pub fn checked_interest(&self) -> Result<Vec<String>, Failure> {
        let (this, interest) = (self.0.table.this, self.0.table.interest);
        let interest = interest.ok_or_else(Failure::not_offered)?;
        // SAFETY: as the table says.
        self.0.ask_now(patterns, |done| unsafe { interest(this, done) })
    }

    fn begin(&self, events: &[Event]) -> Option<BoxFuture<'static, Result<(), Failure>>> {
        let (this, deliver) = (self.0.table.this, self.0.table.deliver?);
        let lent: Vec<FeedEvent> = events.iter().map(lent).collect();
        let info = call_info(self.0.timeout, "", None, None);
        Some(self.0.ask(succeeded, |done| {
            // SAFETY: what is borrowed lives until the call returns.
            unsafe { deliver(this, &raw const info, List::of(&lent), done) }
        }))
    }
}

impl EventSink for PluginEvents {
    fn interest(&self) -> Vec<String> {
        self.checked_interest().unwrap_or_else(|failure| {
            tracing::error!(plugin = self.0.instance.name(), %failure, "hears of no events");
            Vec::new()
        })
    }

    fn deliver(&self, events: Vec<Event>) -> BoxFuture<'_, Delivered> {
        Box::pin(async move {
            let result = match self.begin(&events) {
                Some(answer) => answer.await,
                None => Err(Failure::not_offered()),
            };
            match result {
                Ok(()) => Delivered::Ack,
                Err(failure) => {
                    if !failure.message.is_empty() {
                        let plugin = self.0.instance.name();
                        tracing::warn!(plugin, %failure, "did not take its events");
                    }
                    Delivered::RetryAfter(failure.retry_after.unwrap_or_default())
                }
            }
        })
    }
}

fn patterns(outcome: &Outcome) -> Result<Vec<String>, Failure> {
    succeeded(outcome)?;
    if outcome.value.is_null() {
        return Err(Malformed::Missing.into());
    }
    // SAFETY: alive while the outcome is read, and what the table says.
    let list = unsafe { outcome.value.cast::<StrList>().read_unaligned().option_owned() }?;
    Ok(list.unwrap_or_default())
}

fn lent(event: &Event) -> FeedEvent {
    FeedEvent {
        size: size_of::<FeedEvent>(),
        kind: match event.folder {
            None => NODE_GONE,
            Some(false) => NODE_FILE,
            Some(true) => NODE_FOLDER,
        },
        seq: event.seq,
        time_millis: event.time_millis,
        node: event.node,
        bytes: event.size.unwrap_or(0),
        has_bytes: u32::from(event.size.is_some()),
        reserved: 0,
        name: Str::of(&event.name),
        actor: Str::option(event.actor.as_deref()),
        origin: Str::of(&event.origin),
        owner: Str::of(&event.owner),
        path: Str::of(&event.path),
        old_path: Str::option(event.old_path.as_deref()),
        etag: Str::option(event.etag.as_deref()),
        request_id: Str::of(&event.request_id),
    }
}
