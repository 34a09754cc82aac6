//! More connections than there are places and files.

use std::io::Write;
use std::net::{Ipv4Addr, TcpStream};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use e2e::suite::{Case, Outcome};
use e2e::{raw, tools};

use crate::house::{World, case, case_with, report};

const HELLO: &[u8] = b"GET /status.php HTTP/1.1\r\nHost: a\r\n\r\n";

pub(crate) fn cases() -> Vec<Case<'static>> {
    vec![
        case("crowds::one_address", one_address),
        case_with("crowds::total_below_the_file_limit", "prlimit", total_below_the_file_limit),
        case_with("crowds::accept_back_off", "prlimit", accept_back_off),
        case_with("crowds::more_downloads_than_files", "prlimit", more_downloads_than_files),
    ]
}

/// Whether the server answers on a connection within `patience`.
fn answered(stream: &TcpStream, patience: Duration) -> bool {
    let _ = stream.set_read_timeout(Some(patience));
    let mut buffer = [0; 4096];
    matches!(std::io::Read::read(&mut &*stream, &mut buffer), Ok(1..))
        && buffer.starts_with(b"HTTP/1.1 200")
}

/// One address has its share, and takes nobody else's.
fn one_address() -> Result<Outcome> {
    let world = World::start("[limits]\nmax_connections_per_address = 20\n")?;
    let greedy = Ipv4Addr::new(127, 2, 2, 2);
    let mut streams = Vec::new();
    for number in 0..60 {
        let mut stream = raw::connect_from(greedy, world.port())?;
        let _ = stream.write_all(HELLO);
        ensure!(answered(&stream, Duration::from_secs(5)) == (number < 20), "connection {number}");
        streams.push(stream);
    }
    for last in 3..23 {
        let mut stream = raw::connect_from(Ipv4Addr::new(127, 2, 2, last), world.port())?;
        stream.write_all(HELLO)?;
        ensure!(answered(&stream, Duration::from_secs(5)), "another address");
    }
    world.finish()
}

/// The connections leave files for the work: with all places taken an upload still succeeds, those
/// outside wait, and are served when others go.
fn total_below_the_file_limit(prlimit: std::path::PathBuf) -> Result<Outcome> {
    let prlimit = prlimit.display().to_string();
    let world = World::start_under(&[&prlimit, "--nofile=200:200"], "")?;
    let mut places = Vec::new();
    let mut uploader = TcpStream::connect(("127.0.0.1", world.port()))?;
    uploader.write_all(HELLO)?;
    ensure!(answered(&uploader, Duration::from_secs(5)), "the first");
    // Three quarters of the files, of which the other listener keeps one for its next connection.
    let most = 149;
    let mut inside = 1;
    for number in 0..300 {
        let mut stream = raw::connect_from(raw::loopback(number, 50), world.port())?;
        stream.write_all(HELLO)?;
        let patience = if inside < most { 5000 } else { 20 };
        inside += usize::from(answered(&stream, Duration::from_millis(patience)));
        places.push(stream);
    }
    ensure!(inside == most, "{inside} connections are served with 200 files");
    let files = std::fs::read_dir(format!("/proc/{}/fd", world.server.pid()?))?.count();
    report(&format!("{files} of 200 files are open with {inside} connections"));
    for number in 0..10 {
        let login = world.authorization();
        let path = format!("/remote.php/dav/files/alice/{number}");
        let put = format!("PUT {path} HTTP/1.1\r\nHost: a\r\n{login}Content-Length: 1\r\n\r\nx");
        uploader.write_all(put.as_bytes())?;
        let mut buffer = [0; 4096];
        let count = std::io::Read::read(&mut uploader, &mut buffer)?;
        let answer = String::from_utf8_lossy(&buffer[..count]);
        ensure!(answer.starts_with("HTTP/1.1 201"), "an upload in a full house: {answer}");
    }
    let waiting = places.split_off(most - 1);
    drop(places);
    for (number, stream) in waiting.iter().take(100).enumerate() {
        ensure!(answered(stream, Duration::from_secs(10)), "number {number} of those who waited");
    }
    drop(waiting);
    ensure!(world.server.log_about("cannot accept").is_empty(), "files ran out");
    world.finish()
}

/// No files at all, as when the machine has none left: the server neither dies nor spins, and goes
/// on when there are some again.
fn accept_back_off(prlimit: std::path::PathBuf) -> Result<Outcome> {
    let world = World::start("")?;
    let pid = world.server.pid()?;
    let limit = |files: usize| {
        let mut command = Command::new(&prlimit);
        command.arg(format!("--pid={pid}")).arg(format!("--nofile={files}:"));
        tools::require(&mut command, Duration::from_secs(10))
    };
    let open = std::fs::read_dir(format!("/proc/{pid}/fd"))?.count();
    limit(open + 2)?;
    let mut streams = Vec::new();
    for number in 0..50 {
        let mut stream = raw::connect_from(raw::loopback(number, 50), world.port())?;
        stream.write_all(HELLO)?;
        streams.push(stream);
    }
    let before = processor_time(pid)?;
    std::thread::sleep(Duration::from_secs(3));
    let busy = processor_time(pid)? - before;
    report(&format!("without files: {:.2} s of processor time in 3 s", busy.as_secs_f64()));
    ensure!(busy < Duration::from_secs(1), "the server spins: {busy:?}");
    let said = world.logged("cannot accept connections").lines().count();
    ensure!((1..100).contains(&said), "it is said {said} times");
    limit(1000)?;
    let begun = Instant::now();
    for stream in &streams {
        ensure!(answered(stream, Duration::from_secs(10)), "one of those who waited");
    }
    ensure!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    world.finish()
}

/// Downloads that nobody reads hold a file each, until there is none: who comes later waits at the
/// door or is told to come again. Nobody hears that the server has failed, and all goes on when the
/// files are there again.
fn more_downloads_than_files(prlimit: std::path::PathBuf) -> Result<Outcome> {
    let prlimit = prlimit.display().to_string();
    let world = World::start_under(&[&prlimit, "--nofile=200:200"], "")?;
    let large = vec![b'x'; 16 << 20];
    ensure!(world.ask(&world.file("PUT", "large").body(large))?.status == 201);
    let login = world.authorization();
    let path = "/remote.php/dav/files/alice/large";
    let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\n{login}\r\n");
    let mut readers = Vec::new();
    for number in 0..100 {
        let mut stream = raw::connect_from(raw::loopback(number, 50), world.port())?;
        stream.write_all(request.as_bytes())?;
        readers.push(stream);
    }
    let mut seen = std::collections::BTreeMap::<String, usize>::new();
    let (mut served, mut waiting) = (Vec::new(), Vec::new());
    for mut stream in readers {
        stream.set_read_timeout(Some(Duration::from_millis(300)))?;
        let mut head = [0; 12];
        match std::io::Read::read_exact(&mut stream, &mut head) {
            Ok(()) => {
                *seen.entry(String::from_utf8_lossy(&head[9..]).into_owned()).or_default() += 1;
                served.push(stream);
            }
            Err(_) => waiting.push(stream),
        }
    }
    report(&format!("100 downloads with 200 files: {seen:?}, {} wait", waiting.len()));
    ensure!(!waiting.is_empty() || seen.len() > 1, "the files were enough");
    ensure!(seen.keys().all(|status| status == "200" || status == "503"), "{seen:?}");
    drop(served);
    for mut stream in waiting {
        stream.set_read_timeout(Some(Duration::from_secs(20)))?;
        let mut head = [0; 12];
        std::io::Read::read_exact(&mut stream, &mut head).context("one of those who waited")?;
        ensure!(head.ends_with(b"200") || head.ends_with(b"503"), "{head:?}");
    }
    world.finish()
}

/// Processor time that a process has used.
fn processor_time(pid: u32) -> Result<Duration> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let fields = text.rsplit(')').next().context("stat")?;
    let ticks: u64 = fields.split_whitespace().skip(11).take(2).flat_map(str::parse::<u64>).sum();
    // USER_HZ is 100 on every architecture that Linux still runs on.
    Ok(Duration::from_millis(ticks * 10))
}
