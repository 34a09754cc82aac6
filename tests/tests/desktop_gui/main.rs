//! The desktop client with its windows: an account is added as people add one, by keyboard and
//! browser; then files go up and down, and the idle client sees what changes on the server.
//!
//! [`desktop`] is the screen and the client, [`requests`] what the server was asked. Pictures go to
//! `target/screenshots`, the logs of a failed run to `target/desktop-gui`.

mod desktop;
mod requests;

use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use e2e::Server;
use e2e::suite::{Case, Outcome};
use e2e::tree::{self, noise};
use e2e::webdriver::{Options, WebDriver};

use crate::desktop::Desktop;

const PASSWORD: &str = "the long password of alice";
/// How long a sync may take: the client asks every 30 s, and machines can be busy.
const SYNC_LIMIT: Duration = Duration::from_secs(90);
/// How long the account is left alone, and watched.
const IDLE: Duration = Duration::from_secs(60);

fn main() -> ExitCode {
    let run = Box::new(|| match desktop::missing() {
        None => add_an_account_and_sync().map(|()| Outcome::Passed),
        Some(missing) => Ok(Outcome::Skipped(missing)),
    });
    let name = "desktop_gui::add_an_account_and_sync".to_owned();
    e2e::suite::run(vec![Case { name, run }], 1)
}

fn add_an_account_and_sync() -> Result<()> {
    let server = Server::start_with("[server]\nadmin_listen = \"\"\n", &[])?;
    server.add_user("alice", PASSWORD)?;
    let token = server.token("alice")?;
    let login = ("alice", token.as_str());
    let path = |name: &str| format!("/remote.php/dav/files/alice/{name}");
    let made = server.dav("MKCOL", &path("down"), login, &[], b"")?;
    let put = server.dav("PUT", &path("down/a.bin"), login, &[], &noise(1, 200_000))?;
    ensure!((made.status, put.status) == (201, 201), "{} {}", made.status, put.status);

    let desktop = Desktop::start(&server)?;
    let story = add_account(&server, &desktop).and_then(|()| sync(&server, &desktop, login));
    if let Err(error) = story {
        let place = desktop.keep(&server.log_tail(usize::MAX))?;
        return Err(error.context(format!("logs and a picture are in {}", place.display())));
    }
    drop(desktop);
    requests::only_expected(&server.log_about("access:"))?;
    ensure!(server.log_about(" ERROR ").is_empty(), "{}", server.log_about(" ERROR "));
    server.finish()
}

/// The wizard: address, browser, folder.
fn add_account(server: &Server, desktop: &Desktop) -> Result<()> {
    desktop.wait_for_window("Add .* account")?;
    // Each of its pages has a default button.
    desktop.press("Return")?;
    desktop.type_text(&server.https().base())?;
    desktop.screenshot("desktop-address")?;
    desktop.press("Return")?;
    let page = desktop.opened_page()?;
    desktop.screenshot("desktop-waits")?;

    let browser = WebDriver::start(&server.ca(), Options::default())?;
    browser.open(&page)?;
    browser.wait_for_heading("Log in to connect an app")?;
    ensure!(browser.text()?.contains("Desktop Client"), "{}", browser.text()?);
    browser.fill("#user", "alice")?;
    browser.fill("#password", PASSWORD)?;
    browser.click("main form button")?;
    browser.wait_for_heading("Connect this app?")?;
    browser.click("form[action$='/grant'] button")?;
    browser.wait_for_heading("App connected")?;
    drop(browser);

    // It polls every 30 s. Before it shows its last page, it asks for the size of all files.
    wait("the client fetches its password", SYNC_LIMIT, || {
        let size = "method=PROPFIND path=/remote.php/dav/files/alice/ status=207";
        let fetched = !server.log_about("/login/v2/poll status=200").is_empty();
        Ok(fetched && server.log_about(size).lines().count() >= 2)
    })?;
    desktop.settle()?;
    desktop.screenshot("desktop-connect")?;
    desktop.press("Return")?;
    wait("the wizard closes", SYNC_LIMIT, || Ok(desktop.folder().is_dir()))
}

/// Down, up, and down again while nobody touches the client.
fn sync(server: &Server, desktop: &Desktop, login: (&str, &str)) -> Result<()> {
    let (here, there) = (desktop.folder(), server.data().join("files/alice"));
    become_same("the first sync", &here, &there, "down/a.bin")?;
    desktop.screenshot("desktop-synced")?;

    tree::write(&here, "up/b.bin", &noise(2, 300_000), 1_600_000_000)?;
    tree::write(&here, "up.txt", b"up", 1_600_000_001)?;
    become_same("the upload", &there, &here, "up/b.bin")?;

    let begun = Instant::now();
    let body = noise(3, 1000);
    let put = server.dav("PUT", "/remote.php/dav/files/alice/down/later.bin", login, &[], &body)?;
    ensure!(put.status == 201, "{}", put.status);
    become_same("a change on the server", &here, &there, "down/later.bin")?;
    let asked =
        || server.log_about("method=PROPFIND path=/remote.php/dav/files/alice/ ").lines().count();
    let before = asked();
    std::thread::sleep(IDLE.saturating_sub(begun.elapsed()) + Duration::from_secs(31));
    ensure!(asked() > before, "the idle client asks no more");
    desktop.screenshot("desktop-idle")?;
    tree::same("after a minute", &tree::read(&there)?, &tree::read(&here)?)
}

/// Waits until `path` is in `new`, and both trees are the same: names, bytes, times.
fn become_same(what: &str, new: &Path, old: &Path, path: &str) -> Result<()> {
    let compare = || {
        let (old, new) = (tree::read(old)?, tree::read(new)?);
        ensure!(new.contains_key(path), "{path} has not come: {:?}", new.keys());
        tree::same(what, &old, &new)
    };
    let waited = wait(what, SYNC_LIMIT, || Ok(compare().is_ok()));
    compare()?;
    waited
}

/// Asks until the answer is yes.
pub(crate) fn wait(
    what: &str,
    limit: Duration,
    mut done: impl FnMut() -> Result<bool>,
) -> Result<()> {
    let begun = Instant::now();
    while !done().with_context(|| what.to_owned())? {
        ensure!(begun.elapsed() < limit, "{what}: not within {limit:?}");
        std::thread::sleep(Duration::from_millis(200));
    }
    Ok(())
}
