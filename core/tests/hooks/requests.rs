//! Every request and every answer is asked about.

use moonsail::hooks::{Decision, Fields, Response, Value};
use serde_json::json;

use crate::house::{Bed, FILES};

#[tokio::test]
async fn a_refused_request_is_answered_in_the_words_of_its_protocol() {
    let bed = Bed::new().await;
    bed.says("request", Decision::Deny { status: Some(403), message: "Not today".to_owned() });
    let dav = bed.ask_as("", &format!("PROPFIND {FILES}"), &[], "").await;
    assert_eq!(dav.status, 403, "before anybody asks who it is: {dav:?}");
    assert!(dav.body.contains("<s:message>Not today</s:message>"), "{dav:?}");
    assert_eq!(dav.header("content-type"), Some("application/xml; charset=utf-8"));
    for (line, code) in
        [("GET /ocs/v1.php/x?format=json", 403), ("GET /ocs/v2.php/x?format=json", 403)]
    {
        let ocs = bed.ask_as("", line, &[], "").await;
        assert_eq!((ocs.status, &ocs.json()["ocs"]["meta"]["statuscode"]), (403, &json!(code)));
        assert_eq!(ocs.json()["ocs"]["meta"]["message"], "Not today");
    }
    let page = bed.ask_as("", "GET /login", &[], "").await;
    assert_eq!((page.status, page.body.as_str()), (403, "Not today\n"));
    bed.fails("request");
    assert_eq!(bed.ask_as("", "GET /status.php", &[], "").await.status, 503);
    bed.shuts_up();
    assert_eq!(bed.ask_as("", "GET /status.php", &[], "").await.status, 200);
}

#[tokio::test]
async fn a_hook_answers_in_the_server_s_stead() {
    let bed = Bed::new().await;
    bed.says("request", Decision::redirect("https://other.example/"));
    let answer = bed.ask_as("", "GET /", &[], "").await;
    assert_eq!((answer.status, answer.header("location")), (302, Some("https://other.example/")));
    let headers = [("content-type", "text/css"), ("content-length", "999"), ("x-own", "1")];
    bed.says(
        "request",
        Decision::Respond(Response {
            status: 200,
            headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
            body: b"b{}".to_vec(),
        }),
    );
    let answer = bed.ask_as("", "GET /theme.css", &[], "").await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "b{}"));
    assert_eq!(answer.header("content-length"), Some("3"), "framing is the server's");
    assert_eq!(
        (answer.header("content-type"), answer.header("x-own")),
        (Some("text/css"), Some("1"))
    );
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "as on every answer");
}

#[tokio::test]
async fn a_request_goes_where_a_hook_sends_it() {
    let bed = Bed::new().await;
    let elsewhere = |path: &'static str| Decision::Replace(Fields::new().with("path", path));
    bed.says("request", elsewhere("/status.php"));
    let answer = bed.ask_as("", "GET /nextcloud/status.php?x=1", &[], "").await;
    assert_eq!((answer.status, &answer.json()["installed"]), (200, &json!(true)));
    for path in ["status.php", "//evil.example/x y", "http://evil.example/", "/a?b", "/a#b", ""] {
        bed.says("request", elsewhere(path));
        assert_eq!(bed.ask_as("", "GET /x", &[], "").await.status, 503, "{path:?}");
    }
    let long: &'static str = Box::leak(format!("/{}", "x".repeat(20_000)).into_boxed_str());
    bed.says("request", elsewhere(long));
    assert_eq!(bed.ask_as("", "GET /x", &[], "").await.status, 414, "limits count still");
    // Nobody becomes somebody else this way.
    let login = Fields::new().with("header.authorization", "Basic eDp5");
    bed.says("request", Decision::Replace(login));
    assert_eq!(bed.ask_as("", "GET /x", &[], "").await.status, 503);
}

#[tokio::test]
async fn hooks_see_fields_and_no_secrets() {
    let bed = Bed::new().await;
    let fields =
        [("cookie", "secret=1"), ("x-own", "a"), ("user-agent", "Mozilla/5.0 mirall/3.16")];
    bed.ask(&format!("PROPFIND {FILES}?q=1"), &fields, "").await;
    let (_, fields, _) = bed.heard("request").remove(0);
    assert_eq!((fields.text("method"), fields.text("path")), (Some("PROPFIND"), Some(FILES)));
    assert_eq!((fields.text("query"), fields.text("header.x-own")), (Some("q=1"), Some("a")));
    assert_eq!((fields.text("client"), fields.bool("tls")), (Some("desktop"), Some(false)));
    assert_eq!(fields.find("user"), Some(&Value::Null), "nobody has asked yet");
    let seen = format!("{:?}", bed.ear.heard.lock().unwrap());
    assert!(!seen.contains("secret=1") && !seen.contains("authorization"), "{seen}");
}

#[tokio::test]
async fn an_answer_gets_the_fields_that_a_hook_gives_it() {
    let bed = Bed::new().await;
    let fields = Fields::new()
        .with("header.x-own", "1")
        .with("header.x-robots-tag", "all")
        .with("header.content-length", "999")
        .with("header.www-authenticate", Value::Null);
    bed.says("response", Decision::Replace(fields));
    let answer = bed.ask_as("", &format!("PROPFIND {FILES}"), &[], "").await;
    assert_eq!((answer.status, answer.header("x-own")), (401, Some("1")));
    assert_eq!(answer.header("www-authenticate"), None);
    assert_eq!(answer.header("x-robots-tag"), Some("all"));
    assert_eq!(answer.header("content-length"), Some(answer.body.len().to_string().as_str()));
    let (_, fields, _) = bed.heard("response").remove(0);
    assert_eq!((fields.int("status"), fields.find("user")), (Some(401), Some(&Value::Null)));
    bed.ask(&format!("PROPFIND {FILES}"), &[("depth", "0")], "").await;
    assert_eq!(bed.heard("response")[0].1.text("user"), Some("alice"));
    bed.fails("response");
    let answer = bed.ask(&format!("PROPFIND {FILES}"), &[("depth", "0")], "").await;
    assert_eq!((answer.status, answer.header("x-own")), (207, None), "it goes as it is");
}
