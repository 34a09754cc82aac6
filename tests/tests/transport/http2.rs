//! HTTP/2: floods that cost the sender little and a careless server much.

use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Result, ensure};
use e2e::http2::{END_HEADERS, END_STREAM, ENHANCE_YOUR_CALM, End, fields, kind, push, send};
use e2e::suite::{Case, Outcome};

use crate::house::{World, case, report};

/// How long the server gets to close after it has read everything.
const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) fn cases() -> Vec<Case<'static>> {
    vec![
        case("http2::served", served),
        case("http2::rapid_reset", rapid_reset),
        case("http2::continuation_flood", continuation_flood),
        case("http2::large_fields", large_fields),
        case("http2::control_floods", control_floods),
        case("http2::floods_that_are_read", floods_that_are_read),
        case("http2::unread_downloads", unread_downloads),
        case("http2::too_many_streams", too_many_streams),
        case("http2::framing", framing),
    ]
}

fn flood(world: &World, bytes: &[u8], patience: Duration) -> Result<End> {
    let stream = TcpStream::connect(("127.0.0.1", world.port()))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    send(&stream, bytes, patience)
}

fn get(bytes: &mut Vec<u8>, stream: u32) {
    let block = fields("GET", "/status.php", &[]);
    push(bytes, kind::HEADERS, END_STREAM | END_HEADERS, stream, &block);
}

/// The writer of frames is right: what it asks for is answered.
fn served() -> Result<Outcome> {
    let world = World::start("")?;
    let mut bytes = Vec::new();
    get(&mut bytes, 1);
    let block = fields("TRACE", "/", &[]);
    push(&mut bytes, kind::HEADERS, END_STREAM | END_HEADERS, 3, &block);
    let end = flood(&world, &bytes, Duration::from_millis(500))?;
    ensure!(end.status(1)? == 200 && end.goaway.is_none(), "{end:?}");
    ensure!(end.status(3)? == 405, "TRACE: {end:?}");
    world.finish()
}

/// CVE-2023-44487: streams that are opened and reset at once.
fn rapid_reset() -> Result<Outcome> {
    let world = World::start("")?;
    let mut bytes = Vec::new();
    for stream in (1..20_000).step_by(2) {
        get(&mut bytes, stream);
        push(&mut bytes, kind::RST_STREAM, 0, stream, &8u32.to_be_bytes());
    }
    let end = flood(&world, &bytes, PATIENCE)?;
    ensure!(end.goaway == Some(ENHANCE_YOUR_CALM) && end.closed, "not stopped: {:?}", end.goaway);
    let median = world.status_median()?;
    report(&format!("status.php after 10,000 resets: {median:.1} ms"));
    world.finish()
}

/// RUSTSEC-2024-0332 and its kin: fields that never end.
fn continuation_flood() -> Result<Outcome> {
    let world = World::start("")?;
    for (name, piece) in [
        ("large", fields("GET", "/", &[("x", &"a".repeat(16_000))])),
        ("small", fields("GET", "/", &[])),
        ("empty", Vec::new()),
    ] {
        let mut bytes = Vec::new();
        push(&mut bytes, kind::HEADERS, END_STREAM, 1, &fields("GET", "/", &[]));
        for _ in 0..2_000_000 / (piece.len() + 9) {
            push(&mut bytes, kind::CONTINUATION, 0, 1, &piece);
        }
        let end = flood(&world, &bytes, PATIENCE)?;
        ensure!(end.closed, "{name} continuations go on: {:?}", end.goaway);
    }
    world.finish()
}

/// A list of fields over 64 KiB, in one frame and in many, is no request.
fn large_fields() -> Result<Outcome> {
    let world = World::start("")?;
    let large = "a".repeat(15_000);
    let more = [("x", &*large); 5];
    let block = fields("GET", "/status.php", &more);
    let mut bytes = Vec::new();
    let mut pieces = block.chunks(16_000).peekable();
    let mut first = true;
    while let Some(piece) = pieces.next() {
        let kind = if first { kind::HEADERS } else { kind::CONTINUATION };
        let end = if pieces.peek().is_none() { END_HEADERS } else { 0 };
        let stream_end = if first { END_STREAM } else { 0 };
        push(&mut bytes, kind, end | stream_end, 1, piece);
        first = false;
    }
    get(&mut bytes, 3);
    let end = flood(&world, &bytes, Duration::from_secs(1))?;
    let reset = end.frames.iter().any(|frame| frame.kind == kind::RST_STREAM && frame.stream == 1);
    let refused = end.goaway.is_some() || reset || end.status(1).is_ok_and(|status| status == 431);
    ensure!(refused, "{end:?}");
    if end.goaway.is_none() {
        ensure!(end.status(3)? == 200, "the next request: {end:?}");
    }
    world.finish()
}

/// Frames that ask for an answer each, sent without reading one, and frames that ask for nothing:
/// either the server stops them, or it goes on and has lost nothing.
fn control_floods() -> Result<Outcome> {
    let world = World::start("")?;
    let before = resident(&world)?;
    for (name, one) in [
        ("PING", frame(kind::PING, 0, 0, &[7; 8])),
        ("SETTINGS", frame(kind::SETTINGS, 0, 0, &[])),
        ("WINDOW_UPDATE", frame(kind::WINDOW_UPDATE, 0, 0, &1u32.to_be_bytes())),
        ("an unknown kind", frame(0xEE, 0, 0, &[1; 16])),
    ] {
        let bytes = one.repeat(8_000_000 / one.len());
        // A peer that does not read: what the server answers must not pile up in its memory.
        let stream = TcpStream::connect(("127.0.0.1", world.port()))?;
        stream.set_write_timeout(Some(Duration::from_secs(2)))?;
        let _ = std::io::Write::write_all(&mut &stream, e2e::http2::HELLO);
        let sent = std::io::Write::write_all(&mut &stream, &bytes);
        let grown = resident(&world)?.saturating_sub(before);
        let stopped = if sent.is_err() { "stopped" } else { "taken" };
        report(&format!("{name}: 8 MB {stopped}, {grown} KiB more memory"));
        ensure!(grown < 64 * 1024, "{name}: {grown} KiB more memory");
        let median = world.status_median()?;
        ensure!(median < 100.0, "{name}: status.php takes {median:.1} ms");
    }
    world.finish()
}

/// The same by peers that do read what they are answered: they are closed, and others served.
fn floods_that_are_read() -> Result<Outcome> {
    let world = World::start("")?;
    let median = std::thread::scope(|scope| {
        let floods: Vec<_> = [kind::PING, kind::SETTINGS, kind::PING, 0xEE]
            .into_iter()
            .map(|kind| {
                let world = &world;
                scope.spawn(move || {
                    let mut bytes = Vec::new();
                    get(&mut bytes, 1);
                    let payload: &[u8] = if kind == kind::SETTINGS { &[] } else { &[7; 8] };
                    let one = frame(kind, 0, 0, payload);
                    bytes.extend(one.repeat((32 << 20) / one.len()));
                    let end = flood(world, &bytes, PATIENCE)?;
                    ensure!(end.closed, "frames of type {kind} go on and on");
                    Ok(())
                })
            })
            .collect();
        let median = world.status_median();
        for flood in floods {
            flood.join().expect("no panic")?;
        }
        median
    })?;
    report(&format!("status.php during four floods: {median:.1} ms"));
    ensure!(median < 100.0, "status.php takes {median:.1} ms");
    world.finish()
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    push(&mut bytes, kind, flags, stream, payload);
    bytes
}

/// Resident memory of the server in KiB.
fn resident(world: &World) -> Result<u64> {
    crate::idle::resident_kib(world.server.pid()?)
}

/// As many downloads as one connection may have, and no window for any of them.
fn unread_downloads() -> Result<Outcome> {
    let world = World::start("")?;
    ensure!(world.ask(&world.file("PUT", "large").body(vec![b'x'; 8 << 20]))?.status == 201);
    let before = resident(&world)?;
    let login = world.authorization();
    let login = login.trim_end().trim_start_matches("Authorization: ");
    let block = fields("GET", "/remote.php/dav/files/alice/large", &[("authorization", login)]);
    let mut bytes = e2e::http2::HELLO.to_vec();
    // SETTINGS_INITIAL_WINDOW_SIZE is 0.
    push(&mut bytes, kind::SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0]);
    for stream in (1..=255).step_by(2) {
        push(&mut bytes, kind::HEADERS, END_STREAM | END_HEADERS, stream, &block);
    }
    let stream = TcpStream::connect(("127.0.0.1", world.port()))?;
    std::io::Write::write_all(&mut &stream, &bytes)?;
    let median = world.status_median()?;
    std::thread::sleep(Duration::from_secs(1));
    let grown = resident(&world)?.saturating_sub(before);
    report(&format!("128 downloads without a window: {grown} KiB, status.php {median:.1} ms"));
    ensure!(grown < 128 * 512, "{grown} KiB for 128 downloads that nobody reads");
    drop(stream);
    world.finish()
}

/// More streams than were granted are refused, not served and not fatal.
fn too_many_streams() -> Result<Outcome> {
    let world = World::start("[limits]\nhttp2_max_streams = 4\n")?;
    let login = world.authorization();
    let login = login.trim_end().trim_start_matches("Authorization: ");
    let mut bytes = Vec::new();
    for stream in (1..=31).step_by(2) {
        let path = format!("/remote.php/dav/files/alice/{stream}");
        let block = fields("PUT", &path, &[("authorization", login)]);
        push(&mut bytes, kind::HEADERS, END_HEADERS, stream, &block);
    }
    let end = flood(&world, &bytes, Duration::from_secs(1))?;
    let refused = end.frames.iter().filter(|f| f.kind == kind::RST_STREAM);
    let refused = refused.filter(|frame| frame.payload == 7u32.to_be_bytes()).count();
    ensure!(refused == 12 || end.goaway.is_some(), "of 16 streams {refused} are refused: {end:?}");
    world.finish()
}

/// What breaks the rules of framing ends the connection, or the stream.
fn framing() -> Result<Outcome> {
    let world = World::start("")?;
    let block = fields("GET", "/status.php", &[]);
    let headers =
        |stream, block: &[u8]| frame(kind::HEADERS, END_STREAM | END_HEADERS, stream, block);
    for (name, bytes) in [
        ("a frame over 16 KiB", frame(kind::DATA, 0, 1, &[0; 20_000])),
        ("data before fields", frame(kind::DATA, END_STREAM, 1, b"x")),
        ("an even stream", headers(2, &block)),
        ("a stream that goes back", [headers(5, &block), headers(3, &block)].concat()),
        ("PING of 7 bytes", frame(kind::PING, 0, 0, &[0; 7])),
        ("SETTINGS of 5 bytes", frame(kind::SETTINGS, 0, 0, &[0; 5])),
        ("WINDOW_UPDATE of nothing", frame(kind::WINDOW_UPDATE, 0, 0, &[0; 4])),
        ("a lone CONTINUATION", frame(kind::CONTINUATION, END_HEADERS, 1, &block)),
        ("no HPACK", headers(1, &[0xFF; 40])),
    ] {
        let end = flood(&world, &bytes, PATIENCE)?;
        ensure!(end.closed && end.goaway.is_some_and(|code| code != 0), "{name}: {end:?}");
    }
    // Fields of HTTP/1.1 that would be a second framing, and names that are none.
    for (name, field) in [
        ("a coding", ("transfer-encoding", "chunked")),
        ("a connection field", ("connection", "close")),
        ("a name in capitals", ("X-Upper", "a")),
        ("a line end", ("x", "a\r\nx-smuggled: b")),
        ("a second path", (":path", "/other")),
    ] {
        let end = flood(
            &world,
            &headers(1, &fields("GET", "/status.php", &[field])),
            Duration::from_millis(300),
        )?;
        let reset = end.frames.iter().any(|f| f.kind == kind::RST_STREAM && f.stream == 1);
        let refused = reset || end.goaway.is_some() || end.status(1).is_ok_and(|s| s / 100 == 4);
        ensure!(refused, "{name}: {end:?}");
    }
    world.finish()
}
