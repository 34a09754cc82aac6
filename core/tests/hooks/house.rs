//! A house with one hook that hears everything, and a client.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use moonsail::app::{House, handler};
use moonsail::auth::{NewToken, NewUser};
use moonsail::clock::Clock;
use moonsail::config::Settings;
use moonsail::ext::Extensions;
use moonsail::hooks::{
    Call, Decision, Event, ExtensionError, Fields, HookSource, Hooks, Interest, OnError,
};
use moonsail::http::{HttpLimits, HttpOrigins, Metrics, Pipeline};
use moonsail::ids::Uid;
use moonsail::net::{Inherited, NetMetrics, NetSettings, Server};
use moonsail::path::DavPath;
use moonsail_sdk::capabilities::DynCapabilityProvider;
use moonsail_sdk::secret::Secret;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Alice's password.
pub(crate) const PASSWORD: &str = "Al1ce-passw0rd";
/// Longer than anything here takes, also on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
/// Where alice's files are.
pub(crate) const FILES: &str = "/remote.php/dav/files/alice";
/// Where her uploads are.
pub(crate) const UPLOADS: &str = "/remote.php/dav/uploads/alice";

/// What the hook has heard: an event's name, its fields, its bytes.
pub(crate) type Heard = (String, Fields, Option<Vec<u8>>);

/// What the hook answers.
#[derive(Clone)]
pub(crate) enum Says {
    This(Decision),
    Fails,
}

/// A hook that hears everything and says what it was told to.
#[derive(Default)]
pub(crate) struct Ear {
    pub(crate) heard: Mutex<Vec<Heard>>,
    says: Mutex<HashMap<&'static str, Says>>,
}

impl Hooks for Ear {
    fn interest(&self) -> Vec<Interest> {
        vec![Interest::new("*")]
    }

    async fn before(&self, _: &Call, event: &Event) -> Result<Decision, ExtensionError> {
        let bytes = match &event.content {
            None => None,
            Some(content) => {
                // In small pieces, as a scanner would.
                let mut all = Vec::new();
                while let piece = content.read_at(all.len() as u64, 3).await?
                    && !piece.is_empty()
                {
                    all.extend_from_slice(&piece);
                }
                assert_eq!(content.size(), all.len() as u64);
                Some(all)
            }
        };
        let heard = (event.name.to_string(), event.fields.clone(), bytes);
        self.heard.lock().unwrap().push(heard);
        let says = self.says.lock().unwrap().get(event.name.as_ref()).cloned();
        match says {
            None => Ok(Decision::Next),
            Some(Says::This(decision)) => Ok(decision),
            Some(Says::Fails) => Err(ExtensionError::internal("as asked")),
        }
    }
}

/// A house with an open door, the user alice and an app password of hers.
pub(crate) struct Bed {
    pub(crate) house: Arc<House>,
    pub(crate) ear: Arc<Ear>,
    address: SocketAddr,
    token: String,
    pub(crate) folder: tempfile::TempDir,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let fields = self.head.lines().filter_map(|line| line.split_once(':'));
        let mut of = fields.filter(|(field, _)| field.eq_ignore_ascii_case(name));
        of.next().map(|(_, value)| value.trim())
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("JSON: {self:?}"))
    }
}

impl Bed {
    pub(crate) async fn new() -> Self {
        Self::with(None, Vec::new()).await
    }

    pub(crate) async fn with(
        on_error: Option<OnError>,
        capabilities: Vec<(String, Arc<dyn DynCapabilityProvider>)>,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data_dir = folder.path().join("data");
        let settings = Settings { data_dir, ..Settings::default() };
        let ear = Arc::new(Ear::default());
        let hooks =
            HookSource { name: "ear".to_owned(), hooks: ear.clone(), on_error, shadow: false };
        let extensions = Extensions { hooks: vec![hooks], capabilities, ..Extensions::default() };
        let house = Arc::new(House::open_with(&settings, extensions).await.unwrap());
        let alice = NewUser {
            uid: "alice".to_owned(),
            password: Some(Secret::new(PASSWORD)),
            display_name: Some("Alice".to_owned()),
            groups: vec!["staff".to_owned()],
            ..NewUser::default()
        };
        house.auth.create_user(alice).await.unwrap();
        let rooms = handler(&house, &settings);
        let (limits, origins) = (HttpLimits::default(), HttpOrigins::default());
        let bus = house.bus.clone();
        let pipeline = Pipeline::asking(limits, origins, rooms, Metrics::default(), bus);
        let net =
            NetSettings { plain: vec!["127.0.0.1:0".parse().unwrap()], ..NetSettings::default() };
        let given = Inherited::default();
        let server = Server::bind_or_take(net, given, None, NetMetrics::default()).unwrap();
        let address = server.plain_addresses()[0];
        let answer = move |arrival, request| pipeline.serve(arrival, request);
        tokio::spawn(server.serve(answer, std::future::pending()));
        let mut bed = Self { house, ear, address, token: String::new(), folder };
        bed.token = bed.app_password(None).await;
        bed
    }

    /// An app password of alice's, perhaps for one folder.
    pub(crate) async fn app_password(&self, folder: Option<&str>) -> String {
        let folder = folder.map(|path| DavPath::from_decoded(path).unwrap());
        let full = NewToken::full(Uid::parse("alice").unwrap(), "alice", "test");
        let token = self.house.auth.create_token(NewToken { folder, ..full }).await.unwrap();
        token.reveal().to_owned()
    }

    /// From now on the hook answers an event like this.
    pub(crate) fn says(&self, event: &'static str, decision: Decision) {
        self.ear.says.lock().unwrap().insert(event, Says::This(decision));
    }

    /// From now on it cannot answer an event.
    pub(crate) fn fails(&self, event: &'static str) {
        self.ear.says.lock().unwrap().insert(event, Says::Fails);
    }

    /// From now on it has no opinion about anything.
    pub(crate) fn shuts_up(&self) {
        self.ear.says.lock().unwrap().clear();
    }

    /// What was heard of an event since the last time, in order.
    pub(crate) fn heard(&self, event: &str) -> Vec<Heard> {
        let mut heard = self.ear.heard.lock().unwrap();
        heard.extract_if(.., |(name, ..)| name == event).collect()
    }

    /// A request of alice's device.
    pub(crate) async fn ask(&self, line: &str, fields: &[(&str, &str)], body: &str) -> Answer {
        self.ask_as(&format!("alice:{}", self.token), line, fields, body).await
    }

    /// A request of somebody; `""` is nobody.
    pub(crate) async fn ask_as(
        &self,
        who: &str,
        line: &str,
        fields: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        let (method, target) = line.split_once(' ').unwrap();
        let mut request = format!("{method} {target} HTTP/1.1\r\nhost: {}\r\n", self.address);
        if !who.is_empty() {
            request += &format!("authorization: Basic {}\r\n", STANDARD.encode(who));
        }
        for (name, value) in fields {
            request += &format!("{name}: {value}\r\n");
        }
        request += &format!("content-length: {}\r\nconnection: close\r\n\r\n{body}", body.len());
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        timeout(PATIENCE, stream.read_to_end(&mut answer)).await.expect("an answer").unwrap();
        let answer = String::from_utf8(answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
        let status = head[9..12].parse().unwrap();
        Answer { status, head: head.to_owned(), body: body.to_owned() }
    }

    /// Puts a file where the hook has no objection.
    pub(crate) async fn put(&self, path: &str, body: &str) {
        let answer = self.ask(&format!("PUT {FILES}/{path}"), &[], body).await;
        assert!(matches!(answer.status, 201 | 204), "{path}: {answer:?}");
    }

    /// All that can be seen of alice's files, and the stage.
    pub(crate) async fn state(&self) -> (String, Vec<String>) {
        let body = "<d:propfind xmlns:d='DAV:' xmlns:x='urn:x'><d:prop><d:getetag/><x:y/></d:prop></d:propfind>";
        let mut seen = String::new();
        for folder in ["", "/f"] {
            let line = format!("PROPFIND {FILES}{folder}");
            seen += &self.ask(&line, &[("depth", "1")], body).await.body;
        }
        (seen, self.stage())
    }

    /// Names in the stage.
    pub(crate) fn stage(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.folder.path().join("data/stage")).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

/// The clock of the system, for times in requests.
pub(crate) fn now() -> i64 {
    Clock::system().seconds()
}
