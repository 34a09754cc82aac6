//! Somebody whose files are synced, for the cases with nextcloudcmd.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use e2e::Server;
use e2e::browser::Browser;
use e2e::flow::{Flow, to_login_form};
use e2e::sync_client::{self, Account, Client};
use e2e::tools;
use e2e::tree::{self, noise};
use serde_json::Value;

use crate::whoami;

/// Somebody with a password of either kind.
pub(crate) struct Person<'a> {
    pub(crate) server: &'a Server,
    pub(crate) login: &'a str,
    pub(crate) password: &'a str,
}

impl Account for Person<'_> {
    fn server(&self) -> &Server {
        self.server
    }

    fn login(&self) -> &str {
        self.login
    }

    fn password(&self) -> &str {
        self.password
    }
}

/// nextcloudcmd; `None`, after a word of it, where it cannot run.
#[expect(clippy::print_stderr, reason = "what is skipped has to be seen")]
pub(crate) fn nextcloudcmd() -> Option<PathBuf> {
    let found = tools::find("nextcloudcmd").filter(|_| sync_client::possible());
    if found.is_none() {
        let missing = "nextcloudcmd (or the right to a mount namespace) is missing";
        assert!(std::env::var_os("CI").is_none(), "{missing}");
        eprintln!("SKIPPED, and that is no success: {missing}");
    }
    found
}

/// The way of somebody new: an app is granted a password in the browser, after a first attempt with a
/// wrong one there; then two computers sync, one by that password and one by the person's own.
pub(crate) fn from_the_browser_to_two_computers(person: &Person<'_>) -> Result<()> {
    let Some(program) = nextcloudcmd() else { return Ok(()) };
    let granted = granted(person)?;
    let by_app = Person { password: &granted, ..*person };
    for (known_by, expected) in [(person.password, 200), (&granted, 200), ("not it", 401)] {
        let answer = whoami(person.server, person.login, known_by)?;
        ensure!(answer.status == expected, "{}: {}", answer.status, answer.text());
    }

    let app = Client::new(&program, &by_app, "by-app-password")?;
    let own = Client::new(&program, person, "by-own-password")?;
    tree::write(&app.top, "a.txt", b"hello", 1_600_000_000)?;
    tree::write(&app.top, "folder/b.bin", &noise(1, 300_000), 1_600_000_001)?;
    tree::write(&app.top, "folder/deep/Ünïcödé.txt", b"z", 1_600_000_002)?;
    let before = app.tree()?;
    app.sync(&by_app)?;
    own.sync(person)?;
    tree::same("what came down", &before, &own.tree()?)?;

    tree::write(&own.top, "a.txt", b"changed on the other computer", 1_600_001_000)?;
    std::fs::rename(own.top.join("folder/deep"), own.top.join("renamed"))?;
    std::fs::remove_file(own.top.join("folder/b.bin"))?;
    let before = own.tree()?;
    own.sync(person)?;
    app.sync(&by_app)?;
    tree::same("what came back", &before, &app.tree()?)?;
    own.sync(person)?.idle()?;
    app.sync(&by_app)?.idle()
}

/// Login flow v2 over TLS; gives the app password.
fn granted(person: &Person<'_>) -> Result<String> {
    let endpoint = person.server.https();
    let flow = Flow::begin(&endpoint, "Computer of a newcomer")?;
    // The flow's address is bound to this browser from here on.
    let mut browser = Browser::new(endpoint.clone());
    let mut form = to_login_form(&mut browser, &flow.login)?;
    form.fill("user", person.login)?;
    form.fill("password", "not the password")?;
    browser.submit(&form)?;
    ensure!(flow.poll(&endpoint)?.status == 404, "a wrong password was granted");
    let mut form = browser.require_form(|form| form.has("password"))?;
    form.fill("user", person.login)?;
    form.fill("password", person.password)?;
    browser.submit(&form)?;
    let mut answer = flow.poll(&endpoint)?;
    if answer.status == 404 {
        let grant = browser.require_form(|form| !form.has("password"))?;
        browser.submit(&grant)?;
        answer = flow.poll(&endpoint)?;
    }
    ensure!(answer.status == 200, "after the grant: {} on {}", answer.status, browser.page);
    let granted: Value = serde_json::from_slice(&answer.body)?;
    ensure!(granted["loginName"] == person.login, "{granted}");
    ensure!(flow.poll(&endpoint)?.status == 404, "the password was given twice");
    let password = granted["appPassword"].as_str().context("appPassword")?;
    ensure!(password != person.password, "the app was given the person's own password");
    Ok(password.to_owned())
}

/// `plugins/demo-c`, built by the line of its README, with the system's own compiler.
pub(crate) fn demo_c(folder: &std::path::Path) -> Result<PathBuf> {
    let root = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    let readme = std::fs::read_to_string(root.join("plugins/demo-c/README.md"))?;
    let line = readme.lines().find(|line| line.starts_with("gcc ")).context("the line")?;
    // The line is for a folder with both files in it.
    for file in ["plugins/demo-c/demo.c", "plugins/sdk/include/moonsail_plugin.h"] {
        let from = root.join(file);
        let name = from.file_name().context("a name")?;
        std::fs::copy(&from, folder.join(name))?;
    }
    let library = folder.join("libdemo_c.so");
    let mut cc = Command::new("cc");
    tools::require(cc.args(line.split(' ').skip(1)).current_dir(folder), Duration::from_secs(120))?;
    Ok(library)
}
