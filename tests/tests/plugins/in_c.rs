//! The plugin in C, in the built server: whom it knows logs in, in the browser and in apps.

use anyhow::{Result, ensure};
use e2e::Server;

use crate::sync::{self, Person};
use crate::{section, whoami};

/// Its configuration knows `demo`, whose password has what JSON escapes.
const PASSWORD: &str = r#"pass "word\ of demo"#;

fn config(library: &std::path::Path) -> String {
    let section = section("c", library, "", &format!("users = {{ demo = {} }}", literal(PASSWORD)));
    format!("auth.chain = [\"plugin:c\", \"builtin:users\"]\n{section}")
}

/// A literal string of TOML, in which nothing is escaped.
fn literal(text: &str) -> String {
    format!("'{text}'")
}

#[test]
fn who_is_known_to_a_plugin_in_c_syncs_by_both_passwords() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let server = Server::start_with(&config(&sync::demo_c(folder.path())?), &[])?;
    let person = Person { server: &server, login: "demo", password: PASSWORD };
    sync::from_the_browser_to_two_computers(&person)?;
    server.finish()
}

#[test]
fn a_plugin_in_c_is_reloaded_and_uses_the_servers_services() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let server = Server::start_with(&config(&sync::demo_c(folder.path())?), &[])?;
    server.add_user("built-in", "the long password of built-in")?;
    for (login, password, expected) in [
        ("demo", PASSWORD, 200),
        ("demo", "another", 401),
        ("nobody", PASSWORD, 401),
        // It does not know this one, and so the next in the chain is asked.
        ("built-in", "the long password of built-in", 200),
    ] {
        let answer = whoami(&server, login, password)?;
        ensure!(answer.status == expected, "{login}: {} {}", answer.status, answer.text());
    }
    let said = server.command(&["plugin", "reload", "c"], "")?;
    ensure!(said.contains("generation 2."), "{said}");
    ensure!(whoami(&server, "demo", PASSWORD)?.status == 200, "after the reload");
    ensure!(!server.log_tail(10_000).contains("pass \"word"), "a password is in the log");
    server.finish()
}
