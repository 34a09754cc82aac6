//! The sink against a real HTTP server.

#![expect(clippy::unwrap_used, reason = "a test panics where something is wrong")]

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use moonsail_events_webhook::{SIGNATURE, TIMESTAMP, Webhook, WebhookConfig, signature};
use moonsail_sdk::events::{Delivered, Event, EventSink as _};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

const SECRET: &str = "a secret of some length";

/// What a request brought: timestamp, signature, body.
type Post = (String, String, Bytes);

struct Receiver {
    url: String,
    posts: Arc<Mutex<Vec<Post>>>,
    /// Ends with the receiver.
    _serving: JoinSet<()>,
}

/// A server that answers with these statuses in turn, the last one for ever; 0 never answers.
async fn receiver(answers: &[(u16, Option<&'static str>)]) -> Receiver {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let posts: Arc<Mutex<Vec<Post>>> = Arc::default();
    let (seen, answers) = (Arc::clone(&posts), Arc::new(answers.to_vec()));
    let mut serving = JoinSet::new();
    serving.spawn(async move {
        let mut connections = JoinSet::new();
        while let Ok((socket, _)) = listener.accept().await {
            let (seen, answers) = (Arc::clone(&seen), Arc::clone(&answers));
            let service = service_fn(move |request: Request<Incoming>| {
                let (seen, answers) = (Arc::clone(&seen), Arc::clone(&answers));
                async move {
                    let field = |name| {
                        let value = request.headers().get(name);
                        value.map_or("", |value| value.to_str().unwrap()).to_owned()
                    };
                    let (time, signed) = (field(TIMESTAMP), field(SIGNATURE));
                    assert_eq!(
                        (request.method().as_str(), request.uri().path()),
                        ("POST", "/hook")
                    );
                    let body = request.into_body().collect().await.unwrap().to_bytes();
                    let number = {
                        let mut seen = seen.lock().unwrap();
                        seen.push((time, signed, body));
                        seen.len()
                    };
                    let (status, wait) = answers[(number - 1).min(answers.len() - 1)];
                    if status == 0 {
                        std::future::pending::<()>().await;
                    }
                    let mut answer = Response::builder().status(status);
                    if let Some(wait) = wait {
                        answer = answer.header("retry-after", wait);
                    }
                    if status == 302 {
                        answer = answer.header("location", "/elsewhere");
                    }
                    Ok::<_, Infallible>(answer.body(Full::new(Bytes::new())).unwrap())
                }
            });
            connections.spawn(async move {
                let http = hyper::server::conn::http1::Builder::new();
                let _ended = http.serve_connection(TokioIo::new(socket), service).await;
            });
        }
    });
    Receiver { url, posts, _serving: serving }
}

fn webhook(url: &str) -> Webhook {
    Webhook::new(WebhookConfig {
        url: url.to_owned(),
        secret: SECRET.to_owned(),
        events: vec!["file.*".to_owned()],
        timeout_secs: 1,
        allow_http: false,
    })
    .unwrap()
}

fn event(seq: u64) -> Event {
    Event {
        seq,
        time_millis: 1_700_000_000_123,
        name: "file.moved".to_owned(),
        actor: None,
        origin: "disk".to_owned(),
        owner: "alice".to_owned(),
        path: "new \"name\".txt".to_owned(),
        old_path: Some("old.txt".to_owned()),
        node: 42,
        etag: Some("abc".to_owned()),
        size: Some(7),
        folder: Some(false),
        request_id: String::new(),
    }
}

#[tokio::test]
async fn a_batch_is_posted_as_signed_json() {
    let receiver = receiver(&[(204, None)]).await;
    let webhook = webhook(&receiver.url);
    assert_eq!(webhook.interest(), ["file.*"]);
    assert_eq!(webhook.deliver(vec![event(5), event(9)]).await, Delivered::Ack);
    let (time, signed, body) = receiver.posts.lock().unwrap().pop().unwrap();
    let expected = r#"{"events":[{"seq":5,"time_millis":1700000000123,"name":"file.moved","origin":"disk","owner":"alice","path":"new \"name\".txt","old_path":"old.txt","file_id":42,"etag":"abc","size":7,"folder":false,"request_id":""},"#;
    let text = std::str::from_utf8(&body).unwrap();
    let parsed: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert!(text.starts_with(expected), "{text}");
    assert_eq!(parsed["events"][1]["seq"], 9);
    assert_eq!(signed, signature(SECRET.as_bytes(), time.parse().unwrap(), &body));
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    assert!(now.as_secs().abs_diff(time.parse().unwrap()) < 60);
}

#[tokio::test]
async fn what_is_not_taken_comes_again() {
    for (status, wait, expected) in [
        (200, None, Delivered::Ack),
        (299, None, Delivered::Ack),
        (302, None, Delivered::RetryAfter(Duration::ZERO)),
        (400, None, Delivered::RetryAfter(Duration::ZERO)),
        (404, None, Delivered::RetryAfter(Duration::ZERO)),
        (429, Some("7"), Delivered::RetryAfter(Duration::from_secs(7))),
        (503, Some("soon"), Delivered::RetryAfter(Duration::ZERO)),
        // Too late: one second, as configured.
        (0, None, Delivered::RetryAfter(Duration::ZERO)),
    ] {
        let receiver = receiver(&[(status, wait)]).await;
        let webhook = webhook(&receiver.url);
        assert_eq!(webhook.deliver(vec![event(1)]).await, expected, "{status}");
        assert_eq!(receiver.posts.lock().unwrap().len(), 1, "{status}: posted once");
    }
    let nobody = webhook("http://127.0.0.1:1/hook");
    assert_eq!(nobody.deliver(vec![event(1)]).await, Delivered::RetryAfter(Duration::ZERO));
}

#[tokio::test]
async fn a_receiver_that_is_gone_is_told_nothing_more() {
    let receiver = receiver(&[(410, None), (200, None)]).await;
    let webhook = webhook(&receiver.url);
    assert_eq!(webhook.deliver(vec![event(1)]).await, Delivered::Ack);
    assert_eq!(webhook.deliver(vec![event(2)]).await, Delivered::Ack);
    assert_eq!(receiver.posts.lock().unwrap().len(), 1);
}
