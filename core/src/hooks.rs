//! The port to those who have a say: events that plugins and scripts answer before something
//! happens.
//!
//! [`table`] lists the events, once: name, class, fields, what an answer may be. [`Bus`] is the
//! chain that asks. Whoever is about to do something asks like this, and builds nothing when nobody
//! listens:
//!
//! ```ignore
//! if bus.has(EventId::FileBeforeDelete) {
//!     match bus.ask(&call, EventId::FileBeforeDelete, fields, None).await { … }
//! }
//! ```
//!
//! Whoever asks holds no lock: a hook may come back to the server.

mod bus;
mod check;
mod complaints;
mod shadow;
mod table;

#[cfg(test)]
mod tests;

pub(crate) use bus::checked;
pub use bus::{BadInterest, Bus, HookSource, Listening, Verdict};
pub use check::Denial;
pub(crate) use check::check;
pub(crate) use complaints::Complaints;
pub use moonsail_sdk::auth::Call;
pub use moonsail_sdk::error::Error as ExtensionError;
pub use moonsail_sdk::hooks::{
    Content, Decision, DynHooks, Event, Fields, Hooks, Interest, OnError, Response, Value,
};
pub use table::{
    Answers, COMMON, Class, EVENTS, EventId, EventSpec, FieldSpec, Kind, Mode, WAITING,
};

use crate::proto::user_agent::ClientKind;
use crate::wire::Request;

/// What a hook learns of the request beside the fields of its event.
pub fn call_of(request: &Request) -> Call {
    Call { request_id: request.id.to_string(), remote_ip: Some(request.remote_ip) }
}

/// The fields with which the events of a request begin: who asks, with what.
pub fn fields_of(request: &Request, user: Option<&str>) -> Fields {
    let agent = request.headers.get(http::header::USER_AGENT);
    let agent = agent.map(|value| String::from_utf8_lossy(value.as_bytes()));
    let kind = ClientKind::of(agent.as_deref().unwrap_or_default());
    Fields::new().with("user", user).with("client", kind.name())
}
