//! [`HooksTable`] around a [`DynHooks`].

use std::ffi::c_void;
use std::ptr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::body::host_of;
use super::capabilities::failed;
use super::host::Host;
use super::offers::{at_once, begin};
use crate::BoxFuture;
use crate::abi::ask::{Failure, ask};
use crate::abi::convert::{Malformed, read_struct, size_of};
use crate::abi::errors::error;
use crate::abi::fields::{fields_of, with_fields};
use crate::abi::stream::piece;
use crate::abi::token::Token;
use crate::abi::{
    CODE_DENIED, CODE_INTERNAL, CODE_NEXT, CODE_OK, CODE_REPLACE, CallInfo, Done, HookAnswer,
    HookEvent, HookInterest, HooksTable, Kv, KvList, List, ON_ERROR_ALLOW, ON_ERROR_DENY,
    ON_ERROR_USUAL, Op, Str,
};
use crate::error::Error;
use crate::hooks::{Content, Decision, DynHooks, Event, Interest, OnError};

type Provider = dyn DynHooks;

/// How long a piece of an event's bytes may take.
const READ: Duration = Duration::from_secs(300);

pub(super) fn table(_: &Arc<Provider>, this: *mut c_void) -> HooksTable {
    HooksTable {
        size: size_of::<HooksTable>(),
        reserved: 0,
        this,
        interest: Some(interest),
        before: Some(before),
    }
}

unsafe extern "C" fn interest(this: *mut c_void, done: Done) {
    let token = Token::new(done);
    // SAFETY: the host calls it as the table says.
    let list = unsafe { at_once(this, None, |provider: &Provider| Some(provider.interest())) };
    let Some(list) = list else { return token.code(CODE_INTERNAL, "it panicked") };
    let one = |interest: &Interest| HookInterest {
        size: size_of::<HookInterest>(),
        priority: interest.priority,
        on_error: match interest.on_error {
            None => ON_ERROR_USUAL,
            Some(OnError::Deny) => ON_ERROR_DENY,
            Some(OnError::Allow) => ON_ERROR_ALLOW,
        },
        reserved: 0,
        event: Str::of(&interest.event),
    };
    let all: Vec<HookInterest> = list.iter().map(one).collect();
    token.ok(&List::of(&all));
}

unsafe extern "C" fn before(
    this: *mut c_void,
    call: *const CallInfo,
    event: *const HookEvent,
    done: Done,
) -> *mut Op {
    // SAFETY: the host calls it as the table says.
    unsafe {
        let host = host_of::<Provider>(this);
        let prepare = |provider: Arc<Provider>, call| {
            let event = event_of(event, host)?;
            Ok(async move { provider.before(&call, &event).await })
        };
        begin(this, call, done, prepare, answer)
    }
}

/// # Safety
/// `event` is a host's, and alive.
unsafe fn event_of(event: *const HookEvent, host: Host) -> Result<Event, Malformed> {
    // SAFETY: as the caller promises.
    unsafe {
        let event = read_struct::<HookEvent>(event.cast())?;
        let read = event.read_content.filter(|_| event.content != 0);
        let content = read.map(|read| {
            let (number, size) = (event.content, event.content_size);
            Arc::new(Bytewise { number, size, read, host }) as Arc<dyn Content>
        });
        let name = event.name.owned()?.into();
        Ok(Event { name, fields: fields_of(event.fields)?, content })
    }
}

fn answer(result: Result<Decision, Error>, token: Token) {
    let none = HookAnswer {
        size: size_of::<HookAnswer>(),
        status: 0,
        fields: List::NONE,
        headers: KvList::NONE,
        body: Str::NONE,
    };
    match result {
        Ok(Decision::Next) => token.code(CODE_NEXT, ""),
        Ok(Decision::Allow) => token.done(),
        Ok(Decision::Deny { status, message }) => {
            let answer = HookAnswer { status: status.unwrap_or(0).into(), ..none };
            token.said(CODE_DENIED, &message, &answer);
        }
        Ok(Decision::Replace(fields)) => with_fields(&fields, |fields| {
            token.value(CODE_REPLACE, &HookAnswer { fields, ..none });
        }),
        Ok(Decision::Respond(response)) => {
            let pair =
                |(key, value): &(String, String)| Kv { key: Str::of(key), value: Str::of(value) };
            let headers: Vec<Kv> = response.headers.iter().map(pair).collect();
            token.value(
                CODE_OK,
                &HookAnswer {
                    status: response.status.into(),
                    headers: KvList::of(&headers),
                    body: Str::of_bytes(&response.body),
                    ..none
                },
            );
        }
        Err(error) => failed(&error, token),
    }
}

/// An event's bytes, by their number at the host.
struct Bytewise {
    number: u64,
    size: u64,
    read: unsafe extern "C" fn(u64, u64, u64, Done),
    host: Host,
}

impl Content for Bytewise {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, offset: u64, most: usize) -> BoxFuture<'_, Result<Bytes, Error>> {
        let answer = ask(READ, self.host.clone(), piece, |done| {
            // SAFETY: the host's function, which may be called at any time.
            unsafe { (self.read)(self.number, offset, most as u64, done) };
            ptr::null_mut()
        });
        Box::pin(async move { answer.await.map_err(|failure: Failure| error(failure)) })
    }
}
