//! A [`HooksTable`] as [`Hooks`].

use std::sync::Arc;
use std::time::Duration;

use super::capabilities::answered;
use super::content::{Loan, read};
use super::instance::{Callee, Instance};
use crate::BoxFuture;
use crate::abi::ask::{Failure, call_info, failure, succeeded};
use crate::abi::convert::{Malformed, read_struct, size_of};
use crate::abi::fields::{fields_of, with_fields};
use crate::abi::{
    CODE_DENIED, CODE_NEXT, CODE_OK, CODE_REPLACE, EXTENSION_HOOKS, HookAnswer, HookEvent,
    HookInterest, HooksTable, List, ON_ERROR_ALLOW, ON_ERROR_DENY, ON_ERROR_USUAL, Outcome, Str,
};
use crate::auth::Call;
use crate::error::Error;
use crate::hooks::{Decision, Event, Hooks, Interest, OnError, Response};

/// The hooks of a plugin.
#[derive(Clone)]
pub struct PluginHooks(Callee<HooksTable>);

impl PluginHooks {
    /// Those of an instance; `None` if it offers none.
    pub fn of(instance: &Arc<Instance>, timeout: Duration) -> Option<Self> {
        let callee: Callee<HooksTable> = Callee::new(instance, EXTENSION_HOOKS, timeout)?;
        callee.table.before.is_some().then_some(Self(callee))
    }

    /// What [`Hooks::interest`] gives, or why it cannot be read. Ask it at the start: a filter that
    /// silently hears of nothing is worse than a server that does not start.
    ///
    /// # Errors
    /// [`Failure`], in words for the administrator.
    pub fn checked_interest(&self) -> Result<Vec<Interest>, Failure> {
        let (this, interest) = (self.0.table.this, self.0.table.interest);
        let interest = interest.ok_or_else(Failure::not_offered)?;
        // SAFETY: as the table says.
        self.0.ask_now(interests, |done| unsafe { interest(this, done) })
    }

    fn begin(
        &self,
        call: &Call,
        event: &Event,
        loan: Option<&Loan>,
    ) -> Option<BoxFuture<'static, Result<Decision, Failure>>> {
        let (this, before) = (self.0.table.this, self.0.table.before?);
        let address = call.remote_ip.map(|address| address.to_string());
        let user = event.fields.text("user");
        let info = call_info(self.0.timeout, &call.request_id, user, address.as_deref());
        Some(with_fields(&event.fields, |fields| {
            let content = event.content.as_ref().zip(loan);
            let lent = HookEvent {
                size: size_of::<HookEvent>(),
                reserved: 0,
                name: Str::of(&event.name),
                fields,
                content: content.map_or(0, |(_, loan)| loan.0),
                content_size: content.map_or(0, |(content, _)| content.size()),
                read_content: content.map(|_| read as _),
            };
            self.0.ask(decision, |done| {
                // SAFETY: what is borrowed lives until the call returns.
                unsafe { before(this, &raw const info, &raw const lent, done) }
            })
        }))
    }
}

impl Hooks for PluginHooks {
    /// An instance whose list cannot be read wants an event that there is not, whose name says so.
    fn interest(&self) -> Vec<Interest> {
        self.checked_interest()
            .unwrap_or_else(|failure| vec![Interest::new(format!("({failure})"))])
    }

    async fn before(&self, call: &Call, event: &Event) -> Result<Decision, Error> {
        let loan = event.content.as_ref().map(Loan::of);
        let begun = self.begin(call, event, loan.as_ref());
        answered(begun).await
    }
}

fn interests(outcome: &Outcome) -> Result<Vec<Interest>, Failure> {
    succeeded(outcome)?;
    // SAFETY: alive while the outcome is read, and what the table says.
    unsafe {
        let list = List::of_value(outcome)?.read::<HookInterest>()?;
        let interest = |interest: &HookInterest| {
            Ok(Interest {
                event: interest.event.owned()?,
                priority: interest.priority,
                on_error: match interest.on_error {
                    ON_ERROR_USUAL => None,
                    ON_ERROR_DENY => Some(OnError::Deny),
                    ON_ERROR_ALLOW => Some(OnError::Allow),
                    _ => return Err(Malformed::Kind.into()),
                },
            })
        };
        list.iter().map(interest).collect()
    }
}

fn decision(outcome: &Outcome) -> Result<Decision, Failure> {
    // SAFETY: alive while the outcome is read, and what the table says.
    unsafe {
        let answer = match outcome.value.is_null() {
            true => None,
            false => Some(read_struct::<HookAnswer>(outcome.value)?),
        };
        let status = answer.map_or(0, |answer| answer.status);
        let status = u16::try_from(status).map_err(|_| Malformed::Kind)?;
        Ok(match (outcome.code, answer) {
            (CODE_NEXT, _) => Decision::Next,
            (CODE_DENIED, _) => Decision::Deny {
                status: (status != 0).then_some(status),
                message: failure(outcome).message,
            },
            (CODE_OK, Some(answer)) if status != 0 => {
                let headers = answer.headers.owned()?.into_iter().map(|(name, value)| {
                    Ok((name, String::from_utf8(value).map_err(|_| Malformed::Text)?))
                });
                Decision::Respond(Response {
                    status,
                    headers: headers.collect::<Result<_, Malformed>>()?,
                    body: answer.body.bytes().unwrap_or_default().to_vec(),
                })
            }
            (CODE_OK, _) => Decision::Allow,
            (CODE_REPLACE, Some(answer)) => Decision::Replace(fields_of(answer.fields)?),
            (CODE_REPLACE, None) => return Err(Malformed::Missing.into()),
            _ => return Err(failure(outcome)),
        })
    }
}
