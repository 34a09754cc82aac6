//! Takes the addresses, accepts connections within bounds, and ends them in good order.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

use super::activity::{Activity, Watched};
use super::connection::{self, AnyError, Shared};
use super::places::Places;
use super::{CertStore, NetError, NetSettings};
use crate::wire::Arrival;

/// Connections that wait in the kernel to be accepted.
const BACKLOG: u32 = 1024;

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
}

/// Decrements the gauge whichever way the connection ends.
struct Open(Gauge);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.dec();
    }
}

struct Entrance {
    listener: TcpListener,
    address: SocketAddr,
    tls: Option<TlsAcceptor>,
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
        mut settings: NetSettings,
        certs: Option<&CertStore>,
        metrics: NetMetrics,
    ) -> Result<Self, NetError> {
        let acceptor = certs.map(|certs| TlsAcceptor::from(certs.server_config()));
        let mut entrances = Vec::new();
        for &address in &settings.tls {
            let tls = Some(acceptor.clone().ok_or(NetError::NoCertificate(address))?);
            entrances.push(Entrance::new(address, tls)?);
        }
        for &address in &settings.plain {
            entrances.push(Entrance::new(address, None)?);
        }
        settings.total = total_within_file_limit(settings.total);
        Ok(Self { entrances, settings, metrics })
    }

    /// The bound TLS addresses, in the order of the settings, with the real ports.
    pub fn tls_addresses(&self) -> Vec<SocketAddr> {
        self.entrances.iter().filter(|e| e.tls.is_some()).map(|e| e.address).collect()
    }

    /// The bound plain addresses, in the order of the settings, with the real ports.
    pub fn plain_addresses(&self) -> Vec<SocketAddr> {
        self.entrances.iter().filter(|e| e.tls.is_none()).map(|e| e.address).collect()
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
            places: Places::new(settings.per_address, settings.trusted_proxies.clone()),
            total: Arc::new(Semaphore::new(settings.total)),
            metrics,
            shared: Arc::new(Shared { http: connection::builder(&settings), settings, answer }),
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
    places: Places,
    total: Arc<Semaphore>,
    metrics: NetMetrics,
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
                (permit, entrance.listener.accept().await)
            };
            let (permit, accepted) = tokio::select! {
                next = next => next,
                _ = closing.wait_for(|phase| *phase != Phase::Open) => return,
            };
            let (stream, peer) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    back_off = pause_after(&error, back_off);
                    sleep(back_off).await;
                    continue;
                }
            };
            back_off = Duration::ZERO;
            let Some((stream, activity, arrival)) = self.admit(stream, peer, &entrance) else {
                continue;
            };
            let open = Open(self.metrics.open.clone());
            open.0.inc();
            let shared = Arc::clone(&self.shared);
            let (tls, watcher, alive) = (entrance.tls.clone(), watcher.clone(), alive.clone());
            tokio::spawn(async move {
                connection::serve(shared, stream, activity, arrival, tls, watcher).await;
                drop((permit, open, alive));
            });
        }
    }

    /// Gives the connection a place, or closes it.
    fn admit(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        entrance: &Entrance,
    ) -> Option<(Watched, Arc<Activity>, Arrival)> {
        let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
        self.metrics.accepted.inc();
        let Some(place) = self.places.take(peer.ip()) else {
            self.metrics.refused.inc();
            tracing::debug!(%peer, "too many connections of one address");
            return None;
        };
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%peer, %error, "no TCP_NODELAY");
        }
        let local = stream.local_addr().unwrap_or(entrance.address);
        let local = SocketAddr::new(local.ip().to_canonical(), local.port());
        let arrival = Arrival { peer, local, secure: entrance.tls.is_some() };
        let activity = Arc::new(Activity::new());
        Some((Watched::new(stream, place, Arc::clone(&activity)), activity, arrival))
    }
}

impl Entrance {
    fn new(address: SocketAddr, tls: Option<TlsAcceptor>) -> Result<Self, NetError> {
        let bind = || -> io::Result<(TcpListener, SocketAddr)> {
            let socket =
                if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
            // A restart must not wait for the old connections' TIME_WAIT.
            socket.set_reuseaddr(true)?;
            socket.bind(address)?;
            let listener = socket.listen(BACKLOG)?;
            let bound = listener.local_addr()?;
            Ok((listener, bound))
        };
        let (listener, address) = bind().map_err(|source| NetError::Bind { address, source })?;
        Ok(Self { listener, address, tls })
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
