//! The audit log (threats §8): who did what, from where, in which request.

use anyhow::{Context as _, Result, ensure};
use e2e::browser::Browser;
use e2e::http::{Request, exchange};

use crate::house::{ALICE, House};

/// Logins, failures, grants, revocations and changes by administrators leave a line each, with who,
/// from where, and the request.
#[test]
fn what_an_auditor_asks_for_is_in_the_log() -> Result<()> {
    let house = House::start()?;
    house.server.add_user_with("root", "the long password of root", &["--admin"])?;
    let http = house.server.http();
    let root = ("root", "the long password of root");
    let api = |method: &str, path: &str, login: (&str, &str), id: &str, body: &str| {
        let request = Request::new(method, path)
            .field("OCS-APIRequest", "true")
            .field("X-Request-Id", id)
            .field("Content-Type", "application/x-www-form-urlencoded")
            .basic(login.0, login.1)
            .body(body);
        exchange(&http, &request)
    };
    let users = "/ocs/v2.php/cloud/users";
    let rows = [
        ("GET", "/ocs/v2.php/cloud/user", ("alice", ALICE), "", "login", "alice"),
        ("GET", "/ocs/v2.php/cloud/user", ("alice", "a guess"), "", "login refused", "alice"),
        (
            "GET",
            "/ocs/v2.php/core/getapppassword",
            ("alice", ALICE),
            "",
            "app password made",
            "alice",
        ),
        ("POST", users, root, "userid=carol&password=long-enough", "user made", "carol"),
        ("PUT", &format!("{users}/carol"), root, "key=quota&value=1000", "user changed", "carol"),
        (
            "PUT",
            &format!("{users}/carol"),
            root,
            "key=password&value=longer-than",
            "password changed",
            "carol",
        ),
        ("PUT", &format!("{users}/carol/disable"), root, "", "user changed", "carol"),
        ("POST", "/ocs/v2.php/cloud/groups", root, "groupid=staff", "group made", "staff"),
        ("POST", &format!("{users}/alice/groups"), root, "groupid=staff", "group joined", "alice"),
        ("POST", &format!("{users}/alice/groups"), root, "groupid=admin", "user changed", "alice"),
        (
            "DELETE",
            &format!("{users}/alice/groups"),
            root,
            "groupid=admin",
            "user changed",
            "alice",
        ),
        ("DELETE", "/ocs/v2.php/cloud/groups/staff", root, "", "group removed", "staff"),
        ("DELETE", &format!("{users}/carol"), root, "", "user removed", "carol"),
    ];
    for (number, (method, path, login, body, _, _)) in rows.iter().enumerate() {
        api(method, path, *login, &format!("audit-{number}"), body)?;
    }
    for number in 0..10 {
        api("GET", "/ocs/v2.php/cloud/user", ("bob", "a guess"), &format!("flood-{number}"), "")?;
    }
    let mut house = house;
    house.server.stop()?;
    for (number, (method, path, login, _, event, subject)) in rows.iter().enumerate() {
        let about = house.server.log_about(&format!("request=\"audit-{number}\""));
        let mut lines = about.lines();
        let line = lines.find(|line| line.contains(&format!(" audit: {event} ")));
        let line = line.with_context(|| format!("{method} {path}: no {event} in {about:?}"))?;
        for part in ["ip=127.0.0.1", subject, &format!("actor=\"{}\"", login.0)] {
            ensure!(line.contains(part), "{method} {path}: {part} is missing in {line}");
        }
        let time = line.split(' ').next().unwrap_or_default();
        ensure!(time.starts_with("20") && time.ends_with('Z'), "no time in UTC: {line}");
    }
    let throttled = house.server.log_about("audit: login throttled");
    ensure!(throttled.contains("ip=127.0.0.1 request=\"flood-"), "{throttled}");
    let made = house.server.log_about("audit: user made actor=\"console\"");
    ensure!(made.contains("uid=alice"), "the command line leaves no line: {made}");
    house.server.restart()?;
    house.finish()
}

/// An app that is granted access, and a browser that comes and goes.
#[test]
fn grants_and_sessions_are_in_the_log() -> Result<()> {
    let house = House::start()?;
    let http = house.server.http();
    let started = exchange(&http, &Request::new("POST", "/index.php/login/v2"))?;
    let started: serde_json::Value = serde_json::from_slice(&started.body)?;
    let mut browser = Browser::new(http.clone());
    browser.fields.push(("X-Request-Id".to_owned(), "the-browser".to_owned()));
    browser.open(started["login"].as_str().context("an address")?)?;
    let mut form = browser.require_form(|form| form.has("password"))?;
    form.fill("user", "alice")?;
    form.fill("password", ALICE)?;
    browser.submit(&form)?;
    let grant = browser.require_form(|form| form.has("stateToken"))?;
    browser.submit(&grant)?;
    let token = started["poll"]["token"].as_str().context("a token")?;
    let poll = Request::new("POST", "/index.php/login/v2/poll").field("X-Request-Id", "the-app");
    ensure!(exchange(&http, &poll.body(format!("token={token}")))?.status == 200);
    browser.open("/logout")?;
    let out = browser.require_form(|form| form.has("requesttoken"))?;
    browser.submit(&out)?;
    let mut house = house;
    house.server.stop()?;
    for (request, event) in [
        ("the-browser", "login"),
        ("the-browser", "session opened"),
        ("the-browser", "app granted access"),
        ("the-app", "app password made"),
        ("the-browser", "session closed"),
    ] {
        let about = house.server.log_about(&format!("audit: {event} actor=\"alice\""));
        let wanted = format!("ip=127.0.0.1 request=\"{request}\"");
        ensure!(about.contains(&wanted), "{event} is missing: {about:?}");
    }
    house.server.restart()?;
    house.finish()
}
