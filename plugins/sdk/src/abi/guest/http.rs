//! [`HttpAppTable`] around an [`HttpApp`].

use std::ffi::c_void;
use std::ptr;
use std::sync::Arc;

use super::body::{Scoped, host_of, of_host};
use super::offers::{at_once, begin};
use crate::abi::convert::{Malformed, borrowed_pairs, read_struct, size_of};
use crate::abi::stream::{self, Stream, give};
use crate::abi::token::Token;
use crate::abi::{
    ACCESS_ADMIN, ACCESS_NONE, ACCESS_USER, CODE_INTERNAL, CODE_INVALID, CODE_UNAVAILABLE,
    CallInfo, Done, HttpAppTable, HttpHead, HttpReplyHead, HttpRoute, KvList, List, Op, Str,
};
use crate::http::{Access, Answer, Call, Head, HttpApp, HttpError, Route};
use crate::stream::StreamError;

type Provider = dyn HttpApp;

pub(super) fn table(_: &Arc<Provider>, this: *mut c_void) -> HttpAppTable {
    HttpAppTable {
        size: size_of::<HttpAppTable>(),
        reserved: 0,
        this,
        routes: Some(routes),
        handle: Some(handle),
    }
}

unsafe extern "C" fn routes(this: *mut c_void, done: Done) {
    let token = Token::new(done);
    // SAFETY: the host calls it as the table says.
    let list = unsafe { at_once(this, None, |app: &Provider| Some(app.routes())) };
    let Some(list) = list else { return token.code(CODE_INTERNAL, "it panicked") };
    let one = |route: &Route| HttpRoute {
        size: size_of::<HttpRoute>(),
        access: match route.access {
            Access::None => ACCESS_NONE,
            Access::User => ACCESS_USER,
            Access::Admin => ACCESS_ADMIN,
        },
        max_body: route.max_body,
        method: Str::of(&route.method),
        pattern: Str::of(&route.pattern),
    };
    let all: Vec<HttpRoute> = list.iter().map(one).collect();
    token.ok(&List::of(&all));
}

unsafe extern "C" fn handle(
    this: *mut c_void,
    call: *const CallInfo,
    head: *const HttpHead,
    body: *mut Stream,
    done: Done,
) -> *mut Op {
    // SAFETY: the host calls it as the table says.
    unsafe {
        let host = host_of::<Provider>(this);
        // First of all: whatever becomes of the request, its body is closed.
        let body = of_host(body, &host);
        let prepare = |app: Arc<Provider>, _| {
            let (call, head, body) = (call_of(call)?, head_of(head)?, body?);
            Ok(async move {
                let answer = app.handle(call, head, body).await;
                answer.map(|answer| Answer { body: Scoped::boxed(answer.body, &host), ..answer })
            })
        };
        begin(this, call, done, prepare, answer)
    }
}

fn answer(result: Result<Answer, HttpError>, token: Token) {
    let answer = match result {
        Ok(answer) => answer,
        Err(HttpError::Unavailable(text)) => return token.code(CODE_UNAVAILABLE, &text),
        Err(HttpError::Body(StreamError::Failed(text))) => return token.code(CODE_INVALID, &text),
        Err(HttpError::Body(error)) => return stream::failed(&error, token),
        Err(HttpError::Failed(text)) => return token.code(CODE_INTERNAL, &text),
    };
    let fields = borrowed_pairs(&answer.fields);
    let empty = answer.length == Some(0);
    token.ok(&HttpReplyHead {
        size: size_of::<HttpReplyHead>(),
        status: answer.status.into(),
        fields: KvList::of(&fields),
        length: answer.length.unwrap_or(0),
        has_length: u32::from(answer.length.is_some()),
        reserved: 0,
        body: Str::NONE,
        stream: if empty { ptr::null_mut() } else { give(answer.body) },
    });
}

/// # Safety
/// `call` is null or a host's [`CallInfo`], whose texts live.
unsafe fn call_of(call: *const CallInfo) -> Result<Call, Malformed> {
    if call.is_null() {
        return Ok(Call::default());
    }
    // SAFETY: as the caller promises.
    unsafe {
        let info = read_struct::<CallInfo>(call.cast())?;
        Ok(Call {
            request_id: info.request_id.owned()?,
            remote_ip: info.remote_ip.option_text()?.and_then(|text| text.parse().ok()),
            user: info.user.option_owned()?,
            display_name: info.display_name.owned()?,
            admin: info.admin != 0,
            base_url: info.base_url.owned()?,
            time_left_millis: info.timeout_ms.into(),
        })
    }
}

/// # Safety
/// `head` is a host's, and alive.
unsafe fn head_of(head: *const HttpHead) -> Result<Head, Malformed> {
    // SAFETY: as the caller promises.
    unsafe {
        let head = read_struct::<HttpHead>(head.cast())?;
        let params = head.params.owned()?.into_iter().map(|(name, value)| {
            Ok((name, String::from_utf8(value).map_err(|_| Malformed::Text)?))
        });
        Ok(Head {
            route: head.route,
            method: head.method.owned()?,
            path: head.path.owned()?,
            query: head.query.owned()?,
            params: params.collect::<Result<_, Malformed>>()?,
            fields: head.fields.owned()?,
        })
    }
}
