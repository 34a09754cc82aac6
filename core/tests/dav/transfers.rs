//! Chunked uploads, as the apps and rclone send them.

use moonsail::wire::Body;

use crate::house::{Answer, End, House, body_of};

const FILES: &str = "/remote.php/dav/files/alice";
const UPLOADS: &str = "/remote.php/dav/uploads/alice";

async fn ask(house: &House, method: &str, at: &str, fields: &[(&str, &str)], body: &str) -> Answer {
    let target = format!("{UPLOADS}/{at}");
    house.at(method, &target, fields, Body::from_bytes(body.to_owned())).await
}

async fn close(house: &House, transfer: &str, to: &str, fields: &[(&str, &str)]) -> Answer {
    let destination = format!("{FILES}/{to}");
    let mut all = vec![("destination", destination.as_str())];
    all.extend(fields);
    ask(house, "MOVE", &format!("{transfer}/.file"), &all, "").await
}

#[tokio::test]
async fn transfers_answer_as_their_tables_say() {
    let house = House::new().await;
    let length = |n: &'static str| ("content-length", n);
    for (method, at, fields, body, status, source) in [
        ("MKCOL", "t", vec![], "", 201, "new"),
        ("MKCOL", "t", vec![], "", 405, "exists"),
        ("PUT", "none/1", vec![], "x", 404, "no such transfer"),
        ("PUT", "t", vec![], "x", 400, "no chunk"),
        ("PUT", "t/1", vec![("content-range", "bytes 0-0/1")], "x", 400, "Content-Range"),
        ("PUT", "t/1", vec![("oc-chunk-offset", "0"), length("3")], "one", 201, "desktop"),
        ("PUT", "t/2", vec![("oc-chunk-offset", "2"), length("3")], "two", 400, "overlaps"),
        ("PUT", "t/2", vec![("oc-chunk-offset", "x"), length("3")], "two", 400, "no number"),
        (
            "PUT",
            "t/2",
            vec![("oc-chunk-offset", "3"), ("oc-total-length", "5"), length("3")],
            "two",
            400,
            "beyond the end",
        ),
        (
            "PUT",
            "t/2",
            vec![("oc-chunk-offset", "18446744073709551615"), length("3")],
            "two",
            400,
            "overflows",
        ),
        ("PUT", "t/2", vec![length("4")], "two", 400, "shorter than announced"),
        ("PUT", "t/2", vec![("oc-chunk-offset", "3"), length("3")], "two", 201, "desktop"),
        ("PUT", "t/2", vec![("oc-chunk-offset", "3"), length("3")], "TWO", 204, "repeated"),
        (
            "PUT",
            "t/000000000000006-000000000000007",
            vec![length("3")],
            "xyz",
            400,
            "the name is not the range",
        ),
        ("DELETE", "t/9", vec![], "", 404, "no such chunk"),
        ("PROPFIND", "t", vec![], "", 207, "resume"),
        ("PROPFIND", "t/2", vec![("depth", "0")], "", 207, "one chunk"),
        ("PROPFIND", "t/9", vec![], "", 404, "no such chunk"),
        ("PROPFIND", "none", vec![], "", 404, "no such transfer"),
        ("PROPFIND", "t", vec![("depth", "infinity")], "", 403, "finite"),
        (
            "MOVE",
            "none/.file",
            vec![("destination", "/remote.php/dav/files/alice/f")],
            "",
            404,
            "no such transfer",
        ),
        ("MOVE", "t/.file", vec![], "", 400, "no Destination"),
        ("MOVE", "t/1", vec![("destination", "/remote.php/dav/files/alice/f")], "", 405, "a chunk"),
        ("DELETE", "none", vec![], "", 404, "no such transfer"),
    ] {
        let answer = ask(&house, method, at, &fields, body).await;
        assert_eq!(answer.status, status, "{method} {at} {fields:?} ({source}): {answer:?}");
    }
    let listing = ask(&house, "PROPFIND", "t", &[], "").await;
    listing.has("/uploads/alice/t/1</d:href>");
    listing.has("/uploads/alice/t/.file</d:href>");
    listing.has("<d:getcontentlength>6</d:getcontentlength>");
    assert_eq!(close(&house, "t", "f", &[]).await.status, 201);
    assert_eq!(house.bytes("f").await, "oneTWO");
    assert_eq!(ask(&house, "PROPFIND", "t", &[], "").await.status, 404);
    assert_eq!(house.strays().await, Vec::<String>::new());
}

#[tokio::test]
async fn a_refused_closing_move_keeps_the_chunks() {
    let house = House::new().await;
    house.mkcol("folder").await;
    let old = house.put("old", "old").await;
    let id = old.header("oc-fileid").to_owned();
    for order in [["1", "2"], ["2", "1"]] {
        ask(&house, "MKCOL", "t", &[], "").await;
        for name in order {
            let body = if name == "1" { "one" } else { "two" };
            assert_eq!(ask(&house, "PUT", &format!("t/{name}"), &[], body).await.status, 201);
        }
        let before = house.snapshot().await;
        for (to, fields, status) in [
            ("f", vec![("oc-total-length", "7")], 400),
            ("f", vec![("oc-checksum", "SHA1:da39a3ee5e6b4b0d3255bfef95601890afd80709")], 400),
            ("f", vec![("x-oc-mtime", "never")], 400),
            ("no/such", vec![], 409),
            ("folder", vec![], 409),
            ("old", vec![("if-match", "\"x\"")], 412),
            ("old", vec![("if", "</remote.php/dav/files/alice/old> ([\"x\"])")], 412),
            ("old", vec![("overwrite", "F")], 412),
            ("", vec![], 409),
        ] {
            let answer = close(&house, "t", to, &fields).await;
            assert_eq!(answer.status, status, "{to} {fields:?}: {answer:?}");
            assert_eq!(before, house.snapshot().await, "{to} {fields:?}");
        }
        house.quota(5).await;
        assert_eq!(close(&house, "t", "x/y", &[("x-nc-webdav-auto-mkcol", "1")]).await.status, 507);
        assert_eq!(close(&house, "t", "f", &[]).await.status, 507);
        assert_eq!(before, house.snapshot().await);
        house.quota(1_000_000).await;
        let etag = house.ask("HEAD", "old", &[], "").await.header("etag").to_owned();
        let condition = format!("<{FILES}/old> ([{etag}])");
        let fields = [("if", condition.as_str()), ("oc-total-length", "6"), ("x-oc-mtime", "1000")];
        let answer = close(&house, "t", "old", &fields).await;
        assert_eq!(answer.status, 204, "{answer:?}");
        assert_eq!(answer.header("oc-fileid"), id, "the target's id is kept");
        assert_eq!(house.bytes("old").await, "onetwo");
        assert_eq!(house.strays().await, Vec::<String>::new());
    }
}

#[tokio::test]
async fn a_cut_chunk_changes_nothing() {
    let house = House::new().await;
    ask(&house, "MKCOL", "t", &[], "").await;
    ask(&house, "PUT", "t/1", &[], "one").await;
    let before = house.snapshot().await;
    for (name, size) in [("2", 10), ("2", 3_000_000), ("1", 10), ("5", 10)] {
        let target = format!("{UPLOADS}/t/{name}");
        assert_eq!(house.at("PUT", &target, &[], body_of(size, End::Cut)).await.status, 400);
        assert_eq!(before, house.snapshot().await);
    }
    ask(&house, "PUT", "t/2", &[], "two").await;
    assert_eq!(close(&house, "t", "f", &[("oc-total-length", "6")]).await.status, 201);
    assert_eq!(house.bytes("f").await, "onetwo");
}

#[tokio::test]
async fn names_of_rclone_say_where_they_lie() {
    let house = House::new().await;
    ask(&house, "MKCOL", "t", &[], "").await;
    for (name, body) in
        [("000000000000003-000000000000005", "two"), ("000000000000000-000000000000002", "one")]
    {
        let fields = [("content-length", "3")];
        assert_eq!(ask(&house, "PUT", &format!("t/{name}"), &fields, body).await.status, 201);
    }
    assert_eq!(close(&house, "t", "f", &[]).await.status, 201);
    assert_eq!(house.bytes("f").await, "onetwo");
}

#[tokio::test]
async fn a_transfer_whose_chunks_are_lost_is_begun_anew() {
    let house = House::new().await;
    for method in ["PUT", "MOVE"] {
        assert_eq!(ask(&house, "MKCOL", "t", &[], "").await.status, 201);
        assert_eq!(ask(&house, "PUT", "t/1", &[], "one").await.status, 201);
        for (at, _) in house.storage.list_stage().await.unwrap() {
            house.storage.discard(&at).await.unwrap();
        }
        let answer = match method {
            "PUT" => ask(&house, "PUT", "t/2", &[], "two").await,
            _ => close(&house, "t", "f", &[]).await,
        };
        assert_eq!(answer.status, 404, "{method}");
    }
}
