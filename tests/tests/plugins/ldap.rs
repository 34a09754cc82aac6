//! The directory plugin, loaded from its library, against OpenLDAP.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use e2e::slapd::{self, PASSWORD, Slapd};
use e2e::{Server, binary};
use serde_json::Value;

use crate::sync::{self, Person};
use crate::{section, whoami};

/// The promise is a minute; tests share the machine.
const MINUTE: Duration = Duration::from_secs(60);

/// A configuration that asks `slapd`, over TLS.
fn asking(slapd: &Slapd, base: &str) -> Result<String> {
    let config = format!(
        "url = {:?}\nca_file = \"{}\"\nbind_dn = {:?}\nbind_password = {:?}\nbase = {base:?}\n\
         timeout_secs = 2\nconnect_timeout_secs = 2\n[plugin.config.groups]\nbase = \"ou=groups,{}\"",
        slapd.tls_url(),
        slapd.ca().display(),
        slapd::READER,
        slapd::READER_PASSWORD,
        slapd::BASE,
    );
    let library = binary::plugin("moonsail-auth-ldap")?;
    let section = section("ldap", &library, "", &config);
    Ok(format!("auth.chain = [\"plugin:ldap\", \"builtin:users\"]\n{section}"))
}

#[test]
fn people_of_a_directory_log_in_and_are_out_when_it_says_so() -> Result<()> {
    if slapd::must_skip() {
        return Ok(());
    }
    let people = [
        slapd::person("alice", "Alice Liddell", ""),
        slapd::person("bob", "Bob", ""),
        slapd::group("staff", &[&slapd::person_dn("alice")]),
    ];
    let mut slapd = Slapd::start(&people.concat())?;
    let base = format!("ou=people,{}", slapd::BASE);
    let server = Server::start_with(&asking(&slapd, &base)?, &[])?;
    let answer = whoami(&server, "alice", PASSWORD)?;
    ensure!(answer.status == 200, "{}: {}", answer.status, answer.text());
    ensure!(answer.text().contains("Alice Liddell") && answer.text().contains("staff"));
    ensure!(whoami(&server, "alice", "wrong")?.status == 401);
    let app = server.token("alice")?;

    let told = server.command(&["ldap", "explain", "alice", "--json"], "")?;
    let told: Value = serde_json::from_str(&told)?;
    let explanation = &told[0]["explanation"];
    ensure!(explanation["entry"]["dn"] == slapd::person_dn("alice"), "{told}");
    ensure!(explanation["groups"][0]["name"] == "staff", "{told}");
    let other = server.home().join("other.toml");
    std::fs::write(&other, asking(&slapd, &slapd::person_dn("alice"))?)?;
    let other = other.display().to_string();
    let told: Value =
        serde_json::from_str(&server.command(&["ldap", "diff", &other, "--json"], "")?)?;
    ensure!(told[0]["same"] == 1 && told[0]["disappear"][0] == "bob", "{told}");

    // Stuck, then stopped: who is known goes on, and nobody new is refused.
    slapd.freeze()?;
    let answer = whoami(&server, "bob", PASSWORD)?;
    ensure!(
        answer.status == 503 && answer.find_field("retry-after").is_some(),
        "{}",
        answer.status
    );
    ensure!(whoami(&server, "alice", &app)?.status == 200);
    slapd.thaw()?;
    slapd.stop()?;
    ensure!(whoami(&server, "bob", PASSWORD)?.status == 503);
    ensure!(whoami(&server, "alice", &app)?.status == 200);
    slapd.start_again()?;
    ensure!(whoami(&server, "bob", PASSWORD)?.status == 200);

    // A new password there is nothing to apps; an account that is gone there is out.
    slapd.set(&slapd::person_dn("alice"), "userPassword", "another one")?;
    ensure!(whoami(&server, "alice", &app)?.status == 200);
    slapd.change(&format!("dn: {}\nchangetype: delete\n\n", slapd::person_dn("alice")))?;
    let begun = Instant::now();
    while whoami(&server, "alice", &app)?.status == 200 {
        ensure!(begun.elapsed() < MINUTE, "alice is in still");
        std::thread::sleep(Duration::from_millis(500));
    }
    server.finish()
}

#[test]
fn people_of_a_directory_sync_by_both_passwords() -> Result<()> {
    if slapd::must_skip() {
        return Ok(());
    }
    let slapd = Slapd::start(&slapd::person("alice", "Alice Liddell", ""))?;
    let base = format!("ou=people,{}", slapd::BASE);
    let server = Server::start_with(&asking(&slapd, &base)?, &[])?;
    sync::from_the_browser_to_two_computers(&Person {
        server: &server,
        login: "alice",
        password: PASSWORD,
    })?;
    server.finish()
}
