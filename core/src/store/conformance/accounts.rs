//! Users, groups and how people log in.

use super::{Bed, queue, read, refused, uid, write};
use crate::store::accounts::{LoginFlow, Session, Token, User};

fn user(name: &str) -> User {
    User {
        uid: uid(name),
        provider: "builtin:users".to_owned(),
        subject: name.to_owned(),
        display_name: format!("Name of {name}"),
        email: None,
        password: None,
        quota: None,
        enabled: true,
        admin: false,
        language: "en".to_owned(),
        created: 5,
        last_login: None,
        refused: false,
    }
}

fn token(name: &str, hash: &str) -> Token {
    Token {
        id: 0,
        uid: uid(name),
        login: name.to_owned(),
        hash: hash.to_owned(),
        name: "Pixel 8".to_owned(),
        created: 5,
        last_used: None,
        expires: None,
        read_only: false,
        folder: None,
        wipe: false,
        one_time: false,
    }
}

fn flow(poll: &str) -> LoginFlow {
    LoginFlow {
        poll_hash: poll.to_owned(),
        login_hash: format!("login {poll}"),
        client: "Mozilla/5.0 (Android)".to_owned(),
        created: 5,
        granted: None,
        server: "https://cloud.example".to_owned(),
        opened: false,
    }
}

pub(crate) fn users_are_found_without_regard_to_case(bed: &impl Bed) {
    let store = bed.open();
    let full = User {
        email: Some("Alice@Example.org".to_owned()),
        password: Some("$argon2id$".to_owned()),
        quota: Some(1 << 40),
        enabled: false,
        admin: true,
        last_login: Some(9),
        refused: true,
        provider: "plugin:ldap".to_owned(),
        subject: "guid-1".to_owned(),
        ..user("Alice")
    };
    let new = full.clone();
    assert!(write(&store, move |tx| tx.insert_user(&new)));
    for name in ["Alice", "alice", "ALICE"] {
        assert_eq!(read(&store, |tx| tx.user(name)), Some(full.clone()), "{name}");
    }
    assert_eq!(read(&store, |tx| tx.user("alic")), None);
    assert_eq!(read(&store, |tx| tx.user_by_email("alice@example.org")), Some(full.clone()));
    let by_subject = |provider: &str| read(&store, |tx| tx.user_by_subject(provider, "guid-1"));
    assert_eq!(by_subject("plugin:ldap"), Some(full.clone()));
    assert_eq!(by_subject("builtin:users"), None);
    let plain = user("Alice");
    write(&store, move |tx| tx.update_user(&plain));
    assert_eq!(read(&store, |tx| tx.user("alice")), Some(user("Alice")));
    // Written under another spelling, the id stays as it was made.
    write(&store, |tx| tx.update_user(&User { subject: "Alice".to_owned(), ..user("ALICE") }));
    let shown = read(&store, |tx| tx.user("alice")).expect("a user");
    assert_eq!((shown.uid.as_str(), shown.display_name.as_str()), ("Alice", "Name of ALICE"));
    // One account of a provider is one user.
    let twin = User { subject: "Alice".to_owned(), ..user("bob") };
    let insert = twin.clone();
    refused(&store, move |tx| tx.insert_user(&insert));
    assert!(write(&store, |tx| tx.insert_user(&user("bob"))), "the refused one took no id");
    refused(&store, move |tx| tx.update_user(&twin));
    let nobody = queue(&store, |tx| tx.update_user(&user("nobody")));
    assert!(nobody.recv().expect("an answer").is_err());
}

pub(crate) fn a_user_id_is_taken_for_ever(bed: &impl Bed) {
    let store = bed.open();
    assert!(write(&store, |tx| tx.insert_user(&user("alice"))));
    assert!(!write(&store, |tx| tx.insert_user(&user("ALICE"))));
    write(&store, |tx| {
        tx.insert_group("staff")?;
        tx.set_member("staff", &uid("alice"), true)?;
        tx.insert_token(&token("alice", "h"))?;
        tx.put_session(&Session { hash: "s".into(), uid: uid("alice"), created: 1, last_seen: 1 })?;
        let granted = Some((uid("alice"), "alice".to_owned()));
        tx.put_flow(&LoginFlow { granted, ..flow("p") })?;
        tx.remove_user(&uid("alice"))
    });
    assert_eq!(read(&store, |tx| tx.user("alice")), None);
    assert_eq!(read(&store, |tx| tx.token("h")), None);
    assert_eq!(read(&store, |tx| tx.session("s")), None);
    assert_eq!(read(&store, |tx| tx.flow_by_poll("p")), None);
    assert_eq!(read(&store, |tx| tx.group_members("staff")), Some(vec![]));
    drop(store);
    let store = bed.open();
    for name in ["alice", "Alice"] {
        assert!(!write(&store, move |tx| tx.insert_user(&user(name))), "{name}");
    }
}

pub(crate) fn users_are_listed_by_what_they_contain(bed: &impl Bed) {
    let store = bed.open();
    write(&store, |tx| {
        let mail = |it: &str| Some(it.to_owned());
        tx.insert_user(&User { email: mail("x@one.org"), ..user("carol") })?;
        tx.insert_user(&User { email: mail("same@two.org"), ..user("alice") })?;
        tx.insert_user(&User { email: mail("SAME@two.org"), ..user("Bob") })?;
        tx.insert_user(&User { display_name: "Jörg 100%".to_owned(), ..user("dave") })
    });
    for (text, limit, offset, expected) in [
        ("", 99, 0, &["alice", "Bob", "carol", "dave"][..]),
        ("", 2, 1, &["Bob", "carol"]),
        ("OB", 99, 0, &["Bob"]),
        ("JÖRG", 99, 0, &["dave"]),
        ("two.org", 99, 0, &["alice", "Bob"]),
        ("%", 99, 0, &["dave"]),
        ("_", 99, 0, &[]),
    ] {
        let found = read(&store, |tx| tx.users(text, limit, offset));
        let names: Vec<_> = found.iter().map(|user| user.uid.as_str()).collect();
        assert_eq!(names, expected, "{text:?}");
    }
    assert_eq!(read(&store, |tx| tx.user_by_email("same@two.org")), None, "two have it");
}

pub(crate) fn groups_have_members(bed: &impl Bed) {
    let store = bed.open();
    write(&store, |tx| {
        for name in ["alice", "bob"] {
            tx.insert_user(&user(name))?;
        }
        for group in ["staff", "Guests"] {
            assert!(tx.insert_group(group)?);
            assert!(!tx.insert_group(group)?);
            tx.set_member(group, &uid("bob"), true)?;
        }
        tx.set_member("staff", &uid("alice"), true)?;
        tx.set_member("staff", &uid("alice"), true)?;
        tx.set_member("Guests", &uid("alice"), false)
    });
    assert_eq!(read(&store, |tx| tx.groups_of(&uid("bob"))), ["Guests", "staff"]);
    assert_eq!(read(&store, |tx| tx.groups_of(&uid("alice"))), ["staff"]);
    let members = read(&store, |tx| tx.group_members("staff"));
    assert_eq!(members, Some(vec![uid("alice"), uid("bob")]));
    assert_eq!(read(&store, |tx| tx.group_members("nobody")), None);
    assert_eq!(read(&store, |tx| tx.groups_of(&uid("BOB"))), ["Guests", "staff"]);
    assert_eq!(read(&store, |tx| tx.group_members("guests")), None);
    assert_eq!(read(&store, |tx| tx.groups("GUE", 9, 0)), ["Guests"]);
    assert_eq!(read(&store, |tx| tx.groups("", 1, 1)), ["staff"]);
    let missing = queue(&store, |tx| tx.set_member("nobody", &uid("bob"), true));
    assert!(missing.recv().expect("an answer").is_err());
    assert!(write(&store, |tx| tx.remove_group("staff")));
    assert!(!write(&store, |tx| tx.remove_group("staff")));
    assert_eq!(read(&store, |tx| tx.groups_of(&uid("alice"))), [""; 0]);
}

pub(crate) fn app_passwords_come_and_go(bed: &impl Bed) {
    let store = bed.open();
    let first = write(&store, |tx| tx.insert_token(&token("alice", "h1")));
    let second = write(&store, |tx| tx.insert_token(&token("alice", "h2")));
    write(&store, |tx| tx.insert_token(&token("bob", "h3")));
    let again = queue(&store, |tx| tx.insert_token(&token("bob", "h1")));
    assert!(again.recv().expect("an answer").is_err(), "one hash, one token");
    let full = Token {
        id: second,
        name: "Laptop".to_owned(),
        last_used: Some(20),
        expires: Some(99),
        read_only: true,
        folder: Some("/a".to_owned()),
        wipe: true,
        one_time: true,
        ..token("alice", "h2")
    };
    let update = full.clone();
    write(&store, move |tx| tx.update_token(&update));
    assert_eq!(read(&store, |tx| tx.token("h2")), Some(full.clone()));
    refused(&store, move |tx| tx.update_token(&Token { id: second, ..token("alice", "h1") }));
    refused(&store, |tx| tx.update_token(&Token { id: 9_999, ..token("alice", "new") }));
    let used = [("h1", 7), ("h1", 6), ("h2", 8), ("never", 9)].map(|(h, at)| (h.to_owned(), at));
    write(&store, move |tx| tx.touch_tokens(&used));
    let touched = Token { id: first, last_used: Some(7), ..token("alice", "h1") };
    assert_eq!(read(&store, |tx| tx.tokens_of(&uid("alice"))), [touched, full]);
    assert!(write(&store, move |tx| tx.remove_token(first)));
    assert!(!write(&store, move |tx| tx.remove_token(first)));
    assert_eq!(read(&store, |tx| tx.token("h1")), None);
}

pub(crate) fn sessions_come_and_go(bed: &impl Bed) {
    let store = bed.open();
    let session = |hash: &str, name: &str, created, last_seen| Session {
        hash: hash.to_owned(),
        uid: uid(name),
        created,
        last_seen,
    };
    let rows = [
        session("idle", "alice", 50, 50),
        session("old", "alice", 5, 90),
        session("fresh", "alice", 50, 60),
        session("bob", "bob", 50, 90),
    ];
    write(&store, move |tx| rows.iter().try_for_each(|row| tx.put_session(row)));
    let seen = session("fresh", "alice", 50, 95);
    let put = seen.clone();
    write(&store, move |tx| tx.put_session(&put));
    write(&store, |tx| tx.remove_stale_logins(0, 60, 10));
    assert_eq!(read(&store, |tx| tx.session("idle")), None);
    assert_eq!(read(&store, |tx| tx.session("old")), None);
    assert_eq!(read(&store, |tx| tx.session("fresh")), Some(seen));
    write(&store, |tx| tx.remove_sessions_of(&uid("alice")));
    assert_eq!(read(&store, |tx| tx.session("fresh")), None);
    assert!(read(&store, |tx| tx.session("bob")).is_some());
    write(&store, |tx| tx.remove_session("bob"));
    assert_eq!(read(&store, |tx| tx.session("bob")), None);
}

pub(crate) fn granted_flows_end_with_the_sessions(bed: &impl Bed) {
    fn by(name: &str, granted: &str) -> LoginFlow {
        LoginFlow { granted: Some((uid(granted), granted.to_owned())), ..flow(name) }
    }
    let store = bed.open();
    write(&store, |tx| {
        tx.put_flow(&by("a", "alice"))?;
        tx.put_flow(&by("b", "bob"))?;
        tx.put_flow(&flow("c"))
    });
    write(&store, |tx| tx.remove_sessions_of(&uid("ALICE")));
    assert_eq!(read(&store, |tx| tx.flow_by_poll("a")), None);
    assert!(read(&store, |tx| tx.flow_by_poll("b")).is_some(), "somebody else's");
    assert!(read(&store, |tx| tx.flow_by_poll("c")).is_some(), "nobody's yet");
}

pub(crate) fn login_flows_come_and_go(bed: &impl Bed) {
    let store = bed.open();
    write(&store, |tx| {
        tx.put_flow(&LoginFlow { created: 4, ..flow("old") })?;
        tx.put_flow(&flow("p"))
    });
    assert_eq!(read(&store, |tx| tx.flow_by_login("login p")), Some(flow("p")));
    refused(&store, |tx| {
        tx.put_flow(&LoginFlow { login_hash: "login p".to_owned(), ..flow("other") })
    });
    let granted = LoginFlow {
        granted: Some((uid("alice"), "alice@example.org".to_owned())),
        opened: true,
        server: "https://other.example".to_owned(),
        ..flow("p")
    };
    let put = granted.clone();
    write(&store, move |tx| tx.put_flow(&put));
    assert_eq!(read(&store, |tx| tx.flow_by_poll("p")), Some(granted));
    write(&store, |tx| tx.remove_stale_logins(5, 0, 0));
    assert_eq!(read(&store, |tx| tx.flow_by_poll("old")), None);
    assert!(read(&store, |tx| tx.flow_by_poll("p")).is_some());
    write(&store, |tx| tx.remove_flow("p"));
    assert_eq!(read(&store, |tx| tx.flow_by_login("login p")), None);
}
