//! Routes of extensions: who may ask, what is let through, and that they harm only themselves.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::Duration;

use bytes::Bytes;
use moonsail::config::Settings;
use moonsail::ext::Extensions;
use moonsail::wire::{Body, BodyError, BodySource};
use moonsail_http_hello::{Hello, HelloConfig};
use moonsail_sdk::BoxFuture;
use moonsail_sdk::http::{Access, Answer, Call, Head, HttpApp, HttpError, Route};
use moonsail_sdk::stream::{ByteStream, StreamError, collect};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::house::{Open, PATIENCE, open, request};

/// Does what its path says.
#[derive(Default)]
struct Odd {
    /// Whether the body of the last endless answer was dropped.
    dropped: Arc<AtomicBool>,
}

struct Pieces {
    left: Vec<Result<&'static str, StreamError>>,
    panics: bool,
}

impl ByteStream for Pieces {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Bytes>, StreamError>> {
        assert!(!self.panics || !self.left.is_empty(), "as asked");
        let next = if self.left.is_empty() { None } else { Some(self.left.remove(0)) };
        Box::pin(async { next.transpose().map(|piece| piece.map(Bytes::from)) })
    }
}

struct Endless(Arc<AtomicBool>);

impl ByteStream for Endless {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Bytes>, StreamError>> {
        Box::pin(async { Ok(Some(Bytes::from(vec![b'x'; 64 * 1024]))) })
    }
}

impl Drop for Endless {
    fn drop(&mut self) {
        self.0.store(true, SeqCst);
    }
}

impl HttpApp for Odd {
    fn routes(&self) -> Vec<Route> {
        let below = |path: &str| format!("/apps/odd/{path}");
        vec![
            Route::new("GET", below("do/{what}"), Access::None),
            Route::new("GET", below("user"), Access::User),
            Route::new("POST", below("user"), Access::User).with_body(10),
            Route::new("GET", below("admin"), Access::Admin),
            Route::new("PUT", below("read"), Access::None).with_body(10),
            Route::new("PUT", below("unread"), Access::None).with_body(10),
            Route::new("GET", below("files/{rest*}"), Access::None),
            Route::new("GET", "/ocs/v2.php/apps/odd/data", Access::None),
            Route::new("POST", "/ocs/v2.php/apps/odd/data", Access::Admin),
        ]
    }

    fn handle(
        &self,
        call: Call,
        head: Head,
        mut body: Box<dyn ByteStream>,
    ) -> BoxFuture<'_, Result<Answer, HttpError>> {
        assert_ne!(head.param("what"), Some("panic-at-once"), "as asked");
        let text = |text: String| Ok(Answer::full(200, "text/plain", text));
        let pieces = |left: Vec<_>, panics: bool| -> Box<dyn ByteStream> {
            Box::new(Pieces { left, panics })
        };
        Box::pin(async move {
            match (head.route, head.param("what").unwrap_or_default()) {
                (4, _) => {
                    let read = collect(&mut *body, usize::MAX).await?;
                    text(format!("read {}", read.len()))
                }
                (6, _) => text(format!("{} {}", head.path, head.param("rest").unwrap())),
                (7, _) => Ok(Answer::full(200, "application/json", r#"{"a":[1,"x"]}"#)),
                (_, "fail") => Err(HttpError::Failed("a secret /etc/path".to_owned())),
                (_, "unavailable") => Err(HttpError::Unavailable("its database".to_owned())),
                (_, "panic") => panic!("as asked"),
                (_, "hang") => std::future::pending().await,
                (_, "status") => Ok(Answer::full(99, "", "")),
                (_, "informs") => Ok(Answer::full(103, "", "")),
                (_, "field") => Ok(Answer::full(200, "", "").with("bad name", "x")),
                (_, "value") => Ok(Answer::full(200, "", "").with("x-a", "a\r\nset-cookie: b")),
                (_, "short") => Ok(Answer { length: Some(3), ..Answer::full(200, "", "ab") }),
                (_, "long") => Ok(Answer { length: Some(1), ..Answer::full(200, "", "ab") }),
                (_, "fields") => Ok(Answer::full(418, "text/plain", "")
                    .with("set-cookie", "a=b")
                    .with("Connection", "close")
                    .with("X-Moonsail-User", "root")
                    .with("X-Own", "kept")),
                (_, "stream") => {
                    Ok(Answer::streamed(200, "", pieces(vec![Ok("ab"), Ok("c")], false)))
                }
                (_, "breaks") => {
                    let left = vec![Ok("ab"), Err(StreamError::Failed("its disk".to_owned()))];
                    Ok(Answer::streamed(200, "", pieces(left, false)))
                }
                (_, "stream-panics") => Ok(Answer::streamed(200, "", pieces(vec![Ok("ab")], true))),
                (_, "endless") => {
                    self.dropped.store(false, SeqCst);
                    Ok(Answer::streamed(200, "", Box::new(Endless(Arc::clone(&self.dropped)))))
                }
                (_, "seen") => {
                    let mut fields: Vec<_> = head.fields.iter().map(|(name, _)| &**name).collect();
                    fields.sort_unstable();
                    text(format!("{} {}?{}", fields.join(","), head.path, head.query))
                }
                _ => text(format!("{:?} {}", call.user, call.admin)),
            }
        })
    }
}

fn hello() -> Arc<dyn HttpApp> {
    Arc::new(Hello::new("hello", HelloConfig { greeting: "Ahoy".to_owned() }))
}

fn guests() -> (Extensions, Arc<AtomicBool>) {
    let odd = Odd::default();
    let dropped = Arc::clone(&odd.dropped);
    let odd: Arc<dyn HttpApp> = Arc::new(odd);
    let apps = vec![("hello".to_owned(), hello()), ("odd".to_owned(), odd)];
    (Extensions { apps, ..Extensions::default() }, dropped)
}

async fn bed() -> (tempfile::TempDir, Open) {
    let folder = tempfile::tempdir().unwrap();
    let mut settings = Settings::default();
    settings.apps.answer_timeout = Duration::from_millis(200);
    let open = open(folder.path(), guests().0, settings).await;
    (folder, open)
}

#[tokio::test]
async fn routes_are_found_below_their_instance_and_nowhere_else() {
    let (_folder, open) = bed().await;
    for (method, target, status, body) in [
        ("GET", "/apps/hello/hello", 200, "Ahoy, world!\n"),
        ("GET", "/index.php/apps/hello/hello", 200, "Ahoy, world!\n"),
        ("GET", "/apps/hello/hello/a%20b", 200, "Ahoy, a b!\n"),
        ("GET", "/apps/odd/files/a/b?c=%20d", 200, "/apps/odd/files/a/b a/b"),
        ("GET", "/apps/odd/files/", 200, "/apps/odd/files/ "),
        ("GET", "/apps/odd/files/a/%2e%2e/b", 404, ""),
        ("GET", "/apps/odd/files/a%2fb", 404, ""),
        ("GET", "/apps/odd/files/%ff", 404, ""),
        ("GET", "/apps/odd/files/%00", 404, ""),
        ("GET", "/apps/hello/hello/", 404, ""),
        ("GET", "/apps/hello/nothing", 404, ""),
        ("GET", "/apps/nobody/hello", 404, ""),
        ("GET", "/apps/hellohello", 404, ""),
        ("POST", "/apps/hello/hello", 405, ""),
        ("OPTIONS", "/apps/hello/hello", 405, ""),
        // The core's own stay the core's.
        ("GET", "/apps/files/", 303, ""),
        ("GET", "/status.php", 200, ""),
    ] {
        let answer = open.ask("", method, target, &[], "").await;
        assert_eq!(answer.status, status, "{method} {target}: {answer:?}");
        if !body.is_empty() {
            assert_eq!(answer.text(), body, "{method} {target}");
        }
        if status == 405 {
            assert_eq!(answer.header("allow"), "GET, HEAD", "{method} {target}");
        }
    }
    open.close().await;
}

#[tokio::test]
async fn what_would_hide_a_route_of_the_core_is_not_mounted() {
    struct One(&'static str, &'static str);
    impl HttpApp for One {
        fn routes(&self) -> Vec<Route> {
            vec![Route::new(self.0, self.1, Access::None)]
        }

        fn handle(
            &self,
            _: Call,
            _: Head,
            _: Box<dyn ByteStream>,
        ) -> BoxFuture<'_, Result<Answer, HttpError>> {
            Box::pin(async { Ok(Answer::full(200, "", "")) })
        }
    }
    let (_folder, open) = bed().await;
    for (name, method, pattern, good) in [
        ("mine", "GET", "/apps/mine/a", true),
        ("mine", "GET", "/ocs/v2.php/apps/mine/a", true),
        ("mine", "GET", "/apps/files/a", false),
        ("mine", "GET", "/remote.php/dav/files/alice/a", false),
        ("mine", "GET", "/ocs/v2.php/cloud/capabilities", false),
        ("mine", "GET", "/status.php", false),
        ("mine", "GET", "/apps/mine/../files", false),
        ("mine", "get", "/apps/mine/a", false),
        ("mine", "HEAD", "/apps/mine/a", false),
        ("files", "GET", "/apps/files/a", false),
        ("Files_Sharing", "GET", "/apps/Files_Sharing/a", false),
        ("a/b", "GET", "/apps/a/b/c", false),
        ("", "GET", "/apps//a", false),
    ] {
        let app: Arc<dyn HttpApp> = Arc::new(One(method, pattern));
        let set = open.house.apps.set(vec![(name.to_owned(), app)]);
        assert_eq!(set.is_ok(), good, "{name} {method} {pattern}: {set:?}");
    }
    // What is refused leaves everything as it was; what is gone is 404.
    assert_eq!(open.ask("", "GET", "/apps/mine/a", &[], "").await.status, 404);
    let ocs = [("ocs-apirequest", "true")];
    assert_eq!(open.ask("", "GET", "/ocs/v2.php/apps/mine/a", &ocs, "").await.status, 200);
    open.house.apps.set(vec![("hello".to_owned(), hello())]).unwrap();
    assert_eq!(open.ask("", "GET", "/ocs/v2.php/apps/mine/a", &ocs, "").await.status, 404);
    assert_eq!(open.ask("", "GET", "/apps/hello/hello", &[], "").await.status, 200);
    open.house.apps.set(Vec::new()).unwrap();
    assert_eq!(open.ask("", "GET", "/apps/hello/hello", &[], "").await.status, 404);
    open.close().await;
}

#[tokio::test]
async fn who_may_ask_is_the_servers_own_decision() {
    let (_folder, open) = bed().await;
    let (alice, admin) = (open.alice.clone(), open.admin.clone());
    let reads = open.token("alice", true, None).await;
    let folder = open.token("root", false, Some("Photos")).await;
    let wrong = "Basic YWxpY2U6d3Jvbmc=".to_owned();
    let nobody = String::new();
    for (login, method, path, status, text) in [
        (&nobody, "GET", "do/who", 200, "None false"),
        (&alice, "GET", "do/who", 200, r#"Some("alice") false"#),
        (&admin, "GET", "do/who", 200, r#"Some("root") true"#),
        (&wrong, "GET", "do/who", 200, "None false"),
        (&nobody, "GET", "user", 401, ""),
        (&wrong, "GET", "user", 401, ""),
        (&alice, "GET", "user", 200, r#"Some("alice") false"#),
        (&alice, "HEAD", "user", 200, ""),
        (&alice, "POST", "user", 200, r#"Some("alice") false"#),
        (&reads, "GET", "user", 200, r#"Some("alice") false"#),
        (&reads, "POST", "user", 403, ""),
        (&folder, "GET", "admin", 403, ""),
        (&nobody, "GET", "admin", 401, ""),
        (&alice, "GET", "admin", 403, ""),
        (&admin, "GET", "admin", 200, r#"Some("root") true"#),
    ] {
        let answer = open.ask(login, method, &format!("/apps/odd/{path}"), &[], "").await;
        assert_eq!(answer.status, status, "{login} {method} {path}: {answer:?}");
        if !text.is_empty() {
            assert_eq!(answer.text(), text, "{login} {method} {path}");
        }
        assert_eq!(status == 401, !answer.header("www-authenticate").is_empty(), "{path}");
    }
    // A browser that wants a page is sent to log in, and back.
    let page = [("accept", "text/html,*/*")];
    let answer = open.ask("", "GET", "/apps/odd/user?a=b", &page, "").await;
    assert_eq!(answer.status, 303);
    let expected = "/index.php/login?redirect_url=%2Fapps%2Fodd%2Fuser%3Fa%3Db";
    assert_eq!(answer.header("location"), expected);
    open.close().await;
}

#[tokio::test]
async fn a_browsers_session_needs_proof_that_its_user_meant_it() {
    let (_folder, open) = bed().await;
    let cookie = open.session("alice").await;
    for (fields, status) in [
        (&[][..], 412),
        (&[("origin", "https://evil.test")], 412),
        (&[("origin", "https://cloud.test")], 200),
        (&[("sec-fetch-site", "same-origin")], 200),
    ] {
        let all: Vec<_> =
            [("cookie", cookie.as_str())].into_iter().chain(fields.to_vec()).collect();
        let answer = open.ask("", "POST", "/apps/odd/user", &all, "").await;
        assert_eq!(answer.status, status, "{fields:?} {answer:?}");
    }
    let get = [("cookie", cookie.as_str())];
    assert_eq!(open.ask("", "GET", "/apps/odd/user", &get, "").await.status, 200);
    open.close().await;
}

#[tokio::test]
async fn a_fault_of_an_extension_is_that_requests_alone() {
    let (_folder, open) = bed().await;
    for (what, status) in [
        ("fail", 500),
        ("panic", 500),
        ("panic-at-once", 500),
        ("unavailable", 503),
        ("hang", 504),
        ("status", 502),
        ("informs", 502),
        ("field", 502),
        ("value", 502),
        ("short", 502),
        ("long", 502),
    ] {
        let answer = open.ask("", "GET", &format!("/apps/odd/do/{what}"), &[], "").await;
        assert_eq!(answer.status, status, "{what}: {answer:?}");
        let text = answer.text();
        assert!(text.contains("Request id: test") && !text.contains("secret"), "{what}: {text}");
        assert_eq!(status == 503, !answer.header("retry-after").is_empty(), "{what}");
        assert_eq!(open.ask("", "GET", "/apps/odd/do/who", &[], "").await.status, 200, "{what}");
    }
    for (what, whole) in [("stream", true), ("breaks", false), ("stream-panics", false)] {
        let answer = open.ask("", "GET", &format!("/apps/odd/do/{what}"), &[], "").await;
        assert_eq!((answer.status, answer.body.is_ok()), (200, whole), "{what}: {answer:?}");
    }
    open.close().await;
}

/// A body that comes in pieces of one byte, without a length.
struct Drip(usize);

impl BodySource for Drip {
    fn poll_data(
        &mut self,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<Bytes, BodyError>>> {
        let more = self.0 > 0;
        self.0 = self.0.saturating_sub(1);
        std::task::Poll::Ready(more.then(|| Ok(Bytes::from_static(b"x"))))
    }
}

#[tokio::test]
async fn bodies_larger_than_the_route_takes_are_413() {
    let (_folder, open) = bed().await;
    for (path, size, status) in
        [("read", 10, 200), ("read", 11, 413), ("unread", 10, 200), ("unread", 11, 413)]
    {
        let body = vec![b'x'; size];
        let length = size.to_string();
        let fields = [("content-length", length.as_str())];
        let answer = open.ask("", "PUT", &format!("/apps/odd/{path}"), &fields, body).await;
        assert_eq!(answer.status, status, "{path} {size}: {answer:?}");
    }
    // Without a length it shows only while it comes; what is not read is not counted.
    for (path, size, status) in [("read", 10, 200), ("read", 11, 413), ("unread", 11, 200)] {
        let body = Body::new(Drip(size));
        let answer = open.send(request("", "PUT", &format!("/apps/odd/{path}"), &[], body)).await;
        assert_eq!(answer.status, status, "{path} {size}: {answer:?}");
    }
    open.close().await;
}

#[tokio::test]
async fn fields_that_are_the_servers_own_are_kept_from_both_sides() {
    let (_folder, open) = bed().await;
    let sent = [("cookie", "a=b"), ("x-mine", "1"), ("connection", "close"), ("te", "trailers")];
    let answer = open.ask(&open.alice, "GET", "/apps/odd/do/seen?q=%20", &sent, "").await;
    assert_eq!(answer.text(), "host,x-mine /apps/odd/do/seen?q=%20");
    let answer = open.ask(&open.alice, "GET", "/apps/odd/do/fields", &[], "").await;
    assert_eq!((answer.status, answer.header("x-own")), (418, "kept"));
    for name in ["set-cookie", "connection"] {
        assert!(!answer.headers.contains_key(name), "{name}");
    }
    assert_eq!(answer.header("x-moonsail-user"), "alice", "for the access log");
    open.close().await;
}

#[tokio::test]
async fn ocs_routes_speak_in_envelopes() {
    let (_folder, open) = bed().await;
    let api = ("ocs-apirequest", "true");
    let json = ("accept", "application/json");
    let data =
        r#"{"ocs":{"meta":{"status":"ok","statuscode":200,"message":"OK"},"data":{"a":[1,"x"]}}}"#;
    let answer = open.ask("", "GET", "/ocs/v2.php/apps/odd/data", &[api, json], "").await;
    assert_eq!((answer.status, answer.text()), (200, data));
    let answer = open.ask("", "GET", "/ocs/v1.php/apps/odd/data", &[api, json], "").await;
    assert!(answer.text().contains(r#""statuscode":100"#), "{answer:?}");
    let answer = open.ask("", "GET", "/index.php/ocs/v2.php/apps/odd/data", &[api], "").await;
    assert!(answer.text().contains("<element>x</element>"), "{answer:?}");
    let me = open.ask(&open.alice, "GET", "/ocs/v2.php/apps/hello/me", &[api, json], "").await;
    assert!(me.text().ends_with(r#""data":{"id":"alice","admin":false}}}"#), "{me:?}");
    for (login, method, target, fields, status, code) in [
        ("", "GET", "/ocs/v2.php/apps/odd/data", &[json][..], 412, 412),
        ("", "GET", "/ocs/v2.php/apps/odd/nothing", &[api, json], 404, 998),
        ("", "GET", "/ocs/v1.php/apps/odd/nothing", &[api, json], 200, 998),
        ("", "GET", "/ocs/v2.php/apps/nobody/data", &[api, json], 404, 998),
        ("", "POST", "/ocs/v2.php/apps/odd/data", &[api, json], 401, 997),
        (open.alice.as_str(), "POST", "/ocs/v2.php/apps/odd/data", &[api, json], 403, 403),
    ] {
        let answer = open.ask(login, method, target, fields, "").await;
        assert_eq!(answer.status, status, "{method} {target}: {answer:?}");
        let expected = format!(r#""statuscode":{code},"#);
        assert!(answer.text().contains(&expected), "{method} {target}: {answer:?}");
    }
    open.close().await;
}

/// Reads until `text` has come; gives all that came.
async fn read_until(stream: &mut TcpStream, text: &str) -> String {
    let mut all = Vec::new();
    let read = async {
        while !String::from_utf8_lossy(&all).contains(text) {
            let mut piece = [0; 4096];
            let length = stream.read(&mut piece).await.unwrap();
            assert!(length > 0, "closed after {}", String::from_utf8_lossy(&all));
            all.extend_from_slice(&piece[..length]);
        }
    };
    timeout(PATIENCE, read).await.unwrap_or_else(|_| panic!("no {text}"));
    String::from_utf8_lossy(&all).into_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bodies_stream_both_ways_while_the_request_goes_on() {
    let (_folder, open) = bed().await;
    let (address, door) = open.serve();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!(
        "POST /apps/hello/echo HTTP/1.1\r\nHost: {address}\r\nAuthorization: {}\r\n\
         Transfer-Encoding: chunked\r\n\r\n",
        open.alice
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    // Each piece comes back before the next is sent, for longer than an answer may take.
    for (number, piece) in ["one", "two", "three"].into_iter().enumerate() {
        let chunk = format!("{:x}\r\n{piece}\r\n", piece.len());
        stream.write_all(chunk.as_bytes()).await.unwrap();
        let came = read_until(&mut stream, piece).await;
        if number == 0 {
            for line in ["HTTP/1.1 200", "default-src 'none'", "nosniff", "chunked"] {
                assert!(came.contains(line), "{line} in {came}");
            }
        }
    }
    stream.write_all(b"0\r\n\r\n").await.unwrap();
    read_until(&mut stream, "0\r\n\r\n").await;
    door.abort();
    open.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_is_made_no_faster_than_it_is_taken_and_ends_with_its_client() {
    let folder = tempfile::tempdir().unwrap();
    let (guests, dropped) = guests();
    let open = open(folder.path(), guests, Settings::default()).await;
    let (address, door) = open.serve();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!("GET /apps/odd/do/endless HTTP/1.1\r\nHost: {address}\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    read_until(&mut stream, "xxxx").await;
    assert!(!dropped.load(SeqCst));
    drop(stream);
    let gone = async {
        while !dropped.load(SeqCst) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, gone).await.expect("the extension hears that its client has gone");
    door.abort();
    open.close().await;
}
