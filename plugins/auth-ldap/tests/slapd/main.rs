//! The plugin against a real directory: OpenLDAP's slapd, one for each test.
//!
//! | file         | cases about                                             |
//! |--------------|---------------------------------------------------------|
//! | `logins.rs`  | passwords, odd logins, accounts that may not log in     |
//! | `people.rs`  | attributes, groups, moves, lists, explanations          |
//! | `outages.rs` | encryption, restarts, silence, many logins at once      |

mod logins;
mod outages;
mod people;

use e2e::slapd::{self, PASSWORD, Slapd};
use moonsail_auth_ldap::{AuthLdap, LdapConfig};
use moonsail_sdk::auth::{Account, Auth, AuthUnavailable, Authenticator, Call, Identity, Page};
use moonsail_sdk::secret::Secret;
use serde_json::{Value, json};

/// Alice with all attributes, Jörg, somebody without a mail address; groups in groups in a circle.
fn people() -> String {
    let alice = "mail: alice@example.test\nemployeeType: 5 GB\n";
    let dn = slapd::person_dn;
    [
        slapd::person("alice", "Alice Liddell", alice),
        slapd::person("jörg", "Jörg Müller", "uid: joerg.mueller\n"),
        slapd::person("carol", "Carol", ""),
        slapd::group("staff", &[&dn("alice"), &slapd::group_dn("everyone")]),
        slapd::group("editors (a*b)", &[&dn("alice")]),
        slapd::group("everyone", &[&slapd::group_dn("staff"), &dn("jörg")]),
        slapd::group("all", &[&slapd::group_dn("everyone")]),
        slapd::group("nobody", &[&slapd::group_dn("nobody")]),
    ]
    .concat()
}

/// A directory with [`people`]; `None` if there is no slapd here.
fn directory() -> Option<Slapd> {
    match slapd::must_skip() {
        true => None,
        false => Some(Slapd::start(&people()).expect("slapd starts")),
    }
}

/// Settings that work, with `more` in their place.
fn settings(slapd: &Slapd, more: Value) -> LdapConfig {
    let mut settings = json!({
        "url": slapd.url(),
        "allow_plaintext": true,
        "bind_dn": slapd::READER,
        "bind_password": slapd::READER_PASSWORD,
        "base": format!("ou=people,{}", slapd::BASE),
        "login_attributes": ["uid", "mail"],
        "attributes": { "quota": "employeeType" },
        "groups": { "base": format!("ou=groups,{}", slapd::BASE) },
        "timeout_secs": 5,
    });
    for (key, value) in more.as_object().expect("an object") {
        settings[key] = value.clone();
    }
    LdapConfig::from_json(&settings.to_string()).expect("good settings")
}

fn plugin(slapd: &Slapd, more: Value) -> AuthLdap {
    AuthLdap::new(settings(slapd, more)).expect("good settings")
}

fn call() -> Call {
    Call { request_id: "test".to_owned(), remote_ip: None }
}

async fn ask(ldap: &AuthLdap, login: &str, password: &str) -> Result<Auth, AuthUnavailable> {
    ldap.check_password(&call(), login, &Secret::new(password)).await
}

/// The identity of somebody who logs in with the usual password.
async fn identity(ldap: &AuthLdap, login: &str) -> Identity {
    match ask(ldap, login, PASSWORD).await {
        Ok(Auth::Ok(identity)) => identity,
        other => panic!("{login}: {other:?}"),
    }
}

async fn lookup(ldap: &AuthLdap, subject: &str) -> Option<Account> {
    ldap.lookup(&call(), subject).await.expect("an answer")
}

async fn page(ldap: &AuthLdap, search: &str, limit: usize, cursor: Option<&str>) -> Page {
    ldap.list(&call(), search, limit, cursor).await.expect("a page")
}
