//! Each page as people see it: light and dark, on a screen and on a phone of 360 px.

use anyhow::{Result, ensure};
use e2e::webdriver::{Options, screenshots};
use serde_json::json;

use crate::house::{ALLOW, House, PASSWORD};

/// Looks for what shuts people out; see there.
const AUDIT: &str = include_str!("audit.js");
/// Nobody's names break a page.
const LONG: &str = "anna-maria.von.und.zu.hohenstein-schwarzenburg@office.example.or";

pub(crate) fn pages() -> Result<()> {
    let house = House::new(Options::default())?;
    let browser = &house.browser;
    let open = |path: &str| browser.open(&house.url(path));
    open("/")?;
    look(&house, "landing", 1)?;
    open("/no/such/page")?;
    look(&house, "missing", 1)?;
    open("/login")?;
    look(&house, "login", 1)?;
    open("/logout")?;
    look(&house, "logged-out", 1)?;
    open("/index.php/login/v2/flow")?;
    look(&house, "no-flow", 1)?;
    open("/index.php/login/v2/flow/0123456789")?;
    look(&house, "link-over", 1)?;
    open("/index.php/login/flow")?;
    look(&house, "not-from-app", 1)?;

    house.server.add_user(LONG, PASSWORD)?;
    let app = format!("{}(Desktop Client - Linux)", "Anna-Marias-Computer-".repeat(4));
    let flow = house.begin(&app)?;
    browser.open(&flow.login)?;
    look(&house, "login-for-app", 1)?;
    house.log_in(LONG, "wrong")?;
    browser.find("[role=alert]")?;
    look(&house, "login-wrong", 1)?;
    house.log_in(LONG, PASSWORD)?;
    browser.wait_for_heading("Connect this app?")?;
    look(&house, "grant", 1)?;
    browser.click(ALLOW)?;
    browser.wait_for_heading("App connected")?;
    look(&house, "granted", 1)?;
    open("/")?;
    look(&house, "landing-logged-in", 2)?;
    open("/logout")?;
    look(&house, "logout", 1)?;
    browser.click("main form button")?;
    browser.wait_for_heading("Your files, in sync")?;

    for _ in 0..11 {
        open("/login")?;
        house.log_in("alice", "wrong")?;
        browser.find("[role=alert]")?;
    }
    ensure!(browser.text()?.contains("Too many tries"), "{}", browser.text()?);
    look(&house, "throttled", 1)?;
    house.browser_is_content(&["status of 403", "status of 404", "status of 429"])?;
    house.finish()
}

/// Examines the page in each way of looking at it, and keeps pictures. `least` headings are there.
fn look(house: &House, name: &str, least: u64) -> Result<()> {
    let browser = &house.browser;
    let mut problems = Vec::new();
    // As on a phone, where they lie over the page; also, pictures are wider than what they show.
    browser.devtools("Emulation.setScrollbarsHidden", &json!({"hidden": true}))?;
    for scheme in ["light", "dark"] {
        let feature = json!({"name": "prefers-color-scheme", "value": scheme});
        browser.devtools("Emulation.setEmulatedMedia", &json!({"features": [feature]}))?;
        for width in [360, 1000] {
            let size =
                json!({"width": width, "height": 780, "deviceScaleFactor": 1, "mobile": false});
            browser.devtools("Emulation.setDeviceMetricsOverride", &size)?;
            browser.screenshot(&screenshots().join(format!("{name}-{scheme}-{width}.png")))?;
            let found = browser.script(AUDIT, &[])?;
            // An audit that sees nothing would find nothing.
            ensure!(found["headings"].as_u64() >= Some(least), "{name}: {found}");
            ensure!(found["texts"].as_u64() >= Some(3), "{name}: {found}");
            let list = found["problems"].as_array().cloned().unwrap_or_default();
            problems.extend(list.iter().map(|p| format!("{name}, {scheme}, {width} px: {p}")));
        }
    }
    browser.devtools("Emulation.clearDeviceMetricsOverride", &json!({}))?;
    browser.devtools("Emulation.setEmulatedMedia", &json!({"features": []}))?;
    ensure!(problems.is_empty(), "{problems:#?}");
    Ok(())
}
