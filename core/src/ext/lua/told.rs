//! A script that hears of what has happened.

use std::time::Duration;

use moonsail_lua::mlua::{Lua, Table};
use moonsail_lua::script::{Kind, Returned};
use moonsail_sdk::BoxFuture;
use moonsail_sdk::auth::Call;
use moonsail_sdk::events::{Delivered, Event, EventSink, is_meant};

use super::argument::common;
use super::events::is_after;
use super::generation::{Place, Question};
use super::slot::Slot;

impl EventSink for Slot {
    fn interest(&self) -> Vec<String> {
        let loaded = self.current().registered();
        let handlers = loaded.registered.handlers.iter();
        handlers.filter(|it| is_after(&it.event)).map(|it| it.event.clone()).collect()
    }

    /// Each handler once for each event. An error is the handler's: it is logged, and what follows goes
    /// on; only `moon.tempfail` has the batch told again.
    fn deliver(&self, events: Vec<Event>) -> BoxFuture<'_, Delivered> {
        Box::pin(async move {
            let generation = self.current();
            let loaded = generation.registered();
            for event in &events {
                for (at, handler) in loaded.registered.handlers.iter().enumerate() {
                    if !is_after(&handler.event) || !is_meant(&handler.event, &event.name) {
                        continue;
                    }
                    let question = Question {
                        place: Place::Handler(at),
                        request_id: &event.request_id,
                        event: &event.name,
                        background: true,
                    };
                    let argument = |lua: &Lua| table(lua, event);
                    match self.ask(&generation, &question, argument).await {
                        Ok(Returned::Answer(answer)) if answer.kind == Kind::Tempfail => {
                            return Delivered::RetryAfter(Duration::ZERO);
                        }
                        Ok(_) | Err(_) => {}
                    }
                }
            }
            Delivered::Ack
        })
    }
}

fn table(lua: &Lua, event: &Event) -> moonsail_lua::mlua::Result<Table> {
    let call = Call { request_id: event.request_id.clone(), remote_ip: None };
    let table = common(lua, &event.name, &call)?;
    #[expect(clippy::cast_precision_loss, reason = "Luau has no other numbers")]
    table.raw_set("time", event.time_millis as f64 / 1000.0)?;
    #[expect(clippy::cast_precision_loss, reason = "Luau has no other numbers")]
    table.raw_set("seq", event.seq as f64)?;
    table.raw_set("user", event.actor.as_deref())?;
    table.raw_set("origin", event.origin.as_str())?;
    table.raw_set("owner", event.owner.as_str())?;
    table.raw_set("path", event.path.as_str())?;
    table.raw_set("old_path", event.old_path.as_deref())?;
    let node = lua.create_table()?;
    #[expect(clippy::cast_precision_loss, reason = "Luau has no other numbers")]
    node.raw_set("id", event.node as f64)?;
    node.raw_set("etag", event.etag.as_deref())?;
    #[expect(clippy::cast_precision_loss, reason = "Luau has no other numbers")]
    node.raw_set("size", event.size.map(|size| size as f64))?;
    node.raw_set("folder", event.folder)?;
    table.raw_set("node", node)?;
    Ok(table)
}
