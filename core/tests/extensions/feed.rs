//! Sinks over an index: order, at least once, restarts, failures, pruning.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use moonsail_sdk::BoxFuture;
use moonsail_sdk::events::{Delivered, Event, EventSink};
use tokio::sync::mpsc;

use moonsail::clock::Clock;
use moonsail::etag::Stamp;
use moonsail::feed::{Feed, FeedMetrics, FeedSettings, prune};
use moonsail::ids::{NodeId, Uid};
use moonsail::storage::{Kind, Tag};
use moonsail::store::feed::Cursor;
use moonsail::store::nodes::{Change, ChangeKind, Node};
use moonsail::store::sqlite::{Durability, SqliteOptions, SqliteStore};
use moonsail::store::{self, ReadTx, Store, StoreError, WriteTx};

/// How a double answers its next calls; when nothing is left, it acknowledges.
#[derive(Debug, Clone, Copy)]
enum Answer {
    Retry,
    Panic,
    Hang,
}

/// A sink that hands all it is given to the test.
struct Double {
    interest: Vec<&'static str>,
    calls: mpsc::UnboundedSender<Vec<Event>>,
    answers: Mutex<VecDeque<Answer>>,
}

impl EventSink for Double {
    fn interest(&self) -> Vec<String> {
        self.interest.iter().map(|&pattern| pattern.to_owned()).collect()
    }

    fn deliver(&self, events: Vec<Event>) -> BoxFuture<'_, Delivered> {
        let answer = self.answers.lock().unwrap().pop_front();
        self.calls.send(events).unwrap();
        Box::pin(async move {
            match answer {
                None => Delivered::Ack,
                Some(Answer::Retry) => Delivered::RetryAfter(Duration::from_millis(1)),
                Some(Answer::Panic) => panic!("a sink's own fault"),
                Some(Answer::Hang) => std::future::pending().await,
            }
        })
    }
}

type Calls = mpsc::UnboundedReceiver<Vec<Event>>;

fn double(interest: &[&'static str], answers: &[Answer]) -> (Arc<dyn EventSink>, Calls) {
    let (calls, seen) = mpsc::unbounded_channel();
    let answers = Mutex::new(answers.iter().copied().collect());
    (Arc::new(Double { interest: interest.to_vec(), calls, answers }), seen)
}

fn settings() -> FeedSettings {
    let first_pause = Duration::from_millis(1);
    FeedSettings { deliver_timeout: Duration::from_millis(50), first_pause, ..Default::default() }
}

async fn start(store: &Arc<dyn Store>, sinks: &[(&str, &Arc<dyn EventSink>)]) -> Feed {
    start_with(store, sinks, settings(), &FeedMetrics::default()).await
}

async fn start_with(
    store: &Arc<dyn Store>,
    sinks: &[(&str, &Arc<dyn EventSink>)],
    settings: FeedSettings,
    metrics: &FeedMetrics,
) -> Feed {
    let sinks = sinks.iter().map(|(name, sink)| ((*name).to_owned(), Arc::clone(sink))).collect();
    let clock = Clock::fixed(1_000_000);
    let absent = vec!["absent".to_owned()];
    Feed::start(Arc::clone(store), sinks, absent, settings, clock, metrics).await.unwrap()
}

/// Commits a change of `path`; gives its sequence number.
async fn change(store: &Arc<dyn Store>, kind: ChangeKind, node: NodeId, path: &str) -> u64 {
    let path = path.to_owned();
    write(store, move |tx| {
        let stamp = tx.next_stamp()?;
        tx.log_change(&Change {
            stamp,
            time: 999_000,
            actor: Some(uid("alice")),
            origin: "dav".to_owned(),
            kind,
            node,
            owner: uid("bob"),
            path,
            old_path: (kind == ChangeKind::Moved).then(|| "from".to_owned()),
            request_id: "r1".to_owned(),
        })?;
        Ok(stamp.seq())
    })
    .await
}

async fn upload(store: &Arc<dyn Store>, path: &str) -> u64 {
    change(store, ChangeKind::Written, NodeId(7), path).await
}

/// The paths of the next events, `number` of them, of as many calls as they come in.
async fn paths(calls: &mut Calls, number: usize) -> Vec<String> {
    let mut paths = Vec::new();
    while paths.len() < number {
        let call = tokio::time::timeout(Duration::from_secs(20), calls.recv());
        let events = call.await.expect("a call").expect("the sink lives");
        assert!(events.is_sorted_by_key(|event| event.seq) && !events.is_empty());
        paths.extend(events.into_iter().map(|event| event.path));
    }
    paths
}

/// An index that is opened again by [`Bed::open`].
struct Bed(tempfile::TempDir);

impl Bed {
    fn open(&self) -> Arc<dyn Store> {
        let options = SqliteOptions { durability: Durability::None };
        SqliteStore::open(&self.0.path().join("index.db"), options, Clock::fixed(0)).unwrap()
    }
}

fn bed() -> (Bed, Arc<dyn Store>) {
    let bed = Bed(tempfile::tempdir().unwrap());
    let store = bed.open();
    (bed, store)
}

async fn write<T: Send + 'static>(
    store: &Arc<dyn Store>,
    change: impl FnOnce(&mut dyn WriteTx) -> Result<T, StoreError> + Send + 'static,
) -> T {
    store::write(store, change).await.unwrap()
}

fn read<T>(
    store: &Arc<dyn Store>,
    question: impl FnOnce(&mut dyn ReadTx) -> Result<T, StoreError>,
) -> T {
    question(&mut *store.reader().unwrap()).unwrap()
}

fn uid(text: &str) -> Uid {
    Uid::parse(text).unwrap()
}

/// A file of bob's.
async fn file(store: &Arc<dyn Store>) -> Node {
    let root = Node {
        id: NodeId(0),
        parent: None,
        name: "bob".to_owned(),
        kind: Kind::Folder,
        size: 0,
        mtime: 1,
        created: None,
        uploaded: 1,
        content: Stamp(1),
        tree: Stamp(1),
        tag: Tag::default(),
        stage: None,
        checksums: String::new(),
    };
    write(store, move |tx| {
        let home = tx.insert_home(&uid("bob"), "bob", &root)?;
        let (parent, name, kind) = (Some(home.root), "f".to_owned(), Kind::File);
        let file = Node { parent, name, kind, size: 10, ..root };
        Ok(Node { id: tx.insert_node(&file)?, ..file })
    })
    .await
}

#[tokio::test]
async fn a_new_sink_hears_what_happens_from_then_on_in_order() {
    let (_bed, store) = bed();
    upload(&store, "before").await;
    let (sink, mut calls) = double(&["*"], &[]);
    let feed = start(&store, &[("s", &sink)]).await;
    for path in ["a", "b", "c"] {
        upload(&store, path).await;
    }
    assert_eq!(paths(&mut calls, 3).await, ["a", "b", "c"]);
    feed.stop().await;
}

#[tokio::test]
async fn an_event_says_what_happened_and_what_is_there_now() {
    let (_bed, store) = bed();
    let file = file(&store).await;
    let (sink, mut calls) = double(&["file.moved", "file.deleted"], &[]);
    let feed = start(&store, &[("s", &sink)]).await;
    change(&store, ChangeKind::Properties, file.id, "not wanted").await;
    let moved = change(&store, ChangeKind::Moved, file.id, "f").await;
    let events = calls.recv().await.unwrap();
    let expected = Event {
        seq: moved,
        time_millis: 999_000,
        name: "file.moved".to_owned(),
        actor: Some("alice".to_owned()),
        origin: "dav".to_owned(),
        owner: "bob".to_owned(),
        path: "f".to_owned(),
        old_path: Some("from".to_owned()),
        node: file.id.0,
        etag: Some(file.content.etag(file.id).0),
        size: Some(file.size),
        folder: Some(false),
        request_id: "r1".to_owned(),
    };
    assert_eq!(events, std::slice::from_ref(&expected));
    // Gone, though its row waits for the sweep.
    let id = file.id;
    write(&store, move |tx| tx.detach(id)).await;
    let deleted = change(&store, ChangeKind::Deleted, file.id, "f").await;
    let events = calls.recv().await.unwrap();
    let name = "file.deleted".to_owned();
    let gone = Event { seq: deleted, name, old_path: None, etag: None, size: None, ..expected };
    assert_eq!(events, [gone]);
    feed.stop().await;
}

#[tokio::test]
async fn what_is_not_acknowledged_comes_again_and_nothing_overtakes_it() {
    for failure in [Answer::Retry, Answer::Panic, Answer::Hang] {
        let (_bed, store) = bed();
        let (sink, mut calls) = double(&["file.*"], &[failure, failure]);
        let metrics = FeedMetrics::default();
        let feed = start_with(&store, &[("s", &sink)], settings(), &metrics).await;
        upload(&store, "a").await;
        assert_eq!(paths(&mut calls, 1).await, ["a"], "{failure:?}");
        upload(&store, "b").await;
        // The second call may have begun before there was a `b`.
        let again = paths(&mut calls, 1).await;
        assert_eq!(again[0], "a", "{failure:?}");
        let rest = paths(&mut calls, 2).await;
        assert_eq!(rest, ["a", "b"], "{failure:?}");
        // The last call is begun; that it is acknowledged shows a moment later.
        wait_for(&metrics, "events_lag{sink=\"s\"} 0").await;
        feed.stop().await;
        let text = encode(&metrics);
        for line in [
            "events_lag{sink=\"s\"} 0",
            "events_delivered_total{sink=\"s\"} 2",
            "events_failures_total{sink=\"s\"} 2",
        ] {
            assert!(text.contains(line), "{failure:?}: {line} in\n{text}");
        }
    }
}

async fn wait_for(metrics: &FeedMetrics, line: &str) {
    let told = async {
        while !encode(metrics).contains(line) {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), told).await.expect(line);
}

fn encode(metrics: &FeedMetrics) -> String {
    let mut registry = prometheus_client::registry::Registry::default();
    metrics.register(&mut registry);
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
    text
}

#[tokio::test]
async fn a_restart_goes_on_where_the_sink_was() {
    let (bed, store) = bed();
    let (sink, mut calls) = double(&["*"], &[]);
    let metrics = FeedMetrics::default();
    let feed = start_with(&store, &[("s", &sink)], settings(), &metrics).await;
    upload(&store, "a").await;
    assert_eq!(paths(&mut calls, 1).await, ["a"]);
    wait_for(&metrics, "events_delivered_total{sink=\"s\"} 1").await;
    wait_for(&metrics, "events_lag{sink=\"s\"} 0").await;
    feed.stop().await;
    upload(&store, "while it was away").await;
    // A call that is cut off by the stop was not acknowledged.
    let (sink, mut calls) = double(&["*"], &[Answer::Hang]);
    let patient = FeedSettings { deliver_timeout: Duration::from_secs(60), ..settings() };
    let feed = start_with(&store, &[("s", &sink)], patient, &FeedMetrics::default()).await;
    assert_eq!(paths(&mut calls, 1).await, ["while it was away"]);
    feed.stop().await;
    store.close();
    let store = bed.open();
    let (sink, mut calls) = double(&["*"], &[]);
    let feed = start(&store, &[("s", &sink)]).await;
    assert_eq!(paths(&mut calls, 1).await, ["while it was away"]);
    feed.stop().await;
}

#[tokio::test]
async fn a_sink_that_is_no_longer_used_is_forgotten() {
    let (_bed, store) = bed();
    let (sink, _calls) = double(&["*"], &[]);
    let names = |store: &Arc<dyn Store>| -> Vec<String> {
        let cursors = read(store, |tx| tx.cursors());
        cursors.into_iter().map(|cursor| cursor.name).collect()
    };
    let sinks = [("a", &sink), ("absent", &sink), ("b", &sink)];
    start(&store, &sinks).await.stop().await;
    assert_eq!(names(&store), ["a", "absent", "b"]);
    start(&store, &[("b", &sink)]).await.stop().await;
    assert_eq!(names(&store), ["absent", "b"], "who is only absent will be back");
}

#[tokio::test]
async fn a_sink_that_hangs_holds_up_neither_writers_nor_other_sinks() {
    let (_bed, store) = bed();
    let (dead, mut dead_calls) = double(&["*"], &[Answer::Hang]);
    let (live, mut live_calls) = double(&["*"], &[]);
    let patient = FeedSettings { deliver_timeout: Duration::from_secs(3600), ..settings() };
    let sinks = [("dead", &dead), ("live", &live)];
    let metrics = FeedMetrics::default();
    let feed = start_with(&store, &sinks, patient, &metrics).await;
    upload(&store, "first").await;
    assert_eq!(paths(&mut dead_calls, 1).await, ["first"]);
    for number in 0..300 {
        upload(&store, &number.to_string()).await;
    }
    let seen = paths(&mut live_calls, 301).await;
    assert_eq!((seen[0].as_str(), seen[300].as_str()), ("first", "299"));
    assert!(dead_calls.is_empty(), "one call at a time, and no queue");
    assert!(encode(&metrics).contains("events_lag{sink=\"dead\"} 301"));
    feed.stop().await;
}

#[tokio::test]
async fn a_batch_has_no_more_events_than_the_settings_say() {
    let (_bed, store) = bed();
    let (sink, mut calls) = double(&["*"], &[]);
    start(&store, &[("s", &sink)]).await.stop().await;
    for number in 0..7 {
        upload(&store, &number.to_string()).await;
    }
    let small = FeedSettings { batch: 3, ..settings() };
    let feed = start_with(&store, &[("s", &sink)], small, &FeedMetrics::default()).await;
    let mut sizes = Vec::new();
    while sizes.iter().sum::<usize>() < 7 {
        sizes.push(calls.recv().await.unwrap().len());
    }
    assert_eq!(sizes, [3, 3, 1]);
    feed.stop().await;
}

#[tokio::test]
async fn old_changes_are_forgotten_but_never_before_everybody_was_told() {
    const AGE: u64 = 1_000;
    let aged = |keep_millis, keep_changes| FeedSettings {
        keep: Duration::from_millis(keep_millis),
        keep_changes,
        ..settings()
    };
    // Five changes, each of time 999,000, at 1,000,000.
    for (what, settings, cursor, left) in [
        ("young and few", aged(AGE + 1, 5), None, 5),
        ("too old", aged(AGE - 1, 5), None, 0),
        ("too many", aged(AGE + 1, 2), None, 2),
        ("too old, and somebody waits", aged(AGE - 1, 5), Some(3), 2),
        ("too many, and somebody waits", aged(AGE + 1, 2), Some(1), 4),
    ] {
        let (_bed, store) = bed();
        for _ in 0..5 {
            upload(&store, "a").await;
        }
        if let Some(seq) = cursor {
            let cursor = Cursor { name: "s".to_owned(), seq };
            write(&store, move |tx| tx.put_cursor(&cursor)).await;
        }
        let forgotten = prune(&store, &settings, 1_000_000).await.unwrap();
        assert_eq!((forgotten, read(&store, |tx| tx.feed(0, 9)).len()), (5 - left, left), "{what}");
    }
}
