//! An [`HttpAppTable`] as an [`HttpApp`].

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::instance::{Callee, Instance};
use crate::BoxFuture;
use crate::abi::ask::{Failure, call_info, succeeded};
use crate::abi::convert::{Malformed, borrowed_pairs, read_struct, size_of};
use crate::abi::stream::{give, take};
use crate::abi::{
    ACCESS_ADMIN, ACCESS_NONE, ACCESS_USER, CODE_CANCELLED, CODE_INVALID, CODE_TOO_LARGE,
    CODE_UNAVAILABLE, CallInfo, EXTENSION_HTTP, HttpAppTable, HttpHead, HttpReplyHead, HttpRoute,
    Kv, KvList, List, Outcome, Str,
};
use crate::http::{Access, Answer, Call, Head, HttpApp, HttpError, Route};
use crate::stream::{ByteStream, StreamError, Whole};

/// The routes of a plugin.
#[derive(Clone)]
pub struct PluginHttp(Callee<HttpAppTable>);

impl PluginHttp {
    /// Those of an instance; `None` if it offers none.
    pub fn of(instance: &Arc<Instance>, timeout: Duration) -> Option<Self> {
        let callee: Callee<HttpAppTable> = Callee::new(instance, EXTENSION_HTTP, timeout)?;
        callee.table.handle.is_some().then_some(Self(callee))
    }

    /// What [`HttpApp::routes`] gives, or why it cannot be read.
    ///
    /// # Errors
    /// [`Failure`], in words for the administrator.
    pub fn checked_routes(&self) -> Result<Vec<Route>, Failure> {
        let (this, routes) = (self.0.table.this, self.0.table.routes);
        let routes = routes.ok_or_else(Failure::not_offered)?;
        // SAFETY: as the table says.
        self.0.ask_now(list, |done| unsafe { routes(this, done) })
    }

    fn begin(
        &self,
        call: &Call,
        head: &Head,
        body: Box<dyn ByteStream>,
    ) -> Option<BoxFuture<'static, Result<Answer, Failure>>> {
        let (this, handle) = (self.0.table.this, self.0.table.handle?);
        let address = call.remote_ip.map(|address| address.to_string());
        let user = call.user.as_deref();
        let info = CallInfo {
            timeout_ms: u32::try_from(call.time_left_millis).unwrap_or(u32::MAX),
            display_name: Str::of(&call.display_name),
            base_url: Str::of(&call.base_url),
            admin: u32::from(call.admin),
            ..call_info(self.0.timeout, &call.request_id, user, address.as_deref())
        };
        let pair =
            |(key, value): &(String, String)| Kv { key: Str::of(key), value: Str::of(value) };
        let params: Vec<Kv> = head.params.iter().map(pair).collect();
        let fields = borrowed_pairs(&head.fields);
        let head = HttpHead {
            size: size_of::<HttpHead>(),
            route: head.route,
            method: Str::of(&head.method),
            path: Str::of(&head.path),
            query: Str::of(&head.query),
            params: KvList::of(&params),
            fields: KvList::of(&fields),
        };
        let (instance, timeout) = (Arc::clone(&self.0.instance), self.0.timeout);
        let read = move |outcome: &Outcome| answer(outcome, instance, timeout);
        let body = give(body);
        Some(self.0.ask(read, |done| {
            // SAFETY: what is borrowed lives until the call returns; the body goes over.
            unsafe { handle(this, &raw const info, &raw const head, body, done) }
        }))
    }
}

impl HttpApp for PluginHttp {
    /// An instance whose list cannot be read has a route outside of its paths, which says so.
    fn routes(&self) -> Vec<Route> {
        self.checked_routes()
            .unwrap_or_else(|failure| vec![Route::new("", format!("({failure})"), Access::Admin)])
    }

    fn handle(
        &self,
        call: Call,
        head: Head,
        body: Box<dyn ByteStream>,
    ) -> BoxFuture<'_, Result<Answer, HttpError>> {
        Box::pin(async move {
            let result = match self.begin(&call, &head, body) {
                Some(answer) => answer.await,
                None => Err(Failure::not_offered()),
            };
            result.map_err(error)
        })
    }
}

fn error(failure: Failure) -> HttpError {
    match failure.code {
        CODE_UNAVAILABLE => HttpError::Unavailable(failure.message),
        CODE_TOO_LARGE => HttpError::Body(StreamError::TooLarge),
        CODE_CANCELLED => HttpError::Body(StreamError::Cut),
        CODE_INVALID => HttpError::Body(StreamError::Failed(failure.message)),
        _ => HttpError::Failed(failure.message),
    }
}

fn list(outcome: &Outcome) -> Result<Vec<Route>, Failure> {
    succeeded(outcome)?;
    // SAFETY: alive while the outcome is read, and what the table says.
    unsafe {
        let list = List::of_value(outcome)?.read::<HttpRoute>()?;
        let route = |route: &HttpRoute| {
            Ok(Route {
                method: route.method.owned()?,
                pattern: route.pattern.owned()?,
                access: match route.access {
                    ACCESS_NONE => Access::None,
                    ACCESS_USER => Access::User,
                    ACCESS_ADMIN => Access::Admin,
                    _ => return Err(Malformed::Kind.into()),
                },
                max_body: route.max_body,
            })
        };
        list.iter().map(route).collect()
    }
}

fn answer(
    outcome: &Outcome,
    instance: Arc<Instance>,
    timeout: Duration,
) -> Result<Answer, Failure> {
    succeeded(outcome)?;
    // SAFETY: alive while the outcome is read, and what the table says.
    unsafe {
        let head = read_struct::<HttpReplyHead>(outcome.value)?;
        // First of all: whatever else is wrong, the stream is closed.
        let stream = match head.stream.is_null() {
            true => None,
            false => Some(take(head.stream, timeout, instance)?),
        };
        let status = u16::try_from(head.status).ok().filter(|status| (200..600).contains(status));
        let status = status.ok_or(Malformed::Kind)?;
        let fields = head.fields.owned()?;
        let (length, body) = match stream {
            Some(stream) => ((head.has_length != 0).then_some(head.length), stream),
            None => {
                let body = Bytes::copy_from_slice(head.body.bytes().unwrap_or_default());
                (Some(body.len() as u64), Whole::boxed(body))
            }
        };
        Ok(Answer { status, fields, length, body })
    }
}
