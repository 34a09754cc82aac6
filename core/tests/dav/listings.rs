//! PROPFIND, SEARCH, REPORT: long listings, slow readers, and the bodies of the apps.

use std::time::{Duration, Instant};

use moonsail::store;
use moonsail::store::props::DeadProp;
use moonsail::wire::{Body, ReplyBody};

use crate::house::House;

const FILES: &str = "/remote.php/dav/files/alice";

/// A folder `many` with this many files, written straight into the index.
async fn many(house: &House, count: usize) {
    house.mkcol("many").await;
    house.put("many/00000000", "x").await;
    house.publisher.settle(true).await;
    let made: Result<(), store::StoreError> = store::write(&house.store, move |tx| {
        let alice = moonsail::ids::Uid::parse("alice").unwrap();
        let root = tx.home(&alice)?.unwrap().root;
        let folder = tx.child(root, "many")?.unwrap();
        let pattern = tx.child(folder.id, "00000000")?.unwrap();
        for number in 1..count {
            let mut node = pattern.clone();
            node.name = format!("{number:08}");
            tx.insert_node(&node)?;
        }
        Ok(())
    })
    .await;
    made.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stalled_listing_holds_neither_snapshot_nor_thread() {
    let house = House::new().await;
    many(&house, 100_000).await;
    let login = house.login("alice");
    let started = Instant::now();
    let mut stalled = Vec::new();
    for _ in 0..20 {
        let target = format!("{FILES}/many");
        let request =
            house.request(&login, "PROPFIND", &target, &[("depth", "1")], Body::from_bytes(""));
        let reply = house.dav.handle(request).await;
        let ReplyBody::Stream { mut pieces, .. } = reply.body else { panic!("not streamed") };
        let first = pieces.recv().await.unwrap().unwrap();
        assert!(first.starts_with(b"<?xml"));
        stalled.push(pieces);
        if stalled.len() == 1 {
            assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
        }
    }
    // More than there are snapshots, and writing goes on. The log of writes is taken over.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let log = || std::fs::metadata(house.folder.path().join("moonsail.db-wal")).unwrap().len();
    for number in 0..2000 {
        house.put("f", format!("{number}")).await;
    }
    assert!(log() < 20 << 20, "the log grows: {}", log());
    assert_eq!(house.bytes("f").await, "1999");
    let mut pieces = stalled.pop().unwrap();
    let mut responses = 0;
    let mut all = Vec::new();
    while let Some(piece) = pieces.recv().await {
        all.extend(piece.unwrap());
    }
    responses += String::from_utf8(all).unwrap().matches("<d:response>").count();
    assert!(responses > 98_000, "{responses}");
}

/// [`many`], each with a property of 64 KiB.
async fn many_with_large_properties(house: &House, count: usize) {
    many(house, count).await;
    let made: Result<(), store::StoreError> = store::write(&house.store, move |tx| {
        let alice = moonsail::ids::Uid::parse("alice").unwrap();
        let root = tx.home(&alice)?.unwrap().root;
        let folder = tx.child(root, "many")?.unwrap();
        for node in tx.children(folder.id, None, count)? {
            let (namespace, name) = ("urn:x".to_owned(), "a".to_owned());
            let value = "v".repeat(64 * 1024);
            tx.set_dead_prop(node.id, &DeadProp { namespace, name, value })?;
        }
        Ok(())
    })
    .await;
    made.unwrap();
}

/// The body of a listing of `many`.
async fn listed(house: &House, wanted: &str) -> ReplyBody {
    let body = format!(
        r#"<d:propfind xmlns:d="DAV:" xmlns:x="urn:x"><d:prop>{wanted}</d:prop></d:propfind>"#
    );
    let (login, target) = (house.login("alice"), format!("{FILES}/many"));
    let body = Body::from_bytes(body);
    let request = house.request(&login, "PROPFIND", &target, &[("depth", "1")], body);
    house.dav.handle(request).await.body
}

/// Where much hangs on the rows, a page ends before its rows are a thousand: 80 properties of 64 KiB
/// are more than one page, and all of them come.
#[tokio::test(flavor = "multi_thread")]
async fn large_properties_make_short_pages_and_are_all_there() {
    let house = House::new().await;
    many_with_large_properties(&house, 80).await;
    let ReplyBody::Full(_) = listed(&house, "<d:getetag/>").await else { panic!("streamed") };
    let ReplyBody::Stream { mut pieces, .. } = listed(&house, "<x:a/>").await else {
        panic!("made as one in memory")
    };
    let mut all = Vec::new();
    while let Some(piece) = pieces.recv().await {
        all.extend(piece.expect("a good end"));
    }
    let all = String::from_utf8(all).expect("XML");
    assert_eq!(all.matches("<d:response>").count(), 81);
    assert_eq!(all.matches(&"v".repeat(64 * 1024)).count(), 80);
    assert!(all.ends_with("</d:multistatus>"));
}

/// More than may wait in memory for a client that takes nothing for a moment: the thread waits for
/// it, and it gets all.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_pauses_gets_all_of_a_heavy_listing() {
    let house = House::new().await;
    many_with_large_properties(&house, 1200).await;
    let ReplyBody::Stream { mut pieces, .. } = listed(&house, "<x:a/>").await else {
        panic!("made as one in memory")
    };
    tokio::time::sleep(Duration::from_secs(2)).await;
    let (mut bytes, mut responses) = (0, 0);
    let mut last = Vec::new();
    while let Some(piece) = pieces.recv().await {
        let piece = piece.expect("a good end");
        bytes += piece.len();
        responses += String::from_utf8_lossy(&piece).matches("<d:response>").count();
        last = piece.to_vec();
    }
    assert!(bytes > 1200 * 64 * 1024, "{bytes}");
    assert_eq!(responses, 1201);
    assert!(last.ends_with(b"</d:multistatus>"));
}

#[tokio::test]
async fn propfinds_answer_as_their_table_says() {
    let house = House::new().await;
    house.mkcol("a").await;
    house.put("a/f", "x").await;
    for (target, fields, body, status, part) in [
        ("a", &[][..], "", 207, "/a/f</d:href>"),
        ("a", &[("depth", "0")], "", 207, "/a/</d:href>"),
        ("a", &[("depth", "infinity")], "", 403, "propfind-finite-depth"),
        ("a", &[("depth", "2")], "", 400, "BadRequest"),
        ("no", &[], "", 404, "NotFound"),
        ("a/f/x", &[], "", 404, "NotFound"),
        ("a", &[], "<a", 400, "BadRequest"),
        ("a", &[], "<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", 400, "BadRequest"),
        ("a", &[], r#"<propfind xmlns="DAV:"><propname/></propfind>"#, 207, "<d:getetag/>"),
        (
            "a",
            &[],
            r#"<propfind xmlns="DAV:"><prop><x xmlns="a&quot;&lt;&gt;b"/></prop></propfind>"#,
            207,
            "404 Not Found",
        ),
    ] {
        let answer = house.ask("PROPFIND", target, fields, body).await;
        assert_eq!(answer.status, status, "{target} {fields:?} {body}: {answer:?}");
        answer.has(part);
    }
}

fn search(scope: &str, condition: &str) -> String {
    format!(
        r#"<d:searchrequest xmlns:d="DAV:" xmlns:oc="http://owncloud.org/ns"><d:basicsearch><d:select><d:prop><d:displayname/></d:prop></d:select><d:from><d:scope><d:href>{scope}</d:href><d:depth>infinity</d:depth></d:scope></d:from><d:where>{condition}</d:where></d:basicsearch></d:searchrequest>"#
    )
}

#[tokio::test]
async fn searches_and_reports_of_the_apps_find_what_they_ask_for() {
    let house = House::new().await;
    house.mkcol("pictures").await;
    house.put("pictures/one.jpg", "x").await;
    house.put("two%25.txt", "yy").await;
    let favorite = r#"<d:propertyupdate xmlns:d="DAV:" xmlns:oc="http://owncloud.org/ns"><d:set><d:prop><oc:favorite>1</oc:favorite></d:prop></d:set></d:propertyupdate>"#;
    assert_eq!(house.ask("PROPPATCH", "two%25.txt", &[], favorite).await.status, 207);
    let like = |prop: &str, literal: &str| {
        format!("<d:like><d:prop>{prop}</d:prop><d:literal>{literal}</d:literal></d:like>")
    };
    let one = "files/alice/pictures/one.jpg</d:href>";
    let two = "files/alice/two%25.txt</d:href>";
    for (condition, hits) in [
        (like("<d:displayname/>", "%ONE%"), vec![one]),
        (like("<d:getcontenttype/>", "image/%"), vec![one]),
        ("<d:eq><d:prop><oc:favorite/></d:prop><d:literal>yes</d:literal></d:eq>".to_owned(), vec![two]),
        ("<d:gt><d:prop><d:getlastmodified/></d:prop><d:literal>2020-01-01T00:00:00Z</d:literal></d:gt>".to_owned(), vec![one, two]),
        ("<d:gt><d:prop><d:getlastmodified/></d:prop><d:literal>1577836800</d:literal></d:gt>".to_owned(), vec![one, two]),
        ("<d:eq><d:prop><d:unknown/></d:prop><d:literal>1</d:literal></d:eq>".to_owned(), vec![]),
    ] {
        let answer = house.at("SEARCH", "/remote.php/dav/", &[], Body::from_bytes(search("/files/alice", &condition))).await;
        assert_eq!(answer.status, 207, "{answer:?}");
        for hit in [one, two] {
            assert_eq!(answer.text().contains(hit), hits.contains(&hit), "{condition}: {}", answer.text());
        }
        assert!(!answer.text().contains("files/alice/</d:href>"), "no entry for the scope");
    }
    for scope in ["/files/bob", "/files/alice/nowhere", "/uploads/alice", "/"] {
        let body = Body::from_bytes(search(scope, &like("<d:displayname/>", "%")));
        let answer = house.at("SEARCH", "/remote.php/dav/", &[], body).await;
        assert_eq!(answer.status, 409, "{scope}: {answer:?}");
    }
    let bad = "<d:gt><d:prop><oc:size/></d:prop><d:literal>many</d:literal></d:gt>";
    assert_eq!(house.ask("SEARCH", "", &[], search("/files/alice", bad)).await.status, 400);
    let report = r#"<oc:filter-files xmlns:d="DAV:" xmlns:oc="http://owncloud.org/ns"><d:prop><d:getetag/></d:prop><oc:filter-rules><oc:favorite>1</oc:favorite></oc:filter-rules></oc:filter-files>"#;
    let answer = house.ask("REPORT", "", &[], report).await;
    assert_eq!((answer.status, answer.text().matches("<d:response>").count()), (207, 1));
    answer.has(two);
    let answer = house.ask("REPORT", "pictures", &[], report).await;
    assert_eq!((answer.status, answer.text().matches("<d:response>").count()), (207, 0));
    assert_eq!(house.ask("REPORT", "", &[], "<x/>").await.status, 415);
    assert_eq!(house.ask("REPORT", "", &[], "<x").await.status, 400);
}

#[tokio::test]
async fn a_search_that_takes_too_long_is_refused() {
    let house = House::with(|limits| limits.search_timeout = std::time::Duration::ZERO).await;
    house.put("a.txt", "x").await;
    let body = search("/files/alice", "");
    let answer = house.at("SEARCH", "/remote.php/dav/", &[], Body::from_bytes(body)).await;
    assert_eq!((answer.status, answer.header("retry-after")), (503, "10"), "{answer:?}");
    answer.has("The search took too long");
}
