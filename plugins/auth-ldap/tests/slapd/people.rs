//! What is known about people: attributes, groups, moves, lists, explanations.

use std::collections::BTreeSet;

use e2e::slapd::{self, BASE, PASSWORD, Slapd, person_dn};
use moonsail_sdk::auth::{Auth, Authenticator};
use serde_json::{Value, json};

use crate::{ask, call, directory, identity, lookup, page, plugin};

#[tokio::test(flavor = "multi_thread")]
async fn attributes_become_an_account() {
    let Some(slapd) = directory() else { return };
    let ldap = plugin(&slapd, json!({}));
    let alice = identity(&ldap, "alice").await;
    assert_eq!(alice.login, "alice");
    assert_eq!(alice.display_name.as_deref(), Some("Alice Liddell"));
    assert_eq!(alice.email.as_deref(), Some("alice@example.test"));
    assert_eq!(alice.quota, Some(5 << 30));
    assert_eq!(alice.subject.len(), 36, "{} is an entryUUID", alice.subject);
    let carol = identity(&ldap, "carol").await;
    assert_eq!((carol.email, carol.quota), (None, None));
    let bare = plugin(&slapd, json!({ "attributes": { "display_name": "", "mail": "" } }));
    let bare = identity(&bare, "alice").await;
    assert_eq!((bare.display_name, bare.email), (None, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_in_groups_are_followed_and_circles_end() {
    let Some(slapd) = directory() else { return };
    let base = format!("ou=groups,{BASE}");
    for (groups, expected) in [
        (json!({ "base": base }), Some(vec!["all", "editors (a*b)", "everyone", "staff"])),
        (json!({ "base": base, "nested": false }), Some(vec!["editors (a*b)", "staff"])),
        (json!({ "base": base, "max_depth": 2 }), Some(vec!["editors (a*b)", "everyone", "staff"])),
        (json!({ "base": base, "filter": "(cn=s*)" }), Some(vec!["staff"])),
        (json!({ "base": base, "member": "memberUid", "member_is": "login" }), Some(vec![])),
        (json!({ "base": format!("ou=elsewhere,{BASE}") }), Some(vec![])),
        (Value::Null, None),
    ] {
        let got = identity(&plugin(&slapd, json!({ "groups": groups })), "alice").await.groups;
        let got = got.as_ref().map(|names| names.iter().map(String::as_str).collect());
        assert_eq!(got, expected, "{groups}");
    }
    let lost = plugin(&slapd, json!({ "groups": { "base": format!("ou=none,{BASE}") } }));
    let error = ask(&lost, "alice", PASSWORD).await.expect_err("the base is not there");
    assert!(error.message.contains("ou=none"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_that_is_renamed_and_moved_stays_the_same_account() {
    let Some(slapd) = directory() else { return };
    let ldap = plugin(&slapd, json!({ "base": BASE }));
    let before = identity(&ldap, "alice").await;
    slapd
        .change(&format!(
            "dn: {}\nchangetype: modrdn\nnewrdn: uid=alice.hargreaves\ndeleteoldrdn: 1\n\
             newsuperior: ou=elsewhere,{BASE}\n\n",
            person_dn("alice")
        ))
        .expect("a move");
    assert_eq!(ask(&ldap, "alice", PASSWORD).await.expect("answers"), Auth::Next);
    let after = identity(&ldap, "alice.hargreaves").await;
    assert_eq!(after.subject, before.subject);
    assert_eq!(after.login, "alice.hargreaves");
    assert_eq!(lookup(&ldap, &before.subject).await.map(|account| account.identity), Some(after));
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_may_be_in_an_attribute_of_ones_own() {
    let Some(slapd) = directory() else { return };
    let ldap = plugin(&slapd, json!({ "id_attribute": "employeeNumber" }));
    let error = ask(&ldap, "carol", PASSWORD).await.expect_err("there is none");
    assert!(error.message.contains("employeeNumber"), "{error}");
    slapd.set(&person_dn("carol"), "employeeNumber", "0012").expect("a change");
    assert_eq!(identity(&ldap, "carol").await.subject, "0012");
    assert!(lookup(&ldap, "0012").await.is_some());
    assert_eq!(lookup(&ldap, "12").await, None);
    assert_eq!(page(&ldap, "", 100, None).await.accounts.len(), 1, "the others are left out");
}

/// The directory gives at most 500 entries at once.
#[tokio::test(flavor = "multi_thread")]
async fn thousands_of_people_come_by_pages() {
    if slapd::must_skip() {
        return;
    }
    let people: String = (0..2500)
        .map(|number| {
            let mail = format!("mail: p{number}@example.test\n");
            slapd::person(&format!("person{number:04}"), &format!("Person {number}"), &mail)
        })
        .collect();
    let slapd = Slapd::start(&people).expect("slapd starts");
    let ldap = plugin(&slapd, json!({}));
    for limit in [500, 333, 100_000] {
        let mut logins = BTreeSet::new();
        let (mut cursor, mut pages) = (None, 0);
        loop {
            let page = page(&ldap, "", limit, cursor.as_deref()).await;
            assert!(page.accounts.len() <= limit.min(500));
            logins.extend(page.accounts.into_iter().map(|account| account.identity.login));
            pages += 1;
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(logins.len(), 2500, "pages of {limit}");
        assert!((5..=9).contains(&pages), "{pages} pages of {limit}");
    }
    let found = page(&ldap, "P12", 25, None).await;
    assert_eq!(found.accounts.len(), 25);
    assert!(found.accounts.iter().all(|it| it.identity.login.contains("p12")
        || it.identity.email.as_deref().is_some_and(|mail| mail.contains("p12"))));
}

#[tokio::test(flavor = "multi_thread")]
async fn listings_that_are_left_lying_end() {
    let Some(slapd) = directory() else { return };
    let ldap = plugin(&slapd, json!({}));
    let first = page(&ldap, "", 1, None).await.next.expect("more");
    for _ in 0..20 {
        page(&ldap, "", 1, None).await;
    }
    for cursor in [first.as_str(), "", "x", "-1", "99999"] {
        let error = ldap.list(&call(), "", 1, Some(cursor)).await.expect_err(cursor);
        assert!(error.message.contains("over"), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_explanation_shows_each_step() {
    let Some(slapd) = directory() else { return };
    let ldap = plugin(&slapd, json!({}));
    let text = ldap.explain(&call(), "Alice").await.expect("an answer");
    let told: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(told["filter"], "(&(objectClass=person)(|(uid=Alice)(mail=Alice)))");
    let logins = json!(["alice", "alice@example.test"]);
    assert_eq!(told["found"], json!([{ "dn": person_dn("alice"), "logins": logins }]));
    assert_eq!(told["entry"]["attributes"]["mail"], json!(["alice@example.test"]));
    assert_eq!(told["enabled"], json!(true));
    assert_eq!(told["groups"][0]["name"], "all");
    assert_eq!(told["groups"][0]["depth"], 3);
    assert_eq!(told["mapped"]["quota"], json!(5u64 << 30));
    assert!(told["times"]["search_ms"].as_f64().is_some_and(|ms| ms > 0.0), "{text}");
    assert!(!text.contains(PASSWORD) && !text.contains(slapd::READER_PASSWORD), "{text}");
    for (login, expected) in [("nobody", "no entry"), ("alice ", "exactly this login")] {
        let told = ldap.explain(&call(), login).await.expect("an answer");
        assert!(told.contains(expected), "{login:?}: {told}");
    }
}
