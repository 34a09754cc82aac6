//! Passwords, odd logins, and accounts that may not log in.

use e2e::slapd::{self, PASSWORD, person_dn};
use moonsail_sdk::auth::{Auth, Authenticator};
use moonsail_sdk::conformance::auth::{Known, auth_suite};
use serde_json::json;

use crate::{ask, call, directory, identity, lookup, plugin};

#[tokio::test(flavor = "multi_thread")]
async fn an_ldap_directory_is_an_authenticator() {
    let Some(slapd) = directory() else { return };
    let ldap = plugin(&slapd, json!({}));
    let known = |login: &str| Known { login: login.to_owned(), password: PASSWORD.to_owned() };
    auth_suite(&ldap, &known("alice")).await;
    auth_suite(&ldap, &known("carol")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn logins_are_found_exactly() {
    let Some(slapd) = directory() else { return };
    let ldap = plugin(&slapd, json!({}));
    let alice = identity(&ldap, "alice").await;
    let long = "a".repeat(300);
    for (login, expected) in [
        ("ALICE", true),
        ("alice@example.test", true),
        ("Alice@Example.Test", true),
        // slapd finds these as well: its rule for this attribute skips blanks.
        ("alice ", false),
        (" alice", false),
        // What would mean something in a filter or a DN.
        ("*", false),
        ("ali*", false),
        ("alice)(uid=*", false),
        ("alice)(|(uid=*", false),
        ("x)(|(objectClass=*", false),
        ("\\61lice", false),
        ("alice\0", false),
        ("alice\n", false),
        ("uid=alice", false),
        (&person_dn("alice"), false),
        (&long, false),
        ("", false),
    ] {
        let got = ask(&ldap, login, PASSWORD).await.expect("an answer");
        let right = if expected { Auth::Ok(alice.clone()) } else { Auth::Next };
        assert_eq!(got, right, "{login:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn logins_may_be_in_any_script() {
    let Some(slapd) = directory() else { return };
    slapd
        .change(&format!(
            "dn: {}\nchangetype: add\nobjectClass: inetOrgPerson\nuid: 日本語\ncn: x\nsn: x\n\
             userPassword: пароль-ß-🔑\n\n",
            person_dn("日本語")
        ))
        .expect("an entry");
    let ldap = plugin(&slapd, json!({}));
    let joerg = identity(&ldap, "jörg").await;
    assert_eq!(identity(&ldap, "JÖRG").await, joerg);
    assert_eq!(identity(&ldap, "jo\u{308}rg").await, joerg, "as macOS writes it");
    assert_eq!(identity(&ldap, "joerg.mueller").await, joerg, "another value of the attribute");
    let got = ask(&ldap, "日本語", "пароль-ß-🔑").await.expect("an answer");
    assert!(matches!(&got, Auth::Ok(identity) if identity.login == "日本語"), "{got:?}");
    assert_eq!(ask(&ldap, "日本語", "пароль-ss-🔑").await.expect("an answer"), Auth::Denied);
}

/// RFC 4513 §5.1.2: a bind without a password succeeds, for nobody.
#[tokio::test(flavor = "multi_thread")]
async fn an_empty_password_reaches_no_directory() {
    let Some(slapd) = directory() else { return };
    let ldap = plugin(&slapd, json!({}));
    for password in ["", "\0", &format!("{PASSWORD}\0"), &format!("{PASSWORD} ")] {
        assert_eq!(ask(&ldap, "alice", password).await.expect("answers"), Auth::Denied);
        assert_eq!(ask(&ldap, "nobody", password).await.expect("answers"), Auth::Next);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_that_two_entries_have_is_refused() {
    let Some(slapd) = directory() else { return };
    slapd.set(&person_dn("carol"), "mail", "alice@example.test").expect("a change");
    let ldap = plugin(&slapd, json!({}));
    assert_eq!(ask(&ldap, "alice@example.test", PASSWORD).await.expect("answers"), Auth::Denied);
    assert_eq!(ldap.find(&call(), "alice@example.test").await.expect("answers"), None);
    identity(&ldap, "alice").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_that_may_not_log_in_are_told_apart() {
    let Some(slapd) = directory() else { return };
    let ldap = plugin(&slapd, json!({ "enabled_filter": "(!(employeeType=left))" }));
    let alice = identity(&ldap, "alice").await;
    let dn = person_dn("alice");
    slapd.set(slapd::POLICY, "pwdMustChange", "TRUE").expect("a change");
    for (attribute, value, right, enabled) in [
        ("employeeType", "left", Auth::Disabled, false),
        ("pwdReset", "TRUE", Auth::Expired, true),
        ("pwdAccountLockedTime", "000001010000Z", Auth::Disabled, false),
    ] {
        slapd.set(&dn, attribute, value).expect("a change");
        assert_eq!(ask(&ldap, "alice", PASSWORD).await.expect("answers"), right, "{attribute}");
        assert_eq!(ask(&ldap, "alice", "wrong").await.expect("answers"), Auth::Denied);
        let known = lookup(&ldap, &alice.subject).await.expect("still there");
        assert_eq!(known.enabled, enabled, "{attribute}");
        slapd.set(&dn, attribute, "").expect("a change");
    }
    identity(&ldap, "alice").await;
    slapd.change(&format!("dn: {dn}\nchangetype: delete\n\n")).expect("a change");
    assert_eq!(lookup(&ldap, &alice.subject).await, None);
    assert_eq!(ask(&ldap, "alice", PASSWORD).await.expect("answers"), Auth::Next);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_password_counts_at_once() {
    let Some(slapd) = directory() else { return };
    let ldap = plugin(&slapd, json!({}));
    let alice = identity(&ldap, "alice").await;
    slapd.set(&person_dn("alice"), "userPassword", "another one").expect("a change");
    assert_eq!(ask(&ldap, "alice", PASSWORD).await.expect("answers"), Auth::Denied);
    assert_eq!(ask(&ldap, "alice", "another one").await.expect("answers"), Auth::Ok(alice));
}

/// Whose connection it was last does not matter for the next login.
#[tokio::test(flavor = "multi_thread")]
async fn connections_are_nobodys_after_a_login() {
    let Some(slapd) = directory() else { return };
    let ldap = plugin(&slapd, json!({ "logins_at_once": 1, "connections": 1 }));
    for _ in 0..3 {
        identity(&ldap, "alice").await;
        assert_eq!(ask(&ldap, "carol", "wrong").await.expect("answers"), Auth::Denied);
        assert_eq!(ask(&ldap, "nobody", PASSWORD).await.expect("answers"), Auth::Next);
        assert_eq!(identity(&ldap, "carol").await.login, "carol");
    }
    let refused = plugin(&slapd, json!({ "bind_password": "wrong" }));
    let error = ask(&refused, "alice", PASSWORD).await.expect_err("nobody can be searched");
    assert!(error.message.contains(slapd::READER), "{error}");
    assert!(!error.message.contains("wrong"), "{error}");
}
