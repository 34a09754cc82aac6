//! App passwords: exchanged, rotated, revoked, and what they may not do.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, Method, Uri};
use moonsail_sdk::secret::Secret;

use super::{Bed, PASSWORD};
use crate::auth::{Caller, NewToken};
use crate::ids::Uid;
use crate::wire::{Body, Request};

const EXCHANGE: &str = "GET /ocs/v2.php/core/getapppassword?format=json";
const ONE_TIME: &str = "GET /ocs/v2.php/core/getapppassword-onetime?format=json";
const ROTATE: &str = "POST /ocs/v2.php/core/apppassword/rotate?format=json";
const REVOKE: &str = "DELETE /ocs/v2.php/core/apppassword?format=json";
const USER: &str = "GET /ocs/v2.php/cloud/user?format=json";

#[tokio::test]
async fn a_password_is_exchanged_rotated_and_revoked() {
    let bed = Bed::new().await;
    let real = format!("alice:{PASSWORD}");
    let fields = [("ocs-apirequest", "true"), ("user-agent", "Mozilla/5.0 (Android) x")];
    let got = bed.ask_with(&real, EXCHANGE, "", &fields).await;
    let first = got.data()["apppassword"].as_str().expect("a token").to_owned();
    let shown = format!(
        r#"{{"ocs":{{"meta":{{"status":"ok","statuscode":200,"message":"OK"}},"data":{{"apppassword":"{first}"}}}}}}"#
    );
    assert_eq!(got.body, shown, "app-passwords [1]");
    let tokens = bed.auth.tokens_of(&Uid::parse("alice").unwrap()).await.unwrap();
    assert_eq!(tokens[0].name, "Mozilla/5.0 (Android) x");

    let first = format!("alice:{first}");
    assert_eq!(bed.ask(&first, USER, "").await.status, 200, "[5]");
    let got = bed.ask(&first, ROTATE, "").await;
    let second = format!("alice:{}", got.data()["apppassword"].as_str().expect("a token"));
    assert_eq!(bed.ask(&first, USER, "").await.status, 401, "[7], without the cache");
    let got = bed.ask(&second, REVOKE, "").await;
    let done = r#"{"ocs":{"meta":{"status":"ok","statuscode":200,"message":"OK"},"data":[]}}"#;
    assert_eq!((got.status, got.body.as_str()), (200, done), "[9]");
    let got = bed.ask(&second, USER, "").await;
    let unauthorised = r#"{"ocs":{"meta":{"status":"failure","statuscode":997,"message":"Unauthorised"},"data":[]}}"#;
    assert_eq!((got.status, got.body.as_str()), (401, unauthorised), "[10]");
    assert!(got.header("www-authenticate").is_some(), "[10]");
}

#[tokio::test]
async fn ios_reads_the_exchange_as_xml() {
    let bed = Bed::new().await;
    let line = "GET /ocs/v1.php/core/getapppassword";
    let got = bed.ask(&format!("alice:{PASSWORD}"), line, "").await;
    let head = "<?xml version=\"1.0\"?>\n<ocs>\n <meta>\n  <status>ok</status>\n  <statuscode>100</statuscode>\n  <message>OK</message>\n  <totalitems></totalitems>\n  <itemsperpage></itemsperpage>\n </meta>\n <data>\n  <apppassword>";
    assert!(got.body.starts_with(head), "app-passwords [2]: {}", got.body);
    assert!(got.body.ends_with("</apppassword>\n </data>\n</ocs>\n"), "{}", got.body);
}

#[tokio::test]
async fn wrong_proofs_are_refused() {
    let bed = Bed::new().await;
    let real = format!("alice:{PASSWORD}");
    let exchange = "You cannot request an new apppassword with an apppassword";
    let one_time = "This endpoint can only be used with one-time app passwords";
    for (who, line, status, message, source) in [
        ("alice", EXCHANGE, 403, exchange, "app-passwords [3]"),
        (&real, REVOKE, 403, "no app password in use", "[8]"),
        (&real, ROTATE, 403, "no app password in use", "AppPasswordController.php"),
        (&real, ONE_TIME, 403, one_time, "AppPasswordController.php"),
        ("alice", ONE_TIME, 403, one_time, "AppPasswordController.php"),
        ("alice:wrong", ONE_TIME, 401, "Unauthorised", "no login at all"),
        ("", ONE_TIME, 401, "Current user is not logged in", "no login at all"),
        ("", EXCHANGE, 401, "Current user is not logged in", "no login at all"),
    ] {
        let got = bed.ask(who, line, "").await;
        assert_eq!(got.status, status, "{line} ({source})");
        assert_eq!(got.json()["ocs"]["meta"]["message"], message, "{line} ({source})");
    }
}

#[tokio::test]
async fn a_one_time_token_is_good_for_one_exchange_and_nothing_else() {
    let bed = Bed::new().await;
    let uid = Uid::parse("alice").unwrap();
    let new = NewToken { one_time: true, ..NewToken::full(uid, "alice", "QR code") };
    let token = format!("alice:{}", bed.auth.create_token(new).await.unwrap().reveal());
    assert_eq!(bed.ask(&token, USER, "").await.status, 401);
    let got = bed.ask(&token, ONE_TIME, "").await;
    let made = format!("alice:{}", got.data()["apppassword"].as_str().expect("a token"));
    assert_eq!(bed.ask(&token, ONE_TIME, "").await.status, 401);
    assert_eq!(bed.ask(&made, USER, "").await.status, 200);
}

/// `threats` §4: an app password cannot make another nor change a password; scopes hold here too.
#[tokio::test]
async fn app_passwords_do_not_grow() {
    let bed = Bed::new().await;
    let (reader, folder) =
        (bed.scoped("admin", true, None).await, bed.scoped("admin", false, Some("Photos")).await);
    let edit = "PUT /ocs/v2.php/cloud/users/admin?format=json";
    let other = "PUT /ocs/v2.php/cloud/users/bob?format=json";
    let list = "GET /ocs/v2.php/cloud/users?format=json";
    let create = "POST /ocs/v2.php/cloud/users?format=json";
    let join = "POST /ocs/v2.php/cloud/users/bob/groups?format=json";
    let password = "key=password&value=new-passw0rd";
    for (who, line, body, status) in [
        ("alice", "PUT /ocs/v2.php/cloud/users/alice?format=json", password, 403),
        ("admin", edit, password, 403),
        ("admin", other, password, 403),
        ("admin", join, "groupid=admin", 403),
        ("admin", create, "userid=eve&password=eve-passw0rd&groups[]=admin", 403),
        ("admin", create, "userid=eve&password=eve-passw0rd", 200),
        (&reader, USER, "", 200),
        (&reader, list, "", 200),
        (&reader, edit, "key=displayname&value=x", 403),
        (&reader, create, "userid=mallory&password=eve-passw0rd", 403),
        (&folder, USER, "", 200),
        (&folder, list, "", 403),
        (&folder, "GET /ocs/v2.php/cloud/users/bob?format=json", "", 404),
        (&folder, edit, "key=displayname&value=x", 403),
        (&folder, "GET /ocs/v2.php/cloud/users/admin/groups?format=json", "", 403),
    ] {
        assert_eq!(bed.ask(who, line, body).await.status, status, "{line} {body}");
    }
}

/// A request without anything, to the address that the bed has.
fn plain() -> Request {
    Request {
        method: Method::GET,
        uri: Uri::from_static("/"),
        headers: HeaderMap::new(),
        body: Body::from_bytes(""),
        remote_ip: "192.0.2.1".parse().unwrap(),
        base_url: Arc::from("http://127.0.0.1:8182"),
        id: Arc::from("test"),
    }
}

#[tokio::test]
async fn a_session_of_long_ago_makes_no_app_password_and_changes_no_password() {
    let bed = Bed::new().await;
    let caller = Caller {
        ip: "192.0.2.1".parse().unwrap(),
        request_id: "test".to_owned(),
        device: None,
        client: "other",
    };
    let alice = bed.auth.login(&caller, "alice", &Secret::new(PASSWORD)).await.unwrap();
    let cookie = bed.auth.open_session(&plain(), &alice).await.unwrap();
    let fields = [
        ("ocs-apirequest", "true"),
        ("cookie", cookie.split(';').next().unwrap()),
        ("sec-fetch-site", "same-origin"),
        ("content-type", "application/x-www-form-urlencoded"),
    ];
    let set = "PUT /ocs/v2.php/cloud/users/alice?format=json";
    for (minutes, status) in [(0, 200), (20, 403)] {
        bed.clock.advance(Duration::from_secs(minutes * 60));
        let got = bed.ask_with("", EXCHANGE, "", &fields).await;
        assert_eq!(got.status, status, "{minutes} min: {}", got.body);
        let got = bed.ask_with("", set, "key=language&value=de", &fields).await;
        assert_eq!(got.status, 200, "what is no secret: {}", got.body);
    }
    let got = bed.ask_with("", set, "key=password&value=another-one", &fields).await;
    assert_eq!(got.status, 403, "{}", got.body);
    assert!(got.body.contains("Password confirmation is required"), "{}", got.body);
}
