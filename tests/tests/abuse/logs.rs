//! What the log and the answers hold: no secrets, no lines of a client's making (threats §0.4).

use anyhow::{Context as _, Result, ensure};
use e2e::browser::Browser;
use e2e::http::{Request, Response, exchange};

use crate::house::{ALICE, BOB, FILES, House, METHODS, between, whole};

/// Logs all there is, also what libraries say.
const TRACE: &str = "[log]\nlevel = \"trace\"\n";

/// No secret of a client's is in the log at its loudest, nor in any answer but the one that gives it.
#[test]
fn a_canary_is_in_no_log_and_no_refusal() -> Result<()> {
    let house = House::start_with(TRACE)?;
    let http = house.server.http();
    let mut secrets = vec![
        ("alice's password", ALICE.to_owned()),
        ("bob's password", BOB.to_owned()),
        ("alice's app password", house.alice.clone()),
        ("bob's app password", house.bob.clone()),
    ];
    let mut refused: Vec<Response> = Vec::new();
    // Basic, right and wrong; Bearer; as clients of each kind send them.
    let wrong = "canary-wrong-password";
    secrets.push(("a wrong password", wrong.to_owned()));
    ensure!(exchange(&http, &Request::new("HEAD", FILES).basic("alice", ALICE))?.status == 200);
    refused.push(exchange(&http, &Request::new("PROPFIND", FILES).basic("alice", wrong))?);
    let revoked = "AAAAAAAAA-BBBBBBBBB-CCCCCCCCC-DDDDDDDDD-canary999";
    secrets.push(("a token nobody has", revoked.to_owned()));
    refused.push(exchange(&http, &Request::new("PROPFIND", FILES).basic("alice", revoked))?);
    let bearer = format!("Bearer {revoked}");
    refused.push(exchange(&http, &Request::new("GET", FILES).field("Authorization", &bearer))?);
    let broken = "Basic canary-no-base64-***";
    secrets.push(("a field that is no base64", "canary-no-base64".to_owned()));
    refused.push(exchange(&http, &Request::new("GET", FILES).field("Authorization", broken))?);
    let bearer = format!("Bearer {}", house.bob);
    ensure!(
        exchange(
            &http,
            &Request::new("HEAD", "/remote.php/dav/files/bob/").field("Authorization", &bearer)
        )?
        .status
            == 200
    );
    for login in [("alice", wrong), ("alice", revoked)] {
        let request = Request::new("GET", "/ocs/v2.php/cloud/user")
            .field("OCS-APIRequest", "true")
            .basic(login.0, login.1);
        refused.push(exchange(&http, &request)?);
    }
    // A cookie, of ours or not.
    let forged = "canaryforgedsession0123456789012345678901234";
    secrets.push(("a forged cookie", forged.to_owned()));
    let request = Request::new("GET", FILES).field("Cookie", &format!("moonsail_session={forged}"));
    refused.push(exchange(&http, &request)?);
    // A login flow with all its tokens, through the form, with a wrong try.
    let started = exchange(&http, &Request::new("POST", "/index.php/login/v2"))?;
    let started: serde_json::Value = serde_json::from_slice(&started.body)?;
    let poll = started["poll"]["token"].as_str().context("a token")?.to_owned();
    let login = started["login"].as_str().context("an address")?.to_owned();
    secrets.push(("a poll token", poll.clone()));
    secrets.push(("a login token", login.rsplit('/').next().unwrap_or_default().to_owned()));
    let mut browser = Browser::new(http.clone());
    browser.open(&login)?;
    for password in [wrong, ALICE] {
        let mut form = browser.require_form(|form| form.has("password"))?;
        form.fill("user", "alice")?;
        form.fill("password", password)?;
        browser.submit(&form)?;
    }
    let grant = browser.require_form(|form| form.has("stateToken"))?;
    for (name, value) in &grant.inputs {
        if value.len() > 20 {
            secrets.push(("a token of the grant", value.clone()));
        }
        ensure!(name != "password");
    }
    browser.submit(&grant)?;
    // iOS sends the token in the query.
    let granted =
        exchange(&http, &Request::new("POST", &format!("/index.php/login/v2/poll?token={poll}")))?;
    let granted: serde_json::Value = serde_json::from_slice(&granted.body)?;
    let made = granted["appPassword"].as_str().context("an app password")?.to_owned();
    secrets.push(("an app password of a flow", made.clone()));
    let token = format!("token={made}");
    refused.push(exchange(&http, &Request::new("POST", "/index.php/core/wipe/check").body(token))?);
    // Exchanged, rotated, revoked.
    let ask = |method: &str, path: &str, password: &str| {
        let request = Request::new(method, path).field("OCS-APIRequest", "true");
        exchange(&http, &request.basic("alice", password)).map(|answer| answer.text())
    };
    let given = ask("GET", "/ocs/v2.php/core/getapppassword", ALICE)?;
    let given = between(&given, "<apppassword>", "</apppassword>")?.to_owned();
    let rotated = ask("POST", "/ocs/v2.php/core/apppassword/rotate", &given)?;
    let rotated = between(&rotated, "<apppassword>", "</apppassword>")?.to_owned();
    ask("DELETE", "/ocs/v2.php/core/apppassword", &rotated)?;
    secrets.push(("an exchanged app password", given));
    secrets.push(("a rotated app password", rotated));
    // A new password.
    let new = "canary-new-password-of-alice";
    secrets.push(("a new password", new.to_owned()));
    let request = Request::new("PUT", "/ocs/v2.php/cloud/users/bob")
        .field("OCS-APIRequest", "true")
        .field("Content-Type", "application/x-www-form-urlencoded")
        .basic("bob", BOB)
        .body(format!("key=password&value={new}"));
    ensure!(exchange(&http, &request)?.status == 200);
    // A lock, and requests that fail for many causes, all of them with the app password.
    let target = format!("{FILES}a.txt");
    let locked = exchange(&http, &whole(house.request("LOCK", &target)))?;
    let token = locked.find_field("lock-token").context("a lock token")?.trim_matches(['<', '>']);
    secrets.push(("a lock token", token.to_owned()));
    for method in METHODS {
        refused.push(exchange(&http, &whole(house.request(method, &target)))?);
    }
    // With its query, an address may hold anything.
    let request = house.request("GET", &format!("{FILES}?password=canary-in-a-query"));
    secrets.push(("a query", "canary-in-a-query".to_owned()));
    refused.push(exchange(&http, &request)?);
    let log = {
        let mut house = house;
        house.server.stop()?;
        let log = house.server.log_about("");
        house.server.restart()?;
        house.finish()?;
        log
    };
    ensure!(log.contains("login refused") && log.contains("status=401"), "this is not the log");
    for (what, secret) in &secrets {
        let line = log.lines().find(|line| line.contains(secret.as_str()));
        ensure!(line.is_none(), "{what} is in the log: {}", line.unwrap_or_default());
        for answer in &refused {
            let whole = format!("{:?} {}", answer.fields, answer.text());
            let own = *what == "a lock token" && answer.status < 300;
            ensure!(own || !whole.contains(secret), "{what} is in an answer: {whole}");
        }
    }
    // Coded is as good as clear.
    for (login, password) in [("alice", ALICE), ("alice", wrong), ("bob", BOB)] {
        let coded = Request::new("GET", "/").basic(login, password).fields.remove(0).1;
        let coded = coded.trim_start_matches("Basic ").to_owned();
        ensure!(!log.contains(&coded), "{login}'s field is in the log");
    }
    Ok(())
}

/// Text of a client's making is on one line and moves no cursor.
#[test]
fn nobody_writes_lines_into_the_log() -> Result<()> {
    for format in ["text", "json"] {
        let house =
            House::start_with(&format!("[log]\nlevel = \"debug\"\nformat = \"{format}\"\n"))?;
        let http = house.server.http();
        let nasty = "x\u{1b}[2J\u{9b}31m\u{202e}\r\nFORGED line\u{7}\u{8}\u{0085}\u{2028}";
        exchange(&http, &Request::new("HEAD", FILES).basic(nasty, "guess"))?;
        exchange(&http, &Request::new("HEAD", FILES).basic("a\nFORGED line", "guess"))?;
        let coded: String = nasty.bytes().map(|byte| format!("%{byte:02x}")).collect();
        exchange(&http, &house.request("GET", &format!("{FILES}{coded}")))?;
        exchange(&http, &house.request("MOVE", &format!("{FILES}{coded}")))?;
        // Names may hold what terminals take for commands in other encodings.
        let name = "\u{202e}gpj.exe\u{2066}";
        let coded: String = name.bytes().map(|byte| format!("%{byte:02x}")).collect();
        exchange(&http, &house.request("PUT", &format!("{FILES}{coded}")).body("x"))?;
        let flow =
            Request::new("POST", "/index.php/login/v2").field("User-Agent", "a\u{1b}[2Jb\u{9b}c");
        exchange(&http, &flow)?;
        for request in [
            Request::new("GET", "/").field("X-Request-Id", "a\u{1b}[2J FORGED line"),
            Request::new("GET", "/").field("User-Agent", "\u{1b}[2J"),
            Request::new("GET", "/\u{1b}[2J"),
            Request::new("G\u{1b}[2JT", "/"),
            Request::new("GET", "/").field("Host", "a\u{1b}[2J"),
        ] {
            // Some of these are no HTTP, and then there may be no answer.
            let _ = exchange(&http, &request);
        }
        // The form takes what it is given.
        let mut browser = Browser::new(http.clone());
        browser.open("/login")?;
        let mut form = browser.require_form(|form| form.has("password"))?;
        form.fill("user", nasty)?;
        form.fill("password", "guess")?;
        browser.submit(&form)?;
        let mut house = house;
        house.server.stop()?;
        let log = house.server.log_about("");
        for line in log.lines() {
            ensure!(!line.trim_start().starts_with("FORGED"), "a line of its own: {line}");
            let bad =
                line.chars().find(|c| c.is_control() || "\u{202e}\u{2066}\u{2028}".contains(*c));
            ensure!(bad.is_none(), "{bad:?} in the log: {line:?}");
            if format == "json" && line.starts_with('{') {
                serde_json::from_str::<serde_json::Value>(line).with_context(|| line.to_owned())?;
            }
        }
        ensure!(log.contains("FORGED"), "the tries were not logged at all");
        house.server.restart()?;
        house.finish()?;
    }
    Ok(())
}

/// Refusals say what is wrong and nothing of the server's inside, nor the path.
#[test]
fn refusals_hold_no_paths_and_nothing_of_the_inside() -> Result<()> {
    let house = House::start()?;
    let name = "canary-name";
    let target = format!("{FILES}{name}");
    let other = format!("{FILES}{name}-2");
    let below = format!("{FILES}{name}/x");
    ensure!(house.ask("PUT", &other, &[], b"x")?.status == 201);
    ensure!(house.ask("MKCOL", &format!("{FILES}{name}-3"), &[], b"")?.status == 201);
    let folder = format!("{FILES}{name}-3");
    let inside = format!("{folder}/below");
    let to = |to| Some(("Destination", to));
    let rows = [
        ("GET", &target, None, 404),
        ("PROPFIND", &target, None, 404),
        ("DELETE", &target, None, 404),
        ("LOCK", &below, None, 409),
        ("MKCOL", &below, None, 409),
        ("PUT", &below, None, 409),
        ("MKCOL", &other, None, 405),
        ("PUT", &folder, None, 409),
        ("MOVE", &other, to(below.as_str()), 409),
        ("COPY", &folder, to(inside.as_str()), 409),
        ("MOVE", &other, to(other.as_str()), 403),
        ("MOVE", &target, to(other.as_str()), 404),
        ("PUT", &other, Some(("If-Match", "\"none\"")), 412),
        ("PUT", &other, Some(("OC-Checksum", "MD5:00000000000000000000000000000000")), 400),
        ("UNLOCK", &other, Some(("Lock-Token", "<opaquelocktoken:none>")), 409),
        ("PATCH", &target, None, 404),
    ];
    for (method, target, field, status) in rows {
        let mut request = house.request(method, target);
        if let Some((name, value)) = field {
            request = request.field(name, value);
        }
        let answer = match method {
            "MOVE" | "COPY" | "UNLOCK" => house.anybody(&request)?,
            _ => house.anybody(&whole(request))?,
        };
        let said = answer.text();
        ensure!(answer.status == status, "{method} {target}: {} {said}", answer.status);
        for word in [
            name, "alice", "/tmp", "data/", "src/", ".rs", "SELECT", "sqlite", "panicked",
            "Error {",
        ] {
            ensure!(!said.contains(word), "{method} {target}: {word} in {said}");
        }
        ensure!(answer.find_field("x-request-id").is_some(), "{method} {target}: no request id");
    }
    house.finish()
}
