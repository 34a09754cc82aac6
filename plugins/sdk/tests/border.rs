//! A plugin over the border and back: what its author writes is what the host gets, and nothing that
//! it does wrong reaches anybody else.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use moonsail_sdk::abi::guest::{Host, Offers, Plugin, PluginError};
use moonsail_sdk::abi::host::TestHost;
use moonsail_sdk::auth::{
    Abilities, Account, Auth, AuthUnavailable, Authenticator, Call, Identity, Page, PasswordChange,
};
use moonsail_sdk::capabilities::{CapabilityProvider, Patch, UserView};
use moonsail_sdk::conformance::auth::{Known, auth_suite};
use moonsail_sdk::error::{Code, Error};
use moonsail_sdk::secret::Secret;
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    #[serde(default)]
    greeting: String,
    #[serde(default)]
    fail_start: bool,
    /// It checks passwords and nothing else.
    #[serde(default)]
    plain: bool,
}

static DROPPED: AtomicUsize = AtomicUsize::new(0);

struct Sample {
    config: Config,
    host: Host,
}

/// Counts when a future is dropped before its end.
struct Guard;

impl Drop for Guard {
    fn drop(&mut self) {
        DROPPED.fetch_add(1, Ordering::SeqCst);
    }
}

impl Plugin for Sample {
    type Config = Config;

    fn create(config: Config, host: Host) -> Result<Self, PluginError> {
        if config.greeting == "panic" {
            panic!("in create");
        }
        if config.greeting == "refuse" {
            return Err(PluginError::new("greeting: say something nicer"));
        }
        tracing::info!(greeting = config.greeting, "made");
        Ok(Self { config, host })
    }

    async fn start(&self) -> Result<(), PluginError> {
        tokio::time::sleep(Duration::from_millis(5)).await;
        if self.config.fail_start {
            let cause = std::io::Error::other("no route");
            return Err(cause.into());
        }
        Ok(())
    }

    fn offer(self: &Arc<Self>, offers: &mut Offers) {
        offers.auth(Arc::clone(self));
        offers.capabilities(Arc::clone(self));
    }
}

fn alice() -> Identity {
    Identity {
        subject: "id-1".to_owned(),
        login: "alice".to_owned(),
        display_name: Some("Alice Ä".to_owned()),
        email: None,
        groups: Some(vec!["staff".to_owned(), String::new()]),
        quota: Some(u64::MAX),
    }
}

impl Authenticator for Sample {
    fn abilities(&self) -> Abilities {
        let more = !self.config.plain;
        Abilities { lookup: more, list: more, set_password: more, ..Abilities::default() }
    }

    async fn check_password(
        &self,
        call: &Call,
        login: &str,
        password: &Secret,
    ) -> Result<Auth, AuthUnavailable> {
        match login {
            "panics" => panic!("at once"),
            "panics-later" => {
                tokio::task::yield_now().await;
                panic!("later");
            }
            "hangs" => {
                let _guard = Guard;
                pending().await
            }
            "down" => {
                return Err(AuthUnavailable {
                    message: "no directory".to_owned(),
                    retry_after: Some(Duration::from_secs(7)),
                });
            }
            "logs" => {
                tracing::warn!(login, "asked");
                tokio::time::sleep(Duration::from_millis(2)).await;
                tracing::error!("asked again");
                self.host.counter("asked", "How often").expect("a counter").add(2);
                let kv = self.host.kv().expect("a store");
                kv.set("last", call.request_id.as_bytes()).await.expect("stored");
            }
            "sleeps" => tokio::time::sleep(Duration::from_millis(3)).await,
            "disabled" => return Ok(Auth::Disabled),
            "expired" => return Ok(Auth::Expired),
            _ => {}
        }
        Ok(match login {
            "alice" | "sleeps" | "logs" if password.reveal() == "secret" => {
                Auth::Ok(Identity { login: login.to_owned(), ..alice() })
            }
            "alice" => Auth::Denied,
            _ => Auth::Next,
        })
    }

    async fn lookup(&self, _: &Call, subject: &str) -> Result<Option<Account>, AuthUnavailable> {
        Ok((subject == "id-1").then(|| Account { identity: alice(), enabled: false }))
    }

    async fn find(&self, call: &Call, login: &str) -> Result<Option<Account>, AuthUnavailable> {
        self.lookup(call, if login == "alice" { "id-1" } else { "" }).await
    }

    async fn list(
        &self,
        _: &Call,
        search: &str,
        limit: usize,
        cursor: Option<&str>,
    ) -> Result<Page, AuthUnavailable> {
        let first: usize = cursor.map_or(0, |cursor| cursor.parse().expect("a number"));
        let accounts: Vec<Account> = (first..5)
            .map(|number| Account {
                identity: Identity {
                    subject: format!("{search}{number}"),
                    login: "l".to_owned(),
                    groups: (number % 2 == 0).then(Vec::new),
                    ..Identity::default()
                },
                enabled: number != 3,
            })
            .take(limit)
            .collect();
        let next = first + accounts.len();
        Ok(Page { accounts, next: (next < 5).then(|| next.to_string()) })
    }

    async fn set_password(
        &self,
        _: &Call,
        login: &str,
        old: Option<&Secret>,
        new: &Secret,
    ) -> Result<PasswordChange, AuthUnavailable> {
        Ok(match (login, old.map(Secret::reveal)) {
            ("alice", None | Some("secret")) if new.reveal().len() > 3 => PasswordChange::Done,
            ("alice", _) => PasswordChange::Refused("too short".to_owned()),
            _ => PasswordChange::Next,
        })
    }
}

impl CapabilityProvider for Sample {
    async fn contribute(
        &self,
        _: &Call,
        user: Option<&UserView>,
        base_json: &str,
    ) -> Result<Patch, Error> {
        match user {
            Some(user) if user.is_in("staff") => Ok(Patch {
                json: format!("{{\"base\":{},\"admin\":{}}}", base_json.len(), user.admin),
                ttl: Duration::from_secs(60),
            }),
            Some(_) => Err(Error::new(Code::Busy, "not now")),
            None => Ok(Patch::none(Duration::ZERO)),
        }
    }
}

fn call() -> Call {
    Call { request_id: "req-1".to_owned(), remote_ip: Some([192, 0, 2, 1].into()) }
}

async fn sample() -> TestHost {
    TestHost::start::<Sample>("{}").await.expect("started")
}

#[tokio::test]
async fn an_authenticator_passes_its_suite_over_the_border() {
    let host = TestHost::start::<Sample>(r#"{"plain": true}"#).await.expect("it starts");
    let known = Known { login: "alice".to_owned(), password: "secret".to_owned() };
    auth_suite(&host.auth().unwrap(), &known).await;
}

#[tokio::test]
async fn every_answer_of_an_authenticator_crosses() {
    let host = sample().await;
    let auth = host.auth().unwrap();
    let abilities = auth.abilities();
    assert!(abilities.lookup && abilities.list && abilities.set_password);
    assert!(!abilities.tokens && !abilities.explain);
    let check = async |login| auth.check_password(&call(), login, &Secret::new("secret")).await;
    assert_eq!(check("alice").await.unwrap(), Auth::Ok(alice()));
    for (login, expected) in
        [("disabled", Auth::Disabled), ("expired", Auth::Expired), ("nobody", Auth::Next)]
    {
        assert_eq!(check(login).await.unwrap(), expected, "{login}");
    }
    let down = check("down").await.unwrap_err();
    assert_eq!(
        (down.message.as_str(), down.retry_after),
        ("no directory", Some(Duration::from_secs(7)))
    );

    let account = Account { identity: alice(), enabled: false };
    assert_eq!(auth.lookup(&call(), "id-1").await.unwrap(), Some(account.clone()));
    assert_eq!(auth.lookup(&call(), "id-2").await.unwrap(), None);
    assert_eq!(auth.find(&call(), "alice").await.unwrap(), Some(account));
    let (mut cursor, mut subjects) = (None, Vec::new());
    loop {
        let page = auth.list(&call(), "s", 2, cursor.as_deref()).await.unwrap();
        for account in page.accounts {
            assert_eq!(account.enabled, account.identity.subject != "s3");
            let even = account.identity.subject.ends_with(['0', '2', '4']);
            assert_eq!(account.identity.groups, even.then(Vec::new));
            subjects.push(account.identity.subject);
        }
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(subjects, ["s0", "s1", "s2", "s3", "s4"]);
    let set = async |login, old: Option<&str>, new| {
        let old = old.map(Secret::new);
        auth.set_password(&call(), login, old.as_ref(), &Secret::new(new)).await.unwrap()
    };
    assert_eq!(set("alice", None, "long").await, PasswordChange::Done);
    assert_eq!(set("alice", Some("x"), "long").await, PasswordChange::Refused("too short".into()));
    assert_eq!(set("bob", None, "long").await, PasswordChange::Next);
    let not_offered = auth.explain(&call(), "alice").await.unwrap_err();
    assert_eq!(not_offered.message, "the plugin does not offer this");
}

#[tokio::test]
async fn capabilities_cross() {
    let host = sample().await;
    let provider = host.capabilities().unwrap();
    let mut user = UserView { id: "a".into(), groups: vec!["staff".into()], ..UserView::default() };
    user.admin = true;
    let patch = provider.contribute(&call(), Some(&user), "{\"x\":1}").await.unwrap();
    let expected =
        Patch { json: "{\"base\":7,\"admin\":true}".into(), ttl: Duration::from_secs(60) };
    assert_eq!(patch, expected);
    user.groups.clear();
    let busy = provider.contribute(&call(), Some(&user), "{}").await.unwrap_err();
    assert_eq!((busy.code, busy.message.as_str()), (Code::Busy, "not now"));
    let none = provider.contribute(&call(), None, "{}").await.unwrap();
    assert_eq!(none, Patch::none(Duration::ZERO));
}

#[tokio::test]
async fn a_panic_is_an_error_and_the_next_call_works() {
    let host = sample().await;
    let auth = host.auth().unwrap();
    for (login, text) in [("panics", "at once"), ("panics-later", "later")] {
        let error = auth.check_password(&call(), login, &Secret::new("x")).await.unwrap_err();
        assert_eq!(error.message, format!("it panicked: {text}"));
    }
    assert_eq!(host.instance().counts(), (2, 2));
    assert_eq!(auth.check_password(&call(), "bob", &Secret::new("x")).await.unwrap(), Auth::Next);
}

#[tokio::test]
async fn a_caller_who_leaves_cancels_the_call() {
    let host = sample().await;
    let auth = host.auth().unwrap();
    let before = DROPPED.load(Ordering::SeqCst);
    let (call, secret) = (call(), Secret::new("x"));
    let waiting = auth.check_password(&call, "hangs", &secret);
    let waited = tokio::time::timeout(Duration::from_millis(20), waiting).await;
    assert!(waited.is_err());
    let begun = Instant::now();
    while DROPPED.load(Ordering::SeqCst) == before {
        assert!(begun.elapsed() < Duration::from_secs(5), "the plugin goes on");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test]
async fn log_lines_figures_and_keys_reach_the_host() {
    let host = sample().await;
    let auth = host.auth().unwrap();
    let answer = auth.check_password(&call(), "logs", &Secret::new("secret")).await.unwrap();
    assert!(matches!(answer, Auth::Ok(_)));
    let log = host.log();
    // `made` may have gone to another test's host: one library logs to one place outside of calls.
    assert!(log.contains(&"WARN asked login=logs [req-1]".to_owned()), "{log:?}");
    assert!(log.contains(&"ERROR asked again [req-1]".to_owned()), "{log:?}");
    assert_eq!(host.figure("asked"), Some(2.0));
    assert_eq!(host.key("last").as_deref(), Some(&b"req-1"[..]));
}

#[tokio::test]
async fn a_configuration_that_does_not_fit_is_refused_in_words() {
    for (config, expected) in [
        (
            r#"{"greting": "x"}"#,
            "greting: unknown field `greting`, expected one of `greeting`, `fail_start`, `plain`",
        ),
        (r#"{"greeting": 1}"#, "greeting: invalid type: integer `1`, expected a string"),
        (r#"{"greeting": "refuse"}"#, "greeting: say something nicer"),
        (r#"{"greeting": "panic"}"#, "it panicked: in create"),
        (
            r#"{"runtime": {"worker": 1}}"#,
            "runtime.worker: unknown field `worker`, expected `workers`",
        ),
        (r#"{"fail_start": true}"#, "no route"),
        ("{", "EOF while parsing an object at line 1 column 1"),
    ] {
        let refused = TestHost::start::<Sample>(config).await.err().expect(config);
        assert_eq!(refused, expected, "{config}");
    }
}

#[tokio::test]
async fn the_threads_of_an_instance_end_with_it() {
    let host = TestHost::start::<Sample>(r#"{"runtime": {"workers": 3}}"#).await.unwrap();
    let auth = host.auth().unwrap();
    let (call, secret) = (call(), Secret::new("secret"));
    let answer = auth.check_password(&call, "sleeps", &secret).await.unwrap();
    assert!(matches!(answer, Auth::Ok(_)));
    let ended = host.destroyed();
    drop((host, auth));
    tokio::time::timeout(Duration::from_secs(10), ended).await.expect("destroyed");
}
