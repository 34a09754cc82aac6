//! Connections that wait, encrypted: how much memory one takes.
//!
//! `MOONSAIL_IDLE_CONNECTIONS` says how many, 2,000 if unset; the bound is that of 10,000 within
//! 450 MiB, and holds for a release build.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use e2e::http::Request;
use e2e::raw;
use e2e::suite::{Case, Outcome};
use e2e::tls;
use rustls::{ClientConfig, ClientConnection, StreamOwned};

use crate::house::{World, case, report};

/// KiB of a connection: 450 MiB for 10,000, less what the server has without any.
const KIB_EACH: u64 = 43;
/// KiB that are no connection's: the index, threads, what the allocator keeps.
const KIB_BASE: u64 = 24 * 1024;

pub(crate) fn cases() -> Vec<Case<'static>> {
    vec![case("idle::tls", idle_tls)]
}

/// Resident memory of a process in KiB.
pub(crate) fn resident_kib(pid: u32) -> Result<u64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("VmRSS")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}

type Stream = StreamOwned<ClientConnection, TcpStream>;

fn connect(number: usize, port: u16, config: &Arc<ClientConfig>) -> Result<Stream> {
    // Below the default bound of one address.
    let tcp = raw::connect_from(raw::loopback(number, 200), port)?;
    tcp.set_nodelay(true)?;
    let client = ClientConnection::new(Arc::clone(config), tls::name()?)?;
    let mut stream = StreamOwned::new(client, tcp);
    ask(&mut stream).with_context(|| format!("connection {number}"))?;
    Ok(stream)
}

fn ask(stream: &mut Stream) -> Result<()> {
    stream.write_all(b"GET /status.php HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")?;
    let mut answer = Vec::new();
    let mut buffer = [0; 2048];
    while !answer.ends_with(b"}") {
        let count = stream.read(&mut buffer)?;
        ensure!(count > 0, "closed: {}", String::from_utf8_lossy(&answer));
        answer.extend_from_slice(&buffer[..count]);
    }
    ensure!(answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer));
    Ok(())
}

fn idle_tls() -> Result<Outcome> {
    let wanted = std::env::var("MOONSAIL_IDLE_CONNECTIONS").unwrap_or_else(|_| "2000".to_owned());
    let wanted: usize = wanted.parse().context("MOONSAIL_IDLE_CONNECTIONS")?;
    let files = raw::raise_file_limit()?;
    // The server keeps three quarters of the files for connections.
    if files * 3 / 4 < wanted as u64 + 50 {
        return Ok(Outcome::Skipped(format!("{files} files are too few for {wanted} connections")));
    }
    let limits =
        format!("[limits]\nmax_connections = {}\nidle_timeout_secs = 3600\n", wanted + 100);
    let world = World::start(&limits)?;
    let (pid, port) = (world.server.pid()?, world.server.https().port);
    let config = Arc::new(tls::config(&world.server.ca(), &["http/1.1"])?);
    let before = resident_kib(pid)?;
    let begun = Instant::now();
    let next = AtomicUsize::new(0);
    let lists = std::thread::scope(|scope| {
        let connecting: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let mut streams = Vec::new();
                    loop {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        if number >= wanted {
                            return Ok(streams);
                        }
                        streams.push(connect(number, port, &config)?);
                    }
                })
            })
            .collect();
        let joined = connecting.into_iter().map(|thread| thread.join().expect("no panic"));
        joined.collect::<Result<Vec<Vec<Stream>>>>()
    })?;
    let mut streams: Vec<Stream> = lists.into_iter().flatten().collect();
    let took = begun.elapsed();
    std::thread::sleep(Duration::from_secs(1));
    let held = resident_kib(pid)?;
    let each = held.saturating_sub(before) as f64 / wanted as f64;
    report(&format!(
        "{wanted} idle TLS connections after {:.1} s: {:.1} MiB resident, {:.1} MiB before, {each:.1} KiB each",
        took.as_secs_f64(),
        held as f64 / 1024.0,
        before as f64 / 1024.0,
    ));
    let most = KIB_BASE + KIB_EACH * wanted as u64;
    ensure!(held <= most, "{held} KiB resident with {wanted} idle connections, at most {most}");
    // They are connections, not corpses.
    for stream in streams.iter_mut().step_by(wanted / 50 + 1) {
        ask(stream)?;
    }
    let answer = world.ask(&Request::new("GET", "/status.php"))?;
    ensure!(answer.status == 200, "a newcomer: {}", answer.status);
    drop(streams);
    world.finish()
}
