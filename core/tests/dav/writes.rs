//! PUT, MKCOL, DELETE, MOVE, COPY, PATCH: statuses, and that a refusal changes nothing.

use moonsail::wire::Body;

use crate::house::{End, House, body_of};

const FILES: &str = "/remote.php/dav/files/alice";

async fn furnished() -> House {
    let house = House::new().await;
    for folder in ["a", "a/b", "c"] {
        house.mkcol(folder).await;
    }
    for file in ["f", "a/f", "a/b/g"] {
        house.put(file, file.to_owned()).await;
    }
    house
}

/// Method, target, fields, body, status, source.
type Row<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)], &'a str, u16, &'a str);

/// Asks one after the other; every answer from 400 on must have changed nothing.
async fn check(house: &House, rows: &[Row<'_>]) {
    for (method, target, fields, body, status, source) in rows {
        let before = house.snapshot().await;
        let answer = house.ask(method, target, fields, body.to_string()).await;
        assert_eq!(answer.status, *status, "{method} {target} {fields:?} ({source}): {answer:?}");
        if answer.status >= 400 {
            assert_eq!(before, house.snapshot().await, "{method} {target} {fields:?} ({source})");
        }
    }
}

#[tokio::test]
async fn writes_answer_as_their_tables_say() {
    let house = furnished().await;
    let etag = house.ask("HEAD", "f", &[], "").await.header("etag").to_owned();
    let right: &[(&str, &str)] = &[("if-match", &etag)];
    check(
        &house,
        &[
            ("PUT", "new", &[], "x", 201, "new"),
            ("PUT", "new", &[], "y", 204, "replaced"),
            ("PUT", "empty", &[], "", 201, "empty"),
            ("PUT", "no/such", &[], "x", 409, "parent missing"),
            ("PUT", "f/x", &[], "x", 409, "parent is a file"),
            ("PUT", "f/x/y", &[], "x", 409, "above it a file"),
            ("PUT", "a", &[], "x", 409, "a folder"),
            ("PUT", "a/", &[], "x", 409, "a folder"),
            ("PUT", "", &[], "x", 409, "the root"),
            ("PUT", "f", &[("content-range", "bytes 0-0/1")], "x", 400, "Content-Range"),
            ("PUT", "f", &[("x-oc-mtime", "0")], "x", 400, "threats §1"),
            ("PUT", "f", &[("x-oc-mtime", "4294967296")], "x", 400, "threats §1"),
            ("PUT", "f", &[("x-oc-mtime", "0x5f")], "x", 400, "threats §1"),
            (
                "PUT",
                "f",
                &[("oc-checksum", "SHA1:da39a3ee5e6b4b0d3255bfef95601890afd80709")],
                "x",
                400,
                "checksum",
            ),
            ("PUT", "f", &[("content-length", "2")], "x", 400, "shorter than announced"),
            ("PUT", "f", &[("content-length", "1")], "xy", 400, "longer than announced"),
            ("PUT", "f", &[("oc-total-length", "7")], "x", 400, "not the announced total"),
            (
                "PUT",
                "f",
                &[("content-length", "1"), ("oc-total-length", "2")],
                "x",
                400,
                "two lengths",
            ),
            ("PUT", "f", &[("if-match", "\"other\"")], "x", 412, "RFC 9110 §13"),
            ("PUT", "f", &[("if-none-match", "*")], "x", 412, "RFC 9110 §13"),
            ("PUT", "missing", &[("if-match", "*")], "x", 412, "RFC 9110 §13"),
            ("PUT", "f", &[("if", "(<opaquelocktoken:none>)")], "x", 412, "RFC 4918 §10.4"),
            ("PUT", "f", &[("if", "garbage")], "x", 400, "no If header"),
            (
                "PUT",
                "f",
                &[("if", "<http://elsewhere/f> ([\"x\"])")],
                "x",
                412,
                "another's resource",
            ),
            ("PUT", "f", right, "x", 204, "the right etag"),
            ("PUT", "f", right, "x", 412, "the right etag no more"),
            ("PUT", "f", &[("if", "(Not <DAV:no-lock>)")], "x", 204, "§10.4"),
            ("PUT", "%2e%2e/x", &[], "x", 400, "dot segment"),
            ("PUT", "a%00", &[], "x", 400, "NUL"),
            ("PUT", "deep/er/x", &[("x-nc-webdav-auto-mkcol", "1")], "x", 201, "iOS"),
            ("PUT", "f/er/x", &[("x-nc-webdav-auto-mkcol", "1")], "x", 409, "below a file"),
            ("MKCOL", "m", &[], "", 201, "created"),
            ("MKCOL", "m/", &[], "", 405, "exists"),
            ("MKCOL", "f", &[], "", 405, "a file"),
            ("MKCOL", "", &[], "", 405, "the root"),
            ("MKCOL", "no/such", &[], "", 409, "parent missing"),
            ("MKCOL", "f/x", &[], "", 409, "parent is a file"),
            ("MKCOL", "n", &[("content-type", "text/plain")], "zzz", 415, "body not understood"),
            ("MKCOL", "n", &[("content-type", "application/xml")], "<a", 400, "bad XML"),
            ("MKCOL", "n", &[], "<!DOCTYPE x><x/>", 415, "no XML was said"),
            ("DELETE", "no", &[], "", 404, "nothing there"),
            ("DELETE", "a", &[("depth", "0")], "", 400, "§9.6.1"),
            ("DELETE", "a", &[("if-match", "\"x\"")], "", 412, "RFC 9110"),
            ("DELETE", "", &[], "", 403, "the root"),
            ("DELETE", "new", &[], "", 204, "deleted"),
            ("DELETE", "new", &[], "", 404, "deleted before"),
            ("POST", "f", &[], "", 405, "no such method"),
            ("TRACE", "f", &[], "", 405, "no such method"),
            ("PATCH", "f", &[], "x", 415, "another media type"),
            ("PATCH", "a", &[], "x", 405, "a folder"),
            ("PATCH", "no", &[], "x", 404, "nothing there"),
        ],
    )
    .await;
    assert_eq!(house.bytes("deep/er/x").await, "x");
    assert_eq!(house.strays().await, Vec::<String>::new());
}

#[tokio::test]
async fn moves_and_copies_answer_as_their_tables_say() {
    let house = furnished().await;
    let d = |path: &str| format!("{FILES}/{path}");
    let to = |path: &str| ("destination", d(path));
    type Row<'a> = (&'a str, &'a str, Vec<(&'a str, String)>, u16, &'a str);
    let rows: Vec<Row<'_>> = vec![
        ("MOVE", "f", vec![], 400, "no Destination"),
        (
            "MOVE",
            "f",
            vec![("destination", "http://elsewhere.test/remote.php/dav/files/alice/x".into())],
            502,
            "another host",
        ),
        (
            "MOVE",
            "f",
            vec![("destination", "/remote.php/dav/files/bob/x".into())],
            403,
            "another user",
        ),
        (
            "COPY",
            "f",
            vec![("destination", "/remote.php/dav/files/bob/x".into())],
            403,
            "another user",
        ),
        (
            "MOVE",
            "f",
            vec![("destination", "/remote.php/dav/uploads/alice/x".into())],
            403,
            "no files",
        ),
        ("MOVE", "f", vec![("destination", "/etc/passwd".into())], 403, "outside"),
        ("MOVE", "f", vec![("destination", format!("{FILES}/a/../../bob/x"))], 400, "dot segments"),
        ("MOVE", "f", vec![("destination", format!("{FILES}/%2e%2e/x"))], 400, "dot segments"),
        ("MOVE", "f", vec![to("f")], 403, "the same"),
        ("COPY", "f", vec![to("f")], 403, "the same"),
        ("MOVE", "f", vec![to("f/")], 403, "the same, with a slash"),
        ("MOVE", "a", vec![to("a/x")], 409, "into itself"),
        ("COPY", "a", vec![to("a/b/x")], 409, "into itself"),
        ("MOVE", "a/b", vec![to("a")], 409, "over its own parent"),
        ("MOVE", "f", vec![to("")], 403, "over the root"),
        ("MOVE", "", vec![to("x")], 403, "the root"),
        ("COPY", "", vec![to("x")], 403, "the root"),
        ("MOVE", "no", vec![to("x")], 404, "nothing there"),
        ("COPY", "no", vec![to("x")], 404, "nothing there"),
        ("MOVE", "f", vec![to("no/such")], 409, "parent missing"),
        ("COPY", "f", vec![to("no/such")], 409, "parent missing"),
        ("MOVE", "f", vec![to("a/f/x")], 409, "parent is a file"),
        ("MOVE", "f", vec![to("a/f"), ("overwrite", "F".into())], 412, "Overwrite: F"),
        ("COPY", "f", vec![to("a/f"), ("overwrite", "F".into())], 412, "Overwrite: F"),
        ("MOVE", "f", vec![to("x"), ("overwrite", "maybe".into())], 400, "no Overwrite"),
        ("COPY", "a", vec![to("x"), ("depth", "1".into())], 400, "§9.8.3"),
        ("MOVE", "a", vec![to("x"), ("depth", "0".into())], 400, "§9.9.2"),
        ("MOVE", "f", vec![to("x"), ("if-match", "\"y\"".into())], 412, "RFC 9110"),
        ("COPY", "f", vec![to("x"), ("if-match", "\"y\"".into())], 412, "RFC 9110"),
        ("COPY", "a", vec![to("copy/")], 201, "a folder, with a slash"),
        ("COPY", "a", vec![to("flat"), ("depth", "0".into())], 201, "a folder alone"),
        ("COPY", "a/f", vec![to("copy")], 204, "a file over a folder"),
        ("COPY", "a", vec![to("copy")], 204, "a folder over a file"),
        (
            "MOVE",
            "copy",
            vec![("destination", format!("https://cloud.test{FILES}/moved/"))],
            201,
            "a whole URL",
        ),
        (
            "MOVE",
            "f",
            vec![("destination", "/remote.php/webdav/g".into())],
            201,
            "the old name of the files",
        ),
        ("MOVE", "g", vec![to("G")], 201, "case only"),
        ("MOVE", "G", vec![to("a/f")], 204, "replaced"),
        ("MOVE", "a/f", vec![to("r%C3%A4ume//%20x")], 409, "no such folder, decoded"),
        ("MOVE", "a/f", vec![to("c/%C3%A4 +")], 201, "encoded, and a plus"),
    ];
    for (method, target, fields, status, source) in rows {
        let before = house.snapshot().await;
        let fields: Vec<(&str, &str)> = fields.iter().map(|(n, v)| (*n, v.as_str())).collect();
        let answer = house.ask(method, target, &fields, "").await;
        assert_eq!(answer.status, status, "{method} {target} {fields:?} ({source}): {answer:?}");
        if answer.status >= 400 {
            assert_eq!(before, house.snapshot().await, "{method} {target} {fields:?} ({source})");
        }
    }
    assert_eq!(house.bytes("moved/b/g").await, "a/b/g");
    assert_eq!(house.ask("GET", "flat/b", &[], "").await.status, 404);
    assert_eq!(house.bytes("c/%c3%a4%20+").await, "f");
    assert_eq!(house.strays().await, Vec::<String>::new());
}

#[tokio::test]
async fn a_cut_body_leaves_the_old_file_and_nothing_in_the_stage() {
    let house = furnished().await;
    let before = house.snapshot().await;
    for size in [0, 10, 300_000, 3_000_000] {
        for target in ["f", "new"] {
            let target = format!("{FILES}/{target}");
            let answer = house.at("PUT", &target, &[], body_of(size, End::Cut)).await;
            assert_eq!(answer.status, 400, "{size}");
        }
        let fields = [
            ("content-type", "application/x-sabredav-partialupdate"),
            ("x-update-range", "append"),
            ("content-length", "4000000"),
        ];
        let target = format!("{FILES}/f");
        let answer = house.at("PATCH", &target, &fields, body_of(size, End::Cut)).await;
        assert_eq!(answer.status, 400, "{size}");
    }
    assert_eq!(before, house.snapshot().await);
}

#[tokio::test]
async fn the_quota_is_kept_by_every_way_to_write() {
    let house = furnished().await;
    house.put("big", vec![b'x'; 1000]).await;
    house.quota(1500).await;
    let to = |path: &str| format!("{FILES}/{path}");
    let before = house.snapshot().await;
    for (method, target, fields, size) in [
        ("PUT", "new", vec![("content-length", "600".to_owned())], 600),
        ("PUT", "new", vec![], 600),
        ("PUT", "q/r/new", vec![("x-nc-webdav-auto-mkcol", "1".to_owned())], 600),
        ("COPY", "big", vec![("destination", to("copy"))], 0),
        ("COPY", "big", vec![("destination", to("f"))], 0),
        (
            "PATCH",
            "f",
            vec![
                ("content-type", "application/x-sabredav-partialupdate".to_owned()),
                ("x-update-range", "append".to_owned()),
                ("content-length", "600".to_owned()),
            ],
            600,
        ),
    ] {
        let fields: Vec<(&str, &str)> = fields.iter().map(|(n, v)| (*n, v.as_str())).collect();
        let answer = house.ask(method, target, &fields, vec![b'y'; size]).await;
        assert_eq!(answer.status, 507, "{method} {target}: {answer:?}");
        assert_eq!(before, house.snapshot().await, "{method} {target}");
    }
    // What is freed by it counts.
    assert_eq!(house.ask("PUT", "big", &[], vec![b'z'; 1400]).await.status, 204);
    assert_eq!(house.ask("PUT", "big", &[], vec![b'z'; 740]).await.status, 204);
    house.put("other", vec![b'o'; 700]).await;
    let copied = house.ask("COPY", "big", &[("destination", &to("other"))], "").await;
    assert_eq!(copied.status, 204, "a copy over something counts what it frees: {copied:?}");
}

#[tokio::test]
async fn a_body_beyond_the_greatest_file_is_413() {
    let house = House::with(|settings| settings.max_file_bytes = Some(100)).await;
    let before = house.snapshot().await;
    for fields in [&[][..], &[("content-length", "101")]] {
        assert_eq!(house.ask("PUT", "f", fields, vec![b'x'; 101]).await.status, 413);
    }
    assert_eq!(before, house.snapshot().await);
    house.put("f", vec![b'x'; 100]).await;
}

#[tokio::test]
async fn names_for_windows_are_asked_of_every_new_name() {
    let house = House::with(|settings| settings.windows_compatible = true).await;
    house.put("f", "x").await;
    let lock = r#"<d:lockinfo xmlns:d="DAV:"><d:lockscope><d:exclusive/></d:lockscope><d:locktype><d:write/></d:locktype></d:lockinfo>"#;
    let destination = format!("{FILES}/aux");
    let fields = [("destination", destination.as_str())];
    for (method, target, body) in [
        ("PUT", "a%3ab", "x"),
        ("MKCOL", "con", ""),
        ("LOCK", "nul", lock),
        ("MOVE", "f", ""),
        ("COPY", "f", ""),
    ] {
        assert_eq!(house.ask(method, target, &fields, body).await.status, 400, "{method}");
    }
}

#[tokio::test]
async fn patches_write_over_a_part() {
    let house = House::new().await;
    house.put("f", "0123456789").await;
    let rows: [(&str, &str, u16, &str); 8] = [
        ("append", "ab", 204, "0123456789ab"),
        ("bytes=2-3", "XY", 204, "01XY456789ab"),
        ("bytes=10-", "mn", 204, "01XY456789mn"),
        ("bytes=-2", "!!??", 204, "01XY456789!!??"),
        ("bytes=2-3", "XYZ", 416, "01XY456789!!??"),
        ("bytes=3-2", "", 416, "01XY456789!!??"),
        ("bytes=99-", "x", 416, "01XY456789!!??"),
        ("lines=1-2", "x", 400, "01XY456789!!??"),
    ];
    for (range, body, status, wanted) in rows {
        let length = body.len().to_string();
        let fields = [
            ("content-type", "application/x-sabredav-partialupdate"),
            ("x-update-range", range),
            ("content-length", &length),
        ];
        let answer = house.ask("PATCH", "f", &fields, body).await;
        assert_eq!(answer.status, status, "{range}: {answer:?}");
        assert_eq!(house.bytes("f").await, wanted, "{range}");
    }
    let answer = house.ask("PATCH", "f", &[("x-recalculate-hash", "MD5")], "").await;
    assert_eq!((answer.status, answer.header("oc-checksum").len()), (204, 36), "{answer:?}");
    assert_eq!(house.ask("PATCH", "f", &[("x-recalculate-hash", "CRC9")], "").await.status, 400);
    let no_length =
        [("content-type", "application/x-sabredav-partialupdate"), ("x-update-range", "append")];
    let target = format!("{FILES}/f");
    assert_eq!(house.at("PATCH", &target, &no_length, Body::from_bytes("x")).await.status, 411);
}
