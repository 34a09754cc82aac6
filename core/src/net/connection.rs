//! One connection: handshake, HTTP/1.1 or HTTP/2, time limits, a gentle end.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, Version};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio::time::{Instant, Sleep, sleep, sleep_until, timeout};
use tokio_rustls::TlsAcceptor;

use super::NetSettings;
use super::activity::{Activity, Running, Watched};
use super::listener::{NetMetrics, Phase};
use super::places::Places;
use super::proxy_header;
use crate::wire::Arrival;

/// What a response body may fail with; the connection only needs to know that it did.
pub type AnyError = Box<dyn std::error::Error + Send + Sync>;

/// Time for the last frames of a connection that was told to close.
const GOODBYE: Duration = Duration::from_secs(5);

/// What all connections of a server share.
pub(super) struct Shared<F> {
    pub(super) settings: NetSettings,
    pub(super) places: Places,
    pub(super) metrics: NetMetrics,
    pub(super) http: auto::Builder<TokioExecutor>,
    pub(super) answer: F,
}

/// A connection that was accepted.
pub(super) struct Newcomer {
    pub(super) stream: Watched,
    pub(super) activity: Arc<Activity>,
    pub(super) arrival: Arrival,
    /// A PROXY header comes first, and says whose connection it is.
    pub(super) announced: bool,
    pub(super) tls: Option<TlsAcceptor>,
}

/// hyper, told our limits.
pub(super) fn builder(settings: &NetSettings) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    let header_bytes = settings.header_bytes as usize;
    builder
        .http1()
        .timer(TokioTimer::new())
        // `Activity` keeps this time: hyper's timer would also cut idle connections.
        .header_read_timeout(None)
        .max_headers(settings.header_count)
        // The request line and the fields share the buffer; it is also the largest piece of a body.
        .max_buf_size(header_bytes + settings.uri_bytes + 16 * 1024);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(settings.streams)
        .max_header_list_size(settings.header_bytes)
        // Large uploads over real distances need more than the 64 KiB of the RFC.
        .initial_stream_window_size(1024 * 1024)
        .initial_connection_window_size(2 * 1024 * 1024)
        .max_send_buf_size(256 * 1024)
        .max_pending_accept_reset_streams(settings.pending_resets)
        .max_local_error_reset_streams(settings.local_resets)
        .keep_alive_interval(settings.idle_timeout / 2)
        .keep_alive_timeout(Duration::from_secs(20));
    builder
}

/// Serves one accepted connection until it ends.
pub(super) async fn serve<F, Fut, B>(
    shared: Arc<Shared<F>>,
    mut newcomer: Newcomer,
    mut phase: watch::Receiver<Phase>,
) where
    F: Fn(Arrival, Request<Incoming>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Response<B>> + Send + 'static,
    B: Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<AnyError>,
{
    if newcomer.announced {
        let heard = tokio::select! {
            heard = hear(&shared, &mut newcomer) => heard,
            _ = phase.wait_for(|phase| *phase != Phase::Open) => return,
        };
        if heard.is_none() {
            return;
        }
    }
    let Newcomer { stream, activity, arrival, tls, .. } = newcomer;
    match tls {
        None => talk(shared, stream, activity, arrival, phase).await,
        Some(acceptor) => {
            let handshake = timeout(shared.settings.handshake_timeout, acceptor.accept(stream));
            let stream = tokio::select! {
                shaken = handshake => match shaken {
                    Ok(Ok(stream)) => stream,
                    Ok(Err(error)) => {
                        return tracing::debug!(peer = %arrival.peer, %error, "TLS handshake failed");
                    }
                    Err(_) => return tracing::debug!(peer = %arrival.peer, "TLS handshake too slow"),
                },
                // Nobody has asked for anything yet.
                _ = phase.wait_for(|phase| *phase != Phase::Open) => return,
            };
            talk(shared, stream, activity, arrival, phase).await;
        }
    }
}

/// Lets the PROXY header say whose the connection is, and counts it as one of theirs. `None` if the
/// connection is to be closed.
async fn hear<F>(shared: &Shared<F>, newcomer: &mut Newcomer) -> Option<()> {
    let arrival = &mut newcomer.arrival;
    let read = proxy_header::read(&mut newcomer.stream);
    let said = match timeout(shared.settings.handshake_timeout, read).await {
        Ok(Ok(said)) => said,
        Ok(Err(error)) => {
            tracing::warn!(peer = %arrival.peer, %error, "a connection of server.proxy_protocol");
            return None;
        }
        Err(_) => {
            tracing::warn!(peer = %arrival.peer, "no PROXY header came from server.proxy_protocol");
            return None;
        }
    };
    if let Some((peer, local)) = said.addresses {
        let secure = arrival.secure || said.secure;
        *arrival = Arrival { peer, local, secure, unix: false };
    }
    let Some(place) = shared.places.take(arrival) else {
        shared.metrics.refuse(arrival);
        return None;
    };
    newcomer.stream.take_place(place);
    Some(())
}

async fn talk<F, Fut, B>(
    shared: Arc<Shared<F>>,
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    activity: Arc<Activity>,
    arrival: Arrival,
    mut phase: watch::Receiver<Phase>,
) where
    F: Fn(Arrival, Request<Incoming>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Response<B>> + Send + 'static,
    B: Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<AnyError>,
{
    let service = service_fn(|request: Request<Incoming>| {
        let running = activity.request_began(request.version() == Version::HTTP_2);
        let answer = (shared.answer)(arrival, request);
        async move {
            let response = answer.await.map(|body| {
                let mut running = running;
                running.turn(false); // until the body is asked and has nothing yet
                Held { body, running }
            });
            Ok::<_, Infallible>(response)
        }
    });
    let mut connection = pin!(shared.http.serve_connection(TokioIo::new(stream), service));
    let mut expiry = pin!(Expiry::new(&activity, &shared.settings));
    let mut goodbye = pin!(sleep(Duration::MAX));
    let mut closing = false;
    loop {
        tokio::select! {
            // The connection first: what it reads moves the expiry.
            biased;
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!(peer = %arrival.peer, %error, "connection failed");
                }
                return;
            }
            () = poll_fn(|cx| expiry.as_mut().poll(cx)), if !closing => {
                if activity.floods() || !activity.idles() {
                    return tracing::debug!(peer = %arrival.peer, "peer too slow, or floods");
                }
                closing = true;
                connection.as_mut().graceful_shutdown();
                goodbye.as_mut().reset(Instant::now() + GOODBYE);
            }
            () = goodbye.as_mut(), if closing => return,
            changed = phase.changed() => {
                let phase = *phase.borrow_and_update();
                if changed.is_err() || phase == Phase::Closed {
                    return;
                }
                connection.as_mut().graceful_shutdown();
            }
        }
    }
}

/// Ready when the connection has had its time.
struct Expiry<'a> {
    activity: &'a Activity,
    settings: &'a NetSettings,
    sleep: Pin<Box<Sleep>>,
}

impl<'a> Expiry<'a> {
    fn new(activity: &'a Activity, settings: &'a NetSettings) -> Self {
        let sleep = Box::pin(sleep_until(Instant::now() + settings.header_timeout));
        Self { activity, settings, sleep }
    }
}

impl Future for Expiry<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let due = self.activity.due(self.settings.header_timeout, self.settings.idle_timeout);
            // A later time is noticed when the sleep ends: a busy connection never touches the timer.
            if let Some(due) = due.filter(|due| *due < self.sleep.deadline()) {
                self.sleep.as_mut().reset(due);
            }
            std::task::ready!(self.sleep.as_mut().poll(cx));
            let now = Instant::now();
            let next = due.unwrap_or(now + self.settings.idle_timeout);
            if next <= now {
                return Poll::Ready(());
            }
            self.sleep.as_mut().reset(next);
        }
    }
}

/// A response body during which its request counts as running.
struct Held<B> {
    body: B,
    running: Running,
}

impl<B: Body<Data = Bytes> + Unpin> Body for Held<B>
where
    B::Error: Into<AnyError>,
{
    type Data = Bytes;
    type Error = AnyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, AnyError>>> {
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        self.running.turn(frame.is_pending());
        frame.map_err(Into::into)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
