//! HTTP/2 frames (RFC 9113) as they stand on the wire, for clients that misbehave. A library would
//! not send what these tests send.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// Frame types.
pub mod kind {
    #![expect(missing_docs, reason = "the names are those of RFC 9113 §6")]
    pub const DATA: u8 = 0;
    pub const HEADERS: u8 = 1;
    pub const RST_STREAM: u8 = 3;
    pub const SETTINGS: u8 = 4;
    pub const PING: u8 = 6;
    pub const GOAWAY: u8 = 7;
    pub const WINDOW_UPDATE: u8 = 8;
    pub const CONTINUATION: u8 = 9;
}

/// END_STREAM, and ACK of SETTINGS and PING.
pub const END_STREAM: u8 = 1;
/// END_HEADERS.
pub const END_HEADERS: u8 = 4;
/// The error code ENHANCE_YOUR_CALM.
pub const ENHANCE_YOUR_CALM: u32 = 11;

/// Preface and empty SETTINGS.
pub const HELLO: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

/// A frame that came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Its type.
    pub kind: u8,
    /// Its flags.
    pub flags: u8,
    /// Its stream; 0 is the connection.
    pub stream: u32,
    /// What it holds.
    pub payload: Vec<u8>,
}

/// How a flood ended.
#[derive(Debug)]
pub struct End {
    /// The code of GOAWAY, if the server said one.
    pub goaway: Option<u32>,
    /// Whether the server closed.
    pub closed: bool,
    /// All frames that came.
    pub frames: Vec<Frame>,
}

/// Appends a frame.
pub fn push(bytes: &mut Vec<u8>, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX).to_be_bytes();
    bytes.extend_from_slice(&length[1..]);
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend_from_slice(payload);
}

/// The fields of a request for a path in HPACK (RFC 7541), without Huffman and dynamic table.
pub fn fields(method: &str, path: &str, more: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    let all = [(":method", method), (":scheme", "http"), (":path", path), (":authority", "a.org")];
    for (name, value) in all.iter().chain(more) {
        block.push(0x10); // never indexed, new name
        for text in [name, value] {
            length(&mut block, text.len());
            block.extend_from_slice(text.as_bytes());
        }
    }
    block
}

/// An integer with a prefix of seven bits (RFC 7541 §5.1), the eighth zero.
fn length(block: &mut Vec<u8>, value: usize) {
    if let Some(small) = u8::try_from(value).ok().filter(|&small| small < 127) {
        return block.push(small);
    }
    block.push(127);
    let mut rest = value - 127;
    while rest >= 128 {
        block.push(u8::try_from(rest % 128).unwrap_or(0) | 128);
        rest /= 128;
    }
    block.push(u8::try_from(rest).unwrap_or(0));
}

/// Says hello and sends `flood` until all of it is sent or the server closes, reading meanwhile;
/// then reads for `patience` more.
///
/// # Errors
/// When nobody listens, or frames cannot be read.
pub fn send(stream: &TcpStream, flood: &[u8], patience: Duration) -> Result<End> {
    let (mut writer, mut reader) = (stream.try_clone()?, stream.try_clone()?);
    reader.set_read_timeout(Some(Duration::from_millis(100)))?;
    let mut came = Vec::new();
    let mut closed = false;
    std::thread::scope(|scope| {
        let sending = scope.spawn(move || {
            let _ = writer.write_all(HELLO).and_then(|()| writer.write_all(flood));
        });
        let mut buffer = [0; 64 * 1024];
        let mut since_sent = None;
        loop {
            match reader.read(&mut buffer) {
                Ok(0) => closed = true,
                Ok(count) => came.extend_from_slice(&buffer[..count]),
                Err(error) if is_timeout(&error) => {}
                Err(_) => closed = true,
            }
            if sending.is_finished() && since_sent.is_none() {
                since_sent = Some(Instant::now());
            }
            if closed || since_sent.is_some_and(|since| since.elapsed() > patience) {
                break;
            }
        }
        // What cannot be sent any more must not keep the thread.
        let _ = reader.shutdown(std::net::Shutdown::Both);
    });
    let frames = parse(&came)?;
    let goaway = frames.iter().find(|frame| frame.kind == kind::GOAWAY);
    let goaway = goaway.and_then(|frame| frame.payload.get(4..8)?.try_into().ok());
    Ok(End { goaway: goaway.map(u32::from_be_bytes), closed, frames })
}

fn is_timeout(error: &std::io::Error) -> bool {
    matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut)
}

fn parse(mut rest: &[u8]) -> Result<Vec<Frame>> {
    let mut frames = Vec::new();
    while let [a, b, c, kind, flags, s1, s2, s3, s4, after @ ..] = rest {
        let length = u32::from_be_bytes([0, *a, *b, *c]) as usize;
        if after.len() < length {
            break; // cut by the close
        }
        let stream = u32::from_be_bytes([*s1, *s2, *s3, *s4]) & 0x7FFF_FFFF;
        let payload = after[..length].to_vec();
        frames.push(Frame { kind: *kind, flags: *flags, stream, payload });
        rest = &after[length..];
    }
    if frames.first().is_some_and(|frame| frame.kind != kind::SETTINGS) {
        bail!("the answer is no HTTP/2: {frames:?}");
    }
    Ok(frames)
}

impl End {
    /// The status of a stream's answer, if its block begins with one.
    ///
    /// # Errors
    /// When the stream has no answer, or its first field is not written as expected.
    pub fn status(&self, stream: u32) -> Result<u16> {
        let mut frames = self.frames.iter();
        let headers = frames.find(|frame| frame.kind == kind::HEADERS && frame.stream == stream);
        let block = &headers.with_context(|| format!("no answer on {stream}: {self:?}"))?.payload;
        // A size update of the table may come first.
        let from = block.iter().position(|byte| byte & 0xE0 != 0x20).unwrap_or(0);
        match block[from..] {
            [0x88, ..] => Ok(200),
            [0x89, ..] => Ok(204),
            [0x8B, ..] => Ok(304),
            [0x8C, ..] => Ok(400),
            [0x8D, ..] => Ok(404),
            [0x8E, ..] => Ok(500),
            // A literal with the name `:status`; its digits are coded by Huffman (RFC 7541, B).
            [first, _, ref digits @ ..] if first & 0x0F == 8 || first == 0x48 => {
                Ok(huffman_digits(digits))
            }
            _ => bail!("no status in {block:02x?}"),
        }
    }
}

/// Three digits: 0 to 2 take five bits, the others six.
fn huffman_digits(bytes: &[u8]) -> u16 {
    let byte = |at: usize| u32::from(bytes.get(at).copied().unwrap_or(0xFF));
    let bits = byte(0) << 24 | byte(1) << 16 | byte(2) << 8;
    let (mut at, mut number) = (0, 0);
    for _ in 0..3 {
        let next = (bits << at) >> 26;
        let (digit, width) = if next >> 1 <= 2 { (next >> 1, 5) } else { (next - 0x19 + 3, 6) };
        number = number * 10 + digit;
        at += width;
    }
    u16::try_from(number).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_read() {
        // "302" is 011001 00000 00010 (RFC 7541 §C.6.1: 64 02), "431" 011010 011001 00001.
        assert_eq!(huffman_digits(&[0x64, 0x02]), 302);
        assert_eq!(huffman_digits(&[0b0110_1001, 0b1001_0000, 0b1111_1111]), 431);
    }

    #[test]
    fn long_fields_have_long_lengths() {
        let mut block = Vec::new();
        length(&mut block, 1337 + 127 - 31);
        // RFC 7541 §C.1.2 has 1337 with five bits: 31, 154, 10.
        assert_eq!(block, [127, 154, 10]);
    }
}
