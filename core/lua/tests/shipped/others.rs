//! upload-webhook, branding, notes.

use moonsail_lua::Data;
use moonsail_lua::script::{Kind, Returned};
use serde_json::{Value as Json, json};

use crate::desk::{Desk, kind, load};

fn uploaded(path: &str) -> Json {
    json!({ "seq": 17, "time": 1_767_323_045, "user": "ann", "owner": "ann", "path": path,
        "node": { "id": 5, "size": 12, "etag": "abc", "folder": false } })
}

#[tokio::test]
async fn uploads_are_told_with_a_signature() {
    let config = json!({ "url": "https://hooks.example/in", "events": ["file.uploaded", "file.moved"],
        "folder": "/Inbox" });
    let desk = load("upload-webhook", config, &["http:hooks.example"], &[("key", "sesame")]).await;
    desk.answers("POST https://hooks.example/in", 202, "");
    let answer = desk.fire("file.uploaded", uploaded("Inbox/a.txt")).await;
    assert_eq!(kind(&answer), Kind::Next);
    let expected = json!({ "id": 17, "event": "file.uploaded", "time": "2026-01-02T03:04:05Z",
        "user": "ann", "owner": "ann", "path": "Inbox/a.txt", "old_path": null,
        "file": { "id": 5, "size": 12, "etag": "abc" } });
    assert_eq!(desk.sent(), expected);
    let request = desk.fakes.http.requests().remove(0);
    let field = |name: &str| {
        let found = request.headers.iter().find(|(it, _)| it == name).expect(name);
        String::from_utf8(found.1.to_vec()).expect("a text")
    };
    assert_eq!(field("x-moonsail-time"), "1767323045");
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, b"sesame");
    let signed = [b"1767323045.".as_slice(), &request.body].concat();
    let signature = hex::encode(ring::hmac::sign(&key, &signed).as_ref());
    assert_eq!(field("x-moonsail-signature"), format!("sha256={signature}"));

    let asked = desk.fakes.http.requests().len();
    desk.fire("file.uploaded", uploaded("Other/a.txt")).await;
    assert_eq!(desk.fakes.http.requests().len(), asked, "another folder");
    for (status, expected) in [(500, Kind::Tempfail), (503, Kind::Tempfail), (400, Kind::Next)] {
        desk.answers("POST", status, "");
        let answer = desk.fire("file.moved", uploaded("Inbox/a.txt")).await;
        assert_eq!(kind(&answer), expected, "{status}");
    }
    desk.fakes.http.answer("POST", Err("connection refused".into()));
    let answer = desk.fire("file.moved", uploaded("Inbox/a.txt")).await;
    assert_eq!(kind(&answer), Kind::Tempfail, "it is told again");
}

fn patch(returned: &Returned) -> (Json, Option<&str>) {
    match returned {
        Returned::Values(values) => {
            let json = Json::try_from(&values[0]).expect("JSON");
            (json, values.get(1).and_then(Data::text))
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn branding_patches_the_theme() {
    let config = json!({ "name": "Example", "color": "#0a5c36",
        "users": { "ann": { "name": "Ann's", "color-text": "#ffffff" } } });
    let desk = load("branding", config, &[], &[]).await;
    let answer = desk.fire("capabilities", json!({})).await;
    let theming = json!({ "name": "Example", "color": "#0a5c36" });
    assert_eq!(patch(&answer), (json!({ "theming": theming }), Some("5m")));
    let answer = desk.fire("capabilities", json!({ "user": "ann" })).await;
    let theming = json!({ "name": "Ann's", "color": "#0a5c36", "color-text": "#ffffff" });
    assert_eq!(patch(&answer), (json!({ "theming": theming }), Some("5m")));
    let desk = load("branding", json!({}), &[], &[]).await;
    assert_eq!(kind(&desk.fire("capabilities", json!({})).await), Kind::Next);
}

const LIST: &str = "GET /api/v1/notes";
const ONE: &str = "GET /api/v1/notes/{id}";
const NEW: &str = "POST /api/v1/notes";
const CHANGE: &str = "PUT /api/v1/notes/{id}";
const DELETE: &str = "DELETE /api/v1/notes/{id}";

async fn notes(config: Json) -> Desk {
    load("notes", config, &["kv"], &[]).await
}

/// A new note of ann.
async fn note(desk: &Desk, body: Json) -> Json {
    let (status, _, note) = desk.ask(NEW, "ann", json!({ "body": body })).await;
    assert_eq!(status, 200, "{note}");
    note
}

fn header<'a>(headers: &'a [(String, Data)], name: &str) -> Option<&'a str> {
    headers.iter().find(|(it, _)| it == name).and_then(|(_, value)| value.text())
}

#[tokio::test]
async fn a_note_is_made_read_changed_and_deleted() {
    let desk = notes(json!({})).await;
    let made =
        note(&desk, json!({ "title": "a/b: c?", "content": "x", "category": "/Home/Plans " }))
            .await;
    assert_eq!((&made["title"], &made["category"]), (&json!("ab c"), &json!("/Home/Plans")));
    assert_eq!((&made["favorite"], &made["readonly"]), (&json!(false), &json!(false)));
    assert_eq!(made["modified"], 1_767_323_045);
    let id = json!({ "id": made["id"].to_string() });
    let (status, headers, read) = desk.ask(ONE, "ann", json!({ "params": id })).await;
    assert_eq!((status, &read), (200, &made));
    let etag = header(&headers, "ETag").expect("an ETag").to_owned();
    assert_eq!(etag, format!("\"{}\"", made["etag"].as_str().expect("an etag")));
    let asked = json!({ "params": id, "header": { "if-none-match": etag } });
    assert_eq!(desk.ask(ONE, "ann", asked).await.0, 304);
    assert_eq!(desk.ask(ONE, "bob", json!({ "params": id })).await.0, 404, "it is ann's");

    desk.fakes.clock.advance(std::time::Duration::from_secs(60));
    let change =
        json!({ "params": id, "header": { "if-match": etag }, "body": { "content": "y" } });
    let (status, _, changed) = desk.ask(CHANGE, "ann", change.clone()).await;
    assert_eq!((status, &changed["content"]), (200, &json!("y")));
    assert_eq!((&changed["title"], &changed["modified"]), (&json!("ab c"), &json!(1_767_323_105)));
    let (status, _, current) = desk.ask(CHANGE, "ann", change).await;
    assert_eq!((status, current), (412, changed), "what the other device wrote comes back");
    assert_eq!(desk.ask(DELETE, "bob", json!({ "params": id })).await.0, 404);
    assert_eq!(desk.ask(DELETE, "ann", json!({ "params": id })).await.0, 200);
    assert_eq!(desk.ask(DELETE, "ann", json!({ "params": id })).await.0, 404);
    for bad in ["x", "1x", "", "-1", "99999999999999999999"] {
        let asked = json!({ "params": { "id": bad } });
        assert_eq!(desk.ask(ONE, "ann", asked).await.0, 400, "{bad}");
    }
}

#[tokio::test]
async fn the_list_comes_in_chunks_and_says_what_did_not_change() {
    let desk = notes(json!({})).await;
    let (status, _, list) = desk.ask(LIST, "ann", json!({})).await;
    assert_eq!((status, list), (200, json!([])));
    for title in ["one", "two", "three"] {
        note(&desk, json!({ "title": title, "category": "c" })).await;
    }
    desk.fakes.clock.advance(std::time::Duration::from_secs(60));
    note(&desk, json!({ "title": "four" })).await;
    let titles = |list: &Json| -> Vec<String> {
        let notes = list.as_array().expect("a list").iter();
        notes.map(|it| it["title"].as_str().unwrap_or("-").to_owned()).collect()
    };
    let (_, headers, list) = desk.ask(LIST, "ann", json!({})).await;
    assert_eq!(titles(&list), ["one", "two", "three", "four"]);
    assert_eq!(header(&headers, "Last-Modified"), Some("Fri, 02 Jan 2026 03:05:05 GMT"));
    let etag = header(&headers, "ETag").expect("an ETag");
    let asked = json!({ "header": { "if-none-match": etag } });
    assert_eq!(desk.ask(LIST, "ann", asked).await.0, 304);

    let (_, _, list) = desk.ask(LIST, "ann", json!({ "query": { "category": "c" } })).await;
    assert_eq!(titles(&list), ["one", "two", "three"]);
    let exclude = json!({ "query": { "exclude": "content,title,id" } });
    let (_, _, list) = desk.ask(LIST, "ann", exclude).await;
    assert!(list[0].get("content").is_none() && list[0]["id"].is_number(), "{list}");
    let since = json!({ "query": { "pruneBefore": "1767323105" } });
    let (_, _, list) = desk.ask(LIST, "ann", since).await;
    assert_eq!(titles(&list), ["four", "-", "-", "-"]);

    let (_, headers, list) = desk.ask(LIST, "ann", json!({ "query": { "chunkSize": "3" } })).await;
    assert_eq!(titles(&list), ["one", "two", "three"]);
    assert_eq!(header(&headers, "X-Notes-Chunk-Pending"), Some("1"));
    let cursor = header(&headers, "X-Notes-Chunk-Cursor").expect("a cursor");
    let next = json!({ "query": { "chunkSize": "3", "chunkCursor": cursor } });
    let (_, headers, list) = desk.ask(LIST, "ann", next).await;
    assert_eq!(titles(&list), ["four"]);
    assert_eq!(header(&headers, "X-Notes-Chunk-Cursor"), None);
    assert_eq!(desk.ask(LIST, "bob", json!({})).await.2, json!([]));
}

#[tokio::test]
async fn notes_without_a_title_are_called_by_their_first_line() {
    let desk = notes(json!({ "most": 4 })).await;
    let long = "ä".repeat(80);
    for (content, title) in [
        ("\n# Shopping: list\nmilk", "Shopping list"),
        ("", "New note"),
        ("***", "New note"),
        (&long, &"ä".repeat(50)),
    ] {
        assert_eq!(note(&desk, json!({ "content": content })).await["title"], title);
    }
    let (status, _, _) = desk.ask(NEW, "ann", json!({ "body": {} })).await;
    assert_eq!(status, 507, "there are enough");
    for bad in [json!("no json"), json!([]), json!({ "title": 5 }), json!({ "favorite": "yes" })] {
        assert_eq!(desk.ask(NEW, "bob", json!({ "body": bad })).await.0, 400, "{bad}");
    }
}

#[tokio::test]
async fn settings_are_kept_and_the_apps_are_told_of_notes() {
    let desk = notes(json!({})).await;
    let (read, write) = ("GET /api/v1/settings", "PUT /api/v1/settings");
    let usual = json!({ "notesPath": "Notes", "fileSuffix": ".md" });
    assert_eq!(desk.ask(read, "ann", json!({})).await.2, usual);
    let body = json!({ "fileSuffix": ".txt", "notesPath": "/My notes/" });
    let (_, _, kept) = desk.ask(write, "ann", json!({ "body": body })).await;
    assert_eq!(kept, json!({ "notesPath": "My notes", "fileSuffix": ".txt" }));
    assert_eq!(desk.ask(read, "ann", json!({})).await.2, kept);
    assert_eq!(desk.ask(write, "ann", json!({ "body": { "fileSuffix": ".exe" } })).await.2, kept);
    assert_eq!(desk.ask(read, "bob", json!({})).await.2, usual);
    let answer = desk.fire("capabilities", json!({ "user": "ann" })).await;
    assert_eq!(patch(&answer).0["notes"]["api_version"], json!(["1.2"]));
    assert_eq!(kind(&desk.fire("capabilities", json!({})).await), Kind::Next);
}
