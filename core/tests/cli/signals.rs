//! SIGHUP, SIGTERM and SIGINT.

use std::fs;
use std::time::{Duration, Instant};

use crate::bed::Bed;

/// An XML body of a bit over `bytes`.
fn propfind(bytes: usize) -> String {
    let pad = " ".repeat(bytes);
    format!("<d:propfind xmlns:d=\"DAV:\">{pad}<d:prop><d:getetag/></d:prop></d:propfind>")
}

const READ_AGAIN: &str = "the configuration was read again";

#[test]
fn sighup_changes_limits_and_keeps_connections() {
    let mut bed = Bed::new();
    bed.add_user("alice", "");
    bed.start();
    let token = bed.token("alice");
    let login = ("alice", token.as_str());
    let mut kept = bed.connect();
    assert_eq!(kept.ask("PROPFIND", login, "", &propfind(5000)), 207);
    bed.configure("workers = 3\n[limits]\nmax_xml_bytes = 4096\n[theme]\nname = \"Home\"\n");
    bed.signal("-HUP");
    bed.wait_for(READ_AGAIN);
    bed.wait_for("take a restart to count");
    let said = bed.said();
    assert!(said.contains("changed=\"limits.max_xml_bytes theme.name\""), "{said}");
    assert!(said.contains("keys=\"server.workers\""), "{said}");
    assert_eq!(kept.ask("PROPFIND", login, "", &propfind(5000)), 413, "the same connection");
    // A faulty one is named, and changes nothing.
    bed.configure("[limits]\nmax_xml_byte = 9999\n");
    bed.signal("-HUP");
    bed.wait_for("perhaps limits.max_xml_bytes is meant");
    assert_eq!(bed.dav("PROPFIND", login, "", &propfind(5000)), 413);
    bed.stop();
}

#[test]
fn sighup_opens_the_log_anew() {
    let mut bed = Bed::new();
    bed.configure("[log]\nfile = \"moonsail.log\"\n");
    bed.start();
    let (log, old) = (bed.path("moonsail.log"), bed.path("moonsail.log.1"));
    fs::rename(&log, &old).unwrap();
    bed.signal("-HUP");
    let begun = Instant::now();
    while !fs::read_to_string(&log).is_ok_and(|text| text.contains(READ_AGAIN)) {
        assert!(begun.elapsed() < Duration::from_secs(10), "no new log");
        std::thread::sleep(Duration::from_millis(5));
    }
    bed.stop();
    assert!(!fs::read_to_string(&old).unwrap().contains(READ_AGAIN));
}

#[test]
fn sigterm_lets_a_running_upload_finish() {
    for signal in ["-TERM", "-INT"] {
        let mut bed = Bed::new();
        bed.add_user("alice", "");
        bed.start();
        let token = bed.token("alice");
        let mut http = bed.connect();
        http.send_head("PUT", ("alice", &token), "a.txt", 10);
        http.send("01234");
        // The request has begun once another one is answered that came after it.
        assert_eq!(bed.dav("PROPFIND", ("alice", &token), "", ""), 207);
        bed.signal(signal);
        bed.wait_for("running requests may finish");
        http.send("56789");
        assert_eq!(http.status(), 201);
        let (status, said) = bed.wait();
        assert_eq!(status.code(), Some(0), "{said}");
        assert_eq!(fs::read_to_string(bed.data("files/alice/a.txt")).unwrap(), "0123456789");
        bed.run("fsck").ok();
    }
}

#[test]
fn a_second_signal_stops_at_once() {
    let mut bed = Bed::new();
    bed.add_user("alice", "");
    bed.start();
    let token = bed.token("alice");
    let mut http = bed.connect();
    http.send_head("PUT", ("alice", &token), "a.txt", 10);
    http.send("01234");
    assert_eq!(bed.dav("PROPFIND", ("alice", &token), "", ""), 207);
    bed.signal("-TERM");
    bed.wait_for("running requests may finish");
    let begun = Instant::now();
    bed.signal("-TERM");
    let (status, said) = bed.wait();
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}: {said}", begun.elapsed());
    assert_eq!(status.code(), Some(0), "{said}");
    assert!(!bed.data("files/alice/a.txt").exists());
    bed.run("fsck").ok();
}

#[test]
fn a_start_that_fails_says_so_before_it_says_ready() {
    let bed = Bed::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let ran = bed.run(&format!("serve --listen 127.0.0.1:0 --listen-http {address}"));
    assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "{ran:?}");
    assert!(ran.err.contains(&address.to_string()), "{ran:?}");
    let users = bed.run("user list").ok();
    assert_eq!(users.lines().count(), 1, "no administrator whose password nobody saw: {users}");
}
