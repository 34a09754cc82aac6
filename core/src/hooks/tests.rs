//! The chain: order, first answer, folds, failures.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use moonsail_sdk::hooks::Hooks;

use super::*;

/// What a hook of the tests does when it is asked.
#[derive(Clone)]
enum Does {
    Says(Decision),
    Fails,
    Panics,
    Hangs,
    /// Adds its name to a list field, by `replace`.
    Adds(&'static str),
}

struct Double {
    interest: Vec<Interest>,
    does: Does,
    name: &'static str,
    asked: Arc<Mutex<Vec<&'static str>>>,
}

impl Hooks for Double {
    fn interest(&self) -> Vec<Interest> {
        self.interest.clone()
    }

    async fn before(&self, _: &Call, event: &Event) -> Result<Decision, ExtensionError> {
        self.asked.lock().unwrap().push(self.name);
        match &self.does {
            Does::Says(decision) => Ok(decision.clone()),
            Does::Fails => Err(ExtensionError::unavailable("the directory is away")),
            Does::Panics => panic!("a fault of the hook"),
            Does::Hangs => std::future::pending().await,
            Does::Adds(field) => {
                let mut list = event.fields.list(field).unwrap_or_default().to_vec();
                list.push(self.name.to_owned());
                Ok(Decision::Replace(Fields::new().with(*field, list)))
            }
        }
    }
}

type Asked = Arc<Mutex<Vec<&'static str>>>;

fn double(asked: &Asked, name: &'static str, interest: Interest, does: Does) -> HookSource {
    let hooks = Double { interest: vec![interest], does, name, asked: Arc::clone(asked) };
    HookSource { name: name.to_owned(), hooks: Arc::new(hooks), on_error: None, shadow: false }
}

fn common() -> Fields {
    Fields::new().with("user", "alice").with("client", "other")
}

fn mkdir() -> Fields {
    common().with("path", "a")
}

async fn ask(bus: &Bus, event: EventId, fields: Fields) -> Verdict {
    bus.ask(&Call::default(), event, fields, None).await
}

fn go() -> Verdict {
    Verdict::Go(Fields::new())
}

const MKDIR: EventId = EventId::FileBeforeMkdir;

#[tokio::test]
async fn priority_comes_before_the_order_of_the_file() {
    let asked = Asked::default();
    let next = || Does::Says(Decision::Next);
    let bus = Bus::of(&[
        double(&asked, "first", Interest::new("file.*"), next()),
        double(&asked, "second", Interest::new("file.before_mkdir"), next()),
        double(&asked, "late", Interest::new("*").priority(-1), next()),
        double(&asked, "early", Interest::new("file.before_mkdir").priority(5), next()),
        double(&asked, "elsewhere", Interest::new("file.before_copy"), next()),
    ])
    .unwrap();
    assert_eq!(ask(&bus, MKDIR, mkdir()).await, go());
    assert_eq!(*asked.lock().unwrap(), ["early", "first", "second", "late"]);
}

#[tokio::test]
async fn the_first_decisive_answer_wins() {
    let denial =
        |status, message: &str| Verdict::Denied(Denial { status, message: message.to_owned() });
    let deny = |status: Option<u16>, message: &str| {
        Does::Says(Decision::Deny { status, message: message.to_owned() })
    };
    let forbidden = http::StatusCode::FORBIDDEN;
    for (does, expected, asked_of) in [
        (vec![Does::Says(Decision::Allow), deny(None, "no")], go(), 1),
        (vec![Does::Says(Decision::Next), deny(None, "no")], denial(forbidden, "no"), 2),
        (vec![deny(Some(423), "in use")], denial(http::StatusCode::LOCKED, "in use"), 1),
        (vec![deny(None, "two\r\nlines")], denial(forbidden, "two  lines"), 1),
        (vec![deny(None, " ")], denial(forbidden, "This is not allowed here"), 1),
        // A 401 would have apps drop their password: an error, so it fails closed.
        (vec![deny(Some(401), "no")], Verdict::Failed, 1),
        (vec![deny(Some(200), "no")], Verdict::Failed, 1),
    ] {
        let asked = Asked::default();
        let hooks: Vec<HookSource> =
            does.into_iter().map(|does| double(&asked, "x", Interest::new("*"), does)).collect();
        let bus = Bus::of(&hooks).unwrap();
        assert_eq!(ask(&bus, MKDIR, mkdir()).await, expected);
        assert_eq!(asked.lock().unwrap().len(), asked_of);
    }
}

/// extensions.md §4.1: authentication and policy fail closed, what is shown and what has happened
/// does not; the owner may say otherwise.
#[tokio::test]
async fn who_cannot_decide_counts_by_the_class_of_the_event() {
    let login = common().with("login", "a").with("method", "password").with("provider", "p");
    let response = common().with("method", "GET").with("path", "/").with("status", 200i64);
    let first = common().with("display_name", "A").with("provider", "p");
    let (allow, deny) = (Some(OnError::Allow), Some(OnError::Deny));
    for (event, fields, on_error, expected) in [
        (EventId::LoginSuccess, &login, None, Verdict::Failed),
        (EventId::LoginSuccess, &login, allow, go()),
        (MKDIR, &mkdir(), None, Verdict::Failed),
        (MKDIR, &mkdir(), allow, go()),
        (EventId::Response, &response, None, go()),
        (EventId::Response, &response, deny, Verdict::Failed),
        (EventId::UserFirstLogin, &first, None, go()),
        (EventId::UserFirstLogin, &first, deny, go()),
    ] {
        let bad_answer = Decision::Replace(Fields::new().with("no_such_field", true));
        for does in [Does::Fails, Does::Panics, Does::Hangs, Does::Says(bad_answer)] {
            let asked = Asked::default();
            let mut source = double(&asked, "x", Interest::new("*"), does);
            source.on_error = on_error;
            let bus = Bus::of(&[source]).unwrap();
            bus.set_patience(Duration::from_millis(20));
            let got = ask(&bus, event, fields.clone()).await;
            assert_eq!(got, expected, "{event:?} {on_error:?}");
        }
    }
    // What the hook says of itself counts where the owner says nothing.
    let asked = Asked::default();
    let interest = Interest::new("*").on_error(OnError::Allow);
    let bus = Bus::of(&[double(&asked, "x", interest, Does::Fails)]).unwrap();
    assert_eq!(ask(&bus, MKDIR, mkdir()).await, go());
}

#[tokio::test]
async fn answers_have_the_types_of_the_table() {
    let upload = || {
        common()
            .with("path", "a")
            .with("size", None::<u64>)
            .with("mime", "text/plain")
            .with("overwrite", false)
            .with("chunked", false)
            .with("checksum", None::<String>)
            .with("mtime", None::<i64>)
    };
    let replace = |name: &'static str, value: Value| Fields::new().with(name, value);
    for (fields, good) in [
        (replace("path", "b".into()), true),
        (replace("path", Value::Null), false),
        (replace("path", Value::Int(1)), false),
        (replace("size", Value::Int(1)), false),
        (replace("nonsense", Value::Int(1)), false),
    ] {
        let asked = Asked::default();
        let does = Does::Says(Decision::Replace(fields.clone()));
        let bus = Bus::of(&[double(&asked, "x", Interest::new("*"), does)]).unwrap();
        let expected = if good { Verdict::Go(fields.clone()) } else { Verdict::Failed };
        assert_eq!(ask(&bus, EventId::FileBeforeUpload, upload()).await, expected, "{fields:?}");
    }
    let respond = Decision::Respond(Response { status: 200, ..Response::default() });
    let asked = Asked::default();
    let bus = Bus::of(&[double(&asked, "x", Interest::new("*"), Does::Says(respond))]).unwrap();
    assert_eq!(ask(&bus, MKDIR, mkdir()).await, Verdict::Failed, "only of `request`");
}

#[tokio::test]
async fn a_fold_shows_each_what_the_one_before_has_made() {
    let asked = Asked::default();
    let groups = || Does::Adds("groups");
    let bus = Bus::of(&[
        double(&asked, "one", Interest::new("user.load"), groups()),
        double(&asked, "allows", Interest::new("user.load"), Does::Says(Decision::Allow)),
        double(&asked, "two", Interest::new("user.load"), groups()),
    ])
    .unwrap();
    let fields = common()
        .with("display_name", "Alice")
        .with("quota", None::<u64>)
        .with("groups", vec!["staff".to_owned()]);
    let expected = ["staff", "one", "two"].map(str::to_owned).to_vec();
    let expected = Verdict::Go(Fields::new().with("groups", expected));
    assert_eq!(ask(&bus, EventId::UserLoad, fields).await, expected);
}

#[test]
fn an_event_that_nobody_hears_is_not_there() {
    let asked = Asked::default();
    let bus = Bus::default();
    assert!(EVENTS.iter().all(|spec| !bus.has(spec.id)));
    let hook = double(&asked, "x", Interest::new("file.*"), Does::Says(Decision::Next));
    let other = bus.clone();
    other.replace(&[hook]).unwrap();
    for spec in EVENTS {
        assert_eq!(bus.has(spec.id), spec.name.starts_with("file."), "{}", spec.name);
    }
    bus.replace(&[]).unwrap();
    assert!(EVENTS.iter().all(|spec| !other.has(spec.id)));
}

#[test]
fn an_interest_in_what_cannot_come_is_refused_with_a_hint() {
    for (event, hint) in [
        ("file.before_uplod", "did you mean \"file.before_upload\"?"),
        ("files.*", "docs/extend/hooks.md lists the events"),
        ("share.before_create", "has to wait for sharing"),
        ("file.uploaded", "provide moonsail.events/1 instead"),
        ("auth.password", "in the order of auth.chain"),
    ] {
        let asked = Asked::default();
        let hook = double(&asked, "x", Interest::new(event), Does::Says(Decision::Next));
        let error = Bus::of(&[hook]).err().expect("refused").to_string();
        assert!(error.contains(hint) && error.starts_with("x wants"), "{event}: {error}");
    }
}

#[test]
fn the_table_is_in_the_order_of_its_ids_and_has_each_name_once() {
    for (index, spec) in EVENTS.iter().enumerate() {
        assert_eq!(spec.id as usize, index);
        assert_eq!(EVENTS.iter().filter(|other| other.name == spec.name).count(), 1);
        assert!(WAITING.iter().all(|(name, _)| *name != spec.name), "{}", spec.name);
        for field in spec.fields {
            assert_eq!(
                spec.field(field.name.trim_end_matches('*')).is_some(),
                !field.name.contains('*')
            );
        }
    }
    let header = EventId::Request.spec();
    assert!(header.field("header.user-agent").is_some() && header.field("headers").is_none());
}
