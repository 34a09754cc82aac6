//! One large upload: memory stays flat, however long the body is.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use e2e::Server;
use e2e::http::{Connection, Request};
use e2e::suite::Outcome;

use crate::measure::{during, peak, rss};

/// Bytes that are sent at once.
const PIECE: usize = 1 << 20;
/// Greatest growth in KiB.
const GROWTH: u64 = 32 << 10;
const TARGET: &str = "/remote.php/dav/files/alice/large.bin";

pub(crate) fn run(mib: u64) -> Result<Outcome> {
    let server = Server::start()?;
    server.add_user("alice", "the long password of alice")?;
    let token = server.token("alice")?;
    let mut connection = Connection::open(&server.http())?;
    let request = |method: &str| Request::new(method, TARGET).basic("alice", &token);
    // Warm: a body of the same kind, and short.
    let made = connection.send(&request("PUT").body(vec![7; 4 * PIECE]))?;
    ensure!(made.status == 201, "PUT: {}", made.status);
    let before = rss(server.pid()?)?;
    let begun = Instant::now();
    let (status, samples) = during(server.pid()?, Duration::from_millis(20), || {
        let length = (mib * PIECE as u64).to_string();
        connection.send_raw(&request("PUT").field("Content-Length", &length))?;
        for number in 0..mib {
            connection.send_bytes(&piece(number))?;
        }
        Ok(connection.read_response("PUT")?.status)
    })?;
    ensure!(status == 204, "PUT of {mib} MiB: {status}");
    let grown = peak(&samples).saturating_sub(before);
    let took = begun.elapsed().as_secs_f64();
    crate::say(&format!(
        "{mib} MiB in {took:.1} s ({:.0} MiB/s); memory {before} KiB, at most {grown} KiB more",
        mib as f64 / took
    ));
    ensure!(grown < GROWTH, "memory has grown by {grown} KiB");
    for number in [0, mib / 2, mib - 1] {
        let start = number * PIECE as u64;
        let range = format!("bytes={start}-{}", start + PIECE as u64 - 1);
        let got = connection.send(&request("GET").field("Range", &range))?;
        ensure!(got.status == 206 && got.body == piece(number), "MiB {number} is {}", got.status);
    }
    let head = connection.send(&request("HEAD"))?;
    let length = head.find_field("content-length").context("no length")?;
    ensure!(length == (mib * PIECE as u64).to_string(), "{length} bytes");
    server.finish()?;
    Ok(Outcome::Passed)
}

/// The bytes of one MiB, unlike those of any other.
fn piece(number: u64) -> Vec<u8> {
    let mut bytes: Vec<u8> = (0..PIECE).map(|at| (at as u64 * 31 + number) as u8).collect();
    bytes[..8].copy_from_slice(&number.to_le_bytes());
    bytes
}
