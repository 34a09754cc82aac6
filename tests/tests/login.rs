//! Logging in by the browser half of login flow v2, as people do (clients.md §5).

use anyhow::{Context, Result, ensure};
use e2e::Server;
use e2e::browser::Browser;
use e2e::flow::{Flow, to_login_form};
use e2e::http::{Request, exchange};
use serde_json::Value;

const PASSWORD: &str = "the long password of alice";

#[test]
fn an_app_is_granted_a_password_of_its_own_once() -> Result<()> {
    let server = Server::start()?;
    server.add_user("alice", PASSWORD)?;
    let flow = Flow::begin(&server.http(), "Phone of Alice")?;
    ensure!(flow.poll(&server.http())?.status == 404, "before the grant");
    let mut browser = Browser::new(server.http());
    let mut form = to_login_form(&mut browser, &flow.login)?;
    ensure!(browser.page.contains("Phone of Alice"), "the page does not name the client");
    form.fill("user", "alice")?;
    form.fill("password", PASSWORD)?;
    browser.submit(&form)?;
    // Either the log-in granted at once by its own click, or there is one more form to confirm.
    let mut answer = flow.poll(&server.http())?;
    if answer.status == 404 {
        let grant = browser.require_form(|form| !form.has("password"))?;
        browser.submit(&grant)?;
        answer = flow.poll(&server.http())?;
    }
    ensure!(answer.status == 200, "after the grant: {} on {}", answer.status, browser.page);
    let granted: Value = serde_json::from_slice(&answer.body)?;
    ensure!(granted["loginName"] == "alice", "{granted}");
    ensure!(granted["server"] == Value::String(server.http().base()), "{granted}");
    let password = granted["appPassword"].as_str().context("appPassword")?;
    ensure!(flow.poll(&server.http())?.status == 404, "the password was given twice");
    let path = "/remote.php/dav/files/alice/";
    let answer = server.dav("HEAD", path, ("alice", password), &[], b"")?;
    ensure!(answer.status == 200, "the app password does not work: {}", answer.status);
    // The login URL is spent: it grants nothing more.
    let mut second = Browser::new(server.http());
    second.open(&flow.login)?;
    ensure!(second.status >= 400, "the spent login URL shows {}: {}", second.status, second.page);
    server.finish()
}

#[test]
fn a_wrong_password_grants_nothing() -> Result<()> {
    let server = Server::start()?;
    server.add_user("alice", PASSWORD)?;
    let flow = Flow::begin(&server.http(), "Phone of Alice")?;
    let mut browser = Browser::new(server.http());
    let mut form = to_login_form(&mut browser, &flow.login)?;
    form.fill("user", "alice")?;
    form.fill("password", "not the password")?;
    browser.submit(&form)?;
    ensure!(browser.require_form(|form| form.has("password")).is_ok(), "{}", browser.page);
    ensure!(!browser.page.contains("not the password"), "the page gives the password back");
    ensure!(flow.poll(&server.http())?.status == 404, "a wrong password was granted");
    server.finish()
}

/// Login flow v1: an app's web view ends at an address of the app's own scheme (clients.md §6).
#[test]
fn a_web_view_is_sent_back_to_its_app() -> Result<()> {
    let server = Server::start()?;
    server.add_user("alice", PASSWORD)?;
    let mut browser = Browser::new(server.http());
    browser.fields.push(("OCS-APIRequest".to_owned(), "true".to_owned()));
    browser.fields.push(("User-Agent".to_owned(), "Tablet of Alice".to_owned()));
    let mut form = to_login_form(&mut browser, "/index.php/login/flow")?;
    form.fill("user", "alice")?;
    form.fill("password", PASSWORD)?;
    browser.submit(&form)?;
    if browser.app_link.is_none() {
        let grant = browser.require_form(|form| form.has("stateToken"))?;
        browser.submit(&grant)?;
    }
    let link = browser.app_link.context("no way back to the app")?;
    let parts = link.strip_prefix("nc://login/server:").context(link.clone())?;
    let (base, rest) = parts.split_once("&user:").context(link.clone())?;
    let (user, password) = rest.split_once("&password:").context(link.clone())?;
    ensure!(base == server.http().base() && user == "alice", "{link}");
    let path = "/remote.php/dav/files/alice/";
    let answer = server.dav("HEAD", path, ("alice", password), &[], b"")?;
    ensure!(answer.status == 200, "the app password does not work: {}", answer.status);
    server.finish()
}

#[test]
fn pages_escape_what_clients_call_themselves() -> Result<()> {
    let server = Server::start()?;
    let request = Request::new("POST", "/index.php/login/v2")
        .field("User-Agent", "<script>alert(1)</script>");
    let answer: Value = serde_json::from_slice(&exchange(&server.http(), &request)?.body)?;
    let mut browser = Browser::new(server.http());
    browser.open(answer["login"].as_str().context("login")?)?;
    ensure!(browser.status == 200, "the flow page: {}", browser.status);
    ensure!(!browser.page.contains("<script>alert"), "{}", browser.page);
    server.finish()
}
