//! Hooks, events, routes and previews over the border and back, and the streams that go with them.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use moonsail_sdk::BoxFuture;
use moonsail_sdk::abi::guest::{Host, Offers, Plugin, PluginError};
use moonsail_sdk::abi::host::TestHost;
use moonsail_sdk::auth::Call;
use moonsail_sdk::error::{Code, Error};
use moonsail_sdk::events::{Delivered, Event as Change, EventSink};
use moonsail_sdk::hooks::{
    Content, Decision, Event, Fields, Hooks, Interest, OnError, Response, Value,
};
use moonsail_sdk::http::{self, Access, Answer, Head, HttpApp, HttpError, Route};
use moonsail_sdk::preview::{Mode, NoPicture, Picture, Previewer, Types, Wanted};
use moonsail_sdk::stream::{ByteStream, StreamError, Whole, collect};

struct Sample;

impl Plugin for Sample {
    type Config = serde_json::Value;

    fn create(_: serde_json::Value, _: Host) -> Result<Self, PluginError> {
        Ok(Self)
    }

    fn offer(self: &Arc<Self>, offers: &mut Offers) {
        offers.hooks(Arc::clone(self));
        offers.events(Arc::clone(self));
        offers.http(Arc::clone(self));
        offers.preview(Arc::clone(self));
    }
}

fn all_kinds() -> Fields {
    Fields::new()
        .with("null", Value::Null)
        .with("bool", true)
        .with("int", -5i64)
        .with("text", "ä")
        .with("list", vec!["a".to_owned(), String::new()])
        .with("nothing in it", Vec::<String>::new())
}

/// What a hook kept beyond its event.
static KEPT: std::sync::Mutex<Option<Arc<dyn Content>>> = std::sync::Mutex::new(None);

impl Hooks for Sample {
    fn interest(&self) -> Vec<Interest> {
        vec![
            Interest::new("file.*").priority(-3),
            Interest::new("request").on_error(OnError::Allow),
            Interest::new("x").on_error(OnError::Deny),
        ]
    }

    async fn before(&self, call: &Call, event: &Event) -> Result<Decision, Error> {
        Ok(match event.name.as_ref() {
            "allow" => Decision::Allow,
            "deny" => Decision::deny("no"),
            "deny with status" => Decision::Deny { status: Some(451), message: String::new() },
            "echo" => {
                tokio::task::yield_now().await;
                Decision::Replace(event.fields.clone())
            }
            "respond" => Decision::Respond(Response {
                status: 418,
                headers: vec![("x-id".to_owned(), call.request_id.clone())],
                body: vec![0, 1],
            }),
            "scan" => {
                let content = event.content.clone().expect("bytes");
                let mut all = Vec::new();
                while (all.len() as u64) < content.size() {
                    let piece = content.read_at(all.len() as u64, 3).await?;
                    all.extend_from_slice(&piece);
                }
                assert!(content.read_at(content.size(), 3).await?.is_empty());
                *KEPT.lock().expect("not poisoned") = Some(content);
                Decision::deny(String::from_utf8_lossy(&all))
            }
            "fails" => {
                let retry_after = Some(Duration::from_secs(3));
                return Err(Error { retry_after, ..Error::unavailable("no scanner") });
            }
            "panics" => panic!("in a hook"),
            _ => Decision::Next,
        })
    }
}

impl EventSink for Sample {
    fn interest(&self) -> Vec<String> {
        vec!["file.*".to_owned(), "share.created".to_owned()]
    }

    fn deliver(&self, events: Vec<Change>) -> BoxFuture<'_, Delivered> {
        Box::pin(async move {
            match events.as_slice() {
                events if events == [change(1), gone(2)] => Delivered::Ack,
                [one] if one.seq == 7 => Delivered::RetryAfter(Duration::from_millis(1500)),
                [one] if one.seq == 8 => panic!("in a sink"),
                _ => Delivered::RetryAfter(Duration::ZERO),
            }
        })
    }
}

fn change(seq: u64) -> Change {
    Change {
        seq,
        time_millis: -1,
        name: "file.moved".to_owned(),
        actor: Some("alice".to_owned()),
        origin: "dav".to_owned(),
        owner: "bob".to_owned(),
        path: "a/ä".to_owned(),
        old_path: Some(String::new()),
        node: 42,
        etag: Some("e".to_owned()),
        size: Some(0),
        folder: Some(false),
        request_id: "r".to_owned(),
    }
}

fn gone(seq: u64) -> Change {
    let none = None::<String>;
    let (actor, old_path, etag) = (none.clone(), none.clone(), none);
    Change { actor, old_path, etag, size: None, folder: None, ..change(seq) }
}

/// Streams that are alive, by what they are for: tests run side by side.
static OPEN: [AtomicUsize; 4] = [const { AtomicUsize::new(0) }; 4];

struct Counted(usize);

impl Counted {
    fn new(which: usize) -> Self {
        OPEN[which].fetch_add(1, Ordering::SeqCst);
        Self(which)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        OPEN[self.0].fetch_sub(1, Ordering::SeqCst);
    }
}

async fn all_closed(which: usize) {
    let begun = Instant::now();
    while OPEN[which].load(Ordering::SeqCst) > 0 {
        assert!(begun.elapsed() < Duration::from_secs(5), "a stream is never dropped");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// Counts down, one piece each; then ends, fails, hangs or panics.
struct Numbers(u32, String, #[expect(dead_code, reason = "dropped with it")] Counted);

impl Numbers {
    fn boxed(from: u32, then: &str, which: usize) -> Box<dyn ByteStream> {
        Box::new(Self(from, then.to_owned(), Counted::new(which)))
    }
}

impl ByteStream for Numbers {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Bytes>, StreamError>> {
        Box::pin(async move {
            if self.0 % 2 == 1 {
                tokio::time::sleep(Duration::from_micros(50)).await;
            }
            if let Some(left) = self.0.checked_sub(1) {
                let piece = format!("{},", self.0);
                self.0 = left;
                return Ok(Some(piece.into()));
            }
            match self.1.as_str() {
                "fails" => Err(StreamError::Failed("disk".to_owned())),
                "is cut" => Err(StreamError::Cut),
                "is large" => Err(StreamError::TooLarge),
                "hangs" => pending().await,
                "panics" => panic!("in a stream"),
                _ => Ok(None),
            }
        })
    }
}

/// Gives what it gets, doubled.
struct Doubling(Box<dyn ByteStream>, #[expect(dead_code, reason = "dropped with it")] Counted);

impl ByteStream for Doubling {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Bytes>, StreamError>> {
        Box::pin(async move {
            let piece = self.0.next().await?;
            Ok(piece.map(|piece| [&piece[..], &piece[..]].concat().into()))
        })
    }
}

impl HttpApp for Sample {
    fn routes(&self) -> Vec<Route> {
        vec![
            Route::new("GET", "/apps/test/{id}", Access::None),
            Route::new("PUT", "/apps/test/{rest*}", Access::User).with_body(u64::MAX),
            Route::new("GET", "/ocs/v2.php/apps/test/a", Access::Admin),
        ]
    }

    fn handle(
        &self,
        call: http::Call,
        head: Head,
        mut body: Box<dyn ByteStream>,
    ) -> BoxFuture<'_, Result<Answer, HttpError>> {
        Box::pin(async move {
            Ok(match head.path.as_str() {
                "/head" => {
                    let text = format!("{call:?} {head:?}");
                    Answer::full(201, "text/plain", text).with("x-bytes", [0xffu8, 0])
                }
                "/collect" => {
                    let all = collect(body.as_mut(), 1000).await?;
                    Answer::full(200, "", all)
                }
                "/double" => {
                    let body = Box::new(Doubling(body, Counted::new(1)));
                    Answer::streamed(200, "text/plain", body)
                }
                "/hangs" => {
                    let _open = Counted::new(2);
                    pending::<()>().await;
                    unreachable!()
                }
                "/down" => return Err(HttpError::Unavailable("later".to_owned())),
                "/broken" => return Err(HttpError::Failed("broken".to_owned())),
                "/panics" => panic!("in a route"),
                "/logs" => {
                    let stream = Numbers::boxed(3, "ends", 3);
                    Answer::streamed(200, "", Box::new(Logging(stream)))
                }
                then => {
                    let then = then.trim_start_matches("/then ");
                    Answer {
                        length: Some(9),
                        ..Answer::streamed(200, "", Numbers::boxed(3, then, 0))
                    }
                }
            })
        })
    }
}

struct Logging(Box<dyn ByteStream>);

impl ByteStream for Logging {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Bytes>, StreamError>> {
        Box::pin(async move {
            tokio::time::sleep(Duration::from_micros(10)).await;
            tracing::info!("a piece");
            self.0.next().await
        })
    }
}

impl Drop for Logging {
    fn drop(&mut self) {
        tracing::info!("dropped");
    }
}

impl Previewer for Sample {
    fn types(&self) -> Types {
        Types { media: vec!["image/png".to_owned(), "video/*".to_owned()], max_bytes: 1 << 40 }
    }

    fn render(
        &self,
        mut file: Box<dyn ByteStream>,
        wanted: Wanted,
    ) -> BoxFuture<'_, Result<Picture, NoPicture>> {
        Box::pin(async move {
            match wanted.media_type.as_str() {
                "broken" => return Err(NoPicture::Broken("no pixels".to_owned())),
                "other" => return Err(NoPicture::Unsupported),
                "down" => return Err(NoPicture::Unavailable("no decoder".to_owned())),
                "panics" => panic!("in a previewer"),
                _ => {}
            }
            let all = collect(file.as_mut(), 1000).await;
            let all = all.map_err(|error| NoPicture::Broken(error.to_string()))?;
            let (Wanted { size, width, height, mode, .. }, len) = (wanted, all.len());
            let bytes = format!("{size} {width} {height} {mode:?} {len}").into();
            Ok(Picture { media_type: "image/webp".to_owned(), bytes })
        })
    }
}

fn call() -> Call {
    Call { request_id: "req-1".to_owned(), remote_ip: None }
}

fn event(name: &'static str, fields: Fields) -> Event {
    Event { name: name.into(), fields, content: None }
}

async fn sample() -> TestHost {
    TestHost::start::<Sample>("{}").await.expect("started")
}

#[tokio::test]
async fn every_decision_of_a_hook_crosses() {
    let host = sample().await;
    let hooks = host.hooks().unwrap();
    assert_eq!(hooks.interest(), Hooks::interest(&Sample));
    for name in ["allow", "deny", "deny with status", "echo", "respond", "other"] {
        for fields in [Fields::new(), all_kinds()] {
            let event = event(name, fields);
            let expected = Hooks::before(&Sample, &call(), &event).await.unwrap();
            assert_eq!(hooks.before(&call(), &event).await.unwrap(), expected, "{name}");
        }
    }
    let error = hooks.before(&call(), &event("fails", Fields::new())).await.unwrap_err();
    assert_eq!(error.code, Code::Unavailable);
    assert_eq!(error.retry_after, Some(Duration::from_secs(3)));
    let error = hooks.before(&call(), &event("panics", Fields::new())).await.unwrap_err();
    assert_eq!((error.code, error.message.as_str()), (Code::Internal, "it panicked: in a hook"));
}

struct Staged(&'static [u8]);

impl Content for Staged {
    fn size(&self) -> u64 {
        self.0.len() as u64
    }

    fn read_at(&self, offset: u64, most: usize) -> BoxFuture<'_, Result<Bytes, Error>> {
        Box::pin(async move {
            tokio::time::sleep(Duration::from_micros(10)).await;
            let rest = &self.0[usize::try_from(offset).expect("small")..];
            Ok(Bytes::from_static(&rest[..rest.len().min(most)]))
        })
    }
}

#[tokio::test]
async fn a_hook_reads_the_bytes_of_its_event_and_fails_to_when_it_is_decided() {
    let host = sample().await;
    let hooks = host.hooks().unwrap();
    let content: Arc<dyn Content> = Arc::new(Staged(b"ten bytes."));
    let event = Event { content: Some(content.clone()), ..event("scan", Fields::new()) };
    let decision = hooks.before(&call(), &event).await.unwrap();
    assert_eq!(decision, Decision::deny("ten bytes."));
    let kept = KEPT.lock().unwrap().take().unwrap();
    let error = kept.read_at(0, 1).await.unwrap_err();
    assert_eq!(error.message, "the event is decided already");
    drop(event);
    assert_eq!(Arc::strong_count(&content), 1);
}

#[tokio::test]
async fn a_batch_of_events_crosses_whole() {
    let host = sample().await;
    let sink = host.events().unwrap();
    assert_eq!(sink.interest(), EventSink::interest(&Sample));
    let retry = |millis| Delivered::RetryAfter(Duration::from_millis(millis));
    for (events, expected) in [
        (vec![change(1), gone(2)], Delivered::Ack),
        (vec![change(7)], retry(1500)),
        (vec![change(8)], retry(0)),
        (vec![change(9)], retry(0)),
    ] {
        assert_eq!(sink.deliver(events.clone()).await, expected, "{events:?}");
    }
}

fn head(path: &str) -> Head {
    Head {
        route: 1,
        method: "PUT".to_owned(),
        path: path.to_owned(),
        query: "a=%20".to_owned(),
        params: vec![("rest".to_owned(), "x/ä".to_owned())],
        fields: vec![("x-a".to_owned(), vec![0xfe]), ("x-b".to_owned(), Vec::new())],
    }
}

fn http_call() -> http::Call {
    http::Call {
        request_id: "req-2".to_owned(),
        remote_ip: Some([192, 0, 2, 1].into()),
        user: Some("alice".to_owned()),
        display_name: "Alice".to_owned(),
        admin: true,
        base_url: "https://c.example".to_owned(),
        time_left_millis: 1234,
    }
}

/// The answer to a request, with its body.
async fn send(
    host: &TestHost,
    path: &str,
    body: Box<dyn ByteStream>,
) -> Result<(Answer, Result<Bytes, StreamError>), HttpError> {
    let app = host.http().expect("routes");
    let mut answer = app.handle(http_call(), head(path), body).await?;
    let all = collect(answer.body.as_mut(), 10_000).await;
    Ok((answer, all))
}

#[tokio::test]
async fn the_head_of_a_request_and_of_its_answer_cross() {
    let host = sample().await;
    assert_eq!(host.http().unwrap().routes(), HttpApp::routes(&Sample));
    let (answer, body) = send(&host, "/head", Whole::boxed("")).await.unwrap();
    let expected = format!("{:?} {:?}", http_call(), head("/head"));
    assert_eq!(body.unwrap(), expected);
    assert_eq!((answer.status, answer.length), (201, Some(expected.len() as u64)));
    let fields = [
        ("content-type".to_owned(), b"text/plain".to_vec()),
        ("x-bytes".to_owned(), vec![0xff, 0]),
    ];
    assert_eq!(answer.fields, fields);
    for (path, expected) in [
        ("/down", HttpError::Unavailable("later".to_owned())),
        ("/broken", HttpError::Failed("broken".to_owned())),
        ("/panics", HttpError::Failed("it panicked: in a route".to_owned())),
    ] {
        assert_eq!(send(&host, path, Whole::boxed("")).await.err(), Some(expected), "{path}");
    }
}

#[tokio::test]
async fn bodies_stream_both_ways_and_are_closed() {
    let host = sample().await;
    let (_, body) = send(&host, "/double", Numbers::boxed(300, "ends", 1)).await.unwrap();
    let expected: String = (1..=300).rev().map(|n| format!("{n},{n},")).collect();
    assert_eq!(body.unwrap(), expected);
    let (_, body) = send(&host, "/collect", Numbers::boxed(20, "ends", 1)).await.unwrap();
    assert!(body.unwrap().starts_with(b"20,19,"));
    for (then, expected) in [
        ("is cut", StreamError::Cut),
        ("is large", StreamError::TooLarge),
        ("fails", StreamError::Failed("disk".to_owned())),
        ("panics", StreamError::Failed("it panicked: in a stream".to_owned())),
    ] {
        let failed = send(&host, "/collect", Numbers::boxed(2, then, 1)).await.err();
        assert_eq!(failed, Some(HttpError::Body(expected.clone())), "in: {then}");
        let (_, body) = send(&host, "/double", Numbers::boxed(2, then, 1)).await.unwrap();
        assert_eq!(body, Err(expected.clone()), "through: {then}");
        let (_, body) = send(&host, &format!("/then {then}"), Whole::boxed("")).await.unwrap();
        assert_eq!(body, Err(expected), "out: {then}");
    }
    // Neither a request that is not read nor one that nobody answers stays open.
    for path in ["/head", "/down", "/panics"] {
        drop(send(&host, path, Numbers::boxed(5, "hangs", 1)).await);
    }
    all_closed(1).await;
}

#[tokio::test]
async fn a_client_that_goes_away_closes_both_streams() {
    let host = sample().await;
    let app = host.http().unwrap();
    let body = Numbers::boxed(2, "hangs", 0);
    let mut answer = app.handle(http_call(), head("/double"), body).await.unwrap();
    assert_eq!(answer.body.next().await.unwrap().unwrap(), "2,2,");
    assert_eq!(answer.body.next().await.unwrap().unwrap(), "1,1,");
    // In the middle of a piece that does not come.
    let waited = tokio::time::timeout(Duration::from_millis(20), answer.body.next()).await;
    assert!(waited.is_err());
    drop((answer, app));
    all_closed(0).await;

    let app = host.http().unwrap();
    let request = app.handle(http_call(), head("/hangs"), Numbers::boxed(1, "ends", 2));
    assert!(tokio::time::timeout(Duration::from_millis(20), request).await.is_err());
    all_closed(2).await;
}

#[tokio::test]
async fn a_caller_who_stops_waiting_for_a_piece_loses_none() {
    let host = sample().await;
    let app = host.http().unwrap();
    let mut answer = app.handle(http_call(), head("/then ends"), Whole::boxed("")).await.unwrap();
    let mut all = Vec::new();
    loop {
        // One poll each, and most of them too early.
        let piece = tokio::select! { biased; piece = answer.body.next() => piece, () = tokio::task::yield_now() => continue };
        match piece.unwrap() {
            Some(piece) => all.extend_from_slice(&piece),
            None => break,
        }
    }
    assert_eq!(all, b"3,2,1,");
    assert_eq!(answer.body.next().await, Ok(None));
}

#[tokio::test]
async fn an_open_stream_keeps_its_plugin() {
    let host = sample().await;
    let app = host.http().unwrap();
    let mut answer = app.handle(http_call(), head("/logs"), Whole::boxed("")).await.unwrap();
    let ended = host.destroyed();
    drop((app, host));
    let all = collect(answer.body.as_mut(), 100).await.unwrap();
    assert_eq!(all, "3,2,1,");
    drop(answer);
    tokio::time::timeout(Duration::from_secs(10), ended).await.expect("destroyed");
}

#[tokio::test]
async fn a_stream_logs_for_its_request() {
    let host = sample().await;
    let (_, body) = send(&host, "/logs", Whole::boxed("")).await.unwrap();
    assert_eq!(body.unwrap(), "3,2,1,");
    all_closed(3).await;
    let log = host.log();
    let count = |line: &str| log.iter().filter(|logged| logged.as_str() == line).count();
    assert_eq!((count("INFO a piece [req-2]"), count("INFO dropped [req-2]")), (4, 1), "{log:?}");
}

#[tokio::test]
async fn previews_cross() {
    let host = sample().await;
    let previewer = host.preview().unwrap();
    assert_eq!(previewer.types(), Previewer::types(&Sample));
    let render = async |media: &str, mode, then| {
        let media_type = media.to_owned();
        let wanted = Wanted { media_type, size: u64::MAX, width: 1, height: 8192, mode };
        previewer.render(Numbers::boxed(3, then, 1), wanted).await
    };
    for mode in [Mode::Fit, Mode::Cover, Mode::Crop] {
        let picture = render("image/png", mode, "ends").await.unwrap();
        let expected = format!("{} 1 8192 {mode:?} 6", u64::MAX);
        assert_eq!(
            (picture.media_type.as_str(), &picture.bytes[..]),
            ("image/webp", expected.as_bytes())
        );
    }
    for (media, then, expected) in [
        ("broken", "ends", NoPicture::Broken("no pixels".to_owned())),
        ("other", "ends", NoPicture::Unsupported),
        ("down", "ends", NoPicture::Unavailable("no decoder".to_owned())),
        ("panics", "ends", NoPicture::Unavailable("it panicked: in a previewer".to_owned())),
        ("image/png", "is cut", NoPicture::Broken("the stream ended early".to_owned())),
    ] {
        assert_eq!(render(media, Mode::Fit, then).await, Err(expected), "{media} {then}");
    }
}
