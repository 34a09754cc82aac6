//! Login flows in the hands of somebody else: phishing, framing, forged hosts (threats §4).

use anyhow::{Context as _, Result, ensure};
use e2e::Server;
use e2e::browser::Browser;
use e2e::http::{Request, Response};
use serde_json::Value;

use crate::house::{ALICE, House};

struct Flow {
    token: String,
    login: String,
}

fn begin(house: &House) -> Result<Flow> {
    let request = Request::new("POST", "/index.php/login/v2").field("User-Agent", "Evil App");
    let answer: Value = serde_json::from_slice(&house.anybody(&request)?.body)?;
    let token = answer["poll"]["token"].as_str().context("a token")?.to_owned();
    let login = answer["login"].as_str().context("a login address")?.to_owned();
    Ok(Flow { token, login })
}

fn poll(house: &House, token: &str) -> Result<Response> {
    let request = Request::new("POST", "/index.php/login/v2/poll")
        .field("Content-Type", "application/x-www-form-urlencoded")
        .body(format!("token={token}"));
    house.anybody(&request)
}

/// A browser in which Alice has logged in, by the flow if one is given.
fn logged_in(house: &House, address: &str) -> Result<Browser> {
    let mut browser = Browser::new(house.server.http());
    browser.open(address)?;
    let mut form = browser.require_form(|form| form.has("password"))?;
    form.fill("user", "alice")?;
    form.fill("password", ALICE)?;
    browser.submit(&form)?;
    ensure!(browser.status == 200, "a login: {}", browser.status);
    Ok(browser)
}

#[test]
fn a_link_from_somebody_else_grants_nothing_without_a_click_on_its_page() -> Result<()> {
    let house = House::start()?;
    let mut victim = logged_in(&house, "/login")?;
    let flow = begin(&house)?;
    let tokens_differ = !flow.login.contains(&flow.token);
    ensure!(tokens_differ, "the login address holds the poll token");
    // Opening the link, also logged in, is a question and no grant.
    victim.open(&flow.login)?;
    for text in ["Evil App", "127.0.0.1", "Did somebody send you"] {
        ensure!(victim.page.contains(text), "the page does not say {text}: {}", victim.page);
    }
    ensure!(poll(&house, &flow.token)?.status == 404, "opening the link has granted");
    // Nor is any GET of the address that grants.
    let form = victim.require_form(|form| form.has("stateToken"))?;
    victim.open("/index.php/login/v2/grant")?;
    ensure!(poll(&house, &flow.token)?.status == 404, "a GET has granted");
    // The state of another page does not help.
    for name in ["stateToken", "requesttoken"] {
        for value in ["", "0", &"0".repeat(64)] {
            let mut forged = form.clone();
            forged.fill(name, value)?;
            victim.submit(&forged)?;
            ensure!(victim.status == 403, "{name} {value}: {}", victim.status);
        }
    }
    ensure!(poll(&house, &flow.token)?.status == 404, "a forged form has granted");
    // Nor does the attacker's own browser, though he knows the link.
    let mut attacker = Browser::new(house.server.http());
    attacker.open(&flow.login)?;
    ensure!(attacker.status == 403, "the link opens twice: {}", attacker.status);
    attacker.submit(&form)?;
    ensure!(attacker.status == 403, "the form works elsewhere: {}", attacker.status);
    ensure!(poll(&house, &flow.token)?.status == 404);
    victim.open("/index.php/login/v2/flow")?;
    let form = victim.require_form(|form| form.has("stateToken"))?;
    victim.submit(&form)?;
    ensure!(poll(&house, &flow.token)?.status == 200, "the click has not granted");
    ensure!(poll(&house, &flow.token)?.status == 404, "the password was given twice");
    house.finish()
}

/// The attacker opens the link first and lets the victim only log in.
#[test]
fn a_login_in_another_browser_grants_nothing() -> Result<()> {
    let house = House::start()?;
    let flow = begin(&house)?;
    let mut attacker = Browser::new(house.server.http());
    attacker.open(&flow.login)?;
    ensure!(attacker.status == 200, "{}", attacker.status);
    let mut victim = Browser::new(house.server.http());
    victim.open(&flow.login)?;
    ensure!(victim.status == 403, "the victim sees {}", victim.status);
    ensure!(victim.forms().iter().all(|form| !form.has("password")), "a form: {}", victim.page);
    ensure!(poll(&house, &flow.token)?.status == 404);
    house.finish()
}

#[test]
fn pages_of_a_login_are_framed_nowhere_run_no_script_and_are_not_kept() -> Result<()> {
    let house = House::start()?;
    let flow = begin(&house)?;
    let address = flow.login.strip_prefix(&house.server.http().base()).context("an address")?;
    for target in ["/login", "/logout", "/", "/index.php/login/v2/flow", "/nothing/here", address] {
        let answer = house.anybody(&Request::new("GET", target).field("Accept", "text/html"))?;
        let policy = answer.find_field("content-security-policy").unwrap_or_default().to_owned();
        ensure!(policy.contains("default-src 'none'"), "{target}: {policy}");
        ensure!(policy.contains("frame-ancestors 'none'"), "{target}: {policy}");
        ensure!(!policy.contains("unsafe-inline"), "{target}: {policy}");
        ensure!(answer.find_field("x-frame-options") == Some("DENY"), "{target}");
        ensure!(answer.find_field("x-content-type-options") == Some("nosniff"), "{target}");
        ensure!(answer.find_field("referrer-policy") == Some("no-referrer"), "{target}");
        let kept = answer.find_field("cache-control").unwrap_or_default();
        ensure!(kept.contains("no-store") || target == "/", "{target}: {kept:?}");
    }
    house.finish()
}

#[test]
fn forged_hosts_get_into_no_address() -> Result<()> {
    let config = "[server]\npublic_url = \"https://cloud.example.org\"\n";
    let server = Server::start_with(config, &[])?;
    let plain = Request::new("POST", "/index.php/login/v2");
    for request in [
        plain.clone().field("Host", "evil.example"),
        plain.clone().field("X-Forwarded-Host", "evil.example"),
        plain.clone().field("Forwarded", "host=evil.example;proto=https"),
        plain.clone().field("X-Host", "evil.example").field("X-Original-Host", "evil.example"),
        plain.clone().field("X-Forwarded-Prefix", "/evil.example"),
        plain.field("Referer", "http://evil.example").field("Origin", "http://evil.example"),
    ] {
        let answer = e2e::http::exchange(&server.http(), &request)?;
        let said = answer.text();
        ensure!(answer.status == 200 && !said.contains("evil"), "{request:?}: {said}");
        ensure!(said.contains("\"login\":\"https://cloud.example.org/"), "{said}");
    }
    for host in ["evil.example/path", "evil example", "a@evil.example", "evil.example\\x", ""] {
        let request = Request::new("POST", "/index.php/login/v2").field("Host", host);
        let answer = e2e::http::exchange(&server.http(), &request)?;
        ensure!(answer.status == 400, "Host {host:?}: {}", answer.status);
    }
    server.finish()
}

/// Flow v1 ends at an address of the apps' scheme, whatever is asked for.
#[test]
fn the_old_flow_leads_to_apps_alone() -> Result<()> {
    let house = House::start()?;
    let answer = house.anybody(&Request::new("GET", "/index.php/login/flow"))?;
    ensure!(answer.status == 403, "a link in a mail: {}", answer.status);
    let mut browser = Browser::new(house.server.http());
    browser.fields.push(("OCS-APIRequest".to_owned(), "true".to_owned()));
    browser.open(
        "/index.php/login/flow?redirect_url=https%3A%2F%2Fevil.example&server=evil.example",
    )?;
    let mut form = browser.require_form(|form| form.has("password"))?;
    form.fill("user", "alice")?;
    form.fill("password", ALICE)?;
    browser.submit(&form)?;
    let grant = browser.require_form(|form| form.has("stateToken"))?;
    browser.submit(&grant)?;
    let link = browser.app_link.clone().context("no way to the app")?;
    ensure!(link.starts_with("nc://login/server:http://127.0.0.1:"), "{link}");
    ensure!(!link.contains("evil"), "{link}");
    house.finish()
}

#[test]
fn a_login_leads_to_local_paths_alone() -> Result<()> {
    let house = House::start()?;
    for target in [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example",
        "\\\\evil.example",
        "/%09/evil.example",
        "javascript:alert(1)",
        "/..//evil.example",
        "nc://login",
        " https://evil.example",
        "https:evil.example",
        "///evil.example",
        "/a%0d%0aSet-Cookie:a=b",
    ] {
        let mut browser = Browser::new(house.server.http());
        let coded: String = target.bytes().map(|byte| format!("%{byte:02x}")).collect();
        browser.open(&format!("/login?redirect_url={coded}"))?;
        let mut form = browser.require_form(|form| form.has("password"))?;
        form.fill("user", "alice")?;
        form.fill("password", ALICE)?;
        // Also where the form is forged to say so.
        form.fill("redirect_url", target)?;
        browser.submit(&form)?;
        ensure!(browser.app_link.is_none() && browser.status < 500, "{target}: {}", browser.place);
        ensure!(
            !browser.place.contains("evil.example") || browser.place.starts_with("/%09"),
            "{target}: {}",
            browser.place
        );
    }
    house.finish()
}
