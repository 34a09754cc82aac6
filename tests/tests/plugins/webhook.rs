//! The webhook in the built server: what happens to files is posted, signed, and at least once.

use std::collections::BTreeSet;
use std::process::Command;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, ensure};
use e2e::http::Response;
use e2e::receiver::{Post, Receiver};
use e2e::{Server, binary, tools};
use serde_json::Value;

use crate::reload::hangup;
use crate::section;

const SECRET: &str = "shared with the receiver";
const FILES: &str = "/remote.php/dav/files/alice";
/// Pauses after a failure double from a second.
const SOON: Duration = Duration::from_secs(60);

fn config(port: u16, events: &str) -> Result<String> {
    let config = format!(
        "url = \"http://127.0.0.1:{port}/hook\"\nsecret = {SECRET:?}\nevents = {events}\ntimeout_secs = 2"
    );
    Ok(section("hook", &binary::plugin("moonsail-events-webhook")?, "", &config))
}

/// A server, what it posts to, and alice.
struct Bed {
    server: Server,
    receiver: Receiver,
    token: String,
}

impl Bed {
    fn start(events: &str) -> Result<Self> {
        let receiver = Receiver::start()?;
        let server = Server::start_with(&config(receiver.port(), events)?, &[])?;
        server.add_user("alice", "the long password of alice")?;
        let token = server.token("alice")?;
        Ok(Self { server, receiver, token })
    }

    fn must(&self, status: u16, method: &str, path: &str) -> Result<Response> {
        let body = if method == "PUT" { path.as_bytes() } else { b"" };
        let at = format!("{FILES}/{path}");
        let answer = self.server.dav(method, &at, ("alice", &self.token), &[], body)?;
        ensure!(answer.status == status, "{method} {path}: {} {}", answer.status, answer.text());
        Ok(answer)
    }

    /// Waits until the receiver has acknowledged an event of this name about a path; gives it.
    fn told(&self, name: &str, path: &str) -> Result<Value> {
        let begun = Instant::now();
        loop {
            let events = acknowledged(&self.receiver)?;
            let found = events.into_iter().find(|it| it["name"] == name && it["path"] == path);
            if let Some(event) = found {
                return Ok(event);
            }
            ensure!(begun.elapsed() < SOON, "{name} of {path} did not come");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// Events of the batches that were answered by 204, as they came.
fn acknowledged(receiver: &Receiver) -> Result<Vec<Value>> {
    let mut all = Vec::new();
    for post in receiver.posts().iter().filter(|post| post.answer == 204) {
        all.extend(events(post)?);
    }
    Ok(all)
}

fn events(post: &Post) -> Result<Vec<Value>> {
    let body: Value = serde_json::from_slice(&post.body)?;
    Ok(body["events"].as_array().context("events")?.clone())
}

/// As docs/extend/events.md tells receivers to check, by a tool that is none of ours.
fn check_signature(post: &Post) -> Result<()> {
    let time = post.field("moonsail-timestamp").context("no timestamp")?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    ensure!(now.abs_diff(time.parse()?) < 300, "{time} is not now");
    let signed = format!("{time}.{}", String::from_utf8(post.body.clone())?);
    let mut openssl = Command::new("openssl");
    openssl.args(["dgst", "-sha256", "-hmac", SECRET]);
    let said = tools::run_with_input(&mut openssl, &signed, Duration::from_secs(20))?.text;
    let expected = said.trim().rsplit(' ').next().unwrap_or_default().to_owned();
    ensure!(expected.len() == 64, "openssl said {said}");
    let signature = post.field("moonsail-signature").context("no signature")?;
    ensure!(signature == format!("v1={expected}"), "{signature}, not v1={expected}");
    Ok(())
}

#[test]
fn what_happens_is_posted_and_signed() -> Result<()> {
    let bed = Bed::start("[\"file.*\"]")?;
    let put = bed.must(201, "PUT", "a.txt")?;
    let event = bed.told("file.uploaded", "a.txt")?;
    let request = put.find_field("x-request-id").context("a request id")?;
    ensure!(event["request_id"] == request, "{event}, not of {request}");
    let etag = put.find_field("oc-etag").or(put.find_field("etag")).context("an etag")?;
    ensure!(event["etag"] == etag.trim_matches('"'), "{event}, not {etag}");
    for (key, expected) in [
        ("owner", Value::from("alice")),
        ("actor", "alice".into()),
        ("origin", "dav".into()),
        ("size", 5.into()),
        ("folder", false.into()),
    ] {
        ensure!(event[key] == expected, "{key} in {event}");
    }
    bed.must(201, "MKCOL", "folder")?;
    bed.must(204, "DELETE", "a.txt")?;
    bed.told("file.created_dir", "folder")?;
    bed.told("file.deleted", "a.txt")?;
    for post in bed.receiver.posts() {
        ensure!(post.line == "POST /hook HTTP/1.1", "{}", post.line);
        check_signature(&post)?;
    }
    bed.server.finish()
}

#[test]
fn a_receiver_that_is_down_over_a_crash_misses_nothing() -> Result<()> {
    let mut bed = Bed::start("[\"file.uploaded\"]")?;
    bed.must(201, "PUT", "before.txt")?;
    bed.told("file.uploaded", "before.txt")?;
    // Down, and the server dies with what it has to tell.
    bed.receiver.stop()?;
    let begun = Instant::now();
    bed.must(201, "PUT", "down.txt")?;
    ensure!(begun.elapsed() < Duration::from_secs(20), "an upload waited for the receiver");
    bed.server.kill9()?;
    bed.server.restart()?;
    bed.must(201, "PUT", "down-still.txt")?;
    bed.receiver.start_again()?;
    bed.told("file.uploaded", "down.txt")?;
    bed.told("file.uploaded", "down-still.txt")?;
    // Up, and it takes nothing: what was not acknowledged comes again after the crash.
    bed.receiver.answer(503);
    bed.must(201, "PUT", "refused.txt")?;
    let begun = Instant::now();
    while !bed.receiver.posts().iter().any(|post| post.answer == 503) {
        ensure!(begun.elapsed() < SOON, "nothing was posted");
        std::thread::sleep(Duration::from_millis(20));
    }
    bed.server.kill9()?;
    bed.receiver.answer(204);
    bed.server.restart()?;
    bed.must(201, "PUT", "last.txt")?;
    bed.told("file.uploaded", "last.txt")?;

    // Some may have come twice. By their numbers they are in order, each once and none missing.
    let mut seen = BTreeSet::new();
    let mut order = Vec::new();
    for event in acknowledged(&bed.receiver)? {
        let seq = event["seq"].as_u64().context("seq")?;
        if seen.insert(seq) {
            order.push((seq, event["path"].as_str().context("path")?.to_owned()));
        }
    }
    ensure!(order.is_sorted(), "not in order: {order:?}");
    let paths: Vec<_> = order.iter().map(|(_, path)| path.as_str()).collect();
    let expected = ["before.txt", "down.txt", "down-still.txt", "refused.txt", "last.txt"];
    ensure!(paths == expected, "{paths:?}");
    bed.server.finish()
}

/// The patterns of a sink counted until the next start only.
#[test]
fn other_patterns_count_from_a_reload_on() -> Result<()> {
    let mut bed = Bed::start("[\"file.uploaded\"]")?;
    bed.must(201, "PUT", "a.txt")?;
    bed.told("file.uploaded", "a.txt")?;
    bed.server.configure(&config(bed.receiver.port(), "[\"file.deleted\"]")?)?;
    hangup(&bed.server)?;
    crate::calls::wait_for(&bed.server, "a plugin was loaded anew", 1)?;
    bed.must(201, "PUT", "b.txt")?;
    bed.must(204, "DELETE", "a.txt")?;
    bed.told("file.deleted", "a.txt")?;
    let events = acknowledged(&bed.receiver)?;
    ensure!(events.iter().all(|event| event["path"] != "b.txt"), "{events:?}");
    bed.server.finish()
}
