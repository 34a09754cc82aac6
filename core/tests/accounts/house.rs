//! A server's accounts in a folder of their own, a clock that is moved by hand, and browsers.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use moonsail::auth::{Auth, AuthSettings, BUILTIN, BuiltinUsers, NewUser, Passwords};
use moonsail::clock::Clock;
use moonsail::hooks::Bus;
use moonsail::login::Login;
use moonsail::store::Store;
use moonsail::store::sqlite::{SqliteOptions, SqliteStore};
use moonsail::web::Web;
use moonsail::wire::{Body, Reply, ReplyBody, Request};
use moonsail_sdk::auth::DynAuthenticator;
use moonsail_sdk::secret::Secret;

/// Base URL of the house.
pub(crate) const BASE: &str = "http://cloud.test";
/// Alice's password.
pub(crate) const PASSWORD: &str = "Al1ce-passw0rd";
/// Where requests come from unless they say otherwise.
pub(crate) const HOME: &str = "192.0.2.1";
/// Somebody else's address.
pub(crate) const ELSEWHERE: &str = "198.51.100.7";

/// A server's accounts.
pub(crate) struct House {
    pub(crate) auth: Arc<Auth>,
    pub(crate) login: Login,
    pub(crate) web: Web,
    pub(crate) clock: Clock,
    pub(crate) bus: Bus,
    _folder: tempfile::TempDir,
}

impl House {
    /// With the built-in users alice (mail alice@example.org, an administrator) and bob.
    pub(crate) async fn new() -> Self {
        let house = Self::with_providers(|builtin| vec![(BUILTIN.to_owned(), builtin)]);
        house.add("alice", PASSWORD, Some("alice@example.org"), true).await;
        house.add("bob", "B0b-passw0rd", None, false).await;
        house
    }

    /// Without users; `chain` gets the built-in users and gives the providers.
    pub(crate) fn with_providers(
        chain: impl FnOnce(Arc<dyn DynAuthenticator>) -> Vec<(String, Arc<dyn DynAuthenticator>)>,
    ) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let clock = Clock::fixed(1_795_500_000_000);
        let path = folder.path().join("moonsail.db");
        let store: Arc<dyn Store> =
            SqliteStore::open(&path, SqliteOptions::default(), clock.clone()).expect("an index");
        let passwords = Passwords::new(2);
        let builtin = Arc::new(BuiltinUsers::new(Arc::clone(&store), passwords.clone()));
        let settings = AuthSettings { passwords, ..AuthSettings::default() };
        let bus = Bus::default();
        let auth = Auth::new(store, chain(builtin), settings, clock.clone()).asking(bus.clone());
        let auth = Arc::new(auth);
        let login = Login::new(Arc::clone(&auth), clock.clone());
        let web = Web::new(Arc::clone(&auth));
        Self { auth, login, web, clock, bus, _folder: folder }
    }

    /// Makes a built-in user.
    pub(crate) async fn add(&self, uid: &str, password: &str, email: Option<&str>, admin: bool) {
        let new = NewUser {
            uid: uid.to_owned(),
            password: Some(Secret::new(password)),
            email: email.map(str::to_owned),
            admin,
            ..NewUser::default()
        };
        self.auth.create_user(new).await.expect("a user is made");
    }

    /// Moves the clock.
    pub(crate) fn wait(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }
}

/// A `Basic` field.
pub(crate) fn basic(login: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{login}:{password}")))
}

/// A request from [`HOME`].
pub(crate) fn request(method: &str, target: &str, fields: &[(&str, &str)], body: &str) -> Request {
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        headers.append(
            HeaderName::from_bytes(name.as_bytes()).expect("a field name"),
            HeaderValue::from_str(value).expect("a field value"),
        );
    }
    Request {
        method: Method::from_bytes(method.as_bytes()).expect("a method"),
        uri: target.parse().expect("a target"),
        headers,
        body: Body::from_bytes(body.to_owned()),
        remote_ip: HOME.parse().expect("an address"),
        base_url: Arc::from(BASE),
        id: Arc::from("test"),
    }
}

/// A GET with an `Authorization` field, from `ip`.
pub(crate) fn asking(authorization: &str, ip: &str) -> Request {
    let mut request = request("GET", "/", &[("authorization", authorization)], "");
    request.remote_ip = ip.parse().expect("an address");
    request
}

/// An answer with its body read.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn of(reply: Reply) -> Self {
        let ReplyBody::Full(bytes) = reply.body else { panic!("a whole body") };
        let body = String::from_utf8(bytes.to_vec()).expect("text");
        Self { status: reply.status, headers: reply.headers, body }
    }

    pub(crate) fn field(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("text"))
    }

    /// The value of the hidden input `name` in the first form that has it.
    pub(crate) fn hidden(&self, name: &str) -> String {
        let mark = format!("name=\"{name}\" value=\"");
        let from = self.body.find(&mark).unwrap_or_else(|| panic!("{name} in {}", self.body));
        let rest = &self.body[from + mark.len()..];
        let value = rest.split('"').next().expect("an end");
        value.replace("&amp;", "&")
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).expect("JSON")
    }
}

/// Something with a cookie jar in front of the login room.
pub(crate) struct Browser<'a> {
    house: &'a House,
    pub(crate) jar: BTreeMap<String, String>,
    pub(crate) fields: Vec<(&'static str, String)>,
    pub(crate) ip: &'static str,
}

impl<'a> Browser<'a> {
    pub(crate) fn new(house: &'a House) -> Self {
        Self { house, jar: BTreeMap::new(), fields: Vec::new(), ip: HOME }
    }

    pub(crate) async fn get(&mut self, target: &str) -> Answer {
        self.send("GET", target, "").await
    }

    pub(crate) async fn post(&mut self, target: &str, form: &[(&str, &str)]) -> Answer {
        let body: Vec<String> =
            form.iter().map(|(name, value)| format!("{name}={}", escape(value))).collect();
        self.send("POST", target, &body.join("&")).await
    }

    pub(crate) async fn send(&mut self, method: &str, target: &str, body: &str) -> Answer {
        let mut request = self.request(method, target, body);
        request.remote_ip = self.ip.parse().expect("an address");
        let reply = if Login::owns(request.uri.path()) {
            self.house.login.handle(request).await
        } else {
            self.house.web.handle(request).await
        };
        for cookie in reply.headers.get_all("set-cookie") {
            let cookie = cookie.to_str().expect("text");
            let (name, value) =
                cookie.split(';').next().and_then(|pair| pair.split_once('=')).expect("a pair");
            assert!(cookie.contains("; HttpOnly; SameSite=Lax"), "{cookie}");
            match value {
                "" => self.jar.remove(name),
                value => self.jar.insert(name.to_owned(), value.to_owned()),
            };
        }
        Answer::of(reply)
    }

    /// A request with this browser's cookies.
    pub(crate) fn request(&self, method: &str, target: &str, body: &str) -> Request {
        let jar: Vec<String> =
            self.jar.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let jar = jar.join("; ");
        let mut fields = vec![("accept", "text/html")];
        if !jar.is_empty() {
            fields.push(("cookie", &jar));
        }
        fields.extend(self.fields.iter().map(|(name, value)| (*name, value.as_str())));
        request(method, target, &fields, body)
    }

    /// Fills in the login form at `target`.
    pub(crate) async fn log_in(&mut self, target: &str, user: &str, password: &str) -> Answer {
        let form = self.get(target).await;
        let token = form.hidden("requesttoken");
        let redirect = form.hidden("redirect_url");
        let fields = [
            ("requesttoken", token.as_str()),
            ("redirect_url", &redirect),
            ("user", user),
            ("password", password),
        ];
        self.post("/index.php/login", &fields).await
    }
}

fn escape(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}
