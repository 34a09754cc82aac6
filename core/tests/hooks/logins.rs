//! Logins, accounts and app passwords are asked about.

use moonsail::hooks::{Decision, Fields, Value};
use serde_json::json;

use crate::house::{Bed, FILES, PASSWORD};

const API: (&str, &str) = ("ocs-apirequest", "true");

fn alice() -> String {
    format!("alice:{PASSWORD}")
}

#[tokio::test]
async fn a_login_that_a_hook_refuses_is_a_403_in_words() {
    let bed = Bed::new().await;
    bed.says("login.success", Decision::deny("Only from the office"));
    let answer = bed.ask_as(&alice(), &format!("PROPFIND {FILES}"), &[("depth", "0")], "").await;
    assert_eq!(answer.status, 403, "apps drop their password on 401: {answer:?}");
    assert!(answer.body.contains("<s:message>Only from the office</s:message>"), "{answer:?}");
    let line = "GET /ocs/v2.php/cloud/user?format=json";
    let answer = bed.ask_as(&alice(), line, &[API], "").await;
    assert_eq!(
        (answer.status, &answer.json()["ocs"]["meta"]["message"]),
        (403, &json!("Only from the office"))
    );
    let heard = bed.heard("login.success");
    assert_eq!(heard.len(), 2, "a refused login is not remembered");
    assert_eq!(heard[0].1.text("provider"), Some("builtin:users"));
    // App passwords are not logins.
    assert_eq!(bed.ask(&format!("PROPFIND {FILES}"), &[("depth", "0")], "").await.status, 207);
    bed.fails("login.success");
    let answer = bed.ask_as(&alice(), &format!("PROPFIND {FILES}"), &[("depth", "0")], "").await;
    assert_eq!(answer.status, 503, "{answer:?}");
    bed.shuts_up();
    let answer = bed.ask_as(&alice(), &format!("PROPFIND {FILES}"), &[("depth", "0")], "").await;
    assert_eq!(answer.status, 207, "no refusal was counted as a failure: {answer:?}");
}

#[tokio::test]
async fn an_address_that_a_hook_keeps_away_waits() {
    let bed = Bed::new().await;
    let line = format!("PROPFIND {FILES}");
    let wrong = bed.ask_as("alice:wrong", &line, &[], "").await;
    assert_eq!(wrong.status, 401);
    bed.says("login.failed", Decision::Replace(Fields::new().with("block_secs", 90i64)));
    bed.ask_as("alice:wrong-again", &line, &[], "").await;
    let blocked = bed.ask_as(&alice(), &line, &[], "").await;
    assert_eq!(blocked.status, 429);
    let wait: u64 = blocked.header("retry-after").unwrap().parse().unwrap();
    assert!((60..=90).contains(&wait), "{wait}");
    let heard = bed.heard("login.failed");
    assert_eq!((heard.len(), heard[0].1.text("reason")), (2, Some("wrong")));
    assert!(!format!("{heard:?}").contains("wrong-again"), "no password is shown");
    assert_eq!(bed.ask(&line, &[("depth", "0")], "").await.status, 207, "devices go on");
}

#[tokio::test]
async fn an_account_is_what_hooks_make_of_it() {
    let bed = Bed::new().await;
    let made = Fields::new()
        .with("display_name", "Dr. Alice")
        .with("quota", 1000i64)
        .with("groups", vec!["doctors".to_owned()]);
    bed.says("user.load", Decision::Replace(made));
    let token = format!("alice:{}", bed.app_password(None).await);
    let body =
        "<d:propfind xmlns:d='DAV:'><d:prop><d:quota-available-bytes/></d:prop></d:propfind>";
    let answer = bed.ask_as(&token, &format!("PROPFIND {FILES}"), &[("depth", "0")], body).await;
    assert!(answer.body.contains(">1000</d:quota-available-bytes>"), "{answer:?}");
    let large = "x".repeat(1001);
    let answer = bed.ask_as(&token, &format!("PUT {FILES}/a"), &[], &large).await;
    assert_eq!(answer.status, 507, "{answer:?}");
    let line = "GET /ocs/v2.php/cloud/user?format=json";
    let record = bed.ask_as(&token, line, &[API], "").await.json()["ocs"]["data"].clone();
    assert_eq!(record["display-name"], "Dr. Alice");
    assert_eq!((&record["quota"]["total"], &record["groups"]), (&json!(1000), &json!(["doctors"])));
    let (_, fields, _) = bed.heard("user.load").remove(0);
    assert_eq!(fields.list("groups"), Some(&["staff".to_owned()][..]));
    assert_eq!(fields.find("quota"), Some(&Value::Null));
    // Nothing is stored, and who cannot say keeps nobody in and nobody out for good.
    bed.fails("user.load");
    let other = format!("alice:{}", bed.app_password(None).await);
    assert_eq!(bed.ask_as(&other, line, &[API], "").await.status, 503);
    bed.shuts_up();
    let record = bed.ask_as(&other, line, &[API], "").await.json()["ocs"]["data"].clone();
    assert_eq!(record["display-name"], "Alice");
}

#[tokio::test]
async fn an_app_password_can_be_refused() {
    let bed = Bed::new().await;
    bed.says("apppassword.create", Decision::deny("Ask the helpdesk"));
    let line = "GET /ocs/v2.php/core/getapppassword?format=json";
    let agent = ("user-agent", "Mozilla/5.0 (Android) Nextcloud-android/3.30");
    let answer = bed.ask_as(&alice(), line, &[API, agent], "").await;
    assert_eq!(
        (answer.status, &answer.json()["ocs"]["meta"]["message"]),
        (403, &json!("Ask the helpdesk"))
    );
    let (_, fields, _) = bed.heard("apppassword.create").remove(0);
    assert_eq!((fields.text("user"), fields.text("client")), (Some("alice"), Some("android")));
    bed.shuts_up();
    assert_eq!(bed.ask_as(&alice(), line, &[API], "").await.status, 200);
}
