//! What apps ask before they log in (clients.md §3; trace `server-discovery`).

use moonsail::wire::Reply;

use crate::house::{Answer, BASE, Browser, House, PASSWORD, request};

async fn ask(house: &House, method: &str, target: &str, accept: &str) -> Answer {
    let reply: Reply = house.web.handle(request(method, target, &[("accept", accept)], "")).await;
    Answer::of(reply)
}

#[tokio::test]
async fn discovery_answers_as_the_trace_has_it() {
    let house = House::new().await;
    for (target, status, body) in [
        (
            "/status.php",
            200,
            r#"{"installed":true,"maintenance":false,"needsDbUpgrade":false,"version":"31.0.6.2","versionstring":"31.0.6","edition":"","productname":"Moonsail","extendedSupport":false}"#,
        ),
        ("/index.php/204", 204, ""),
        ("/204", 204, ""),
        (
            "/.well-known/webfinger?resource=acct:a@b",
            404,
            r#"{"message":"webfinger not supported"}"#,
        ),
        ("/index.php/.well-known/nodeinfo", 404, r#"{"message":"nodeinfo not supported"}"#),
        ("/ocs-provider/", 200, r#"{"version":2,"services":{}}"#),
        ("/robots.txt", 200, "User-agent: *\nDisallow: /\n"),
        ("/index.php/apps/nope/nothing", 404, "Not found.\n"),
        ("/apple-touch-icon.png", 404, "Not found.\n"),
        ("/static/style-0000000000000000.css", 404, "Not found.\n"),
    ] {
        let answer = ask(&house, "GET", target, "*/*").await;
        assert_eq!((answer.status.as_u16(), answer.body.as_str()), (status, body), "{target}");
        assert_eq!(answer.field("location"), "", "{target}: a redirect means a captive portal");
        let head = ask(&house, "HEAD", target, "*/*").await;
        assert_eq!((head.status.as_u16(), head.body.as_str()), (status, ""), "HEAD {target}");
    }
    for target in ["/.well-known/caldav", "/.well-known/carddav"] {
        let answer = ask(&house, "GET", target, "*/*").await;
        assert_eq!(answer.status, 301);
        assert_eq!(answer.field("location"), "/remote.php/dav/");
    }
}

#[tokio::test]
async fn the_root_is_a_page_for_everybody() {
    let house = House::new().await;
    for accept in ["*/*", "text/html", "application/json"] {
        let answer = ask(&house, "GET", "/", accept).await;
        assert_eq!(answer.status, 200, "a 401 here keeps the desktop from login flow v2");
        assert!(answer.body.contains(BASE), "the address to type");
        assert!(!answer.body.contains("Log out"));
    }
    let mut browser = Browser::new(&house);
    browser.log_in("/index.php/login", "alice", PASSWORD).await;
    let page = browser.get("/").await;
    assert!(page.body.contains("logged in as <strong>alice</strong>"), "{}", page.body);
    let token = page.hidden("requesttoken");
    assert_eq!(browser.get("/csrftoken").await.json()["token"], token.as_str());
    assert_eq!(browser.post("/index.php/logout", &[("requesttoken", &token)]).await.status, 303);
}

#[tokio::test]
async fn pages_may_run_no_script_and_stand_in_no_frame() {
    let house = House::new().await;
    let mut browser = Browser::new(&house);
    for (target, status) in
        [("/", 200), ("/nothing", 404), ("/index.php/f/12", 404), ("/login", 200), ("/logout", 200)]
    {
        let page = browser.get(target).await;
        assert_eq!(page.status, status, "{target}");
        assert_eq!(page.field("content-type"), "text/html; charset=utf-8");
        assert_eq!(page.field("cache-control"), "no-store");
        let policy = page.field("content-security-policy");
        for part in ["default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'"] {
            assert!(policy.contains(part), "{target}: {policy}");
        }
        assert!(!page.body.contains("<script") && !page.body.contains(" style="), "{target}");
        let at = page.body.find("/static/style-").expect("a stylesheet");
        let style = page.body[at..].split('"').next().expect("an end");
        let style = ask(&house, "GET", style, "text/css").await;
        assert_eq!(style.status, 200);
        assert!(style.field("cache-control").contains("immutable"));
    }
}

#[tokio::test]
async fn other_methods_are_told_which_there_are() {
    let house = House::new().await;
    for (method, status) in [("OPTIONS", 200), ("POST", 405), ("PROPFIND", 405), ("TRACE", 405)] {
        let answer = ask(&house, method, "/", "*/*").await;
        assert_eq!(answer.status, status, "{method}");
        assert_eq!(answer.field("allow"), "GET, HEAD, OPTIONS");
    }
}

#[tokio::test]
async fn pages_carry_the_name_that_the_owner_gave() {
    let house = House::new().await;
    let theme = moonsail::config::Theme {
        name: "Cloud & Co".to_owned(),
        slogan: "Ours & yours".to_owned(),
        url: Some("https://example.org/about".to_owned()),
        ..moonsail::config::Settings::default().theme
    };
    let web = moonsail::web::Web::new(std::sync::Arc::clone(&house.auth)).called(&theme);
    let page = Answer::of(web.handle(request("GET", "/", &[], "")).await);
    assert!(page.body.contains("<title>Your files – Cloud &amp; Co</title>"), "{}", page.body);
    assert!(page.body.contains("Cloud &amp; Co is a Moonsail file server"), "{}", page.body);
    assert!(page.body.contains("<p>Ours &amp; yours</p>"), "{}", page.body);
    assert!(page.body.contains("<a href=\"https://example.org/about\">"), "{}", page.body);
}
