//! A house on a disk and an index that fail when told to, which can be killed and started again.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use http_body_util::BodyExt;
use moonsail::auth::{Auth, AuthSettings, NewToken, NewUser};
use moonsail::clock::Clock;
use moonsail::content::{Content, Finding, Publisher};
use moonsail::dav::{Dav, DavSettings};
use moonsail::ids::Uid;
use moonsail::storage::{self, FileStorage};
use moonsail::store::sqlite::{Durability, SqliteOptions, SqliteStore};
use moonsail::store::{self, Store};
use moonsail::tree::Tree;
use moonsail::wire::{Body, Reply, Request};
use moonsail_storage_local::{LocalConfig, LocalStorage};
use sha1::{Digest, Sha1};

use crate::dump::dump;
use crate::fault::Fault;
use crate::index::FaultyStore;
use crate::operations::{Ask, Operation};
use crate::storage::FaultyStorage;

/// What outlives a process.
pub(crate) struct World {
    folder: tempfile::TempDir,
    clock: Clock,
    logins: BTreeMap<&'static str, String>,
    /// For the calls of requests.
    pub(crate) requests: Arc<Fault>,
    /// For the calls of the publisher.
    pub(crate) publisher: Arc<Fault>,
    live: Option<Live>,
}

/// A process.
struct Live {
    store: Arc<dyn Store>,
    storage: Arc<dyn FileStorage>,
    publisher: Arc<Publisher>,
    auth: Arc<Auth>,
    dav: Arc<Dav>,
    /// Past all faults.
    content: Content,
    /// Nothing decided reaches the disk any more.
    stalled: Arc<AtomicBool>,
}

/// What came back.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
    /// The connection was cut before the end of the body.
    pub(crate) broken: bool,
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.status, String::from_utf8_lossy(&self.body))
    }
}

impl World {
    /// A house in which the operation can be asked for.
    pub(crate) async fn ready(operation: &Operation) -> Self {
        let mut world = Self {
            folder: tempfile::tempdir().unwrap(),
            clock: Clock::fixed(1_800_000_000_000),
            logins: BTreeMap::new(),
            requests: Arc::default(),
            publisher: Arc::default(),
            live: None,
        };
        world.start().await;
        for name in ["alice", "bob"] {
            let auth = Arc::clone(&world.live().auth);
            let new = NewUser { uid: name.to_owned(), ..NewUser::default() };
            auth.create_user(new).await.unwrap();
            let new = NewToken::full(Uid::parse(name).unwrap(), name, "test");
            let token = auth.create_token(new).await.unwrap();
            let login = STANDARD.encode(format!("{name}:{}", token.reveal()));
            world.logins.insert(name, format!("Basic {login}"));
        }
        for ask in &operation.before {
            let answer = world.ask(ask).await;
            assert!((200..300).contains(&answer.status), "{ask:?}: {answer:?}");
        }
        world.settle().await;
        world
    }

    fn live(&self) -> &Live {
        self.live.as_ref().unwrap()
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    async fn start(&mut self) {
        let options = SqliteOptions { durability: Durability::None };
        let path = self.path().join("moonsail.db");
        let clock = || self.clock.clone();
        let store: Arc<dyn Store> = SqliteStore::open(&path, options, clock()).unwrap();
        let config = LocalConfig {
            files: self.path().join("files"),
            stage: self.path().join("stage"),
            kept: self.path().join("kept"),
        };
        let storage: Arc<dyn FileStorage> = Arc::new(LocalStorage::open(config).unwrap());
        let faulty = |fault: &Arc<Fault>| -> (Arc<dyn FileStorage>, Arc<dyn Store>) {
            let inner = Arc::clone(&storage);
            let files = FaultyStorage { inner, fault: Arc::clone(fault) };
            let inner = Arc::clone(&store);
            let index = FaultyStore { inner, fault: Arc::clone(fault) };
            (Arc::new(files), Arc::new(index))
        };
        let (files, index) = faulty(&self.publisher);
        let publisher = Publisher::start(files, index);
        let stalled = Arc::new(AtomicBool::new(false));
        let (sink, stop) = (Arc::clone(&publisher), Arc::clone(&stalled));
        store.set_disk_sink(Box::new(move |ops| {
            if !stop.load(Ordering::SeqCst) {
                sink.push(ops);
            }
        }));
        let content = |storage, store| {
            let kept = storage::Durability::Relaxed;
            Content::new(storage, store, Arc::clone(&publisher), kept, clock())
        };
        publisher.recover(&store).await.unwrap();
        let clean = content(Arc::clone(&storage), Arc::clone(&store));
        clean.sweep_stage().await.unwrap();
        let (files, index) = faulty(&self.requests);
        let tree = Tree::new(Arc::clone(&index), clock());
        let auth = Auth::new(Arc::clone(&index), Vec::new(), AuthSettings::default(), clock());
        let auth = Arc::new(auth);
        let settings = DavSettings::default();
        let dav = Dav::new(Arc::clone(&auth), tree, content(files, index), settings, clock());
        let dav = Arc::new(dav);
        let live = Live { store, storage, publisher, auth, dav, content: clean, stalled };
        self.live = Some(live);
    }

    /// The process dies, and another one starts.
    pub(crate) async fn kill(&mut self) {
        self.requests.disarm();
        self.publisher.disarm();
        let live = self.live.take().unwrap();
        live.stalled.store(true, Ordering::SeqCst);
        let store = Arc::clone(&live.store);
        tokio::task::spawn_blocking(move || store.close()).await.unwrap();
        drop(live);
        self.start().await;
    }

    /// Waits until all that was decided can be seen on the disk.
    pub(crate) async fn settle(&self) {
        self.live().publisher.settle(true).await;
    }

    fn request(&self, ask: &Ask) -> Request {
        let mut headers = HeaderMap::new();
        let login = HeaderValue::from_str(&self.logins[ask.user]).unwrap();
        headers.insert("authorization", login);
        headers.insert("host", HeaderValue::from_static("cloud.test"));
        headers.insert("content-length", HeaderValue::from(ask.body.len()));
        for (name, value) in &ask.fields {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            headers.append(name, HeaderValue::from_static(value));
        }
        Request {
            method: Method::from_bytes(ask.method.as_bytes()).unwrap(),
            uri: format!("/remote.php/dav/{}", ask.target).parse().unwrap(),
            headers,
            body: Body::from_bytes(ask.body.clone()),
            remote_ip: "192.0.2.1".parse().unwrap(),
            base_url: Arc::from("https://cloud.test"),
            id: Arc::from("test"),
        }
    }

    /// Asks; a panic of the room is the 500 that the pipeline makes of it.
    pub(crate) async fn ask(&self, ask: &Ask) -> Answer {
        let (dav, request) = (Arc::clone(&self.live().dav), self.request(ask));
        let head = ask.method == "HEAD";
        let answered =
            tokio::spawn(async move { read(dav.handle(request).await, head).await }).await;
        answered.unwrap_or_else(|_| Answer {
            status: 500,
            headers: HeaderMap::new(),
            body: Vec::new(),
            broken: false,
        })
    }

    /// Asks, until there is an answer or a call hangs that will never come back.
    pub(crate) async fn ask_until_stopped(&self, ask: &Ask) -> Option<Answer> {
        let (dav, request) = (Arc::clone(&self.live().dav), self.request(ask));
        let head = ask.method == "HEAD";
        let mut asked = tokio::spawn(async move { read(dav.handle(request).await, head).await });
        loop {
            let wait = Duration::from_millis(10);
            match tokio::time::timeout(wait, &mut asked).await {
                Ok(answered) => return Some(answered.unwrap()),
                // What hangs is left hanging: a killed process tidies nothing up.
                Err(_) if self.requests.struck().is_some() => return None,
                Err(_) => {}
            }
        }
    }

    /// Everything: rows, and what lies on the disk.
    pub(crate) async fn state(&self) -> String {
        self.settle().await;
        let live = self.live();
        let rows = store::read(&live.store, |tx| dump(tx)).await.unwrap();
        let files = disk(&self.path().join("files"));
        assert_eq!(disk(&self.path().join("kept")), Vec::<String>::new(), "kept aside");
        format!("{rows}\n{}", files.join("\n"))
    }

    /// Stage entries of no transfer and no decided change; waits for deletions in the background.
    pub(crate) async fn strays(&self) -> Vec<String> {
        self.settle().await;
        let live = self.live();
        let mut strays = Vec::new();
        for _ in 0..100 {
            let used = store::read(&live.store, |tx| tx.upload_stage_keys()).await.unwrap();
            let keys = live.storage.list_stage().await.unwrap().into_iter();
            let keys = keys.filter(|(at, _)| !used.iter().any(|used| used.key() == at.key()));
            strays = keys.map(|(at, _)| at.0).collect();
            if strays.is_empty() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        strays
    }

    /// What the start does with what is left in the stage.
    pub(crate) async fn sweep(&self) {
        self.live().content.sweep_stage().await.unwrap();
        assert_eq!(self.strays().await, Vec::<String>::new(), "after the sweep");
    }

    /// What `fsck` says: nothing.
    pub(crate) async fn verify(&self) {
        let (sender, mut findings) = tokio::sync::mpsc::channel(1000);
        let content = self.live().content.clone();
        content.verify(&sender).await.unwrap();
        drop(sender);
        while let Some(finding) = findings.recv().await {
            assert!(!matches!(finding, Finding::Problem(_)), "{finding:?}");
        }
    }

    /// What must be so once the operation is done.
    pub(crate) async fn check(&self, operation: &Operation, why: &str) {
        for (ask, status, part) in &operation.after {
            let answer = self.ask(ask).await;
            assert_eq!(answer.status, *status, "{} {why}: {ask:?} {answer:?}", operation.name);
            if let Some(part) = part {
                let there = answer.body.windows(part.len()).any(|window| window == *part);
                assert!(there, "{} {why}: {ask:?}", operation.name);
            }
        }
    }
}

async fn read(reply: Reply, head: bool) -> Answer {
    let (mut body, mut broken) = (Vec::new(), false);
    let Reply { status, headers, body: mut pieces } = reply;
    if head {
        // As the door does.
        return Answer { status: status.as_u16(), headers, body, broken };
    }
    while let Some(piece) = pieces.frame().await {
        match piece {
            Ok(piece) => body.extend(piece.into_data().unwrap()),
            Err(_) => broken = true,
        }
    }
    Answer { status: status.as_u16(), headers, body, broken }
}

/// All below a folder, with the hash of what is in it.
fn disk(root: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut waiting = vec![root.to_owned()];
    while let Some(folder) = waiting.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(root).unwrap().display().to_string();
            if path.is_dir() {
                found.push(format!("{name}/"));
                waiting.push(path);
            } else {
                let sum = hex::encode(Sha1::digest(std::fs::read(&path).unwrap()));
                found.push(format!("{name} {sum}"));
            }
        }
    }
    found.sort();
    found
}
