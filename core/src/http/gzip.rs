//! Compression of listings and API answers: XML over a phone's connection shrinks to a twentieth.
//!
//! | Answer                                            | Compressed                            |
//! |---------------------------------------------------|---------------------------------------|
//! | XML, JSON with 200 or 207, over 1 KiB or streamed | if `Accept-Encoding` takes gzip       |
//! | with `ETag`, a range, or a file name              | never: it is a file, and its bytes are its own |
//! | HTML                                              | never: pages hold request tokens (BREACH) |

use std::io::Write as _;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::header::{
    ACCEPT_ENCODING, ACCEPT_RANGES, CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_LENGTH,
    CONTENT_RANGE, CONTENT_TYPE, ETAG, HeaderMap, VARY,
};
use http::{HeaderValue, StatusCode};

use crate::wire::{Reply, ReplyBody};

/// Smaller bodies fit in a packet anyway.
const SMALLEST: usize = 1024;
/// Larger ones would hold up their worker; rooms stream what is that large.
const LARGEST: usize = 1024 * 1024;

/// Compresses the pieces of one streamed answer.
pub(super) struct Gzip(GzEncoder<Vec<u8>>);

impl Gzip {
    fn new() -> Self {
        // The fastest level already makes of multistatus bodies a tenth.
        Self(GzEncoder::new(Vec::new(), Compression::fast()))
    }

    /// What a piece becomes; all of it can be decoded at once.
    pub(super) fn piece(&mut self, data: &[u8]) -> Bytes {
        self.0.write_all(data).expect("a Vec takes everything");
        self.0.flush().expect("a Vec takes everything");
        std::mem::take(self.0.get_mut()).into()
    }

    /// The end of the answer.
    pub(super) fn finish(self) -> Bytes {
        self.0.finish().expect("a Vec takes everything").into()
    }
}

/// Compresses `reply`, if it may be and the client takes it. For a streamed body, the encoder for
/// its pieces comes back.
pub(super) fn compress(reply: &mut Reply, accepted: bool) -> Option<Gzip> {
    if !is_compressible(reply) {
        return None;
    }
    // Caches must know that this answer depends on the field, whichever way it went.
    reply.headers.append(VARY, HeaderValue::from_static("Accept-Encoding"));
    if !accepted {
        return None;
    }
    let encoder = match &mut reply.body {
        ReplyBody::Stream { length, .. } => {
            *length = None;
            Some(Gzip::new())
        }
        ReplyBody::Full(bytes) => {
            let mut gzip = Gzip::new();
            gzip.0.write_all(bytes).expect("a Vec takes everything");
            *bytes = gzip.finish();
            None
        }
    };
    reply.headers.remove(CONTENT_LENGTH);
    reply.headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    encoder
}

fn is_compressible(reply: &Reply) -> bool {
    let files = [ETAG, ACCEPT_RANGES, CONTENT_RANGE, CONTENT_DISPOSITION, CONTENT_ENCODING];
    let kind = reply.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let kind = kind.unwrap_or("").split(';').next().unwrap_or("").trim();
    let sized = match &reply.body {
        ReplyBody::Full(bytes) => (SMALLEST..=LARGEST).contains(&bytes.len()),
        ReplyBody::Stream { .. } => true,
    };
    sized
        && matches!(reply.status, StatusCode::OK | StatusCode::MULTI_STATUS)
        && matches!(kind, "application/xml" | "text/xml" | "application/json")
        && !files.iter().any(|name| reply.headers.contains_key(name))
}

/// Whether the client takes gzip (RFC 9110 §12.5.3). `*` alone is not taken for it.
pub(super) fn accepts(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    lines.flat_map(|line| line.split(',')).any(|element| {
        let mut parts = element.split(';').map(str::trim);
        let coding = parts.next().unwrap_or("");
        let refused = parts.any(|part| {
            let weight = part.strip_prefix("q=").or_else(|| part.strip_prefix("Q="));
            weight.is_some_and(|weight| weight.trim_matches(['0', '.']).is_empty())
        });
        (coding.eq_ignore_ascii_case("gzip") || coding.eq_ignore_ascii_case("x-gzip")) && !refused
    })
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    fn unzip(bytes: &[u8]) -> String {
        let mut text = String::new();
        flate2::read::GzDecoder::new(bytes).read_to_string(&mut text).unwrap();
        text
    }

    #[test]
    fn gzip_is_taken_when_it_is_offered() {
        for (field, taken) in [
            ("gzip", true),
            ("gzip, deflate, br", true),
            ("br;q=1.0, GZIP;q=0.8", true),
            ("x-gzip", true),
            ("gzip;q=0", false),
            ("gzip; q=0.000", false),
            ("identity", false),
            ("*", false),
            ("", false),
        ] {
            let headers = HeaderMap::from_iter([(ACCEPT_ENCODING, field.parse().unwrap())]);
            assert_eq!(accepts(&headers), taken, "{field}");
        }
        assert!(!accepts(&HeaderMap::new()));
    }

    #[test]
    fn listings_are_compressed_and_files_are_not() {
        let text = "<d:response/>".repeat(500);
        let small = "<d:response/>".to_owned();
        for (status, kind, extra, body, compressed) in [
            (207, "application/xml; charset=utf-8", None, &text, true),
            (200, "application/json", None, &text, true),
            (207, "application/xml", None, &small, false),
            (200, "text/html", None, &text, false),
            (206, "application/xml", None, &text, false),
            (200, "application/octet-stream", None, &text, false),
            (200, "application/json", Some((ETAG, "\"1\"")), &text, false),
            (200, "text/xml", Some((CONTENT_DISPOSITION, "attachment")), &text, false),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            let mut reply = Reply::with_body(status, kind, body.clone());
            reply.headers.extend(extra.map(|(name, value)| (name, value.parse().unwrap())));
            assert!(compress(&mut reply, true).is_none(), "only streams need an encoder");
            let ReplyBody::Full(bytes) = reply.body else { panic!("still full") };
            assert_eq!(reply.headers.contains_key(CONTENT_ENCODING), compressed, "{kind}");
            assert_eq!(reply.headers.contains_key(VARY), compressed, "{kind}");
            if compressed {
                assert!(bytes.len() < body.len() / 10);
                assert_eq!(&unzip(&bytes), body);
            } else {
                assert_eq!(bytes, body.as_bytes());
            }
        }
    }

    #[test]
    fn each_piece_of_a_stream_can_be_read_when_it_comes() {
        let mut gzip = Gzip::new();
        let mut all = gzip.piece(b"first ").to_vec();
        let mut first = [0; 6];
        flate2::read::GzDecoder::new(&all[..]).read_exact(&mut first).unwrap();
        assert_eq!(&first, b"first ");
        all.extend(gzip.piece(b"second"));
        all.extend(gzip.finish());
        assert_eq!(unzip(&all), "first second");
    }
}
