//! What every call has in common: refusals, formats, limits.

use std::sync::Arc;
use std::time::Duration;

use moonsail_sdk::auth::{Auth as Answer, AuthUnavailable, Authenticator, Call};
use moonsail_sdk::secret::Secret;

use super::{Bed, PASSWORD};
use crate::auth::{Auth, AuthSettings};
use crate::clock::Clock;
use crate::ocs::{Ocs, OcsSettings};

const NO_ROUTE: &str = r#"{"ocs":{"meta":{"status":"failure","statuscode":998,"message":"Invalid query, please check the syntax. API specifications are here: http:\/\/www.freedesktop.org\/wiki\/Specifications\/open-collaboration-services.\n"},"data":[]}}"#;

#[tokio::test]
async fn refusals_are_those_of_the_traces() {
    let bed = Bed::new().await;
    let who = format!("alice:{PASSWORD}");
    for (user, line, status, body, source) in [
        (
            "",
            "GET /ocs/v1.php/cloud/user?format=json",
            401,
            r#"{"ocs":{"meta":{"status":"failure","statuscode":997,"message":"Current user is not logged in","totalitems":"","itemsperpage":""},"data":[]}}"#,
            "auth-401-answers [8]",
        ),
        (
            "",
            "GET /ocs/v2.php/cloud/user?format=json",
            401,
            r#"{"ocs":{"meta":{"status":"failure","statuscode":997,"message":"Current user is not logged in"},"data":[]}}"#,
            "auth-401-answers [9]",
        ),
        (
            "alice:wrong-password",
            "GET /ocs/v2.php/cloud/user?format=json",
            401,
            r#"{"ocs":{"meta":{"status":"failure","statuscode":997,"message":"Unauthorised"},"data":[]}}"#,
            "auth-401-answers [10]",
        ),
        (&who, "GET /ocs/v2.php/nothing/here?format=json", 404, NO_ROUTE, "envelopes [6]"),
        ("", "GET /ocs/v2.php/nothing/here?format=json", 404, NO_ROUTE, "envelopes [9]"),
        (
            &who,
            "GET /ocs/v2.php/apps/terms_of_service/terms?format=json",
            404,
            NO_ROUTE,
            "ocs-user-core-and-app-apis [34]",
        ),
        (
            &who,
            "GET /ocs/v2.php/apps/end_to_end_encryption/api/v1/public-key?format=json",
            404,
            NO_ROUTE,
            "ocs-user-core-and-app-apis [35]",
        ),
        (&who, "DELETE /ocs/v2.php/cloud/capabilities?format=json", 405, "", "envelopes [10]"),
        (
            &who,
            "POST /ocs/v2.php/cloud/users?format=json",
            403,
            r#"{"ocs":{"meta":{"status":"failure","statuscode":403,"message":"Logged in account must be at least a sub admin"},"data":[]}}"#,
            "envelopes [12]",
        ),
        (
            &who,
            "POST /ocs/v1.php/cloud/users?format=json",
            200,
            r#"{"ocs":{"meta":{"status":"failure","statuscode":403,"message":"Logged in account must be at least a sub admin","totalitems":"","itemsperpage":""},"data":[]}}"#,
            "envelopes [11]",
        ),
    ] {
        let got = bed.ask(user, line, "").await;
        assert_eq!((got.status, got.body.as_str()), (status, body), "{line} ({source})");
        let challenged = got.header("www-authenticate").is_some();
        assert_eq!(challenged, user == "alice:wrong-password", "{line} ({source})");
        assert_eq!(got.header("content-type"), Some("application/json; charset=utf-8"), "{line}");
        assert_eq!(
            got.header("cache-control"),
            Some("no-cache, no-store, must-revalidate"),
            "{line}"
        );
    }
}

#[tokio::test]
async fn a_wrong_password_is_challenged_but_not_in_a_page() {
    let bed = Bed::new().await;
    for (fields, challenge) in [
        (&[("ocs-apirequest", "true")][..], r#"Basic realm="Authorisation Required""#),
        (
            &[("ocs-apirequest", "true"), ("x-requested-with", "XMLHttpRequest")],
            r#"DummyBasic realm="Authorisation Required""#,
        ),
    ] {
        let got = bed.ask_with("bob:wrong", "GET /ocs/v2.php/cloud/user", "", fields).await;
        assert_eq!(got.header("www-authenticate"), Some(challenge));
    }
}

#[tokio::test]
async fn a_call_must_say_that_it_is_one() {
    let bed = Bed::new().await;
    let bearer = format!("Bearer {}", bed.token("alice").await);
    for (who, fields, status, source) in [
        ("", &[][..], 412, "ocs-error-envelopes [22]"),
        ("alice", &[], 412, "auth-401-answers [11]"),
        ("alice", &[("x-requested-with", "XMLHttpRequest")], 412, "auth-401-answers [12]"),
        ("alice", &[("ocs-apirequest", "false")], 412, "not true"),
        ("alice", &[("ocs-apirequest", "true")], 200, "clients.md §2.3"),
        ("alice", &[("OCS-APIREQUEST", "true")], 200, "the desktop's spelling"),
        ("", &[("authorization", &bearer)], 200, "no page can set a Bearer token"),
    ] {
        let line = "GET /ocs/v2.php/cloud/capabilities?format=json";
        let got = bed.ask_with(who, line, "", fields).await;
        assert_eq!(got.status, status, "{source}");
        if status == 412 {
            assert_eq!(got.body, r#"{"message":"CSRF check failed"}"#, "{source}");
            assert_eq!(got.header("content-type"), Some("application/json; charset=utf-8"));
        }
    }
}

#[tokio::test]
async fn formats_and_prefixes_are_those_of_the_request() {
    let bed = Bed::new().await;
    for (line, accept, expected) in [
        ("GET /ocs/v1.php/config", "*/*", "<?xml"),
        ("GET /ocs/v1.php/config?format=json", "*/*", "{"),
        ("GET /ocs/v2.php/config", "application/json", "{"),
        ("GET /index.php/ocs/v2.php/config?format=json", "*/*", "{"),
        ("GET /ocs/v3.php/config", "*/*", "<?xml"),
        ("GET /ocs/v2.php", "application/json", "{"),
    ] {
        let fields = [("ocs-apirequest", "true"), ("accept", accept)];
        let got = bed.ask_with("", line, "", &fields).await;
        assert!(got.body.starts_with(expected), "{line} {accept}: {}", got.body);
        assert_eq!(got.status == 404, line.ends_with("v2.php") || line.contains("v3"), "{line}");
    }
}

#[tokio::test]
async fn parameters_that_cannot_be_read_are_400_and_too_many_bytes_413() {
    let settings = OcsSettings { max_body_bytes: 100, ..OcsSettings::default() };
    let bed = Bed::with(settings, AuthSettings::default()).await;
    let json = ("content-type", "application/json");
    let form = ("content-type", "application/x-www-form-urlencoded");
    for (line, content_type, body, codes) in [
        ("POST /ocs/v2.php/cloud/groups?format=json", json, "[1]", (400, 400)),
        ("POST /ocs/v2.php/cloud/groups?format=json", json, "{", (400, 400)),
        ("POST /ocs/v2.php/cloud/groups?format=json", form, "groupid=%ff", (400, 400)),
        ("GET /ocs/v2.php/cloud/users?format=json&search=%ff", form, "", (400, 400)),
        ("GET /ocs/v2.php/cloud/users?format=json&limit=x", form, "", (400, 400)),
        ("GET /ocs/v1.php/cloud/users?format=json&offset=1e3", form, "", (400, 400)),
        ("POST /ocs/v2.php/cloud/groups?format=json", form, &"x".repeat(101), (413, 413)),
        ("POST /ocs/v1.php/cloud/groups?format=json", form, &"x".repeat(101), (413, 413)),
    ] {
        let fields = [("ocs-apirequest", "true"), content_type];
        let got = bed.ask_with("admin", line, body, &fields).await;
        assert_eq!(got.codes(), codes, "{line} {body}");
    }
}

#[tokio::test]
async fn guesses_are_throttled_and_app_passwords_are_not() {
    let throttle = AuthSettings { throttle_failures: 2, ..AuthSettings::default() };
    let bed = Bed::with(OcsSettings::default(), throttle).await;
    let line = "GET /ocs/v1.php/cloud/user?format=json";
    for _ in 0..2 {
        assert_eq!(bed.ask("alice:wrong", line, "").await.status, 401);
    }
    let got = bed.ask("alice:wrong", line, "").await;
    assert_eq!(got.codes(), (429, 429));
    let wait: u64 = got.header("retry-after").expect("a time").parse().unwrap();
    assert!((1..=1800).contains(&wait), "{wait}");
    assert_eq!(got.header("www-authenticate"), None);
    assert_eq!(bed.ask("alice", line, "").await.status, 200);
}

/// Nobody may lose a stored password because a directory is down: never 401.
#[tokio::test]
async fn a_directory_that_is_down_is_503() {
    struct Down;
    impl Authenticator for Down {
        async fn check_password(
            &self,
            _: &Call,
            _: &str,
            _: &Secret,
        ) -> Result<Answer, AuthUnavailable> {
            Err(AuthUnavailable::new("connection refused"))
        }
    }
    let mut bed = Bed::new().await;
    let chain = vec![("plugin:down".to_owned(), Arc::new(Down) as _)];
    let settings = AuthSettings { login_cache: Duration::ZERO, ..AuthSettings::default() };
    let clock = Clock::fixed(1_800_000_000_000);
    let auth = Arc::new(Auth::new(Arc::clone(&bed.store), chain, settings, clock));
    bed.room = Ocs::new(auth, Arc::clone(&bed.store), OcsSettings::default());
    let line = "GET /ocs/v1.php/cloud/user?format=json";
    let got = bed.ask(&format!("alice:{PASSWORD}"), line, "").await;
    assert_eq!(got.codes(), (503, 503));
    assert_eq!(got.header("retry-after"), Some("5"));
}
