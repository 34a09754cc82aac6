//! Encryption, restarts, silence, and many logins at once.

use std::sync::Arc;
use std::time::{Duration, Instant};

use e2e::delay;
use e2e::slapd::{self, PASSWORD, Slapd};
use moonsail_sdk::auth::{Auth, Authenticator};
use serde_json::json;

use crate::{ask, call, directory, identity, plugin};

#[tokio::test(flavor = "multi_thread")]
async fn connections_are_encrypted_and_certificates_checked() {
    let Some(slapd) = directory() else { return };
    let (tls, plain) = (slapd.tls_url(), slapd.url());
    let named = tls.replace("127.0.0.1", "localhost");
    let wrong_name = tls.replace("127.0.0.1", "127.0.0.2");
    let (ca, other) = (slapd.ca(), slapd.other_ca());
    for (url, starttls, ca, works) in [
        (&tls, false, Some(&ca), true),
        (&plain, true, Some(&ca), true),
        (&named, false, Some(&ca), true),
        (&tls, false, Some(&other), false),
        (&plain, true, Some(&other), false),
        // The system does not know this authority.
        (&tls, false, None, false),
        (&plain, true, None, false),
        (&wrong_name, false, Some(&ca), false),
    ] {
        let settings = json!({
            "url": url, "starttls": starttls, "ca_file": ca, "allow_plaintext": false,
        });
        let got = ask(&plugin(&slapd, settings), "alice", PASSWORD).await;
        match (works, got) {
            (true, Ok(Auth::Ok(_))) | (false, Err(_)) => {}
            (_, got) => panic!("{url}, StartTLS {starttls}, {ca:?}: {got:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_that_is_down_refuses_nobody() {
    let Some(mut slapd) = directory() else { return };
    let ldap = plugin(&slapd, json!({ "connections": 2 }));
    let alice = identity(&ldap, "alice").await;
    slapd.stop().expect("stops");
    for (login, password) in [("alice", PASSWORD), ("alice", "wrong"), ("nobody", PASSWORD)] {
        let error = ask(&ldap, login, password).await.expect_err("nobody can know");
        assert!(error.message.contains(&slapd.url()), "{error}");
    }
    assert!(ldap.lookup(&call(), &alice.subject).await.is_err(), "not gone, only unknown");
    assert!(ldap.find(&call(), "alice").await.is_err());
    assert!(ldap.list(&call(), "", 10, None).await.is_err());
    assert!(ldap.explain(&call(), "alice").await.is_err());
    slapd.start_again().expect("starts");
    for _ in 0..4 {
        assert_eq!(identity(&ldap, "alice").await, alice);
    }
}

/// Our connections are closed by the restart, and no login may notice.
#[tokio::test(flavor = "multi_thread")]
async fn a_restart_of_the_directory_costs_no_login() {
    let Some(mut slapd) = directory() else { return };
    let ldap = plugin(&slapd, json!({ "connections": 2, "logins_at_once": 2 }));
    for _ in 0..3 {
        for _ in 0..4 {
            identity(&ldap, "alice").await;
            assert_eq!(ask(&ldap, "carol", "wrong").await.expect("answers"), Auth::Denied);
        }
        slapd.stop().expect("stops");
        slapd.start_again().expect("starts");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn silence_is_an_outage_and_ends() {
    let Some(slapd) = directory() else { return };
    let ldap = plugin(&slapd, json!({ "timeout_secs": 1, "connect_timeout_secs": 1 }));
    let alice = identity(&ldap, "alice").await;
    slapd.freeze().expect("a signal");
    let begun = Instant::now();
    for password in [PASSWORD, "wrong"] {
        let error = ask(&ldap, "alice", password).await.expect_err("nobody can know");
        assert!(error.message.contains("no answer"), "{error}");
    }
    assert!(ldap.lookup(&call(), &alice.subject).await.is_err());
    assert!(ldap.list(&call(), "", 10, None).await.is_err());
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
    slapd.thaw().expect("a signal");
    assert_eq!(identity(&ldap, "alice").await, alice);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_address_takes_over() {
    let Some(slapd) = directory() else { return };
    let urls = json!(["ldap://127.0.0.1:1", slapd.url()]);
    let ldap = plugin(&slapd, json!({ "url": urls }));
    identity(&ldap, "alice").await;
    let none = plugin(&slapd, json!({ "url": ["ldap://127.0.0.1:1", "ldap://127.0.0.1:2"] }));
    let error = ask(&none, "alice", PASSWORD).await.expect_err("nobody is there");
    assert!(error.message.contains(":1") && error.message.contains(":2"), "{error}");
}

/// Who goes away in the middle of a login leaves nothing behind that confuses the next.
#[tokio::test(flavor = "multi_thread")]
async fn logins_that_are_broken_off_disturb_no_other() {
    let Some(slapd) = directory() else { return };
    let port = delay::towards(slapd.port(), Duration::from_millis(20)).expect("a port");
    let url = format!("ldap://127.0.0.1:{port}");
    let ldap = plugin(&slapd, json!({ "url": url, "logins_at_once": 2, "connections": 1 }));
    for millis in (0..100).step_by(5) {
        let login = ask(&ldap, "alice", PASSWORD);
        let _ = tokio::time::timeout(Duration::from_millis(millis), login).await;
        assert_eq!(ask(&ldap, "carol", "wrong").await.expect("answers"), Auth::Denied);
    }
    identity(&ldap, "carol").await;
}

/// The design's acceptance test, item 12: a directory that is 50 ms away, asked one after the other,
/// would take two minutes.
#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_logins_at_once_take_two_seconds() {
    if slapd::must_skip() {
        return;
    }
    let people: String =
        (0..1000).map(|number| slapd::person(&format!("p{number}"), "A Person", "")).collect();
    let slapd = Slapd::start(&people).expect("slapd starts");
    let port = delay::towards(slapd.port(), Duration::from_millis(50)).expect("a port");
    let ldap = Arc::new(plugin(&slapd, json!({ "url": format!("ldap://127.0.0.1:{port}") })));
    let begun = Instant::now();
    let mut logins = tokio::task::JoinSet::new();
    for number in 0..1000 {
        let ldap = Arc::clone(&ldap);
        logins.spawn(async move { (number, ask(&ldap, &format!("p{number}"), PASSWORD).await) });
    }
    while let Some(login) = logins.join_next().await {
        let (number, got) = login.expect("no panic");
        let Ok(Auth::Ok(identity)) = got else { panic!("p{number}: {got:?}") };
        assert_eq!(identity.login, format!("p{number}"), "nobody is let in as another");
    }
    let took = begun.elapsed();
    eprintln!("1000 logins took {took:?}");
    assert!(took < Duration::from_secs(2), "{took:?}");
}
