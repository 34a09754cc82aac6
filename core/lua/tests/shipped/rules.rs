//! office-hours, quota-by-group, file-types, virus-scan.

use moonsail_lua::script::Kind;
use serde_json::json;

use crate::desk::{data, kind, load};

/// Unix milliseconds of a day of January 2026 (the 5th is a Monday) at a time in UTC.
fn at(day: i64, hour: i64, minute: i64) -> i64 {
    (1_767_225_600 + (day - 1) * 86_400 + hour * 3_600 + minute * 60) * 1000
}

#[tokio::test]
async fn office_hours_are_kept_but_for_those_who_are_exempt() {
    let config = json!({ "zone": "UTC", "from": "07:00", "to": "19:00", "networks": ["10.0.0.0/8"],
        "users": ["admin"], "message": "Come back at seven" });
    let desk = load("office-hours", config, &[], &[]).await;
    let (ann, outside, inside) = ("ann", "192.0.2.7", "10.1.2.3");
    for (day, hour, minute, user, ip, expected) in [
        (5, 7, 0, ann, outside, Kind::Next),
        (5, 6, 59, ann, outside, Kind::Deny),
        (5, 18, 59, ann, outside, Kind::Next),
        (5, 19, 0, ann, outside, Kind::Deny),
        (4, 12, 0, ann, outside, Kind::Deny),
        (4, 12, 0, ann, inside, Kind::Next),
        (4, 12, 0, "admin", outside, Kind::Next),
    ] {
        desk.fakes.clock.set(at(day, hour, minute));
        for event in ["login.success", "file.before_upload", "file.before_delete"] {
            let answer = desk.fire(event, json!({ "user": user, "remote_ip": ip })).await;
            assert_eq!(kind(&answer), expected, "{event} {day} {hour}:{minute} {user} {ip}");
            if expected == Kind::Deny {
                assert_eq!(data(&answer)["message"], "Come back at seven");
            }
        }
    }
    let answer = desk.fire("login.success", json!({ "login": "ann" })).await;
    assert_eq!(kind(&answer), Kind::Deny, "without an address and a user, too: it is Sunday");
}

#[tokio::test]
async fn office_hours_over_midnight_belong_to_the_day_before() {
    let config = json!({ "zone": "UTC", "from": "22:00", "to": "06:00", "weekdays": [1] });
    let desk = load("office-hours", config, &[], &[]).await;
    for (day, hour, expected) in [
        (5, 21, Kind::Deny),
        (5, 22, Kind::Next),
        (6, 5, Kind::Next),
        (6, 6, Kind::Deny),
        (6, 23, Kind::Deny),
        (5, 3, Kind::Deny),
    ] {
        desk.fakes.clock.set(at(day, hour, 0));
        let answer = desk.fire("file.before_upload", json!({ "user": "ann" })).await;
        assert_eq!(kind(&answer), expected, "{day} {hour}");
    }
}

#[tokio::test]
async fn quotas_come_from_the_largest_group() {
    let gb = 1_000_000_000_u64;
    let groups = json!({ "staff": "50 GB", "video": "unlimited", "guests": 1_000_000 });
    let config = json!({ "groups": groups, "default": "5 GB" });
    let desk = load("quota-by-group", config, &[], &[]).await;
    for (member, own, expected) in [
        (vec!["staff"], json!(gb), Some(json!(50 * gb))),
        (vec!["guests", "staff"], json!(gb), Some(json!(50 * gb))),
        (vec!["guests"], json!(gb), None),
        (vec![], json!(gb), Some(json!(5 * gb))),
        (vec!["other"], json!(6 * gb), None),
        (vec!["staff", "video"], json!(gb), Some(json!(null))),
    ] {
        let answer = desk.fire("user.load", json!({ "groups": member, "quota": own })).await;
        match expected {
            None => assert_eq!(kind(&answer), Kind::Next, "{member:?}"),
            Some(quota) => {
                assert_eq!(kind(&answer), Kind::Replace, "{member:?}");
                assert_eq!(data(&answer), json!({ "quota": quota }), "{member:?}");
            }
        }
    }
    // An account without a quota of its own has none that could be larger.
    let answer = desk.fire("user.load", json!({ "groups": ["staff"] })).await;
    assert_eq!(data(&answer), json!({ "quota": 50 * gb }));
    let config = json!({ "groups": { "guests": "1 MB" }, "override": true });
    let desk = load("quota-by-group", config, &[], &[]).await;
    let answer = desk.fire("user.load", json!({ "groups": ["guests"], "quota": gb })).await;
    assert_eq!(data(&answer), json!({ "quota": 1_000_000 }));
    let answer = desk.fire("user.load", json!({ "groups": ["staff"], "quota": gb })).await;
    assert_eq!(kind(&answer), Kind::Next);
}

#[tokio::test]
async fn files_are_refused_by_name_and_by_content() {
    let config = json!({ "deny_extensions": ["exe", "MSI"], "deny_content": ["program", "script"],
        "folders": ["/Outgoing"] });
    let desk = load("file-types", config, &[], &[]).await;
    for (path, expected) in [
        ("Outgoing/a.txt", Kind::Next),
        ("Outgoing/setup.EXE", Kind::Deny),
        ("/Outgoing/below/setup.msi", Kind::Deny),
        ("Other/setup.exe", Kind::Next),
        ("Outgoing.exe", Kind::Next),
    ] {
        let answer = desk.fire("file.before_upload", json!({ "path": path })).await;
        assert_eq!(kind(&answer), expected, "{path}");
        for event in ["file.before_move", "file.before_copy"] {
            let fields = json!({ "path": "Outgoing/a", "to": path, "node": { "folder": false } });
            assert_eq!(kind(&desk.fire(event, fields).await), expected, "{event} {path}");
            let folder = json!({ "path": "Outgoing/a", "to": path, "node": { "folder": true } });
            assert_eq!(kind(&desk.fire(event, folder).await), Kind::Next, "{event} {path}");
        }
    }
    for (path, content, expected) in [
        ("Outgoing/holiday.jpg", &b"\xff\xd8\xff\xe0rest"[..], Kind::Next),
        ("Outgoing/holiday.jpg", b"MZ\x90\0", Kind::Deny),
        ("Outgoing/holiday.jpg", b"GIF89a", Kind::Deny),
        ("Outgoing/a.txt", b"\x7fELF\x02", Kind::Deny),
        ("Outgoing/a.txt", b"#!/bin/sh\n", Kind::Deny),
        ("Outgoing/a.txt", b"hello", Kind::Next),
        ("Outgoing/a.png", b"\x89PNG\r\n\x1a\n....", Kind::Next),
        ("Outgoing/a.zip", b"PK\x03\x04", Kind::Next),
        ("Outgoing/a.jpg", b"", Kind::Next),
        ("Other/a.jpg", b"MZ", Kind::Next),
    ] {
        let answer = desk.commit(path, content).await;
        assert_eq!(kind(&answer), expected, "{path} {content:?}");
        if expected == Kind::Deny {
            assert_eq!(data(&answer)["status"], 415);
        }
    }
}

#[tokio::test]
async fn only_the_media_types_that_are_allowed_come_in() {
    let config = json!({ "allow_mime": ["image/*", "application/pdf"] });
    let desk = load("file-types", config, &[], &[]).await;
    for (path, expected) in [
        ("a.jpg", Kind::Next),
        ("deep/a.pdf", Kind::Next),
        ("a.txt", Kind::Deny),
        ("a.js", Kind::Deny),
        ("nothing", Kind::Deny),
    ] {
        let answer = desk.fire("file.before_upload", json!({ "path": path })).await;
        assert_eq!(kind(&answer), expected, "{path}");
    }
}

#[tokio::test]
async fn files_are_shown_to_the_scanner() {
    let config = json!({ "url": "http://127.0.0.1:9080/scan", "max_size": 3_000_000 });
    let desk = load("virus-scan", config, &["http-private:127.0.0.1:9080"], &[]).await;
    // More than one piece, and not a whole number of them.
    let content = vec![b'x'; 2_500_000];
    desk.answers("POST http://127.0.0.1:9080/scan", 200, "");
    assert_eq!(kind(&desk.commit("a.bin", &content).await), Kind::Next);
    assert!(desk.fakes.http.requests()[0].body == content, "the scanner sees every byte");
    for (status, expected) in [
        (204, Kind::Next),
        (406, Kind::Deny),
        (422, Kind::Deny),
        (500, Kind::Tempfail),
        (302, Kind::Tempfail),
        (404, Kind::Tempfail),
    ] {
        desk.answers("POST", status, "Eicar-Test-Signature\nmore");
        assert_eq!(kind(&desk.commit("a.txt", b"x").await), expected, "{status}");
    }
    let lines = desk.fakes.log.lines().join("\n");
    assert!(lines.contains("virus=Eicar-Test-Signature") && !lines.contains("more"), "{lines}");
    let asked = desk.fakes.http.requests().len();
    assert_eq!(kind(&desk.commit("empty", b"").await), Kind::Next);
    assert_eq!(kind(&desk.commit("large", &vec![0; 3_000_001]).await), Kind::Next);
    assert_eq!(desk.fakes.http.requests().len(), asked, "neither was sent");
    let samples = desk.fakes.metrics.samples().join("\n");
    for result in ["clean", "virus", "failed", "too_large"] {
        assert!(samples.contains(&format!("result=\"{result}\"")), "{samples}");
    }
}

#[tokio::test]
async fn what_cannot_be_scanned_follows_the_configuration() {
    let config =
        json!({ "url": "https://a.example/", "max_size": 4, "larger": "deny", "fail": "allow" });
    let desk = load("virus-scan", config, &["http:a.example"], &[]).await;
    desk.fakes.http.answer("POST", Err("connection refused".into()));
    assert_eq!(kind(&desk.commit("a", b"1234").await), Kind::Next);
    let answer = desk.commit("a", b"12345").await;
    assert_eq!((kind(&answer), &data(&answer)["status"]), (Kind::Deny, &json!(413)));
}
