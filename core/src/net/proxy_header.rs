//! The PROXY protocol: who a connection comes from, in the words of the proxy that forwards it
//! (<https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt>, versions 1 and 2).
//!
//! | From a proxy that is to send it            | What becomes of the connection              |
//! |--------------------------------------------|---------------------------------------------|
//! | a header with addresses of TCP             | it comes from the address in the header     |
//! | the same, with TLS between client and proxy | and it counts as encrypted                 |
//! | LOCAL, UNKNOWN, UNSPEC, AF_UNIX            | it comes from the proxy itself              |
//! | UDP, an unknown version, anything else     | closed without an answer                    |
//! | more than [`MOST`] bytes                   | closed without an answer                    |
//!
//! From anybody else such a header is no TLS and no HTTP, and is refused as any other garbage.
//! Framing is here, so that no byte behind the header is taken; the crate reads what is in it.

use std::io;
use std::net::SocketAddr;

use ::proxy_header::{ParseConfig, Protocol, ProxyHeader};
use tokio::io::{AsyncRead, AsyncReadExt};

/// Longest header in bytes. Addresses and what proxies add take a few hundred; a certificate's
/// name may be long.
const MOST: usize = 4096;
/// Longest header of version 1, with its line end.
const MOST_V1: usize = 107;
/// What version 2 begins with. The shortest header of either version is longer.
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";

/// What a header says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Said {
    /// The client and the address it connected to; `None` if the proxy speaks for itself.
    pub(super) addresses: Option<(SocketAddr, SocketAddr)>,
    /// Whether the client speaks TLS with the proxy.
    pub(super) secure: bool,
}

/// Reads a header, and not a byte more.
pub(super) async fn read(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Said> {
    let mut bytes = vec![0; SIGNATURE.len()];
    stream.read_exact(&mut bytes).await?;
    if bytes == SIGNATURE {
        let mut fixed = [0; 4];
        stream.read_exact(&mut fixed).await?;
        bytes.extend(fixed);
        let length = usize::from(u16::from_be_bytes([fixed[2], fixed[3]]));
        if bytes.len() + length > MOST {
            return Err(bad("too long"));
        }
        let start = bytes.len();
        bytes.resize(start + length, 0);
        stream.read_exact(&mut bytes[start..]).await?;
    } else if bytes.starts_with(b"PROXY ") {
        while !bytes.ends_with(b"\r\n") {
            if bytes.len() == MOST_V1 {
                return Err(bad("too long"));
            }
            bytes.push(stream.read_u8().await?);
        }
    } else {
        return Err(bad("missing"));
    }
    parse(&bytes)
}

fn parse(bytes: &[u8]) -> io::Result<Said> {
    let (header, length) =
        ProxyHeader::parse(bytes, ParseConfig::default()).map_err(|_| bad("malformed"))?;
    if length != bytes.len() {
        return Err(bad("malformed"));
    }
    let addresses = match header.proxied_address() {
        None => None,
        Some(said) if said.protocol == Protocol::Stream => {
            let plain =
                |address: SocketAddr| SocketAddr::new(address.ip().to_canonical(), address.port());
            Some((plain(said.source), plain(said.destination)))
        }
        Some(_) => return Err(bad("not of TCP")),
    };
    let secure = addresses.is_some() && header.ssl().is_some_and(|ssl| ssl.client_ssl());
    Ok(Said { addresses, secure })
}

fn bad(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("the PROXY header is {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn v2(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let mut bytes = SIGNATURE.to_vec();
        bytes.extend([command, family]);
        bytes.extend(u16::try_from(rest.len()).unwrap().to_be_bytes());
        bytes.extend(rest);
        bytes
    }

    #[tokio::test]
    async fn headers_say_who_comes() {
        let v4 = [192, 0, 2, 7, 198, 51, 100, 1, 0x12, 0x34, 1, 187];
        let mut v6 = [0; 36];
        (v6[0], v6[1], v6[15], v6[33]) = (0x20, 0x01, 9, 80);
        let mut mapped = [0; 36];
        mapped[10..16].copy_from_slice(&[255, 255, 192, 0, 2, 7]);
        let tls = [&v4[..], &[0x20, 0, 5, 1, 0, 0, 0, 0]].concat();
        let no_tls = [&v4[..], &[0x20, 0, 5, 0, 0, 0, 0, 0]].concat();
        let unknown_field = [&v4[..], &[0xEA, 0, 1, 7]].concat();
        let torn_field = [&v4[..], &[0x20, 0, 99, 1]].concat();
        let known = Some(("192.0.2.7:4660", false));
        for (name, bytes, expected) in [
            ("v1", b"PROXY TCP4 192.0.2.7 198.51.100.1 4660 443\r\n".to_vec(), Ok(known)),
            (
                "v1, IPv6",
                b"PROXY TCP6 2001:db8::9 ::1 9 443\r\n".to_vec(),
                Ok(Some(("[2001:db8::9]:9", false))),
            ),
            ("v1, unknown", b"PROXY UNKNOWN\r\n".to_vec(), Ok(None)),
            ("v1, unknown with words", b"PROXY UNKNOWN ffff:: ffff:: 1 2\r\n".to_vec(), Ok(None)),
            ("v2", v2(0x21, 0x11, &v4), Ok(known)),
            ("v2, IPv6", v2(0x21, 0x21, &v6), Ok(Some(("[2001::9]:80", false)))),
            ("v2, mapped IPv4", v2(0x21, 0x21, &mapped), Ok(Some(("192.0.2.7:0", false)))),
            ("v2, client over TLS", v2(0x21, 0x11, &tls), Ok(Some(("192.0.2.7:4660", true)))),
            ("v2, client not over TLS", v2(0x21, 0x11, &no_tls), Ok(known)),
            ("v2, a field nobody knows", v2(0x21, 0x11, &unknown_field), Ok(known)),
            ("v2, a torn field", v2(0x21, 0x11, &torn_field), Ok(known)),
            ("v2, local", v2(0x20, 0x00, &[]), Ok(None)),
            ("v2, local with addresses", v2(0x20, 0x11, &tls), Ok(None)),
            ("v2, unspecified", v2(0x21, 0x00, &[1, 2, 3]), Ok(None)),
            ("v2, Unix", v2(0x21, 0x31, &[7; 216]), Ok(None)),
            ("v2, UDP", v2(0x21, 0x12, &v4), Err("not of TCP")),
            ("v2, addresses cut", v2(0x21, 0x11, &v4[..8]), Err("malformed")),
            ("v2, a command nobody knows", v2(0x22, 0x11, &v4), Err("malformed")),
            ("v3", v2(0x31, 0x11, &v4), Err("malformed")),
            ("v2, 5,000 bytes", v2(0x21, 0x11, &[0; 5000]), Err("too long")),
            ("v1, no end", [b"PROXY TCP4 ".to_vec(), vec![b'1'; 200]].concat(), Err("too long")),
            (
                "v1, an address that is none",
                b"PROXY TCP4 192.0.2.777 1.1.1.1 1 2\r\n".to_vec(),
                Err("malformed"),
            ),
            ("v1, too few words", b"PROXY TCP4 1.1.1.1\r\n".to_vec(), Err("malformed")),
            ("HTTP", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n".to_vec(), Err("missing")),
            ("TLS", vec![0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3, 0, 0], Err("missing")),
        ] {
            let stream = [&bytes[..], b"REST"].concat();
            let mut stream = &stream[..];
            let said = read(&mut stream).await;
            match expected {
                Ok(expected) => {
                    let said = said.unwrap_or_else(|error| panic!("{name}: {error}"));
                    let (from, secure) = expected.unzip();
                    let from = from.map(|text| text.parse::<SocketAddr>().unwrap());
                    assert_eq!(said.addresses.map(|(from, _)| from), from, "{name}");
                    assert_eq!(said.secure, secure.unwrap_or(false), "{name}");
                    assert_eq!(stream, b"REST", "{name}: not a byte more");
                }
                Err(word) => {
                    let error = said.expect_err(name).to_string();
                    assert!(error.ends_with(word), "{name}: {error}");
                }
            }
        }
    }
}
