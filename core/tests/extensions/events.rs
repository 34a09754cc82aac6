//! Changes of files reach the webhook: whatever it answers, and over restarts.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use moonsail::config::Settings;
use moonsail::ext::Extensions;
use moonsail_events_webhook::{SIGNATURE, TIMESTAMP, Webhook, WebhookConfig, signature};
use moonsail_sdk::events::EventSink;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::house::{PATIENCE, open};

const SECRET: &str = "a secret of some length";

/// A receiver on a port that stays its own, and what it was told.
struct Receiver {
    url: String,
    batches: mpsc::UnboundedReceiver<Vec<Value>>,
    /// The status of the next answers; 0 answers never.
    status: Arc<Mutex<u16>>,
    _serving: JoinSet<()>,
}

async fn receiver(status: u16) -> Receiver {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let (told, batches) = mpsc::unbounded_channel();
    let status = Arc::new(Mutex::new(status));
    let answers = Arc::clone(&status);
    let mut serving = JoinSet::new();
    serving.spawn(async move {
        let mut connections = JoinSet::new();
        while let Ok((socket, _)) = listener.accept().await {
            let (told, answers) = (told.clone(), Arc::clone(&answers));
            let service = service_fn(move |request: Request<Incoming>| {
                let (told, answers) = (told.clone(), Arc::clone(&answers));
                async move {
                    let field = |name| request.headers()[name].to_str().unwrap().to_owned();
                    let (time, signed) = (field(TIMESTAMP).parse().unwrap(), field(SIGNATURE));
                    let body = request.into_body().collect().await.unwrap().to_bytes();
                    assert_eq!(signed, signature(SECRET.as_bytes(), time, &body));
                    let mut body: Value = serde_json::from_slice(&body).unwrap();
                    let Value::Array(events) = body["events"].take() else { panic!("no events") };
                    let status = *answers.lock().unwrap();
                    told.send(events).unwrap();
                    if status == 0 {
                        std::future::pending::<()>().await;
                    }
                    let answer = Response::builder().status(status);
                    Ok::<_, Infallible>(answer.body(Full::new(Bytes::new())).unwrap())
                }
            });
            connections.spawn(async move {
                let http = hyper::server::conn::http1::Builder::new();
                let _ended = http.serve_connection(TokioIo::new(socket), service).await;
            });
        }
    });
    Receiver { url, batches, status, _serving: serving }
}

impl Receiver {
    fn guests(&self) -> Extensions {
        let webhook = Webhook::new(WebhookConfig {
            url: self.url.clone(),
            secret: SECRET.to_owned(),
            events: vec!["*".to_owned()],
            timeout_secs: 300,
            allow_http: false,
        });
        let webhook: Arc<dyn EventSink> = Arc::new(webhook.unwrap());
        Extensions { sinks: vec![("hook".to_owned(), webhook)], ..Extensions::default() }
    }

    fn answer(&self, status: u16) {
        *self.status.lock().unwrap() = status;
    }

    /// `name path` of the next events, until there are `number`, or one is of `last`.
    async fn told(&mut self, last: &str) -> Vec<String> {
        let mut all = Vec::new();
        while all.last().is_none_or(|event: &String| event != last) {
            let batch = timeout(PATIENCE, self.batches.recv()).await;
            let batch = batch.unwrap_or_else(|_| panic!("{last} is not in {all:?}")).unwrap();
            for event in batch {
                let text = |name: &str| event[name].as_str().unwrap_or_default().to_owned();
                all.push(format!("{} {}", text("name"), text("path")));
            }
        }
        all
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_kind_of_change_is_told_by_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let mut receiver = receiver(200).await;
    let open = open(folder.path(), receiver.guests(), Settings::default()).await;
    let at = |path: &str| format!("/remote.php/dav/files/alice/{path}");
    assert_eq!(open.put("a.txt", "one").await.status, 201);
    assert_eq!(open.put("a.txt", "two").await.status, 204);
    for (method, path, to, status) in [
        ("MKCOL", "d", None, 201),
        ("MOVE", "a.txt", Some("d/b.txt"), 201),
        ("COPY", "d", Some("e"), 201),
        ("DELETE", "d", None, 204),
    ] {
        let to = to.map(|to| format!("https://cloud.test{}", at(to)));
        let fields: Vec<_> = to.iter().map(|to| ("destination", to.as_str())).collect();
        let answer = open.ask(&open.alice, method, &at(path), &fields, "").await;
        assert_eq!(answer.status, status, "{method} {path}: {answer:?}");
    }
    let told = receiver.told("file.deleted d").await;
    let expected = [
        "file.uploaded a.txt",
        "file.uploaded a.txt",
        "file.created_dir d",
        "file.moved d/b.txt",
        "file.copied e",
        "file.deleted d",
    ];
    // Making the home is told, too, if it is made while somebody listens.
    assert!(told.ends_with(&expected.map(str::to_owned)), "{told:?}");
    open.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_while_the_receiver_fails_or_the_server_is_down() {
    let folder = tempfile::tempdir().unwrap();
    let mut receiver = receiver(500).await;
    let first = open(folder.path(), receiver.guests(), Settings::default()).await;
    assert_eq!(first.put("a", "1").await.status, 201);
    // Refused, and so told again; then the server goes away with the answer open.
    receiver.told("file.uploaded a").await;
    receiver.answer(0);
    receiver.told("file.uploaded a").await;
    first.close().await;
    receiver.answer(200);
    let second = open(folder.path(), receiver.guests(), Settings::default()).await;
    let again = receiver.told("file.uploaded a").await;
    assert!(again.len() <= 2, "{again:?}");
    assert_eq!(second.put("b", "1").await.status, 201);
    assert_eq!(receiver.told("file.uploaded b").await, ["file.uploaded b"], "`a` is acknowledged");
    second.all_told().await;
    second.close().await;
    let third = open(folder.path(), receiver.guests(), Settings::default()).await;
    assert_eq!(third.put("c", "1").await.status, 201);
    assert_eq!(receiver.told("file.uploaded c").await, ["file.uploaded c"], "and kept so");
    third.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receiver_that_never_answers_holds_up_no_upload() {
    let folder = tempfile::tempdir().unwrap();
    let mut receiver = receiver(0).await;
    let open = open(folder.path(), receiver.guests(), Settings::default()).await;
    assert_eq!(open.put("first", "1").await.status, 201);
    receiver.told("file.uploaded first").await;
    let uploads = async {
        for number in 0..50 {
            assert_eq!(open.put(&format!("f{number}"), "1").await.status, 201);
        }
    };
    timeout(PATIENCE, uploads).await.expect("uploads go on");
    assert!(receiver.batches.try_recv().is_err(), "the first call is still open");
    // Neither does it hold up the end.
    timeout(Duration::from_secs(20), open.close()).await.expect("the server stops");
}
