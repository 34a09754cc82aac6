//! From a connection's request to the handler and back.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use futures_util::FutureExt as _;
use http::header::EXPECT;
use http::request::Parts;
use http::{Request, Response, Version};
use hyper::body::Incoming;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout};

use super::access::{Entry, Log, ResponseBody};
use super::asked::{self, Asked, Later};
use super::checks::{Refusal, check_head, check_transport};
use super::incoming::{BodyState, IncomingSource};
use super::metrics::Metrics;
use super::origin::{Origin, origin};
use super::respond::{Context, finish};
use super::{Handler, HttpLimits, HttpOrigins, gzip};
use crate::hooks::Bus;
use crate::ids::random_token;
use crate::wire::{self, Arrival, Body, Reply};

/// Answers every request of every connection. Cheap to clone.
#[derive(Clone)]
pub struct Pipeline(Arc<Inner>);

struct Inner {
    limits: HttpLimits,
    origins: HttpOrigins,
    handler: Arc<dyn Handler>,
    metrics: Metrics,
    places: Semaphore,
    waiting: AtomicUsize,
    bus: Bus,
}

impl Pipeline {
    /// A pipeline that ends at `handler`.
    pub fn new(
        limits: HttpLimits,
        origins: HttpOrigins,
        handler: Arc<dyn Handler>,
        metrics: Metrics,
    ) -> Self {
        Self::asking(limits, origins, handler, metrics, Bus::default())
    }

    /// The same, asking the hooks of `bus` about requests and answers.
    pub fn asking(
        limits: HttpLimits,
        origins: HttpOrigins,
        handler: Arc<dyn Handler>,
        metrics: Metrics,
        bus: Bus,
    ) -> Self {
        let places = Semaphore::new(limits.in_flight.min(Semaphore::MAX_PERMITS));
        let waiting = AtomicUsize::new(0);
        Self(Arc::new(Inner { limits, origins, handler, metrics, places, waiting, bus }))
    }

    /// Answers one request; what `net::Server::serve` calls.
    pub fn serve(
        &self,
        arrival: Arrival,
        request: Request<Incoming>,
    ) -> impl Future<Output = Response<ResponseBody>> + Send + use<> {
        let inner = Arc::clone(&self.0);
        async move { inner.serve(arrival, request).await }
    }
}

impl Inner {
    async fn serve(&self, arrival: Arrival, request: Request<Incoming>) -> Response<ResponseBody> {
        let (parts, incoming) = request.into_parts();
        let http2 = parts.version == Version::HTTP_2;
        let expects = parts.headers.contains_key(EXPECT);
        let (source, received) =
            IncomingSource::new(incoming, parts.version, expects, &self.limits);
        let origin = origin(&self.origins, &arrival, &parts);
        let id = request_id(&parts);
        let gzip = self.limits.compression && gzip::accepts(&parts.headers);
        let method = parts.method.clone();
        let log = Log::new(Entry {
            began: Instant::now(),
            id: Arc::clone(&id),
            ip: origin.as_ref().map_or(arrival.peer.ip(), |origin| origin.remote_ip),
            method: method.clone(),
            uri: parts.uri.clone(),
            received: Arc::clone(&received),
            metrics: self.metrics.clone(),
        });
        let secure = origin.as_ref().map_or(arrival.secure, |origin| origin.secure);
        let reply = match origin {
            Ok(origin) => self.answer(parts, source, origin, &id, &received).await,
            Err(_) => {
                drop(source); // now, so that it is known below what it leaves unread
                check_head(&self.limits, &parts).and(Err(Refusal::BadHost))
            }
        };
        let reply = reply.unwrap_or_else(|refusal| refusal.reply(&id, http2));
        let closes = received.abandoned.load(Relaxed);
        finish(reply, &Context { method: &method, request_id: &id, secure, closes, gzip }, log)
    }

    async fn answer(
        &self,
        parts: Parts,
        source: IncomingSource,
        origin: Origin,
        id: &Arc<str>,
        received: &BodyState,
    ) -> Result<Reply, Refusal> {
        check_head(&self.limits, &parts)?;
        if let Some(answer) = check_transport(&self.origins, &origin, &parts) {
            return answer;
        }
        let _place = match self.handler.is_cheap(&parts) {
            true => None,
            false => Some(self.place().await?),
        };
        let _in_flight = self.metrics.in_flight();
        let later = Later::of(&self.bus, id, &origin, &parts);
        let reply = self.handled(parts, source, origin, id, received).await?;
        match later {
            Some(later) => later.ask(&self.bus, reply).await,
            None => Ok(reply),
        }
    }

    /// The room's answer, or that of a hook in its stead.
    async fn handled(
        &self,
        parts: Parts,
        source: IncomingSource,
        origin: Origin,
        id: &Arc<str>,
        received: &BodyState,
    ) -> Result<Reply, Refusal> {
        let parts = match asked::request(&self.bus, id, &origin, parts).await? {
            Asked::On(parts) => parts,
            Asked::Answered(reply) => return Ok(reply),
        };
        // What a hook has made of it is held to the same limits.
        check_head(&self.limits, &parts)?;
        let request = wire::Request {
            method: parts.method,
            uri: parts.uri,
            headers: parts.headers,
            body: Body::new(source),
            remote_ip: origin.remote_ip,
            base_url: origin.base_url,
            id: Arc::clone(id),
        };
        // The call itself may panic too, not only its future.
        let handled = AssertUnwindSafe(async { self.handler.handle(request).await }).catch_unwind();
        let reply = handled.await.map_err(|panic| {
            let said = panic.downcast_ref::<&str>().copied();
            let said = said.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
            tracing::error!(%id, panic = said.unwrap_or("?"), "a handler panicked");
            Refusal::Panic
        })?;
        if received.too_slow.load(Relaxed) {
            return Err(Refusal::TooSlow);
        }
        Ok(reply)
    }

    /// A place among the requests in flight, after a bounded wait in a bounded queue.
    async fn place(&self) -> Result<SemaphorePermit<'_>, Refusal> {
        if let Ok(permit) = self.places.try_acquire() {
            return Ok(permit);
        }
        let _waiting = Waiting::enter(&self.waiting, self.limits.queue).ok_or(Refusal::Busy)?;
        match timeout(self.limits.queue_wait, self.places.acquire()).await {
            Ok(Ok(permit)) => Ok(permit),
            // The semaphore is never closed, so this is the time.
            _ => Err(Refusal::Busy),
        }
    }
}

/// A request in the queue; counted out also when its client goes away.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn enter(count: &'a AtomicUsize, most: usize) -> Option<Self> {
        let more = |waiting| (waiting < most).then_some(waiting + 1);
        count.fetch_update(Relaxed, Relaxed, more).ok().map(|_| Self(count))
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

/// The client's id if it is a plain one, so that its log and ours can be laid side by side.
fn request_id(parts: &Parts) -> Arc<str> {
    let sane = |id: &&str| {
        let plain = id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        (1..=64).contains(&id.len()) && plain
    };
    let given = parts.headers.get("x-request-id").and_then(|value| value.to_str().ok());
    match given.filter(sane) {
        Some(id) => id.into(),
        None => random_token(20).into(),
    }
}
