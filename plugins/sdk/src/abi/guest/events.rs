//! [`EventsTable`] around an [`EventSink`].

use std::ffi::c_void;
use std::sync::Arc;

use super::offers::{at_once, begin};
use crate::abi::convert::{Malformed, borrowed, size_of};
use crate::abi::token::Token;
use crate::abi::{
    CODE_BUSY, CODE_INTERNAL, CallInfo, Done, EventsTable, FeedEvent, List, NODE_FILE, NODE_FOLDER,
    Op, StrList,
};
use crate::events::{Delivered, Event, EventSink};

type Provider = dyn EventSink;

pub(super) fn table(_: &Arc<Provider>, this: *mut c_void) -> EventsTable {
    EventsTable {
        size: size_of::<EventsTable>(),
        reserved: 0,
        this,
        interest: Some(interest),
        deliver: Some(deliver),
    }
}

unsafe extern "C" fn interest(this: *mut c_void, done: Done) {
    let token = Token::new(done);
    // SAFETY: the host calls it as the table says.
    let list = unsafe { at_once(this, None, |sink: &Provider| Some(sink.interest())) };
    match list {
        Some(list) => token.ok(&StrList::of(&borrowed(&list))),
        None => token.code(CODE_INTERNAL, "it panicked"),
    }
}

unsafe extern "C" fn deliver(
    this: *mut c_void,
    call: *const CallInfo,
    events: List,
    done: Done,
) -> *mut Op {
    // SAFETY: the host calls it as the table says.
    unsafe {
        let prepare = |sink: Arc<Provider>, _| {
            let events = events.read::<FeedEvent>()?;
            let events = events.iter().map(|event| event_of(event));
            let events: Vec<Event> = events.collect::<Result<_, _>>()?;
            Ok(async move { sink.deliver(events).await })
        };
        begin(this, call, done, prepare, |delivered, token: Token| match delivered {
            Delivered::Ack => token.done(),
            Delivered::RetryAfter(time) => {
                token.later(CODE_BUSY, "", (!time.is_zero()).then_some(time));
            }
        })
    }
}

/// # Safety
/// All that the event points to is alive.
unsafe fn event_of(event: &FeedEvent) -> Result<Event, Malformed> {
    // SAFETY: as the caller promises.
    unsafe {
        Ok(Event {
            seq: event.seq,
            time_millis: event.time_millis,
            name: event.name.owned()?,
            actor: event.actor.option_owned()?,
            origin: event.origin.owned()?,
            owner: event.owner.owned()?,
            path: event.path.owned()?,
            old_path: event.old_path.option_owned()?,
            node: event.node,
            etag: event.etag.option_owned()?,
            size: (event.has_bytes != 0).then_some(event.bytes),
            folder: match event.kind {
                NODE_FILE => Some(false),
                NODE_FOLDER => Some(true),
                _ => None,
            },
            request_id: event.request_id.owned()?,
        })
    }
}
