//! Login flows as apps and browsers go through them (clients.md §5, §6).

use moonsail::auth::{By, UserChange};

use crate::house::{Answer, Browser, ELSEWHERE, HOME, House, PASSWORD, asking, basic};

const DESKTOP: &str = "laptop (Desktop Client - Linux)";

/// A started flow: poll token and the path of the login URL.
pub(crate) async fn start(house: &House) -> (String, String) {
    let mut app = Browser::new(house);
    app.fields.push(("user-agent", DESKTOP.to_owned()));
    let answer = app.post("/index.php/login/v2", &[]).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let json = answer.json();
    let endpoint = json["poll"]["endpoint"].as_str().expect("an endpoint");
    assert_eq!(endpoint, "http://cloud.test/index.php/login/v2/poll");
    let login = json["login"].as_str().expect("a login URL");
    let path = login.strip_prefix("http://cloud.test").expect("of this server");
    let poll = json["poll"]["token"].as_str().expect("a token");
    assert_eq!(poll.len(), 128);
    assert_eq!(path.strip_prefix("/index.php/login/v2/flow/").map(str::len), Some(128));
    assert!(!path.ends_with(poll), "the two tokens differ");
    (poll.to_owned(), path.to_owned())
}

pub(crate) async fn poll(house: &House, token: &str) -> Answer {
    Browser::new(house).post("/index.php/login/v2/poll", &[("token", token)]).await
}

/// Presses the button of a page that asks for a grant.
pub(crate) async fn allow(browser: &mut Browser<'_>, page: &Answer, action: &str) -> Answer {
    let (token, state) = (page.hidden("requesttoken"), page.hidden("stateToken"));
    browser.post(action, &[("requesttoken", &token), ("stateToken", &state)]).await
}

pub(crate) const GRANT: &str = "/index.php/login/v2/grant";

#[tokio::test]
async fn an_app_gets_a_password_once_after_its_user_has_allowed_it() {
    let house = House::new().await;
    let (token, url) = start(&house).await;
    let pending = poll(&house, &token).await;
    assert_eq!((pending.status.as_u16(), pending.body.as_str()), (404, ""), "trap 19");

    let mut browser = Browser::new(&house);
    let opened = browser.get(&format!("{url}?user=ali%26ce")).await;
    assert_eq!(opened.status, 303);
    assert!(opened.field("content-security-policy").contains("frame-ancestors 'none'"));
    let page = opened.field("location").to_owned();
    assert_eq!(page, "/index.php/login/v2/flow?user=ali%26ce");
    let form = browser.get(&page).await;
    assert_eq!(form.status, 200);
    for text in [DESKTOP, "cloud.test", "value=\"ali&amp;ce\"", "autocomplete=\"username\""] {
        assert!(form.body.contains(text), "{text} in {}", form.body);
    }
    let logged_in = browser.log_in(&page, "Alice@example.org", PASSWORD).await;
    assert_eq!(logged_in.field("location"), "/index.php/login/v2/flow");
    assert_eq!(poll(&house, &token).await.status, 404, "a login alone grants nothing");

    let question = browser.get("/index.php/login/v2/flow").await;
    for text in [DESKTOP, "cloud.test", "alice", "Did somebody send you a link"] {
        assert!(question.body.contains(text), "{text} in {}", question.body);
    }
    assert_eq!(poll(&house, &token).await.status, 404, "nor does the question");
    let done = allow(&mut browser, &question, GRANT).await;
    assert_eq!(done.status, 200, "{}", done.body);

    let granted = poll(&house, &token).await;
    assert_eq!(granted.status, 200);
    let json = granted.json();
    let keys: Vec<_> = json.as_object().expect("an object").keys().collect();
    assert_eq!(keys, ["server", "loginName", "appPassword"]);
    assert_eq!(
        (&json["server"], &json["loginName"]),
        (&"http://cloud.test".into(), &"alice".into())
    );
    let password = json["appPassword"].as_str().expect("text");
    let ask = asking(&basic("alice", password), HOME);
    let alice = house.auth.authenticate(&ask).await.expect("is let in").expect("somebody");
    let names: Vec<_> = house.auth.tokens_of(&alice.uid).await.expect("reads");
    assert_eq!(names[0].name, DESKTOP);
    let spent = poll(&house, &token).await;
    assert_eq!((spent.status.as_u16(), spent.body.as_str()), (404, ""));
    assert_eq!(browser.get("/index.php/login/v2/flow").await.status, 403, "nothing waits");
    assert_eq!(browser.get(&url).await.status, 404, "the link is over");
}

#[tokio::test]
async fn polls_come_in_each_apps_way_and_only_by_post() {
    let house = House::new().await;
    let (token, url) = start(&house).await;
    let mut app = Browser::new(&house);
    assert_eq!(app.get(&format!("/login/v2/poll?token={token}")).await.status, 405);
    assert_eq!(app.send("PUT", "/login/v2/poll", "").await.status, 405);
    let mut browser = Browser::new(&house);
    browser.get(&url).await;
    browser.log_in("/login/v2/flow", "alice", PASSWORD).await;
    let question = browser.get("/login/v2/flow").await;
    allow(&mut browser, &question, "/login/v2/grant").await;
    // iOS: in the query, without a body.
    let ios = app.send("POST", &format!("/login/v2/poll?token={token}"), "").await;
    assert_eq!(ios.status, 200, "{}", ios.body);
}

#[tokio::test]
async fn a_link_opens_in_one_browser_only() {
    let house = House::new().await;
    let (_, url) = start(&house).await;
    assert_eq!(Browser::new(&house).send("HEAD", &url, "").await.status, 200, "a preview");
    let mut first = Browser::new(&house);
    assert_eq!(first.get(&url).await.status, 303);
    assert_eq!(first.get(&url).await.status, 303, "a reload");
    let mut second = Browser::new(&house);
    let refused = second.get(&url).await;
    assert_eq!(refused.status, 403);
    assert!(refused.body.contains("opened before"), "{}", refused.body);
    assert_eq!(second.get("/index.php/login/v2/flow").await.status, 403);
    // Its cookie alone does not make another browser the first one.
    second.get("/index.php/login").await;
    second.jar.insert("moonsail_flow".to_owned(), first.jar["moonsail_flow"].clone());
    assert_eq!(second.get("/index.php/login/v2/flow").await.status, 403);
    for url in ["/index.php/login/v2/flow/nonsense", "/login/v2/flow/%2e%2e"] {
        assert_eq!(second.get(url).await.status, 404, "{url}");
    }
}

#[tokio::test]
async fn a_flow_is_over_after_20_minutes() {
    let house = House::new().await;
    let (token, url) = start(&house).await;
    let mut browser = Browser::new(&house);
    browser.get(&url).await;
    browser.log_in("/login/v2/flow", "alice", PASSWORD).await;
    let question = browser.get("/login/v2/flow").await;
    house.wait(20 * 60);
    let late = allow(&mut browser, &question, GRANT).await;
    assert_eq!(late.field("location"), "/index.php/login/v2/flow", "log in once more");
    assert_eq!(browser.get("/login/v2/flow").await.status, 404);
    assert_eq!(poll(&house, &token).await.status, 404);
    assert_eq!(Browser::new(&house).get(&url).await.status, 404);
    house.auth.tidy().await.expect("tidies");
    assert_eq!(poll(&house, &token).await.status, 404);
}

#[tokio::test]
async fn a_grant_needs_the_page_of_this_browser_and_session() {
    let house = House::new().await;
    let (token, url) = start(&house).await;
    let mut browser = Browser::new(&house);
    browser.get(&url).await;
    browser.log_in("/login/v2/flow", "alice", PASSWORD).await;
    let question = browser.get("/login/v2/flow").await;
    let (csrf, state) = (question.hidden("requesttoken"), question.hidden("stateToken"));
    for form in [
        vec![],
        vec![("requesttoken", csrf.as_str())],
        vec![("requesttoken", csrf.as_str()), ("stateToken", "wrong")],
        vec![("requesttoken", "wrong"), ("stateToken", state.as_str())],
    ] {
        assert_eq!(browser.post(GRANT, &form).await.status, 403, "{form:?}");
    }
    // The state of another browser's flow, of somebody who is logged in as well.
    let (_, other_url) = start(&house).await;
    let mut other = Browser::new(&house);
    other.get(&other_url).await;
    other.log_in("/login/v2/flow", "bob", "B0b-passw0rd").await;
    let other = other.get("/login/v2/flow").await.hidden("stateToken");
    let form = [("requesttoken", csrf.as_str()), ("stateToken", other.as_str())];
    assert_eq!(browser.post(GRANT, &form).await.status, 403);
    // By GET nothing happens.
    let target = format!("{GRANT}?requesttoken={csrf}&stateToken={state}");
    assert_eq!(browser.get(&target).await.status, 303);
    assert_eq!(poll(&house, &token).await.status, 404);
    assert_eq!(allow(&mut browser, &question, GRANT).await.status, 200);
    assert_eq!(poll(&house, &token).await.status, 200);
}

#[tokio::test]
async fn an_old_session_has_to_give_its_password_again() {
    let house = House::new().await;
    let mut browser = Browser::new(&house);
    browser.log_in("/index.php/login", "alice", PASSWORD).await;
    house.wait(15 * 60);
    let (_, url) = start(&house).await;
    browser.get(&url).await;
    let form = browser.get("/login/v2/flow").await;
    assert!(form.body.contains("once more") && form.body.contains("value=\"alice\""));
    assert!(!form.body.contains("stateToken"), "no question yet");
    browser.log_in("/login/v2/flow", "alice", PASSWORD).await;
    assert!(browser.get("/login/v2/flow").await.body.contains("stateToken"));
}

#[tokio::test]
async fn another_account_can_be_chosen() {
    let house = House::new().await;
    let mut browser = Browser::new(&house);
    browser.log_in("/index.php/login", "alice", PASSWORD).await;
    let (token, url) = start(&house).await;
    browser.get(&url).await;
    let question = browser.get("/login/v2/flow").await;
    let fields = [
        ("requesttoken", question.hidden("requesttoken")),
        ("redirect_url", question.hidden("redirect_url")),
    ];
    let fields = fields.each_ref().map(|(name, value)| (*name, value.as_str()));
    let out = browser.post("/index.php/logout", &fields).await;
    assert_eq!(out.field("location"), "/index.php/login/v2/flow");
    browser.log_in("/login/v2/flow", "bob", "B0b-passw0rd").await;
    let question = browser.get("/login/v2/flow").await;
    allow(&mut browser, &question, GRANT).await;
    assert_eq!(poll(&house, &token).await.json()["loginName"], "bob");
}

#[tokio::test]
async fn a_grant_of_an_account_that_was_disabled_meanwhile_is_worth_nothing() {
    let house = House::new().await;
    let (token, url) = start(&house).await;
    let mut browser = Browser::new(&house);
    browser.get(&url).await;
    browser.log_in("/login/v2/flow", "bob", "B0b-passw0rd").await;
    let question = browser.get("/login/v2/flow").await;
    allow(&mut browser, &question, GRANT).await;
    house
        .auth
        .change_user(&By::console(), "bob", UserChange::Enabled(false))
        .await
        .expect("is changed");
    assert_eq!(poll(&house, &token).await.status, 404);
}

#[tokio::test]
async fn unknown_polls_are_throttled_and_pending_ones_are_not() {
    let house = House::new().await;
    let (token, _) = start(&house).await;
    for number in 0..30 {
        assert_eq!(poll(&house, &token).await.status, 404, "pending, poll {number}");
    }
    for number in 0..10 {
        assert_eq!(poll(&house, &format!("unknown{number}")).await.status, 404);
    }
    let answer = poll(&house, "unknown").await;
    assert_eq!((answer.status.as_u16(), answer.field("retry-after")), (429, "1800"));
    assert_eq!(poll(&house, &token).await.status, 404, "a known one goes on");
    let mut browser = Browser::new(&house);
    let login = browser.log_in("/index.php/login", "alice", PASSWORD).await;
    assert_eq!(login.status, 303, "and logins are counted by themselves");
}

#[tokio::test]
async fn one_address_cannot_fill_the_index_with_flows() {
    let house = House::new().await;
    for _ in 0..200 {
        start(&house).await;
    }
    let mut app = Browser::new(&house);
    let answer = app.post("/index.php/login/v2", &[]).await;
    assert_eq!((answer.status.as_u16(), answer.field("retry-after")), (429, "1200"));
    app.ip = ELSEWHERE;
    assert_eq!(app.post("/index.php/login/v2", &[]).await.status, 200);
}

#[tokio::test]
async fn flow_v1_ends_at_a_link_that_the_app_takes() {
    let house = House::new().await;
    house.add("a.b@example.org", PASSWORD, None, false).await;
    let mut view = Browser::new(&house);
    view.fields.push(("user-agent", "Mozilla/5.0 (Android) Nextcloud-android/3.31.3".to_owned()));
    assert_eq!(view.get("/index.php/login/flow").await.status, 403, "not from an app");
    view.fields.push(("ocs-apirequest", "true".to_owned()));
    assert_eq!(view.get("/index.php/login/flow").await.status, 200);
    // A web view sends the header with its first page only.
    view.fields.pop();
    let logged_in = view.log_in("/index.php/login/flow", "a.b@example.org", PASSWORD).await;
    assert_eq!(logged_in.field("location"), "/index.php/login/flow");
    let question = view.get("/index.php/login/flow").await;
    assert!(question.body.contains("Android app"), "{}", question.body);
    let policy = question.field("content-security-policy");
    assert!(policy.contains("form-action 'self' nc:;"), "{policy}");
    let wrong = view.post("/index.php/login/flow", &[("stateToken", "wrong")]).await;
    assert_eq!(wrong.status, 403);
    let done = allow(&mut view, &question, "/index.php/login/flow").await;
    assert_eq!(done.status, 303);
    let link = done.field("location");
    let start = "nc://login/server:http://cloud.test&user:a.b%40example.org&password:";
    let password = link.strip_prefix(start).unwrap_or_else(|| panic!("{link}"));
    let ask = asking(&basic("a.b@example.org", password), HOME);
    assert!(house.auth.authenticate(&ask).await.is_ok());
    let again = allow(&mut view, &question, "/index.php/login/flow").await;
    assert_eq!(again.status, 403, "the flow is over");
}

#[tokio::test]
async fn the_form_says_what_is_wrong_and_how_long_to_wait() {
    let house = House::new().await;
    let mut browser = Browser::new(&house);
    for _ in 0..10 {
        let wrong = browser.log_in("/index.php/login", "<b>alice", "wrong").await;
        assert_eq!(wrong.status, 403);
        assert!(wrong.body.contains("role=\"alert\"") && wrong.body.contains("is wrong"));
        assert!(wrong.body.contains("value=\"&lt;b&gt;alice\""), "{}", wrong.body);
        assert!(!wrong.body.contains("value=\"wrong\""), "the password is not repeated");
    }
    let waits = browser.log_in("/index.php/login", "alice", PASSWORD).await;
    assert_eq!((waits.status.as_u16(), waits.field("retry-after")), (429, "1800"));
    assert!(waits.body.contains("wait 30 minutes"), "{}", waits.body);
}

#[tokio::test]
async fn the_form_leads_to_local_pages_only_and_needs_its_token() {
    let house = House::new().await;
    for (target, expected) in [
        ("/index.php/f/12", "/index.php/f/12"),
        ("https://evil.test/", "/"),
        ("//evil.test/", "/"),
        ("/\\evil.test", "/"),
        ("", "/"),
    ] {
        let mut browser = Browser::new(&house);
        let form = browser.get("/index.php/login").await;
        let token = form.hidden("requesttoken");
        let fields = [
            ("requesttoken", token.as_str()),
            ("redirect_url", target),
            ("user", "alice"),
            ("password", PASSWORD),
        ];
        let answer = browser.post("/login", &fields).await;
        assert_eq!((answer.status.as_u16(), answer.field("location")), (303, expected));
        let mut stranger = Browser::new(&house);
        stranger.get("/index.php/login").await;
        assert_eq!(stranger.post("/login", &fields).await.status, 403, "another browser's token");
        assert_eq!(Browser::new(&house).post("/login", &fields).await.status, 403, "no cookies");
    }
}

#[tokio::test]
async fn logging_out_takes_a_click() {
    let house = House::new().await;
    let mut browser = Browser::new(&house);
    browser.log_in("/index.php/login", "alice", PASSWORD).await;
    let page = browser.get("/index.php/logout").await;
    let token = page.hidden("requesttoken");
    assert_eq!(browser.post("/logout", &[("requesttoken", "wrong")]).await.status, 403);
    let request = browser.request("GET", "/", "");
    assert!(house.auth.authenticate(&request).await.expect("reads").is_some());
    assert_eq!(browser.post("/logout", &[("requesttoken", &token)]).await.status, 303);
    assert_eq!(house.auth.authenticate(&request).await, Ok(None), "also with the old cookie");
    assert!(!browser.jar.contains_key("moonsail_session"));
}

#[tokio::test]
async fn forms_that_are_too_large_or_broken_are_refused() {
    let house = House::new().await;
    let mut app = Browser::new(&house);
    let large = format!("token={}", "x".repeat(70_000));
    for (body, status) in [
        (large.as_str(), 413),
        ("token=%ff", 400),
        ("{\"token\":", 400),
        ("{\"token\":\"x\"}", 404),
        ("", 404),
    ] {
        assert_eq!(app.send("POST", "/login/v2/poll", body).await.status, status, "{body:.20}");
    }
    let query = format!("/login/v2/poll?{}", "a=1&".repeat(200));
    assert_eq!(app.send("POST", &query, "").await.status, 400);
}
