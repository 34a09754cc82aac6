//! Takes the addresses, accepts connections within bounds, and ends them in good order.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

use super::activity::{Activity, Watched};
use super::connection::{self, AnyError, Newcomer, Shared};
use super::entrance::Entrance;
use super::places::Places;
use super::socket::Socket;
use super::{CertStore, Inherited, NetError, NetSettings};
use crate::wire::Arrival;

/// Where the server is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Open,
    /// Running requests may finish.
    Draining,
    /// Nothing may.
    Closed,
}

/// What is counted about connections.
#[derive(Debug, Clone, Default)]
pub struct NetMetrics {
    open: Gauge,
    accepted: Counter,
    refused: Counter,
}

impl NetMetrics {
    /// Shows the counters in `registry`.
    pub fn register(&self, registry: &mut Registry) {
        registry.register("connections_open", "Connections open now", self.open.clone());
        registry.register("connections", "Connections accepted", self.accepted.clone());
        let help = "Connections closed at once because their address had too many";
        registry.register("connections_refused", help, self.refused.clone());
    }

    /// Counts a connection that got no place.
    pub(super) fn refuse(&self, arrival: &Arrival) {
        self.refused.inc();
        tracing::debug!(peer = %arrival.peer, "too many connections of one address");
    }
}

/// Decrements the gauge whichever way the connection ends.
struct Open(Gauge);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// Addresses that are taken and wait to be served.
pub struct Server {
    entrances: Vec<Entrance>,
    settings: NetSettings,
    metrics: NetMetrics,
}

impl Server {
    /// Takes all addresses of `settings`. To be called inside a tokio runtime.
    ///
    /// # Errors
    /// [`NetError`] if an address is taken or not ours, or TLS is asked for without `certs`.
    pub fn bind(
        settings: NetSettings,
        certs: Option<&CertStore>,
        metrics: NetMetrics,
    ) -> Result<Self, NetError> {
        Self::bind_or_take(settings, Inherited::default(), certs, metrics)
    }

    /// As [`Server::bind`]; sockets of a kind that the service manager has opened take the place of
    /// the addresses of that kind. [`Inherited::admin`] is not looked at.
    ///
    /// # Errors
    /// As [`Server::bind`].
    pub fn bind_or_take(
        mut settings: NetSettings,
        given: Inherited,
        certs: Option<&CertStore>,
        metrics: NetMetrics,
    ) -> Result<Self, NetError> {
        let acceptor = certs.map(|certs| TlsAcceptor::from(certs.server_config()));
        let tls = |address| Ok(Some(acceptor.clone().ok_or(NetError::NoCertificate(address))?));
        let mut entrances = Vec::new();
        if given.tls.is_empty() {
            for &address in &settings.tls {
                entrances.push(Entrance::tcp(address, tls(address)?)?);
            }
        }
        for socket in given.tls {
            let acceptor = tls(socket.local_addr().map_err(NetError::Inherited)?)?;
            entrances.push(Entrance::inherited_tcp(socket, acceptor)?);
        }
        if given.plain.is_empty() {
            for &address in &settings.plain {
                entrances.push(Entrance::tcp(address, None)?);
            }
        }
        for socket in given.plain {
            entrances.push(Entrance::inherited_tcp(socket, None)?);
        }
        if given.unix.is_empty() {
            for address in &settings.unix {
                entrances.push(Entrance::unix(address)?);
            }
        }
        for socket in given.unix {
            entrances.push(Entrance::inherited_unix(socket)?);
        }
        // Each entrance holds a place for its next connection; none may wait for another's.
        settings.total = total_within_file_limit(settings.total).max(entrances.len());
        Ok(Self { entrances, settings, metrics })
    }

    /// The bound TLS addresses, in the order of the settings, with the real ports.
    pub fn tls_addresses(&self) -> Vec<SocketAddr> {
        let tls = self.entrances.iter().filter(|entrance| entrance.tls.is_some());
        tls.filter_map(Entrance::address).collect()
    }

    /// The bound plain addresses, in the order of the settings, with the real ports.
    pub fn plain_addresses(&self) -> Vec<SocketAddr> {
        let plain = self.entrances.iter().filter(|entrance| entrance.tls.is_none());
        plain.filter_map(Entrance::address).collect()
    }

    /// The Unix sockets.
    pub fn unix_paths(&self) -> Vec<PathBuf> {
        self.entrances.iter().filter_map(Entrance::path).map(PathBuf::from).collect()
    }

    /// Answers requests with `answer` until `shutdown` is ready; then stops accepting, lets running
    /// requests finish for `drain_timeout`, closes what is left, and returns.
    ///
    /// The future of `answer` is dropped when the client goes away.
    pub async fn serve<F, Fut, B>(self, answer: F, shutdown: impl Future<Output = ()>)
    where
        F: Fn(Arrival, Request<Incoming>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Response<B>> + Send + 'static,
        B: Body<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<AnyError>,
    {
        let Self { entrances, settings, metrics } = self;
        let drain_timeout = settings.drain_timeout;
        let (phase, watcher) = watch::channel(Phase::Open);
        // Every task holds a sender; the receiver ends when the last task has.
        let (alive, mut all_gone) = mpsc::channel::<Infallible>(1);
        let acceptor = Arc::new(Acceptor {
            total: Arc::new(Semaphore::new(settings.total)),
            shared: Arc::new(Shared {
                places: Places::new(settings.per_address, settings.trusted_proxies.clone()),
                http: connection::builder(&settings),
                metrics,
                settings,
                answer,
            }),
        });
        for entrance in entrances {
            let acceptor = Arc::clone(&acceptor);
            let (watcher, alive) = (watcher.clone(), alive.clone());
            tokio::spawn(async move { acceptor.run(entrance, watcher, alive).await });
        }
        drop((alive, acceptor));
        shutdown.await;
        phase.send_replace(Phase::Draining);
        if timeout(drain_timeout, all_gone.recv()).await.is_err() {
            tracing::warn!("requests still running after the drain timeout are cut");
            phase.send_replace(Phase::Closed);
            // A handler that blocks its thread cannot be dropped; it must not hold up the exit.
            let _ = timeout(Duration::from_secs(1), all_gone.recv()).await;
        }
    }
}

struct Acceptor<F> {
    total: Arc<Semaphore>,
    shared: Arc<Shared<F>>,
}

impl<F, Fut, B> Acceptor<F>
where
    F: Fn(Arrival, Request<Incoming>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Response<B>> + Send + 'static,
    B: Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<AnyError>,
{
    async fn run(
        &self,
        entrance: Entrance,
        watcher: watch::Receiver<Phase>,
        alive: mpsc::Sender<Infallible>,
    ) {
        let mut closing = watcher.clone();
        let mut back_off = Duration::ZERO;
        loop {
            // The place in the total is taken first: a full house leaves newcomers in the backlog.
            let next = async {
                let permit = Arc::clone(&self.total).acquire_owned().await;
                (permit, entrance.accept().await)
            };
            let (permit, accepted) = tokio::select! {
                next = next => next,
                _ = closing.wait_for(|phase| *phase != Phase::Open) => return,
            };
            let (socket, arrival) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    back_off = pause_after(&error, back_off);
                    sleep(back_off).await;
                    continue;
                }
            };
            back_off = Duration::ZERO;
            let Some(newcomer) = self.admit(socket, arrival, &entrance) else { continue };
            let open = Open(self.shared.metrics.open.clone());
            open.0.inc();
            let shared = Arc::clone(&self.shared);
            let (watcher, alive) = (watcher.clone(), alive.clone());
            tokio::spawn(async move {
                connection::serve(shared, newcomer, watcher).await;
                drop((permit, open, alive));
            });
        }
    }

    /// Gives the connection a place, or closes it.
    fn admit(&self, socket: Socket, arrival: Arrival, entrance: &Entrance) -> Option<Newcomer> {
        let Shared { places, settings, metrics, .. } = &*self.shared;
        metrics.accepted.inc();
        let announced = settings.proxy_protocol.has(&arrival);
        let place = if announced { Some(places.uncounted()) } else { places.take(&arrival) };
        let Some(place) = place else {
            metrics.refuse(&arrival);
            return None;
        };
        if let Err(error) = socket.set_nodelay() {
            tracing::debug!(peer = %arrival.peer, %error, "no TCP_NODELAY");
        }
        let activity = Arc::new(Activity::new());
        let stream = Watched::new(socket, place, Arc::clone(&activity));
        Some(Newcomer { stream, activity, arrival, announced, tls: entrance.tls.clone() })
    }
}

/// How long to wait after a failed accept. A connection that its peer gave up costs nothing; no
/// file descriptors (EMFILE, ENFILE) or memory means that others must end first.
fn pause_after(error: &io::Error, last: Duration) -> Duration {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    if matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
    {
        return Duration::ZERO;
    }
    tracing::error!(%error, "cannot accept connections");
    (last * 2).clamp(Duration::from_millis(50), Duration::from_secs(1))
}

/// Connections must leave file descriptors for files. The soft limit of open files is raised to the
/// hard one first: it is low only for programs that use `select`, which we do not.
fn total_within_file_limit(wanted: usize) -> usize {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    let files = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum,
        Err(_) => limit.current, // not allowed; what there is must do
    };
    let most =
        files.map_or(usize::MAX, |files| usize::try_from(files / 4 * 3).unwrap_or(usize::MAX));
    if wanted > most {
        tracing::warn!(wanted, most, "the limit of open files bounds the connections");
    }
    wanted.min(most).clamp(1, Semaphore::MAX_PERMITS)
}
