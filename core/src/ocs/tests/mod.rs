//! Tests of the whole room, over a real index.

mod app_passwords;
mod envelopes;
mod provisioning;
mod records;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use moonsail_sdk::secret::Secret;

use super::{Ocs, OcsSettings};
use crate::auth::{Auth, AuthSettings, BUILTIN, BuiltinUsers, NewToken, NewUser, Passwords};
use crate::clock::Clock;
use crate::ids::Uid;
use crate::store::Store;
use crate::store::sqlite::{Durability, SqliteOptions, SqliteStore};
use crate::wire::{Body, Reply, ReplyBody, Request};

/// Password of every user of the bed.
pub(super) const PASSWORD: &str = "Al1ce-passw0rd";

/// A room with an index in a folder of its own, and the users `admin`, `alice` and `bob`.
pub(super) struct Bed {
    pub(super) room: Ocs,
    pub(super) auth: Arc<Auth>,
    pub(super) store: Arc<dyn Store>,
    pub(super) clock: Clock,
    tokens: Mutex<HashMap<String, String>>,
    _folder: tempfile::TempDir,
}

/// What came back.
#[derive(Debug)]
pub(super) struct Got {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: String,
}

impl Got {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub(super) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("JSON: {}", self.body))
    }

    /// `ocs.data`.
    pub(super) fn data(&self) -> serde_json::Value {
        self.json()["ocs"]["data"].clone()
    }

    /// HTTP status and `statuscode`.
    pub(super) fn codes(&self) -> (u16, u64) {
        (self.status, self.json()["ocs"]["meta"]["statuscode"].as_u64().expect("a code"))
    }
}

impl Bed {
    pub(super) async fn new() -> Self {
        Self::with(OcsSettings::default(), AuthSettings::default()).await
    }

    pub(super) async fn with(settings: OcsSettings, auth_settings: AuthSettings) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::fixed(1_800_000_000_000);
        let options = SqliteOptions { durability: Durability::None };
        let path = folder.path().join("moonsail.db");
        let store: Arc<dyn Store> = SqliteStore::open(&path, options, clock.clone()).unwrap();
        let passwords = Passwords::default();
        let users = BuiltinUsers::new(Arc::clone(&store), passwords.clone());
        let auth_settings = AuthSettings { passwords, ..auth_settings };
        let chain = vec![(BUILTIN.to_owned(), Arc::new(users) as _)];
        let auth = Arc::new(Auth::new(Arc::clone(&store), chain, auth_settings, clock.clone()));
        for (uid, name) in [("admin", "admin"), ("alice", "Alice Adams"), ("bob", "Bob Brown")] {
            let new = NewUser {
                uid: uid.to_owned(),
                password: Some(Secret::new(PASSWORD)),
                display_name: Some(name.to_owned()),
                email: Some(format!("{uid}@example.com")),
                admin: uid == "admin",
                ..NewUser::default()
            };
            auth.create_user(new).await.unwrap();
        }
        let room = Ocs::new(Arc::clone(&auth), Arc::clone(&store), settings);
        Self { room, auth, store, clock, tokens: Mutex::default(), _folder: folder }
    }

    /// The Basic field of `who`: `""` for nobody, a user id for an app password of that user, else
    /// `login:password` as it is.
    async fn credentials(&self, who: &str) -> Option<String> {
        let plain = match who {
            "" => return None,
            pair if pair.contains(':') => pair.to_owned(),
            uid => format!("{uid}:{}", self.token(uid).await),
        };
        Some(format!("Basic {}", STANDARD.encode(plain)))
    }

    async fn token(&self, uid: &str) -> String {
        if let Some(token) = self.tokens.lock().unwrap().get(uid) {
            return token.clone();
        }
        let new = NewToken::full(Uid::parse(uid).unwrap(), uid, "test");
        let token = self.auth.create_token(new).await.unwrap().reveal().to_owned();
        self.tokens.lock().unwrap().insert(uid.to_owned(), token.clone());
        token
    }

    /// An app password with scopes, as `login:password`.
    pub(super) async fn scoped(&self, uid: &str, read_only: bool, folder: Option<&str>) -> String {
        let folder = folder.map(|path| crate::path::DavPath::from_decoded(path).unwrap());
        let uid = Uid::parse(uid).unwrap();
        let new = NewToken { read_only, folder, ..NewToken::full(uid.clone(), uid.as_str(), "x") };
        format!("{uid}:{}", self.auth.create_token(new).await.unwrap().reveal())
    }

    /// `GET /ocs/v2.php/x` with a body if there is one, marked as an API call.
    pub(super) async fn ask(&self, who: &str, line: &str, body: &str) -> Got {
        self.ask_with(who, line, body, &[("ocs-apirequest", "true")]).await
    }

    pub(super) async fn ask_with(
        &self,
        who: &str,
        line: &str,
        body: &str,
        fields: &[(&str, &str)],
    ) -> Got {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            headers.append(name, HeaderValue::from_str(value).unwrap());
        }
        if let Some(credentials) = self.credentials(who).await {
            headers.insert("authorization", HeaderValue::from_str(&credentials).unwrap());
        }
        let (method, uri) = line.split_once(' ').unwrap();
        let request = Request {
            method: Method::from_bytes(method.as_bytes()).unwrap(),
            uri: uri.parse().unwrap(),
            headers,
            body: Body::from_bytes(body.to_owned()),
            remote_ip: "192.0.2.1".parse().unwrap(),
            base_url: Arc::from("http://127.0.0.1:8182"),
            id: Arc::from("test"),
        };
        got(self.room.handle(request).await)
    }
}

fn got(reply: Reply) -> Got {
    let ReplyBody::Full(body) = reply.body else { panic!("OCS answers are whole") };
    let body = String::from_utf8(body.to_vec()).unwrap();
    Got { status: reply.status.as_u16(), headers: reply.headers, body }
}
