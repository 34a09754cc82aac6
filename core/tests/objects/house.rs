//! Alice's home on a store of objects, and a way to ask.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use http_body_util::BodyExt;
use moonsail::auth::{Auth, AuthSettings, NewToken, NewUser};
use moonsail::clock::Clock;
use moonsail::content::{Content, Finding, Publisher};
use moonsail::dav::{Dav, DavSettings};
use moonsail::ext::blobs::{BlobFiles, BlobSettings};
use moonsail::ids::Uid;
use moonsail::storage::{self, FileStorage};
use moonsail::store::sqlite::{Durability, SqliteOptions, SqliteStore};
use moonsail::store::{self, Store};
use moonsail::tree::Tree;
use moonsail::wire::{Body, Reply, Request};
use moonsail_sdk::blobs::BlobStorage;

use crate::dump::dump;

pub(crate) const FILES: &str = "files/alice";
pub(crate) const UPLOADS: &str = "uploads/alice";

pub(crate) struct House {
    folder: tempfile::TempDir,
    blobs: Arc<dyn BlobStorage>,
    settings: BlobSettings,
    login: String,
    live: Option<Live>,
}

struct Live {
    store: Arc<dyn Store>,
    files: Arc<dyn FileStorage>,
    publisher: Arc<Publisher>,
    auth: Arc<Auth>,
    dav: Arc<Dav>,
    content: Content,
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    /// `None` if the body broke off.
    pub(crate) body: Option<Bytes>,
}

/// Parts of 64 KiB: then a file of a megabyte has several.
pub(crate) fn small_parts() -> BlobSettings {
    BlobSettings { part_bytes: 64 << 10, ..BlobSettings::default() }
}

/// Bytes that differ all along.
pub(crate) fn pattern(len: usize, seed: u32) -> Bytes {
    let mut state = seed.wrapping_mul(2_654_435_761) | 1;
    let next = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state.to_le_bytes()[0]
    });
    next.take(len).collect()
}

impl House {
    pub(crate) async fn new(blobs: Arc<dyn BlobStorage>, settings: BlobSettings) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut house = Self { folder, blobs, settings, login: String::new(), live: None };
        house.start().await;
        let auth = Arc::clone(&house.live().auth);
        auth.create_user(NewUser { uid: "alice".into(), ..NewUser::default() }).await.unwrap();
        let new = NewToken::full(Uid::parse("alice").unwrap(), "alice", "test");
        let token = auth.create_token(new).await.unwrap();
        house.login = format!("Basic {}", STANDARD.encode(format!("alice:{}", token.reveal())));
        house.must(207, "PROPFIND", FILES, &[("depth", "0")], "").await;
        house.settle().await;
        house
    }

    fn live(&self) -> &Live {
        self.live.as_ref().unwrap()
    }

    async fn start(&mut self) {
        let clock = Clock::fixed(1_800_000_000_000);
        let options = SqliteOptions { durability: Durability::None };
        let path = self.folder.path().join("moonsail.db");
        let store: Arc<dyn Store> = SqliteStore::open(&path, options, clock.clone()).unwrap();
        let files = BlobFiles::new(Arc::clone(&self.blobs), self.settings.clone());
        let files: Arc<dyn FileStorage> = Arc::new(files);
        let publisher = Publisher::start(Arc::clone(&files), Arc::clone(&store));
        let sink = Arc::clone(&publisher);
        store.set_disk_sink(Box::new(move |ops| sink.push(ops)));
        publisher.recover(&store).await.unwrap();
        let content = Content::new(
            Arc::clone(&files),
            Arc::clone(&store),
            Arc::clone(&publisher),
            storage::Durability::Full,
            clock.clone(),
        );
        content.claim_objects().await.unwrap();
        content.sweep_stage().await.unwrap();
        let tree = Tree::new(Arc::clone(&store), clock.clone());
        let auth =
            Auth::new(Arc::clone(&store), Vec::new(), AuthSettings::default(), clock.clone());
        let auth = Arc::new(auth);
        let settings = DavSettings::default();
        let dav = Dav::new(Arc::clone(&auth), tree, content.clone(), settings, clock);
        let dav = Arc::new(dav);
        self.live = Some(Live { store, files, publisher, auth, dav, content });
    }

    /// The process ends without a word, and another one starts.
    pub(crate) async fn restart(&mut self) {
        let live = self.live.take().unwrap();
        let store = Arc::clone(&live.store);
        tokio::task::spawn_blocking(move || store.close()).await.unwrap();
        drop(live);
        self.start().await;
    }

    pub(crate) async fn ask(
        &self,
        method: &str,
        target: &str,
        fields: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Answer {
        let mut headers = HeaderMap::new();
        let body = body.into();
        headers.insert("authorization", HeaderValue::from_str(&self.login).unwrap());
        headers.insert("host", HeaderValue::from_static("cloud.test"));
        headers.insert("content-length", HeaderValue::from(body.len()));
        for (name, value) in fields {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            headers.insert(name, HeaderValue::from_str(value).unwrap());
        }
        let request = Request {
            method: Method::from_bytes(method.as_bytes()).unwrap(),
            uri: format!("/remote.php/dav/{target}").parse().unwrap(),
            headers,
            body: Body::from_bytes(body),
            remote_ip: "192.0.2.1".parse().unwrap(),
            base_url: Arc::from("https://cloud.test"),
            id: Arc::from("test"),
        };
        let dav = Arc::clone(&self.live().dav);
        tokio::spawn(async move { read(dav.handle(request).await).await }).await.unwrap()
    }

    /// Asks for something that must be answered so.
    #[track_caller]
    pub(crate) fn must<'a>(
        &'a self,
        status: u16,
        method: &'a str,
        target: &'a str,
        fields: &'a [(&'a str, &'a str)],
        body: impl Into<Bytes> + Send + 'a,
    ) -> impl Future<Output = Answer> + 'a {
        let caller = std::panic::Location::caller();
        async move {
            let answer = self.ask(method, target, fields, body).await;
            assert_eq!(answer.status, status, "{method} {target} at {caller}: {answer:?}");
            answer
        }
    }

    pub(crate) async fn put(&self, name: &str, body: &Bytes) {
        let answer = self.ask("PUT", &format!("{FILES}/{name}"), &[], body.clone()).await;
        assert!([201, 204].contains(&answer.status), "PUT {name}: {answer:?}");
    }

    /// Compares a file.
    pub(crate) async fn holds(&self, name: &str, expected: &Bytes) {
        let answer = self.must(200, "GET", &format!("{FILES}/{name}"), &[], "").await;
        let body = answer.body.expect("all of it");
        assert!(body == *expected, "{name}: {} bytes, {} expected", body.len(), expected.len());
    }

    /// Compares a file once the store is well again after an outage.
    pub(crate) async fn comes_to_hold(&self, name: &str, expected: &Bytes) {
        for _ in 0..120 {
            let answer = self.ask("GET", &format!("{FILES}/{name}"), &[], "").await;
            if answer.status == 200 && answer.body.is_some() {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(500)).await;
        }
        self.holds(name, expected).await;
    }

    /// Moves to a place below alice's files.
    pub(crate) async fn relocate(&self, method: &str, from: &str, to: &str) -> Answer {
        let to = format!("/remote.php/dav/{FILES}/{to}");
        self.ask(method, from, &[("destination", &to)], "").await
    }

    pub(crate) async fn settle(&self) {
        self.live().publisher.settle(true).await;
    }

    /// All rows.
    pub(crate) async fn rows(&self) -> String {
        self.settle().await;
        store::read(&self.live().store, |tx| dump(tx)).await.unwrap()
    }

    /// Removes the rows of removed folders, as the server does now and then.
    pub(crate) async fn sweep_rows(&self) {
        let store = &self.live().store;
        while store::write(store, |tx| tx.sweep(100)).await.unwrap() > 0 {}
    }

    pub(crate) fn content(&self) -> &Content {
        &self.live().content
    }

    pub(crate) fn files(&self) -> &dyn FileStorage {
        &*self.live().files
    }

    /// What `fsck` says.
    pub(crate) async fn verify(&self) -> Vec<String> {
        let (sender, mut findings) = tokio::sync::mpsc::channel(1000);
        self.content().verify(&sender).await.unwrap();
        drop(sender);
        let mut problems = Vec::new();
        while let Some(finding) = findings.recv().await {
            if let Finding::Problem(problem) = finding {
                problems.push(format!("{} {}", problem.path, problem.what));
            }
        }
        problems
    }
}

async fn read(reply: Reply) -> Answer {
    let Reply { status, headers, body: mut pieces } = reply;
    let mut body = Some(BytesMut::new());
    while let Some(piece) = pieces.frame().await {
        match (piece, &mut body) {
            (Ok(piece), Some(body)) => body.extend_from_slice(&piece.into_data().unwrap()),
            _ => body = None,
        }
    }
    Answer { status: status.as_u16(), headers, body: body.map(BytesMut::freeze) }
}
