//! Cookies: whose they are, when they end, what they may do (threats §4).
//!
//! How long they live is shown with a clock moved by hand, in core/tests/accounts.

use anyhow::{Context as _, Result, ensure};
use e2e::http::{Endpoint, Request, Response, exchange};

use crate::house::{ALICE, FILES, House, between};

/// Name and value of the cookie that ends in `name`.
fn cookie(answer: &Response, name: &str) -> Option<String> {
    let mut pairs = answer.fields("set-cookie").filter_map(|value| value.split(';').next());
    pairs
        .find(|pair| pair.split('=').next().is_some_and(|have| have.ends_with(name)))
        .map(str::to_owned)
}

/// Logs Alice in; gives the answer. `more` is sent as cookies besides the browser's.
fn log_in(endpoint: &Endpoint, more: &str) -> Result<Response> {
    let page = exchange(endpoint, &Request::new("GET", "/login"))?;
    let browser = cookie(&page, "_browser").context("a browser's cookie")?;
    let text = page.text();
    let token = between(&text, "name=\"requesttoken\" value=\"", "\"")?;
    let password = ALICE.replace(' ', "+");
    let request = Request::new("POST", "/login")
        .field("Cookie", &format!("{browser}; {more}"))
        .field("Content-Type", "application/x-www-form-urlencoded")
        .body(format!("requesttoken={token}&user=alice&password={password}"));
    exchange(endpoint, &request)
}

fn status(endpoint: &Endpoint, method: &str, target: &str, fields: &[(&str, &str)]) -> Result<u16> {
    let mut request = Request::new(method, target);
    for (name, value) in fields {
        request = request.field(name, value);
    }
    Ok(exchange(endpoint, &request)?.status)
}

#[test]
fn a_login_makes_a_new_id_and_logging_out_kills_it_on_the_server() -> Result<()> {
    let house = House::start()?;
    let http = house.server.http();
    // An id that somebody else has chosen is never taken (session fixation).
    let fixed = "moonsail_session=0123456789012345678901234567890123456789012";
    let answer = log_in(&http, fixed)?;
    ensure!(answer.status == 303, "{}", answer.status);
    let first = cookie(&answer, "_session").context("a session")?;
    ensure!(first.len() > 40 && first != fixed, "{first}");
    ensure!(status(&http, "GET", FILES, &[("Cookie", fixed)])? == 401, "the fixed id is in");
    ensure!(status(&http, "PROPFIND", FILES, &[("Cookie", &first), ("Depth", "0")])? == 412);
    ensure!(status(&http, "HEAD", FILES, &[("Cookie", &first)])? == 200, "the session is out");
    // A second login in the same browser ends the first.
    let answer = log_in(&http, &first)?;
    let second = cookie(&answer, "_session").context("a session")?;
    ensure!(first != second, "the id stays the same");
    ensure!(status(&http, "HEAD", FILES, &[("Cookie", &first)])? == 401, "the old id is in");
    // A logout by link does nothing, nor does one without the token.
    ensure!(status(&http, "GET", "/logout", &[("Cookie", &second)])? == 200);
    ensure!(status(&http, "POST", "/logout", &[("Cookie", &second)])? == 403);
    ensure!(status(&http, "HEAD", FILES, &[("Cookie", &second)])? == 200);
    let page = exchange(&http, &Request::new("GET", "/logout").field("Cookie", &second))?.text();
    let token = between(&page, "name=\"requesttoken\" value=\"", "\"")?;
    let request = Request::new("POST", "/logout")
        .field("Cookie", &second)
        .body(format!("requesttoken={token}"));
    ensure!(exchange(&http, &request)?.status == 303);
    ensure!(status(&http, "HEAD", FILES, &[("Cookie", &second)])? == 401, "the id lives on");
    house.finish()
}

#[test]
fn cookies_are_bound_to_the_server_and_out_of_scripts_reach() -> Result<()> {
    let house = House::start()?;
    for (endpoint, tls) in [(house.server.http(), false), (house.server.https(), true)] {
        let answer = log_in(&endpoint, "")?;
        ensure!(answer.status == 303);
        let cookies: Vec<&str> = answer.fields("set-cookie").collect();
        ensure!(cookies.len() >= 2, "{cookies:?}");
        for cookie in cookies {
            for part in ["; HttpOnly", "; SameSite=Lax", "; Path=/"] {
                ensure!(cookie.contains(part), "{cookie}");
            }
            ensure!(!cookie.to_lowercase().contains("domain="), "{cookie}");
            ensure!(cookie.contains("; Secure") == tls, "{cookie}");
            ensure!(cookie.starts_with("__Host-") == tls, "{cookie}");
        }
        let transport = answer.find_field("strict-transport-security").unwrap_or_default();
        let age = transport.split("max-age=").nth(1).and_then(|age| age.split(';').next());
        let year = age.and_then(|age| age.parse::<u64>().ok()).is_some_and(|age| age >= 31_536_000);
        ensure!(year == tls, "Strict-Transport-Security: {transport}");
    }
    house.finish()
}

#[test]
fn a_cookie_changes_nothing_for_another_site() -> Result<()> {
    let house = House::start()?;
    let http = house.server.http();
    ensure!(house.ask("PUT", &format!("{FILES}a.txt"), &[], b"hello")?.status == 201);
    let before = house.state()?;
    let session = cookie(&log_in(&http, "")?, "_session").context("a session")?;
    let api = "/ocs/v2.php/cloud/users/alice";
    let own = http.base();
    for from in [
        &[][..],
        &[("Origin", "http://evil.example")],
        &[("Origin", "null")],
        &[("Origin", "http://127.0.0.1")],
        &[("Referer", own.as_str())],
        &[("Sec-Fetch-Site", "cross-site")],
        &[("Sec-Fetch-Site", "same-site")],
        &[("Origin", "http://evil.example"), ("Sec-Fetch-Site", "same-origin")],
        &[("requesttoken", "guess")],
        &[("X-Requested-With", "XMLHttpRequest")],
    ] {
        for (method, target) in [
            ("PUT", &*format!("{FILES}b.txt")),
            ("DELETE", &*format!("{FILES}a.txt")),
            ("MKCOL", &*format!("{FILES}b")),
            ("PROPPATCH", &*format!("{FILES}a.txt")),
            ("LOCK", &*format!("{FILES}a.txt")),
            ("MOVE", &*format!("{FILES}a.txt")),
            ("PUT", api),
            ("DELETE", "/ocs/v2.php/core/apppassword"),
            ("POST", "/logout"),
            ("POST", "/index.php/login/v2/grant"),
        ] {
            let mut fields = vec![
                ("Cookie", session.as_str()),
                ("OCS-APIRequest", "true"),
                ("Destination", "/remote.php/dav/files/alice/c.txt"),
            ];
            fields.extend(from);
            let status = status(&http, method, target, &fields)?;
            ensure!(matches!(status, 401 | 403 | 412), "{method} {target} {from:?}: {status}");
        }
    }
    // Without the field that only scripts of this server can send, the API is not asked at all.
    for method in ["GET", "PUT"] {
        let status = status(&http, method, api, &[("Cookie", &session), ("Origin", &own)])?;
        ensure!(matches!(status, 403 | 412), "{method} without OCS-APIRequest: {status}");
    }
    ensure!(house.state()? == before, "something has changed");
    let fields = [("Cookie", session.as_str()), ("Origin", own.as_str())];
    ensure!(status(&http, "MKCOL", &format!("{FILES}b"), &fields)? == 201, "our own page");
    house.finish()
}

#[test]
fn no_other_site_may_read_an_answer() -> Result<()> {
    let house = House::start()?;
    for (method, target) in [
        ("OPTIONS", FILES),
        ("OPTIONS", "/ocs/v2.php/cloud/user"),
        ("OPTIONS", "/index.php/login/v2"),
        ("GET", FILES),
        ("PROPFIND", FILES),
        ("GET", "/status.php"),
        ("GET", "/ocs/v2.php/cloud/capabilities"),
        ("GET", "/ocs/v2.php/cloud/user"),
        ("POST", "/index.php/login/v2"),
        ("GET", "/login"),
        ("GET", "/"),
    ] {
        for origin in ["http://evil.example", "null", "http://127.0.0.1"] {
            let request = house
                .request(method, target)
                .field("Origin", origin)
                .field("OCS-APIRequest", "true")
                .field("Access-Control-Request-Method", "PUT")
                .field("Access-Control-Request-Headers", "authorization");
            let answer = house.anybody(&request)?;
            let open: Vec<_> = answer
                .fields
                .iter()
                .filter(|(name, _)| name.to_lowercase().starts_with("access-control-allow"))
                .collect();
            ensure!(open.is_empty(), "{method} {target} for {origin}: {open:?}");
        }
    }
    house.finish()
}
