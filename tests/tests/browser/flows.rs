//! Logging in and connecting apps, as people do.

use anyhow::{Context, Result, ensure};
use e2e::webdriver::{ENTER, Options, TAB};
use serde_json::json;

use crate::house::{ALLOW, APP, House, PASSWORD};

/// From the app's first request to its password, by way of a typing error.
pub(crate) fn flow_v2() -> Result<()> {
    let house = House::new(Options::default())?;
    let browser = &house.browser;
    let flow = house.begin(APP)?;
    ensure!(house.poll(&flow)?.status == 404, "before the login");
    browser.open(&flow.login)?;
    browser.wait_for_heading("Log in to connect an app")?;
    ensure!(browser.text()?.contains(APP), "the form does not name the app: {}", browser.text()?);
    let token = flow.login.rsplit('/').next().context("a token")?;
    ensure!(!browser.url()?.contains(token), "the token stays in the address");

    house.log_in("alice", "not the password")?;
    browser.find("[role=alert]")?;
    ensure!(browser.text()?.contains("User name or password is wrong"), "{}", browser.text()?);
    let kept = browser.script("return [user.value, password.value]", &[])?;
    ensure!(kept == json!(["alice", ""]), "name kept, password gone: {kept}");
    let focus = browser.script("return document.activeElement.id", &[])?;
    ensure!(focus == "password", "the focus is on {focus}");
    ensure!(house.poll(&flow)?.status == 404, "after a wrong password");

    house.log_in("alice", PASSWORD)?;
    browser.wait_for_heading("Connect this app?")?;
    let page = browser.text()?;
    let host = house.server.https().base().replace("https://", "");
    for part in [APP, "alice", &host] {
        ensure!(page.contains(part), "the question does not name {part:?}: {page}");
    }
    ensure!(house.poll(&flow)?.status == 404, "before the grant");
    browser.click(ALLOW)?;
    browser.wait_for_heading("App connected")?;
    house.app_is_connected(&flow, "alice")?;
    house.browser_is_content(&["status of 403"])?;
    house.finish()
}

/// Nothing on the way needs a script.
pub(crate) fn flow_v2_without_scripts() -> Result<()> {
    let house = House::new(Options { without_scripts: true, ..Options::default() })?;
    let browser = &house.browser;
    browser.open("data:text/html,<title>off</title><script>document.title='on'</script>")?;
    let scripts = browser.script("return document.title", &[])?;
    ensure!(scripts == "off", "the browser runs scripts, so this shows nothing");
    let flow = house.begin(APP)?;
    browser.open(&flow.login)?;
    house.log_in("alice", PASSWORD)?;
    browser.wait_for_heading("Connect this app?")?;
    browser.click(ALLOW)?;
    browser.wait_for_heading("App connected")?;
    house.app_is_connected(&flow, "alice")?;
    house.finish()
}

/// Without a mouse: the focus begins where one types, goes on in order, and can be seen.
pub(crate) fn flow_v2_by_keyboard() -> Result<()> {
    let house = House::new(Options::default())?;
    let browser = &house.browser;
    let flow = house.begin(APP)?;
    browser.open(&flow.login)?;
    browser.wait_for_heading("Log in to connect an app")?;
    ensure!(focus(&house)?.starts_with("user "), "the focus is on {}", focus(&house)?);
    browser.press("alice")?;
    browser.press(TAB)?;
    ensure!(focus(&house)?.starts_with("password "), "the focus is on {}", focus(&house)?);
    browser.press(PASSWORD)?;
    browser.press(ENTER)?;
    browser.wait_for_heading("Connect this app?")?;
    let mut seen = Vec::new();
    while seen.last().is_none_or(|last: &String| !last.contains("Allow access")) {
        ensure!(seen.len() < 5, "the button is not among the first five: {seen:?}");
        browser.press(TAB)?;
        seen.push(focus(&house)?);
    }
    ensure!(house.poll(&flow)?.status == 404, "before the grant");
    browser.press(ENTER)?;
    browser.wait_for_heading("App connected")?;
    house.app_is_connected(&flow, "alice")?;
    house.finish()
}

/// Id and text of what has the focus; an error unless people can see that it has.
fn focus(house: &House) -> Result<String> {
    let found = house.browser.script(
        "const e = document.activeElement, s = getComputedStyle(e);
         return [e.id + ' ' + e.innerText, s.outlineStyle, parseFloat(s.outlineWidth)]",
        &[],
    )?;
    let visible = found[1] != "none" && found[2].as_f64().is_some_and(|width| width >= 2.0);
    ensure!(visible, "the focus cannot be seen: {found}");
    found[0].as_str().map(str::to_owned).context("a name")
}

/// Somebody else is logged in: the flow goes on after a change of account.
pub(crate) fn flow_v2_other_account() -> Result<()> {
    let house = House::new(Options::default())?;
    let browser = &house.browser;
    house.server.add_user("bob", "the long password of bob")?;
    browser.open(&house.url("/login"))?;
    house.log_in("bob", "the long password of bob")?;
    browser.wait_for_heading("Your files, in sync")?;
    let flow = house.begin(APP)?;
    browser.open(&flow.login)?;
    browser.wait_for_heading("Connect this app?")?;
    ensure!(browser.text()?.contains("bob"), "{}", browser.text()?);
    browser.click("button.second")?;
    browser.wait_for_heading("Log in to connect an app")?;
    house.log_in("alice", PASSWORD)?;
    browser.wait_for_heading("Connect this app?")?;
    browser.click(ALLOW)?;
    browser.wait_for_heading("App connected")?;
    house.app_is_connected(&flow, "alice")?;
    house.browser_is_content(&[])?;
    house.finish()
}

/// Login flow v1: an app's web view is sent on to the app's own scheme. A name like an address of
/// mail is encoded there (clients.md §6).
pub(crate) fn flow_v1() -> Result<()> {
    let user_agent = Some("Mozilla/5.0 (Android) Nextcloud-android/3.30.0");
    let house = House::new(Options { user_agent, ..Options::default() })?;
    let browser = &house.browser;
    let user = "ann@example.org";
    house.server.add_user(user, "the long password of ann")?;
    let field = json!({"headers": {"OCS-APIRequest": "true"}});
    browser.devtools("Network.enable", &json!({}))?;
    browser.devtools("Network.setExtraHTTPHeaders", &field)?;
    browser.open(&house.url("/index.php/login/flow"))?;
    // A web view sends the field with the first page only.
    browser.devtools("Network.setExtraHTTPHeaders", &json!({"headers": {}}))?;
    browser.wait_for_heading("Log in to connect an app")?;
    house.log_in(user, "the long password of ann")?;
    browser.wait_for_heading("Connect this app?")?;
    ensure!(browser.text()?.contains(user), "{}", browser.text()?);
    house.browser_is_content(&[])?;
    browser.events()?;
    browser.click(ALLOW)?;
    let link = app_link(&house)?;
    let parts = link.strip_prefix("nc://login/server:").context(link.clone())?;
    let (base, rest) = parts.split_once("&user:").context(link.clone())?;
    let (name, password) = rest.split_once("&password:").context(link.clone())?;
    ensure!(base == house.server.https().base() && name == "ann%40example.org", "{link}");
    house.opens_files(user, password)?;
    // The page's own rules (form-action) let the browser follow.
    house.browser_is_content(&[])?;
    house.finish()
}

/// The address of an app that the browser was led to.
fn app_link(house: &House) -> Result<String> {
    for _ in 0..100 {
        for event in house.browser.events()? {
            let parameters = &event["message"]["params"];
            let places = [&parameters["request"]["url"], &parameters["url"]];
            let found =
                places.into_iter().filter_map(|p| p.as_str()).find(|p| p.starts_with("nc:"));
            if let Some(link) = found {
                return Ok(link.to_owned());
            }
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    anyhow::bail!("the browser was not led to an app; it is on {}", house.browser.url()?)
}

/// Logging out in the browser ends the session on the server, too.
pub(crate) fn logout() -> Result<()> {
    let house = House::new(Options::default())?;
    let browser = &house.browser;
    browser.open(&house.url("/login"))?;
    house.log_in("alice", PASSWORD)?;
    browser.wait_for_heading("Your files, in sync")?;
    ensure!(browser.text()?.contains("logged in as alice"), "{}", browser.text()?);
    let cookies = browser.devtools("Network.getCookies", &json!({}))?;
    let cookies = cookies["cookies"].as_array().context("cookies")?.clone();
    for cookie in &cookies {
        let good = cookie["httpOnly"] == true
            && cookie["secure"] == true
            && cookie["name"].as_str().is_some_and(|name| name.starts_with("__Host-"))
            && ["Lax", "Strict"].iter().any(|same_site| cookie["sameSite"] == *same_site);
        ensure!(good, "a cookie that is not strict: {cookie}");
    }
    browser.open(&house.url("/logout"))?;
    browser.wait_for_heading("Log out?")?;
    browser.click("main form button")?;
    browser.wait_for_heading("Your files, in sync")?;
    ensure!(!browser.text()?.contains("logged in as"), "{}", browser.text()?);
    // A thief who kept the cookies is logged out, too.
    for cookie in &cookies {
        let mut again = cookie.clone();
        again["url"] = json!(house.url("/"));
        browser.devtools("Network.setCookie", &again)?;
    }
    browser.open(&house.url("/"))?;
    ensure!(!browser.text()?.contains("logged in as"), "{}", browser.text()?);
    house.browser_is_content(&[])?;
    house.finish()
}
