//! A handler of a script as a hook.

use std::sync::Arc;

use moonsail_lua::script;
use moonsail_lua::{Fault, Trouble};
use moonsail_sdk::BoxFuture;
use moonsail_sdk::error::{Code, Error};

use super::answer::{NoAnswer, decision};
use super::argument::of_event;
use super::generation::{Generation, Place, Question};
use super::slot::Slot;
use crate::config::ScriptOnError;
use crate::hooks::{
    Call, Class, Decision, DynHooks, EVENTS, Event, EventId, HookSource, Interest, OnError, checked,
};

/// One `moon.on`. It keeps its generation, so what is being decided is decided by the script that was
/// asked.
struct Handler {
    slot: Arc<Slot>,
    generation: Arc<Generation>,
    at: usize,
}

/// The hooks of a script, one for each handler, in its order.
pub(super) fn sources(slot: &Arc<Slot>) -> Vec<HookSource> {
    let generation = slot.current();
    let registered = generation.registered();
    let on_error = generation.config.on_error.map(|it| match it {
        ScriptOnError::Deny => OnError::Deny,
        ScriptOnError::Allow => OnError::Allow,
    });
    let handlers = registered.registered.handlers.iter().enumerate();
    let hooks = handlers.filter(|(_, it)| EVENTS.iter().any(|spec| spec.name == it.event));
    hooks
        .map(|(at, _)| HookSource {
            name: format!("lua:{}", slot.name()),
            hooks: Arc::new(Handler {
                slot: Arc::clone(slot),
                generation: Arc::clone(&generation),
                at,
            }),
            on_error,
            shadow: generation.config.shadow,
        })
        .collect()
}

impl DynHooks for Handler {
    fn interest(&self) -> Vec<Interest> {
        let loaded = self.generation.registered();
        let Some(handler) = loaded.registered.handlers.get(self.at) else { return Vec::new() };
        let mut interest = Interest::new(handler.event.clone()).priority(handler.priority);
        interest.on_error = handler.on_error.map(|it| match it {
            script::OnError::Deny => OnError::Deny,
            script::OnError::Allow => OnError::Allow,
        });
        vec![interest]
    }

    fn before<'a>(
        &'a self,
        call: &'a Call,
        event: &'a Event,
    ) -> BoxFuture<'a, Result<Decision, Error>> {
        Box::pin(async move {
            let Some(spec) = EVENTS.iter().find(|spec| spec.name == event.name) else {
                return Err(Error::internal("there is no such event"));
            };
            let question = Question {
                place: Place::Handler(self.at),
                request_id: &call.request_id,
                event: spec.name,
                background: spec.class == Class::After,
            };
            let content = event.content.as_ref();
            let argument = |lua: &_| of_event(lua, call, spec.name, &event.fields, content);
            let returned = self.slot.ask(&self.generation, &question, argument).await;
            let returned = returned.map_err(|fault| error_of(&fault))?;
            let decision =
                decision(spec, returned).map_err(|why| self.no_answer(spec.id, call, why))?;
            // The chain checks it as well, but does not know the file and the line.
            match checked(spec, &decision) {
                Ok(()) => Ok(decision),
                Err(why) => Err(self.no_answer(spec.id, call, NoAnswer::Wrong(why))),
            }
        })
    }
}

impl Handler {
    fn no_answer(&self, event: EventId, call: &Call, why: NoAnswer) -> Error {
        match why {
            NoAnswer::Later(why) => Error::unavailable(why),
            NoAnswer::Wrong(why) => {
                let loaded = self.generation.registered();
                let line = loaded.registered.handlers.get(self.at).map_or(0, |it| it.line);
                let message =
                    format!("{}:{line}: {}: {why}", self.generation.shown(), event.name());
                let fault = Fault::new(Trouble::Script, message);
                self.slot.failed(event.name(), &call.request_id, &fault);
                error_of(&fault)
            }
        }
    }
}

/// A failure of a script as the extension points know it.
pub(super) fn error_of(fault: &Fault) -> Error {
    let code = match fault.trouble {
        Trouble::Wall => Code::Timeout,
        _ => Code::Internal,
    };
    Error::new(code, fault.message.clone())
}
