//! Large files: one download, one upload, each on a connection of its own.
//!
//! The client is a thread with blocking sockets and one buffer, so that it costs little beside what it
//! measures: it writes from memory and throws away what it reads.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use e2e::http::Request;

use crate::contestant::Contestant;
use crate::rounds::Row;

/// Bytes given to the socket, or taken, at once.
const PIECE: usize = 256 << 10;
/// The file that is downloaded.
const DOWNLOADED: &str = "download.bin";
/// The file that is uploaded, and removed afterwards.
const UPLOADED: &str = "upload.bin";
/// A server that says nothing for so long has failed.
const SILENCE: Duration = Duration::from_secs(120);

/// The rows about a file of `bytes`.
pub(crate) fn rows(bytes: u64) -> Vec<Box<dyn Row>> {
    vec![Box::new(Get { bytes }), Box::new(Put { bytes })]
}

struct Get {
    bytes: u64,
}

impl Row for Get {
    fn name(&self) -> String {
        format!("GET {}", size(self.bytes))
    }

    fn bytes(&self) -> u64 {
        self.bytes
    }

    fn prepare(&self, contestant: &Contestant) -> Result<()> {
        put(contestant, DOWNLOADED, self.bytes).map(drop)
    }

    fn round(&self, contestant: &Contestant) -> Result<Duration> {
        let mut wire = Wire::open(contestant)?;
        let begun = Instant::now();
        wire.send(&contestant.request("GET", DOWNLOADED))?;
        let got = wire.answer(200)?;
        let took = begun.elapsed();
        ensure!(got == self.bytes, "{got} bytes came of {}", self.bytes);
        Ok(took)
    }
}

struct Put {
    bytes: u64,
}

impl Row for Put {
    fn name(&self) -> String {
        format!("PUT {}", size(self.bytes))
    }

    fn bytes(&self) -> u64 {
        self.bytes
    }

    fn prepare(&self, _: &Contestant) -> Result<()> {
        Ok(())
    }

    fn round(&self, contestant: &Contestant) -> Result<Duration> {
        let took = put(contestant, UPLOADED, self.bytes)?;
        let mut wire = Wire::open(contestant)?;
        wire.send(&contestant.request("DELETE", UPLOADED))?;
        wire.answer(204)?;
        Ok(took)
    }
}

/// Uploads a new file; gives how long that took.
fn put(contestant: &Contestant, file: &str, bytes: u64) -> Result<Duration> {
    // Not zeros: a file system could leave them out.
    let piece: Vec<u8> = (0..PIECE).map(|at| (at % 251) as u8).collect();
    let mut wire = Wire::open(contestant)?;
    let request = contestant.request("PUT", file).field("Content-Length", &bytes.to_string());
    let begun = Instant::now();
    wire.send(&request)?;
    let mut left = bytes;
    while left > 0 {
        let now = usize::try_from(left).map_or(PIECE, |left| left.min(PIECE));
        wire.stream.write_all(&piece[..now]).context("sending the body")?;
        left -= now as u64;
    }
    wire.answer(201)?;
    Ok(begun.elapsed())
}

/// A connection for one exchange.
struct Wire {
    stream: TcpStream,
    host: String,
    buffer: Vec<u8>,
}

impl Wire {
    fn open(contestant: &Contestant) -> Result<Self> {
        ensure!(contestant.endpoint.ca.is_none(), "TLS is not measured yet");
        let stream = TcpStream::connect(("127.0.0.1", contestant.endpoint.port))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(SILENCE))?;
        stream.set_write_timeout(Some(SILENCE))?;
        let host = format!("127.0.0.1:{}", contestant.endpoint.port);
        Ok(Self { stream, host, buffer: vec![0; PIECE] })
    }

    fn send(&mut self, request: &Request) -> Result<()> {
        self.stream.write_all(&request.to_bytes(&self.host)).context("sending the head")
    }

    /// Reads an answer to its end, and gives the length of its body.
    fn answer(&mut self, status: u16) -> Result<u64> {
        let mut have = 0;
        let head = loop {
            let got = self.stream.read(&mut self.buffer[have..]).context("reading the head")?;
            ensure!(got > 0, "the connection ended within the head");
            have += got;
            let end = self.buffer[..have].windows(4).position(|window| window == b"\r\n\r\n");
            match end {
                Some(end) => break end + 4,
                None => ensure!(have < PIECE, "a head without end"),
            }
        };
        let text = String::from_utf8_lossy(&self.buffer[..head]).into_owned();
        let (found, length) = read_head(&text)?;
        ensure!(found == status, "{status} was expected, and this came: {text}");
        let mut body = (have - head) as u64;
        while body < length {
            let got = self.stream.read(&mut self.buffer).context("reading the body")?;
            ensure!(got > 0, "the connection ended after {body} bytes of {length}");
            body += got as u64;
        }
        Ok(body)
    }
}

/// Status and length of the body.
fn read_head(head: &str) -> Result<(u16, u64)> {
    let status = head.get(9..12).unwrap_or_default().parse().context("a status")?;
    if status == 204 {
        return Ok((status, 0));
    }
    for line in head.lines() {
        match line.split_once(':') {
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                return Ok((status, value.trim().parse().context("a length")?));
            }
            _ => {}
        }
    }
    bail!("an answer without its length: {head}")
}

/// 1 GiB, 256 MiB.
fn size(bytes: u64) -> String {
    match bytes {
        bytes if bytes.is_multiple_of(1 << 30) => format!("{} GiB", bytes >> 30),
        bytes => format!("{} MiB", bytes >> 20),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_tell_status_and_length() {
        for (head, expected) in [
            ("HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\n", Some((200, 7))),
            ("HTTP/1.1 201 Created\r\nETag: x\r\nContent-Length: 0\r\n\r\n", Some((201, 0))),
            ("HTTP/1.1 204 No Content\r\n\r\n", Some((204, 0))),
            ("HTTP/1.1 200 OK\r\n\r\n", None),
            ("nonsense", None),
        ] {
            assert_eq!(read_head(head).ok(), expected, "{head:?}");
        }
    }

    #[test]
    fn sizes_as_people_say_them() {
        assert_eq!([size(1 << 30), size(4 << 30), size(256 << 20)], ["1 GiB", "4 GiB", "256 MiB"]);
    }
}
