//! A room with the users alice and bob, and a way to ask it.

use std::collections::HashMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use moonsail::auth::{Auth, AuthSettings, By, NewToken, NewUser, UserChange};
use moonsail::clock::Clock;
use moonsail::content::{Content, Opener, Publisher, Storages};
use moonsail::dav::{Dav, DavSettings, MountRule};
use moonsail::ids::Uid;
use moonsail::outside::{Keeper, KeeperSettings, OutsideMetrics};
use moonsail::path::DavPath;
use moonsail::storage::{self, FileStorage, StorageError, StorageNo};
use moonsail::store::sqlite::{Durability, SqliteOptions, SqliteStore};
use moonsail::store::{self, Store};
use moonsail::tree::{Mount, Tree};
use moonsail::wire::{Body, BodyError, BodySource, Reply, ReplyBody, Request};
use moonsail_sdk::BoxFuture;
use moonsail_sdk::memory::MemoryStorage;
use moonsail_storage_local::{LocalConfig, LocalStorage};

use crate::dump::dump;

pub(crate) const HOST: &str = "cloud.test";

pub(crate) struct House {
    pub(crate) dav: Arc<Dav>,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) storage: Arc<dyn FileStorage>,
    pub(crate) publisher: Arc<Publisher>,
    pub(crate) auth: Arc<Auth>,
    pub(crate) clock: Clock,
    pub(crate) content: Content,
    pub(crate) tree: Tree,
    pub(crate) keeper: Keeper,
    pub(crate) folder: tempfile::TempDir,
    logins: HashMap<&'static str, String>,
}

/// What came back, read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    #[track_caller]
    pub(crate) fn has(&self, part: &str) {
        assert!(self.text().contains(part), "{part} is not in {}", self.text());
    }
}

/// A body in pieces that may end early, or stop without an end.
pub(crate) struct Pieces {
    pub(crate) pieces: Vec<Bytes>,
    pub(crate) end: End,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Cut,
    Never,
}

impl BodySource for Pieces {
    fn poll_data(&mut self, _: &mut Context<'_>) -> Poll<Option<Result<Bytes, BodyError>>> {
        match (self.pieces.is_empty(), self.end) {
            (false, _) => Poll::Ready(Some(Ok(self.pieces.remove(0)))),
            (true, End::Cut) => Poll::Ready(Some(Err(BodyError::Cut))),
            (true, End::Never) => Poll::Pending,
        }
    }
}

pub(crate) fn body_of(size: usize, end: End) -> Body {
    Body::new(Pieces { pieces: vec![Bytes::from(vec![b'x'; size])], end })
}

impl House {
    pub(crate) async fn new() -> Self {
        Self::with(|_| ()).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut DavSettings)) -> Self {
        Self::furnished(change, &[], StorageNo::DATA).await
    }

    /// The same with mounts, the first of a folder `mount1` beside the data, and so on.
    pub(crate) async fn mounting(mounts: &[Grafted]) -> Self {
        Self::furnished(|_| (), mounts, StorageNo::DATA).await
    }

    /// A house whose homes are on a storage that nobody else changes, as a plugin may have.
    pub(crate) async fn elsewhere() -> Self {
        Self::furnished(|_| (), &[], StorageNo(1)).await
    }

    async fn furnished(
        change: impl FnOnce(&mut DavSettings),
        mounts: &[Grafted],
        homes: StorageNo,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::fixed(1_800_000_000_000);
        let options = SqliteOptions { durability: Durability::None };
        let path = folder.path().join("moonsail.db");
        let store: Arc<dyn Store> = SqliteStore::open(&path, options, clock.clone()).unwrap();
        let config = LocalConfig {
            files: folder.path().join("files"),
            stage: folder.path().join("stage"),
            kept: folder.path().join("kept"),
        };
        let data: Arc<dyn FileStorage> = Arc::new(LocalStorage::open(config).unwrap());
        let (storages, rules) = match homes {
            StorageNo::DATA => graft(folder.path(), data, &store, mounts).await,
            no => {
                let opener: Box<dyn Opener> = Box::new(Ours::default());
                (Storages::new(data, vec![(no, "plugin:ours".to_owned(), opener)]), Vec::new())
            }
        };
        let storage = storages.view(StorageNo::DATA);
        let publisher = Publisher::start(Arc::clone(&storage), Arc::clone(&store));
        let sink = Arc::clone(&publisher);
        store.set_disk_sink(Box::new(move |ops| sink.push(ops)));
        let content = Content::over(
            storages,
            Arc::clone(&store),
            Arc::clone(&publisher),
            storage::Durability::Relaxed,
            clock.clone(),
        );
        let tree = Tree::new(Arc::clone(&store), clock.clone()).homes_on(homes);
        let auth =
            Auth::new(Arc::clone(&store), Vec::new(), AuthSettings::default(), clock.clone());
        let auth = Arc::new(auth);
        let mut settings = DavSettings::default();
        change(&mut settings);
        let eye = KeeperSettings { watch: true, settle: Duration::from_millis(50), rescan: None };
        let keeper = Keeper::new(content.clone(), tree.clone(), eye, OutsideMetrics::default());
        if !mounts.is_empty() {
            content.set_freshness(Arc::new(keeper.clone()));
        }
        for rule in &rules {
            tree.begin_home(&rule.mount.tree).await.unwrap();
        }
        let dav =
            Dav::new(Arc::clone(&auth), tree.clone(), content.clone(), settings, clock.clone());
        let dav = dav.mounting(rules);
        let mut house = Self {
            dav: Arc::new(dav),
            store,
            storage,
            publisher,
            auth,
            clock,
            content,
            tree,
            keeper,
            folder,
            logins: HashMap::new(),
        };
        for name in ["alice", "bob"] {
            let new = NewUser { uid: name.to_owned(), ..NewUser::default() };
            house.auth.create_user(new).await.unwrap();
            let login = house.token(name, false, None).await;
            house.logins.insert(name, login);
            assert_eq!(house.ask_as(name, "PROPFIND", "", &[("depth", "0")], "").await.status, 207);
        }
        house.publisher.settle(true).await;
        house
    }

    /// An `Authorization` field with a new app password.
    pub(crate) async fn token(&self, name: &str, read_only: bool, folder: Option<&str>) -> String {
        let uid = Uid::parse(name).unwrap();
        let folder = folder.map(|path| DavPath::from_decoded(path).unwrap());
        let new = NewToken { read_only, folder, ..NewToken::full(uid, name, "test") };
        let token = self.auth.create_token(new).await.unwrap();
        format!("Basic {}", STANDARD.encode(format!("{name}:{}", token.reveal())))
    }

    pub(crate) async fn quota(&self, bytes: u64) {
        let change = UserChange::Quota(Some(bytes));
        self.auth.change_user(&By::console(), "alice", change).await.unwrap();
    }

    pub(crate) fn request(
        &self,
        login: &str,
        method: &str,
        target: &str,
        fields: &[(&str, &str)],
        body: Body,
    ) -> Request {
        let mut headers = HeaderMap::new();
        headers.insert("authorization", HeaderValue::from_str(login).unwrap());
        headers.insert("host", HeaderValue::from_static(HOST));
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
            base_url: Arc::from(format!("https://{HOST}")),
            id: Arc::from("test"),
        }
    }

    /// A request of alice's on her own files, `target` from their root.
    pub(crate) async fn ask(
        &self,
        method: &str,
        target: &str,
        fields: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Answer {
        self.ask_as("alice", method, target, fields, body).await
    }

    pub(crate) async fn ask_as(
        &self,
        name: &str,
        method: &str,
        target: &str,
        fields: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Answer {
        let target = format!("/remote.php/dav/files/{name}/{target}");
        let login = self.logins[name].clone();
        self.raw(&login, method, &target, fields, Body::from_bytes(body)).await
    }

    /// A request of alice's on any target, with any body.
    pub(crate) async fn at(
        &self,
        method: &str,
        target: &str,
        fields: &[(&str, &str)],
        body: Body,
    ) -> Answer {
        self.raw(&self.logins["alice"].clone(), method, target, fields, body).await
    }

    pub(crate) async fn raw(
        &self,
        login: &str,
        method: &str,
        target: &str,
        fields: &[(&str, &str)],
        body: Body,
    ) -> Answer {
        read(self.dav.handle(self.request(login, method, target, fields, body)).await).await
    }

    pub(crate) fn login(&self, name: &str) -> String {
        self.logins[name].clone()
    }

    pub(crate) async fn put(&self, target: &str, body: impl Into<Bytes>) -> Answer {
        let answer = self.ask("PUT", target, &[], body).await;
        assert!(matches!(answer.status, 201 | 204), "{target}: {answer:?}");
        answer
    }

    pub(crate) async fn mkcol(&self, target: &str) {
        assert_eq!(self.ask("MKCOL", target, &[], "").await.status, 201, "{target}");
    }

    pub(crate) async fn bytes(&self, target: &str) -> Bytes {
        let answer = self.ask("GET", target, &[], "").await;
        assert_eq!(answer.status, 200, "{target}: {answer:?}");
        answer.body
    }

    /// All that is stored: rows with etags, locks, properties, transfers, the feed's length, and
    /// whatever lies in the stage once the dust has settled.
    pub(crate) async fn snapshot(&self) -> String {
        self.publisher.settle(true).await;
        let rows = store::read(&self.store, |tx| dump(tx)).await.unwrap();
        format!("{rows}\nstage {:?}", self.strays().await)
    }

    /// Stage keys of no transfer; waits for deletions in the background.
    pub(crate) async fn strays(&self) -> Vec<String> {
        self.publisher.settle(true).await;
        let mut strays = Vec::new();
        for _ in 0..100 {
            let used = store::read(&self.store, |tx| tx.upload_stage_keys()).await.unwrap();
            let keys = self.storage.list_stage().await.unwrap().into_iter();
            let keys = keys.filter(|(at, _)| !used.iter().any(|used| used.key() == at.key()));
            strays = keys.map(|(at, _)| at.0).collect();
            if strays.is_empty() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        strays
    }
}

/// A mount of a house.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Grafted {
    pub(crate) point: &'static str,
    pub(crate) users: &'static [&'static str],
    pub(crate) groups: &'static [&'static str],
    pub(crate) read_only: bool,
}

impl Grafted {
    pub(crate) fn at(point: &'static str) -> Self {
        Self { point, ..Self::default() }
    }
}

/// A folder that may be gone, with the inode that was opened.
struct Disk(PathBuf, Mutex<Option<u64>>);

impl Disk {
    fn inode(&self) -> Option<u64> {
        std::fs::metadata(&self.0).ok().map(|meta| meta.ino())
    }
}

impl Opener for Disk {
    fn open(&self) -> BoxFuture<'static, Result<Arc<dyn FileStorage>, StorageError>> {
        let opened = LocalStorage::open_shared(&self.0);
        *self.1.lock().unwrap() = self.inode();
        Box::pin(async { Ok(Arc::new(opened?) as Arc<dyn FileStorage>) })
    }

    fn is_current(&self) -> BoxFuture<'static, bool> {
        let now = self.inode();
        let same = now.is_some() && now == *self.1.lock().unwrap();
        Box::pin(async move { same })
    }
}

/// A storage in memory, always there.
#[derive(Default)]
struct Ours(MemoryStorage);

impl Opener for Ours {
    fn open(&self) -> BoxFuture<'static, Result<Arc<dyn FileStorage>, StorageError>> {
        let storage: Arc<dyn FileStorage> = Arc::new(self.0.clone());
        Box::pin(async { Ok(storage) })
    }
}

async fn graft(
    folder: &Path,
    data: Arc<dyn FileStorage>,
    store: &Arc<dyn Store>,
    mounts: &[Grafted],
) -> (Storages, Vec<MountRule>) {
    let mut others: Vec<(StorageNo, String, Box<dyn Opener>)> = Vec::new();
    let mut rules = Vec::new();
    for (index, mount) in mounts.iter().enumerate() {
        let disk = folder.join(format!("mount{}", index + 1));
        std::fs::create_dir(&disk).unwrap();
        let name = format!("local:{}", disk.display());
        let no = store::write(store, {
            let name = name.clone();
            move |tx| tx.storage_number(&name)
        });
        let storage = no.await.unwrap();
        others.push((storage, name, Box::new(Disk(disk, Mutex::default()))));
        let point = DavPath::from_decoded(mount.point).unwrap();
        let tree = Uid::of_mount(&storage.to_string()).unwrap();
        rules.push(MountRule {
            mount: Mount { tree, storage, point, read_only: mount.read_only },
            users: mount.users.iter().map(|user| Uid::parse(user).unwrap()).collect(),
            groups: mount.groups.iter().map(|group| (*group).to_owned()).collect(),
        });
    }
    (Storages::new(data, others), rules)
}

pub(crate) async fn read(reply: Reply) -> Answer {
    let mut body = Vec::new();
    match reply.body {
        ReplyBody::Full(bytes) => body.extend(bytes),
        ReplyBody::Stream { mut pieces, .. } => {
            while let Some(piece) = pieces.recv().await {
                body.extend(piece.unwrap());
            }
        }
    }
    Answer { status: reply.status.as_u16(), headers: reply.headers, body: body.into() }
}
