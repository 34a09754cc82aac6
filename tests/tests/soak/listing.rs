//! A listing of very many entries: streamed, so memory stays flat and the first byte comes at once.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use base64::Engine as _;
use e2e::Server;
use e2e::http::{Connection, Request};
use e2e::suite::Outcome;

use crate::measure::{during, peak, rss};

/// Greatest growth in KiB.
const GROWTH: u64 = 64 << 10;
/// Connections that make the entries.
const MAKERS: u64 = 4;
const FOLDER: &str = "/remote.php/dav/files/alice/many";
/// What the desktop client asks for.
const ASKED: &str = "<d:propfind xmlns:d=\"DAV:\" xmlns:oc=\"http://owncloud.org/ns\"><d:prop><d:resourcetype/>\
    <d:getlastmodified/><d:getcontentlength/><d:getetag/><oc:size/><oc:id/><oc:fileid/><oc:permissions/>\
    <oc:checksums/></d:prop></d:propfind>";

pub(crate) fn run(entries: u64) -> Result<Outcome> {
    // The entries need not be durable; the server that is measured is another.
    let mut server = Server::start_with("[storage]\ndurability = \"none\"\n", &[])?;
    server.add_user("alice", "the long password of alice")?;
    let token = server.token("alice")?;
    make(&server, &token, entries)?;
    server.configure("")?;
    server.restart()?;
    let pid = server.pid()?;
    let warm = Request::new("PROPFIND", FOLDER).basic("alice", &token).field("Depth", "0");
    ensure!(e2e::http::exchange(&server.http(), &warm)?.status == 207, "PROPFIND");
    let before = rss(pid)?;
    // The clearest of three: a machine that does something else may hold back one byte or another.
    let (first, whole, grown) = {
        let mut tries = Vec::new();
        for _ in 0..3 {
            let ask = || list(server.http().port, &token);
            let ((first, whole, count), samples) = during(pid, Duration::from_millis(2), ask)?;
            ensure!(count == entries + 1, "{count} entries are listed");
            tries.push((first, whole, peak(&samples).saturating_sub(before)));
        }
        let grown = tries.iter().map(|(_, _, grown)| *grown).max().unwrap_or(0);
        tries.sort_by_key(|(first, _, _)| *first);
        (tries[0].0, tries[0].1, grown)
    };
    crate::say(&format!(
        "{entries} entries: first byte after {first:?}, all after {whole:?}; memory {before} KiB, at \
         most {grown} KiB more"
    ));
    ensure!(grown < GROWTH, "memory has grown by {grown} KiB");
    ensure!(first * 4 < whole, "the first byte comes after {first:?} of {whole:?}");
    server.finish()?;
    Ok(Outcome::Passed)
}

fn make(server: &Server, token: &str, entries: u64) -> Result<()> {
    let endpoint = server.http();
    let request = |method: &str, at: &str| {
        Request::new(method, &format!("{FOLDER}{at}")).basic("alice", token)
    };
    ensure!(e2e::http::exchange(&endpoint, &request("MKCOL", ""))?.status == 201, "MKCOL");
    std::thread::scope(|scope| {
        let makers: Vec<_> = (0..MAKERS)
            .map(|maker| {
                let (endpoint, request) = (&endpoint, &request);
                scope.spawn(move || -> Result<()> {
                    let mut connection = Connection::open(endpoint)?;
                    for number in (maker..entries).step_by(MAKERS as usize) {
                        let put = request(
                            "PUT",
                            &format!("/a file with number {number}.txt").replace(' ', "%20"),
                        );
                        let made = connection.send(&put.body("x"))?;
                        ensure!(made.status == 201, "PUT {number}: {}", made.status);
                    }
                    Ok(())
                })
            })
            .collect();
        for maker in makers {
            maker.join().map_err(|_| anyhow::anyhow!("a maker panicked"))??;
        }
        Ok(())
    })
}

/// Asks for all, and keeps nothing of it: time of the first byte, of the last, and the entries.
fn list(port: u16, token: &str) -> Result<(Duration, Duration, u64)> {
    let pair = base64::engine::general_purpose::STANDARD.encode(format!("alice:{token}"));
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    let begun = Instant::now();
    write!(
        stream,
        "PROPFIND {FOLDER}/ HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Basic {pair}\r\nDepth: 1\r\n\
         Connection: close\r\nContent-Length: {}\r\n\r\n{ASKED}",
        ASKED.len()
    )?;
    const MARK: &[u8] = b"<d:response>";
    let (mut first, mut count) = (None, 0);
    let (mut buffer, mut rest) = (vec![0; 1 << 16], Vec::new());
    loop {
        let read = stream.read(&mut buffer)?;
        if read == 0 {
            break;
        }
        rest.extend_from_slice(&buffer[..read]);
        let found = rest.windows(MARK.len()).filter(|window| *window == MARK).count();
        if found > 0 && first.is_none() {
            first = Some(begun.elapsed());
        }
        count += found as u64;
        // A mark may be cut in two; one that was counted is not kept.
        let keep = rest.len().saturating_sub(MARK.len() - 1);
        rest.drain(..keep);
    }
    Ok((first.unwrap_or_default(), begun.elapsed(), count))
}
