//! A whole house with extensions, asked at its door or at its rooms.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use moonsail::app::House;
use moonsail::auth::{NewToken, NewUser};
use moonsail::config::Settings;
use moonsail::ext::Extensions;
use moonsail::feed::{Feed, FeedMetrics};
use moonsail::http::{Handler, HttpLimits, HttpOrigins, Metrics, Pipeline};
use moonsail::ids::Uid;
use moonsail::net::{Inherited, NetMetrics, NetSettings, Server};
use moonsail::path::DavPath;
use moonsail::store::{self, ReadTx, StoreError};
use moonsail::wire::{Body, Reply, ReplyBody, Request};
use tokio::task::JoinHandle;

pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Open {
    pub(crate) house: House,
    pub(crate) handler: Arc<dyn Handler>,
    feed: Option<Feed>,
    pub(crate) alice: String,
    pub(crate) admin: String,
}

/// What came back, read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Result<Bytes, String>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(self.body.as_ref().expect("a whole body")).unwrap()
    }
}

/// Opens the house over `folder`, and makes alice and an administrator the first time.
pub(crate) async fn open(folder: &Path, guests: Extensions, settings: Settings) -> Open {
    let settings = Settings { data_dir: folder.join("data"), ..settings };
    let house = House::open_with(&settings, guests).await.unwrap();
    let feed = house.follow(&settings, &FeedMetrics::default()).await.unwrap();
    let handler = house.handler(&settings);
    let mut open =
        Open { house, handler, feed: Some(feed), alice: String::new(), admin: String::new() };
    for (name, admin) in [("alice", false), ("root", true)] {
        let new = NewUser { uid: name.to_owned(), admin, ..NewUser::default() };
        let _there_after_a_restart = open.house.auth.create_user(new).await;
    }
    open.alice = open.token("alice", false, None).await;
    open.admin = open.token("root", false, None).await;
    open
}

impl Open {
    /// An `Authorization` field with a new app password.
    pub(crate) async fn token(&self, name: &str, read_only: bool, folder: Option<&str>) -> String {
        let uid = Uid::parse(name).unwrap();
        let folder = folder.map(|path| DavPath::from_decoded(path).unwrap());
        let new = NewToken { read_only, folder, ..NewToken::full(uid, name, "test") };
        let token = self.house.auth.create_token(new).await.unwrap();
        format!("Basic {}", STANDARD.encode(format!("{name}:{}", token.reveal())))
    }

    /// The cookie of a browser in which the user has logged in.
    pub(crate) async fn session(&self, name: &str) -> String {
        let login = self.token(name, false, None).await;
        let first = request(&login, "GET", "/", &[], Body::from_bytes(""));
        let auth = &self.house.auth;
        let principal = auth.authenticate(&first).await.unwrap().unwrap();
        let cookie = auth.open_session(&first, &principal).await.unwrap();
        cookie.split(';').next().unwrap().to_owned()
    }

    pub(crate) async fn ask(
        &self,
        login: &str,
        method: &str,
        target: &str,
        fields: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Answer {
        self.send(request(login, method, target, fields, Body::from_bytes(body))).await
    }

    pub(crate) async fn send(&self, request: Request) -> Answer {
        read(self.handler.handle(request).await).await
    }

    /// Uploads a file of alice's.
    pub(crate) async fn put(&self, path: &str, body: impl Into<Bytes>) -> Answer {
        let target = format!("/remote.php/dav/files/alice/{path}");
        self.ask(&self.alice, "PUT", &target, &[], body).await
    }

    /// Waits until all sinks have acknowledged all changes, and that is kept.
    pub(crate) async fn all_told(&self) {
        let told = async {
            loop {
                let behind = |tx: &mut dyn ReadTx| -> Result<bool, StoreError> {
                    let last = tx.feed(0, usize::MAX >> 1)?.last().map(|it| it.change.stamp.seq());
                    Ok(tx.cursors()?.iter().any(|cursor| Some(cursor.seq) < last))
                };
                if !store::read(&self.house.store, behind).await.unwrap() {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(PATIENCE, told).await.expect("all are told");
    }

    /// Opens a door on a free port, of plain HTTP; it is shut when the task is dropped or aborted.
    pub(crate) fn serve(&self) -> (SocketAddr, JoinHandle<()>) {
        let free = "127.0.0.1:0".parse().unwrap();
        let settings = NetSettings { tls: Vec::new(), plain: vec![free], ..NetSettings::default() };
        let metrics = NetMetrics::default();
        let server = Server::bind_or_take(settings, Inherited::default(), None, metrics).unwrap();
        let address = server.plain_addresses()[0];
        let (limits, origins) = (HttpLimits::default(), HttpOrigins::default());
        let handler = Arc::clone(&self.handler);
        let pipeline = Pipeline::new(limits, origins, handler, Metrics::default());
        let answer = move |arrival, request| pipeline.serve(arrival, request);
        (address, tokio::spawn(server.serve(answer, std::future::pending())))
    }

    pub(crate) async fn close(mut self) {
        self.feed.take().expect("closed once").stop().await;
        drop(self.handler);
        self.house.close().await;
    }
}

pub(crate) fn request(
    login: &str,
    method: &str,
    target: &str,
    fields: &[(&str, &str)],
    body: Body,
) -> Request {
    let mut headers = HeaderMap::new();
    headers.insert("host", HeaderValue::from_static("cloud.test"));
    if !login.is_empty() {
        headers.insert("authorization", HeaderValue::from_str(login).unwrap());
    }
    for (name, value) in fields {
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        headers.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    Request {
        method: Method::from_bytes(method.as_bytes()).unwrap(),
        uri: target.parse().unwrap(),
        headers,
        body,
        remote_ip: "192.0.2.1".parse().unwrap(),
        base_url: Arc::from("https://cloud.test"),
        id: Arc::from("test"),
    }
}

async fn read(reply: Reply) -> Answer {
    let Reply { status, headers, body } = reply;
    let body = match body {
        ReplyBody::Full(bytes) => Ok(bytes),
        ReplyBody::Stream { mut pieces, .. } => {
            let mut all = Vec::new();
            loop {
                match tokio::time::timeout(PATIENCE, pieces.recv()).await.expect("a piece") {
                    None => break Ok(all.into()),
                    Some(Ok(piece)) => all.extend_from_slice(&piece),
                    Some(Err(broken)) => break Err(broken.0),
                }
            }
        }
    };
    Answer { status: status.as_u16(), headers, body }
}
