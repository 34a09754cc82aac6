//! Peers that take their time: their connections must cost nobody else anything, and end.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use e2e::raw;
use e2e::suite::{Case, Outcome};

use crate::house::{World, case, report, status};

/// Slow connections of each kind.
const MANY: usize = 1000;

pub(crate) fn cases() -> Vec<Case<'static>> {
    vec![
        case("slow::two_thousand", two_thousand),
        case("slow::handshakes", handshakes),
        case("slow::trickled_answers", trickled_answers),
        case("slow::stalled_uploads", stalled_uploads),
    ]
}

/// 1,000 headers and 1,000 bodies that come a byte at a time, from twenty addresses.
fn two_thousand() -> Result<Outcome> {
    raw::raise_file_limit()?;
    let world = World::start("[limits]\nheader_timeout_secs = 12\nbody_window_secs = 12\n")?;
    let head = "GET /status.php HTTP/1.1\r\nHost: a\r\nX-Slow: ";
    let mut headers = Vec::new();
    let mut bodies = Vec::new();
    for number in 0..2 * MANY {
        let mut stream = raw::connect_from(raw::loopback(number, 100), world.port())?;
        if number < MANY {
            stream.write_all(head.as_bytes())?;
            headers.push(stream);
        } else {
            let login = world.authorization();
            let path = format!("/remote.php/dav/files/alice/slow-{number}");
            let fields = format!("Host: a\r\n{login}Content-Length: 1000000");
            stream.write_all(format!("PUT {path} HTTP/1.1\r\n{fields}\r\n\r\n").as_bytes())?;
            bodies.push(stream);
        }
    }
    let done = AtomicBool::new(false);
    let median = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                for stream in headers.iter().chain(&bodies) {
                    let _ = (&*stream).write_all(b"x");
                }
                std::thread::sleep(Duration::from_secs(1));
            }
        });
        let measured = world.status_median();
        let uploaded = world.ask(&world.file("PUT", "quick").body("quick"));
        done.store(true, Ordering::Relaxed);
        ensure!(uploaded?.status == 201, "an upload beside the slow ones");
        measured
    })?;
    report(&format!(
        "status.php beside {MANY} slow headers and {MANY} slow bodies: {median:.1} ms"
    ));
    ensure!(median < 100.0, "status.php takes {median:.1} ms");
    // The header's time is counted from its first byte; a body's from when it is waited for.
    let begun = Instant::now();
    let refused = bodies.iter().map(ended).collect::<Result<Vec<_>>>()?;
    let timed_out = refused.iter().filter(|answer| status(answer) == 408).count();
    ensure!(timed_out == MANY, "{timed_out} of {MANY} bodies were 408: {:?}", refused.first());
    for stream in &headers {
        let answer = ended(stream)?;
        ensure!(answer.is_empty(), "a header that never ended was answered: {answer}");
    }
    ensure!(begun.elapsed() < Duration::from_secs(40), "it took {:?}", begun.elapsed());
    let missing = world.ask(&world.file("GET", "slow-1500"))?;
    ensure!(missing.status == 404, "a cut upload is there: {}", missing.status);
    empty_stage(&world)?;
    world.finish()
}

/// 1,000 TLS handshakes that stop after their first bytes.
fn handshakes() -> Result<Outcome> {
    raw::raise_file_limit()?;
    let world = World::start("")?;
    let mut streams = Vec::new();
    for number in 0..MANY {
        let source = raw::loopback(number, 100);
        let mut stream = raw::connect_from(source, world.server.https().port)?;
        stream.write_all(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")?;
        streams.push(stream);
    }
    let begun = Instant::now();
    let answer = e2e::http::exchange(&world.server.https(), &world.file("PUT", "a").body("a"))?;
    ensure!(answer.status == 201, "an upload by TLS: {}", answer.status);
    let median = world.status_median()?;
    report(&format!("status.php beside {MANY} handshakes that stop: {median:.1} ms"));
    ensure!(median < 100.0, "status.php takes {median:.1} ms");
    for stream in &streams {
        let answer = ended(stream)?;
        ensure!(answer.is_empty(), "an answer without a handshake: {answer}");
    }
    ensure!(begun.elapsed() < Duration::from_secs(30), "it took {:?}", begun.elapsed());
    world.finish()
}

/// What was cut is removed, if a moment after the answer.
fn empty_stage(world: &World) -> Result<()> {
    let begun = Instant::now();
    loop {
        let left = std::fs::read_dir(world.server.data().join("stage"))?.count();
        if left == 0 {
            return Ok(());
        }
        ensure!(begun.elapsed() < Duration::from_secs(10), "{left} cut uploads stay in the stage");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn ended(mut stream: &TcpStream) -> Result<String> {
    Ok(String::from_utf8_lossy(&raw::read_to_end(&mut stream)?).into_owned())
}

/// Clients that ask for a large file and read nothing of it.
fn trickled_answers() -> Result<Outcome> {
    raw::raise_file_limit()?;
    let world = World::start("[limits]\nidle_timeout_secs = 3\n")?;
    let large = vec![b'x'; 32 << 20];
    ensure!(world.ask(&world.file("PUT", "large").body(large))?.status == 201);
    let before = crate::idle::resident_kib(world.server.pid()?)?;
    let login = world.authorization();
    let path = "/remote.php/dav/files/alice/large";
    let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\n{login}\r\n");
    let mut readers = Vec::new();
    for number in 0..200 {
        let mut stream = raw::connect_from(raw::loopback(number, 100), world.port())?;
        stream.write_all(request.as_bytes())?;
        readers.push(stream);
    }
    let median = world.status_median()?;
    let grown = crate::idle::resident_kib(world.server.pid()?)?.saturating_sub(before);
    report(&format!("200 downloads that nobody reads: {grown} KiB, status.php {median:.1} ms"));
    ensure!(median < 100.0, "status.php takes {median:.1} ms");
    // Pieces of half a megabyte: one being sent, one behind it.
    ensure!(grown < 200 * 1536, "{grown} KiB for 200 answers that nobody reads");
    std::thread::sleep(Duration::from_secs(5));
    for mut stream in readers {
        let mut came = 0;
        let mut buffer = vec![0; 1 << 20];
        while let Ok(count @ 1..) = stream.read(&mut buffer) {
            came += count;
        }
        ensure!(came < 32 << 20, "a client that read nothing for 5 s has got everything");
    }
    world.finish()
}

/// Uploads that stop before the server has enough to write it down.
fn stalled_uploads() -> Result<Outcome> {
    raw::raise_file_limit()?;
    let world = World::start("[limits]\nbody_window_secs = 5\n")?;
    let before = crate::idle::resident_kib(world.server.pid()?)?;
    let login = world.authorization();
    let mut uploads = Vec::new();
    for number in 0..200 {
        let mut stream = raw::connect_from(raw::loopback(number, 100), world.port())?;
        let path = format!("/remote.php/dav/files/alice/{number}");
        let fields = format!("Host: a\r\n{login}Content-Length: 10000000");
        stream.write_all(format!("PUT {path} HTTP/1.1\r\n{fields}\r\n\r\n").as_bytes())?;
        stream.write_all(&[b'x'; 1_200_000])?;
        uploads.push(stream);
    }
    let median = world.status_median()?;
    let grown = crate::idle::resident_kib(world.server.pid()?)?.saturating_sub(before);
    report(&format!("200 uploads that stall: {grown} KiB, status.php {median:.1} ms"));
    ensure!(median < 100.0, "status.php takes {median:.1} ms");
    // A piece of a megabyte, and one on its way.
    ensure!(grown < 200 * 2560, "{grown} KiB for 200 uploads that stall");
    for stream in &uploads {
        let answer = ended(stream)?;
        ensure!(status(&answer) == 408, "{answer}");
    }
    empty_stage(&world)?;
    world.finish()
}
