//! LOCK and UNLOCK, of RFC 4918 and of the apps.

use std::time::Duration;

use crate::house::{Answer, House};

const FILES: &str = "/remote.php/dav/files/alice";

fn body(scope: &str, owner: &str) -> String {
    format!(
        r#"<d:lockinfo xmlns:d="DAV:"><d:lockscope><d:{scope}/></d:lockscope><d:locktype><d:write/></d:locktype>{owner}</d:lockinfo>"#
    )
}

async fn lock(house: &House, target: &str, fields: &[(&str, &str)]) -> Answer {
    house.ask("LOCK", target, fields, body("exclusive", "")).await
}

#[tokio::test]
async fn a_lock_stands_until_its_token_or_its_end() {
    let house = House::new().await;
    house.mkcol("a").await;
    house.put("a/f", "old").await;
    let granted = lock(&house, "a", &[("timeout", "Second-100")]).await;
    assert_eq!(granted.status, 200);
    let token = granted.header("lock-token").to_owned();
    granted.has("<d:timeout>Second-100</d:timeout>");
    let destination = format!("{FILES}/a/x");
    let to = [("destination", destination.as_str())];
    for (method, target) in [
        ("PUT", "a/f"),
        ("PUT", "a/new"),
        ("DELETE", "a/f"),
        ("MKCOL", "a/n"),
        ("DELETE", "a"),
        ("MOVE", "a/f"),
        ("COPY", "a/f"),
        ("LOCK", "a/f"),
        ("LOCK", "a/none"),
    ] {
        let before = house.snapshot().await;
        let text = if method == "LOCK" { body("exclusive", "") } else { String::new() };
        let answer = house.ask(method, target, &to, text).await;
        assert_eq!(answer.status, 423, "{method} {target}: {answer:?}");
        answer.has("<d:href>/remote.php/dav/files/alice/a</d:href>");
        assert_eq!(before, house.snapshot().await, "{method} {target}");
    }
    let tagged = format!("<{FILES}/a> ({token})");
    for submitted in [format!("({token})"), tagged] {
        let answer = house.ask("PUT", "a/f", &[("if", &submitted)], "new").await;
        assert_eq!(answer.status, 204, "{submitted}: {answer:?}");
    }
    // Refreshed at 90 s for another 100 s.
    house.clock.advance(Duration::from_secs(90));
    let condition = format!("({token})");
    let fields = [("if", condition.as_str()), ("timeout", "Second-100")];
    assert_eq!(house.ask("LOCK", "a", &fields, "").await.status, 200);
    house.clock.advance(Duration::from_secs(90));
    assert_eq!(house.ask("PUT", "a/f", &[], "x").await.status, 423);
    assert_eq!(
        house.ask("UNLOCK", "a", &[("lock-token", "<opaquelocktoken:x>")], "").await.status,
        409
    );
    house.clock.advance(Duration::from_secs(11));
    assert_eq!(house.ask("PUT", "a/f", &[], "x").await.status, 204, "the lock ended");
    assert_eq!(house.ask("UNLOCK", "a", &[("lock-token", &token)], "").await.status, 409);
    assert_eq!(house.ask("LOCK", "a", &fields, "").await.status, 412, "nothing to refresh");
    assert_eq!(house.ask("UNLOCK", "a", &[], "").await.status, 400);
}

#[tokio::test]
async fn locking_what_is_not_there_makes_an_empty_file_or_nothing() {
    let house = House::new().await;
    assert_eq!(lock(&house, "new", &[]).await.status, 201);
    assert_eq!(house.bytes("new").await, "");
    let before = house.snapshot().await;
    assert_eq!(lock(&house, "no/such", &[]).await.status, 409);
    assert_eq!(lock(&house, "other", &[("if-match", "*")]).await.status, 412);
    assert_eq!(before, house.snapshot().await);
    // The condition is about what was there before the lock.
    assert_eq!(lock(&house, "fresh", &[("if-none-match", "*")]).await.status, 201);
    assert_eq!(house.strays().await, Vec::<String>::new());
}

#[tokio::test]
async fn shared_locks_go_together() {
    let house = House::new().await;
    house.put("f", "x").await;
    let first = house.ask("LOCK", "f", &[], body("shared", "")).await;
    let second = house.ask("LOCK", "f", &[], body("shared", "")).await;
    assert_eq!((first.status, second.status), (200, 200));
    assert_eq!(lock(&house, "f", &[]).await.status, 423);
    assert_eq!(house.ask("PUT", "f", &[], "y").await.status, 423);
    let token = format!("({})", second.header("lock-token"));
    assert_eq!(house.ask("PUT", "f", &[("if", &token)], "y").await.status, 204);
}

#[tokio::test]
async fn owners_come_back_as_xml_that_stands_alone() {
    let house = House::new().await;
    house.put("f", "x").await;
    let owner = r#"<d:owner><x:a xmlns:x="urn:x" b="&quot;&lt;">&lt;/d:owner&gt;<![CDATA[</d:activelock>]]></x:a></d:owner>"#;
    let granted = house.ask("LOCK", "f", &[], body("exclusive", owner)).await;
    assert_eq!(granted.status, 200);
    let found = house
        .ask(
            "PROPFIND",
            "f",
            &[],
            r#"<propfind xmlns="DAV:"><prop><lockdiscovery/></prop></propfind>"#,
        )
        .await;
    for answer in [&granted, &found] {
        assert_eq!(answer.text().matches("</d:activelock>").count(), 1, "{}", answer.text());
        assert_eq!(answer.text().matches("</d:owner>").count(), 1, "{}", answer.text());
    }
    let long = format!("<d:owner>{}</d:owner>", "x".repeat(5000));
    house.put("g", "x").await;
    assert_eq!(house.ask("LOCK", "g", &[], body("exclusive", &long)).await.status, 413);
}

#[tokio::test]
async fn the_apps_lock_by_user() {
    let house = House::new().await;
    house.put("f", "x").await;
    let app = [("x-user-lock", "1")];
    let before = house.ask("PROPFIND", "", &[("depth", "0")], "").await;
    let locked = house.ask("LOCK", "f", &app, "").await;
    assert_eq!(locked.status, 200);
    for part in [
        "<nc:lock>1</nc:lock>",
        "<nc:lock-owner>alice</nc:lock-owner>",
        "<nc:lock-owner-type>0</nc:lock-owner-type>",
        "<nc:lock-timeout>1800</nc:lock-timeout>",
    ] {
        locked.has(part);
    }
    assert_ne!(before.text(), house.ask("PROPFIND", "", &[("depth", "0")], "").await.text());
    assert_eq!(house.ask("PUT", "f", &[], "y").await.status, 204, "one's own lock");
    assert_eq!(house.ask("LOCK", "f", &app, "").await.status, 200, "again");
    assert_eq!(house.ask("UNLOCK", "f", &app, "").await.status, 200);
    let again = house.ask("UNLOCK", "f", &app, "").await;
    assert_eq!(again.status, 412);
    assert_eq!(house.ask("LOCK", "none", &app, "").await.status, 404);
    assert_eq!(
        house.ask("LOCK", "f", &[("x-user-lock", "1"), ("x-user-lock-type", "1")], "").await.status,
        400
    );
}
