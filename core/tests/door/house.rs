//! A server with a handler that does what its path says, and clients that speak bytes.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::BoxFuture;
use http::StatusCode;
use moonsail::clock::Clock;
use moonsail::http::{Handler, HttpLimits, HttpOrigins, Metrics, Pipeline};
use moonsail::net::{CertSource, CertStore, Inherited, NetMetrics, NetSettings, Server};
use moonsail::wire::{Reply, ReplyBody, Request, StreamBroken};
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// Longer than anything here takes, also on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Notes how bodies ended.
#[derive(Default)]
pub(crate) struct Rooms {
    pub(crate) seen: Mutex<Vec<String>>,
}

impl Handler for Rooms {
    fn is_cheap(&self, head: &http::request::Parts) -> bool {
        head.uri.path() == "/none"
    }

    fn handle(&self, mut request: Request) -> BoxFuture<'_, Reply> {
        let path = request.uri.path().to_owned();
        assert_ne!(path, "/panic-at-once", "as asked");
        Box::pin(async move {
            match path.as_str() {
                "/hello" => Reply::with_body(StatusCode::OK, "text/plain", "hello"),
                "/echo" => {
                    let mut length = 0;
                    while let Some(piece) = request.body.next().await {
                        match piece {
                            Ok(piece) => length += piece.len(),
                            Err(error) => {
                                self.seen.lock().unwrap().push(format!("{error:?} {length}"));
                                return Reply::empty(StatusCode::BAD_REQUEST);
                            }
                        }
                    }
                    self.seen.lock().unwrap().push(format!("whole {length}"));
                    Reply::with_body(StatusCode::OK, "text/plain", format!("got {length}"))
                }
                "/refuse" => Reply::empty(StatusCode::UNAUTHORIZED),
                "/panic" => panic!("as asked"),
                "/slow" => {
                    self.seen.lock().unwrap().push("slow".into());
                    tokio::time::sleep(Duration::from_millis(400)).await;
                    Reply::with_body(StatusCode::OK, "text/plain", "done")
                }
                "/never" => {
                    self.seen.lock().unwrap().push("never".into());
                    std::future::pending().await
                }
                "/big" => Reply::with_body(StatusCode::OK, "text/plain", vec![b'x'; 20_000_000]),
                "/pieces" | "/broken" => {
                    let (pieces, body) = tokio::sync::mpsc::channel(1);
                    tokio::spawn(async move {
                        let _ = pieces.send(Ok("one ".into())).await;
                        tokio::time::sleep(Duration::from_millis(20)).await;
                        let last = match path.as_str() {
                            "/pieces" => Ok("two".into()),
                            _ => Err(StreamBroken("as asked".into())),
                        };
                        let _ = pieces.send(last).await;
                    });
                    let mut reply = Reply::empty(StatusCode::OK);
                    reply.body = ReplyBody::Stream { pieces: body, length: None };
                    reply.header("content-type", "application/xml")
                }
                "/none" => Reply::empty(StatusCode::NO_CONTENT),
                "/who" => {
                    let text = format!("{} {} {}", request.base_url, request.remote_ip, request.id);
                    Reply::with_body(StatusCode::OK, "text/plain", text)
                }
                _ => Reply::empty(StatusCode::NOT_FOUND),
            }
        })
    }
}

pub(crate) struct House {
    pub(crate) tls: SocketAddr,
    pub(crate) plain: SocketAddr,
    pub(crate) certs: Arc<CertStore>,
    pub(crate) rooms: Arc<Rooms>,
    pub(crate) metrics: Metrics,
    pub(crate) stop: oneshot::Sender<()>,
    pub(crate) done: JoinHandle<()>,
    pub(crate) folder: TempDir,
}

impl House {
    pub(crate) async fn start() -> Self {
        Self::with(|_, _| {}).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut NetSettings, &mut HttpLimits)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let source = CertSource::OwnCa { folder: folder.path().join("tls"), names: vec![] };
        Self::with_source(source, folder, change).await
    }

    pub(crate) async fn with_source(
        source: CertSource,
        folder: TempDir,
        change: impl FnOnce(&mut NetSettings, &mut HttpLimits),
    ) -> Self {
        Self::with_given(source, folder, Inherited::default(), change).await
    }

    /// As a proxy meets it: `X-Forwarded-*` is believed of whom the settings trust.
    pub(crate) async fn with_given(
        source: CertSource,
        folder: TempDir,
        given: Inherited,
        change: impl FnOnce(&mut NetSettings, &mut HttpLimits),
    ) -> Self {
        let certs = Arc::new(CertStore::open(source, Clock::system()).unwrap());
        let free = "127.0.0.1:0".parse().unwrap();
        let mut settings =
            NetSettings { tls: vec![free], plain: vec![free], ..NetSettings::default() };
        let mut limits = HttpLimits::default();
        change(&mut settings, &mut limits);
        let (metrics, net_metrics) = (Metrics::default(), NetMetrics::default());
        metrics.register(|registry| net_metrics.register(registry));
        let trusted_proxies = settings.trusted_proxies.clone();
        let server = Server::bind_or_take(settings, given, Some(&certs), net_metrics).unwrap();
        let (tls, plain) = (server.tls_addresses()[0], server.plain_addresses()[0]);
        let rooms = Arc::new(Rooms::default());
        let handler: Arc<dyn Handler> = Arc::clone(&rooms) as _;
        let origins = HttpOrigins { trusted_proxies, ..HttpOrigins::default() };
        let pipeline = Pipeline::new(limits, origins, handler, metrics.clone());
        let (stop, stopped) = oneshot::channel();
        let answer = move |arrival, request| pipeline.serve(arrival, request);
        let done = tokio::spawn(server.serve(answer, async { drop(stopped.await) }));
        Self { tls, plain, certs, rooms, metrics, stop, done, folder }
    }

    pub(crate) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.plain).await.unwrap()
    }

    /// Sends bytes over plain HTTP and reads until the server closes.
    pub(crate) async fn exchange(&self, bytes: &[u8]) -> String {
        let mut stream = self.connect().await;
        stream.write_all(bytes).await.unwrap();
        read_to_end(&mut stream).await
    }

    /// Waits until a handler has noted `text`.
    pub(crate) async fn wait_for(&self, text: &str) {
        let noted = async {
            while !self.rooms.seen.lock().unwrap().iter().any(|seen| seen == text) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let seen = timeout(PATIENCE, noted).await;
        assert!(seen.is_ok(), "{text:?} is not in {:?}", self.rooms.seen.lock().unwrap());
    }
}

pub(crate) async fn read_to_end(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut bytes = Vec::new();
    // A reset after the answer is the peer's matter; what came is what counts.
    let _ = timeout(PATIENCE, stream.read_to_end(&mut bytes)).await.expect("the server closes");
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Reads one answer with a `Content-Length`, and no byte more.
pub(crate) async fn read_answer(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let byte = timeout(PATIENCE, stream.read_u8()).await.expect("an answer");
        head.push(byte.unwrap_or_else(|_| panic!("cut: {}", String::from_utf8_lossy(&head))));
    }
    let head = String::from_utf8(head).unwrap();
    let length = field(&head, "content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    timeout(PATIENCE, stream.read_exact(&mut body)).await.expect("a body").unwrap();
    head + &String::from_utf8(body).unwrap()
}

/// The value of a field of an answer.
pub(crate) fn field<'a>(answer: &'a str, name: &str) -> Option<&'a str> {
    let head = answer.split("\r\n\r\n").next()?;
    head.lines()
        .filter_map(|line| line.split_once(':'))
        .find_map(|(field, value)| field.eq_ignore_ascii_case(name).then_some(value.trim()))
}

/// The status of an answer; 0 if there is none.
pub(crate) fn status(answer: &str) -> u16 {
    answer.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0)
}
