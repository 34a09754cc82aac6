//! App passwords that only read, or only know one folder.

use moonsail::wire::Body;

use crate::house::House;

const FILES: &str = "/remote.php/dav/files/alice";

#[tokio::test]
async fn a_reading_app_password_writes_nothing() {
    let house = House::new().await;
    house.mkcol("a").await;
    house.put("a/f", "x").await;
    let login = house.token("alice", true, None).await;
    let before = house.snapshot().await;
    let destination = format!("{FILES}/a/g");
    let update = r#"<d:propertyupdate xmlns:d="DAV:"><d:set><d:prop><x/></d:prop></d:set></d:propertyupdate>"#;
    for (method, target, body, status) in [
        ("GET", "files/alice/a/f", "", 200),
        ("PROPFIND", "files/alice/a", "", 207),
        ("PUT", "files/alice/a/f", "y", 403),
        ("PUT", "files/alice/a/new", "y", 403),
        ("MKCOL", "files/alice/n", "", 403),
        ("DELETE", "files/alice/a/f", "", 403),
        ("MOVE", "files/alice/a/f", "", 403),
        ("COPY", "files/alice/a/f", "", 403),
        ("PROPPATCH", "files/alice/a/f", update, 403),
        ("LOCK", "files/alice/a/f", "", 403),
        ("UNLOCK", "files/alice/a/f", "", 403),
        ("PATCH", "files/alice/a/f", "", 403),
        ("MKCOL", "uploads/alice/t", "", 403),
        ("PUT", "uploads/alice/t/1", "x", 403),
        ("MOVE", "uploads/alice/t/.file", "", 403),
        ("DELETE", "uploads/alice/t", "", 403),
    ] {
        let target = format!("/remote.php/dav/{target}");
        let fields = [("destination", destination.as_str()), ("x-user-lock", "1")];
        let answer = house.raw(&login, method, &target, &fields, Body::from_bytes(body)).await;
        assert_eq!(answer.status, status, "{method} {target}: {answer:?}");
    }
    assert_eq!(before, house.snapshot().await);
}

#[tokio::test]
async fn an_app_password_for_a_folder_sees_nothing_else() {
    let house = House::new().await;
    for folder in ["a", "ab", "c"] {
        house.mkcol(folder).await;
        house.put(&format!("{folder}/f"), "x").await;
    }
    let login = house.token("alice", false, Some("a")).await;
    let before = house.snapshot().await;
    for (method, target, to, status) in [
        ("GET", "c/f", "a/x", 404),
        ("GET", "ab/f", "a/x", 404),
        ("PROPFIND", "", "a/x", 404),
        ("PUT", "c/f", "a/x", 404),
        ("DELETE", "c/f", "a/x", 404),
        ("MOVE", "c/f", "a/x", 404),
        ("COPY", "c/f", "a/x", 404),
        ("MOVE", "a/f", "c/x", 403),
        ("COPY", "a/f", "c/x", 403),
        ("LOCK", "c/f", "a/x", 404),
        ("PATCH", "c/f", "a/x", 404),
        ("REPORT", "", "a/x", 404),
    ] {
        let destination = format!("{FILES}/{to}");
        let fields = [("destination", destination.as_str())];
        let target = format!("{FILES}/{target}");
        let answer = house.raw(&login, method, &target, &fields, Body::from_bytes("")).await;
        assert_eq!(answer.status, status, "{method} {target} {to}: {answer:?}");
    }
    assert_eq!(before, house.snapshot().await);
}

#[tokio::test]
async fn an_app_password_for_a_folder_uploads_in_chunks_into_it() {
    let house = House::new().await;
    house.mkcol("a").await;
    let login = house.token("alice", false, Some("a")).await;
    let uploads = "/remote.php/dav/uploads/alice/t";
    let to = |path: &str| format!("{FILES}/{path}");
    for (method, target, destination, body, status) in [
        ("MKCOL", uploads.to_owned(), to("a/f"), "", 201),
        ("PUT", format!("{uploads}/1"), to("a/f"), "one", 201),
        ("MOVE", format!("{uploads}/.file"), to("f"), "", 403),
        ("MOVE", format!("{uploads}/.file"), to("a/f"), "", 201),
    ] {
        let fields = [("destination", destination.as_str()), ("oc-total-length", "3")];
        let answer = house.raw(&login, method, &target, &fields, Body::from_bytes(body)).await;
        assert_eq!(answer.status, status, "{method} {destination}: {answer:?}");
    }
    assert_eq!(house.bytes("a/f").await, "one");
}

#[tokio::test]
async fn an_app_password_for_a_folder_searches_in_it_alone() {
    let house = House::new().await;
    for folder in ["a", "c"] {
        house.mkcol(folder).await;
        house.put(&format!("{folder}/f"), "x").await;
    }
    let login = house.token("alice", false, Some("a")).await;
    for (scope, status) in [("/files/alice/a", 207), ("/files/alice", 409), ("/files/alice/c", 409)]
    {
        let body = format!(
            r#"<d:searchrequest xmlns:d="DAV:"><d:basicsearch><d:select><d:prop><d:getetag/></d:prop></d:select><d:from><d:scope><d:href>{scope}</d:href><d:depth>infinity</d:depth></d:scope></d:from></d:basicsearch></d:searchrequest>"#
        );
        let answer =
            house.raw(&login, "SEARCH", "/remote.php/dav", &[], Body::from_bytes(body)).await;
        assert_eq!(answer.status, status, "{scope}: {answer:?}");
    }
}
