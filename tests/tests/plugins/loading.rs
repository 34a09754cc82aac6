//! What is named in the configuration is loaded and asked.

use anyhow::{Result, ensure};
use e2e::Server;

use crate::{sample, section, whoami, with_sample};

#[test]
fn a_plugin_decides_about_logins_in_its_place_of_the_chain() -> Result<()> {
    let config = with_sample("", "users = { ann = \"ann's password\", both = \"one\" }")?;
    let server = Server::start_with(&config, &[])?;
    server.add_user("both", "the built-in password")?;
    let answer = whoami(&server, "ann", "ann's password")?;
    ensure!(answer.status == 200, "{}: {}", answer.status, answer.text());
    ensure!(answer.text().contains("ann of the sample"), "{}", answer.text());
    for (login, password, expected) in [
        ("ann", "another", 401),
        ("nobody", "x", 401),
        // The first in the chain that knows a login decides.
        ("both", "one", 200),
        ("both", "the built-in password", 401),
        ("disabled", "x", 401),
        ("expired", "x", 401),
    ] {
        let answer = whoami(&server, login, password)?;
        ensure!(answer.status == expected, "{login}: {} {}", answer.status, answer.text());
    }
    let warned = server.log_about("a wrong password");
    ensure!(warned.contains("plugin=") && warned.contains("request="), "{warned}");
    ensure!(!server.log_tail(10_000).contains("ann's password"), "a password is in the log");
    server.finish()
}

#[test]
fn two_instances_of_one_file_are_two_plugins() -> Result<()> {
    let path = sample()?;
    let config = format!(
        "auth.chain = [\"plugin:one\", \"plugin:two\"]\n{}{}",
        section("one", &path, "", "users = { ann = \"first\" }"),
        section("two", &path, "", "users = { bea = \"second\" }\nruntime = { workers = 2 }"),
    );
    let server = Server::start_with(&config, &[])?;
    for (login, password, expected) in
        [("ann", "first", 200), ("bea", "second", 200), ("bea", "first", 401)]
    {
        let answer = whoami(&server, login, password)?;
        ensure!(answer.status == expected, "{login}: {}", answer.status);
    }
    server.finish()
}

#[test]
fn secrets_of_a_section_come_from_files_and_are_not_shown() -> Result<()> {
    let mut server = Server::prepare("", &[])?;
    let secret = server.home().join("password");
    std::fs::write(&secret, "from a file\n")?;
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(&secret, mode)?;
    server.configure(&with_sample("", "users = { ann = { file = \"password\" } }")?)?;
    server.restart()?;
    let answer = whoami(&server, "ann", "from a file")?;
    ensure!(answer.status == 200, "{}", answer.status);
    let config = server.home().join("server.toml").display().to_string();
    let shown = server.command(&["check", "--config", &config], "")?;
    ensure!(shown.contains("sample") && !shown.contains("from a file"), "{shown}");
    server.finish()
}

#[test]
fn an_optional_plugin_may_be_missing() -> Result<()> {
    let more = section("gone", "/no/such.so".as_ref(), "optional = true", "");
    let server = Server::start_with(&more, &[])?;
    let said = server.log_about("an optional plugin is left out");
    ensure!(said.contains("/no/such.so"), "{said}");
    server.finish()
}
