//! What stands before the door: load balancers with the PROXY protocol, Unix sockets, and sockets
//! that a service manager has opened.

use std::net::SocketAddr;
use std::time::Duration;

use moonsail::net::{CertSource, Inherited, UnixAddress};
use moonsail::wire::Peers;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::Instant;

use crate::house::{House, field, read_answer, read_to_end, status};

const V1: &[u8] = b"PROXY TCP4 203.0.113.9 198.51.100.1 4660 443\r\n";
const WHO: &[u8] =
    b"GET /who HTTP/1.1\r\nHost: a.org\r\nX-Request-Id: r\r\nX-Forwarded-For: 6.6.6.6\r\n\r\n";

/// Everybody on 127.0.0.1, or through a Unix socket.
fn these(network: &str, unix: bool) -> Peers {
    Peers { networks: vec![network.parse().unwrap()], unix }
}

/// Version 2: command and family, addresses, and a field that says TLS or nothing.
fn v2(command: u8, family: u8, addresses: &[u8], tls: bool) -> Vec<u8> {
    let field: &[u8] = if tls { &[0x20, 0, 5, 1, 0, 0, 0, 0] } else { &[] };
    let mut bytes = b"\r\n\r\n\0\r\nQUIT\n".to_vec();
    bytes.extend([command, family]);
    bytes.extend(u16::try_from(addresses.len() + field.len()).unwrap().to_be_bytes());
    bytes.extend(addresses);
    bytes.extend(field);
    bytes
}

async fn ask(mut stream: impl AsyncRead + AsyncWrite + Unpin, bytes: &[&[u8]]) -> String {
    for piece in bytes {
        stream.write_all(piece).await.unwrap();
    }
    read_answer(&mut stream).await
}

#[tokio::test]
async fn the_address_of_a_proxy_header_is_the_clients() {
    let house = House::with(|net, _| net.proxy_protocol = these("127.0.0.1", false)).await;
    let v4 = [203, 0, 113, 9, 198, 51, 100, 1, 0x12, 0x34, 1, 187];
    let mut v6 = [0; 36];
    (v6[0], v6[1], v6[2], v6[3], v6[15]) = (0x20, 0x01, 0x0d, 0xb8, 9);
    let near = [127, 0, 0, 9, 127, 0, 0, 1, 0, 1, 0, 2];
    for (name, header, expected) in [
        // From afar, and not over TLS as far as anybody says.
        ("v1", V1.to_vec(), None),
        ("v2", v2(0x21, 0x11, &v4, false), None),
        ("v2 of a TLS client", v2(0x21, 0x11, &v4, true), Some("https://a.org 203.0.113.9 r")),
        ("v2 over IPv6", v2(0x21, 0x21, &v6, true), Some("https://a.org 2001:db8::9 r")),
        ("v2 from this machine", v2(0x21, 0x11, &near, false), Some("http://a.org 127.0.0.9 r")),
        ("v2 local", v2(0x20, 0, &[], false), Some("http://a.org 127.0.0.1 r")),
        ("v1 unknown", b"PROXY UNKNOWN\r\n".to_vec(), Some("http://a.org 127.0.0.1 r")),
    ] {
        let answer = ask(house.connect().await, &[&header, WHO]).await;
        match expected {
            Some(who) => assert!(answer.ends_with(who), "{name}: {answer}"),
            None => assert_eq!(status(&answer), 403, "{name}: {answer}"),
        }
    }
}

#[tokio::test]
async fn a_proxy_header_comes_before_tls() {
    let house = House::with(|net, _| net.proxy_protocol = these("127.0.0.1", false)).await;
    let mut roots = rustls::RootCertStore::empty();
    let ca = CertificateDer::from_pem_file(house.certs.ca_path().unwrap()).unwrap();
    roots.add(ca).unwrap();
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let mut stream = TcpStream::connect(house.tls).await.unwrap();
    stream.write_all(V1).await.unwrap();
    let connector = tokio_rustls::TlsConnector::from(std::sync::Arc::new(config));
    let name = ServerName::try_from("localhost").unwrap();
    let stream = connector.connect(name, stream).await.unwrap();
    let answer = ask(stream, &[WHO]).await;
    assert!(answer.ends_with("https://a.org 203.0.113.9 r"), "{answer}");
}

#[tokio::test]
async fn a_proxy_header_is_required_of_proxies_and_refused_of_others() {
    let house = House::with(|net, _| {
        net.proxy_protocol = these("127.0.0.1", false);
        net.handshake_timeout = Duration::from_millis(200);
    })
    .await;
    let long = v2(0x21, 0x11, &[0; 5000], false);
    for (name, bytes) in [
        ("none", WHO),
        ("torn", &V1[..20]),
        ("too long", &long),
        ("of UDP", &v2(0x21, 0x12, &[0; 12], false)),
        ("nothing at all", b""),
    ] {
        for address in [house.plain, house.tls] {
            let mut stream = TcpStream::connect(address).await.unwrap();
            let began = Instant::now();
            stream.write_all(bytes).await.unwrap();
            assert_eq!(read_to_end(&mut stream).await, "", "{name}");
            assert!(began.elapsed() < Duration::from_secs(10), "{name}: bounded in time");
        }
    }
    // Another address of this machine is no proxy: its header is what it looks like, no HTTP.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.2:0".parse().unwrap()).unwrap();
    let mut stream = socket.connect(house.plain).await.unwrap();
    stream.write_all(&[V1, WHO].concat()).await.unwrap();
    let answer = read_to_end(&mut stream).await;
    assert_eq!((status(&answer), answer.matches("HTTP/1.1 ").count()), (400, 1), "{answer}");
    let nobody = House::start().await;
    let answer = nobody.exchange(&[&v2(0x21, 0x11, &[9; 12], true), WHO].concat()).await;
    assert!(!answer.contains("200 OK"), "{answer}");
}

#[tokio::test]
async fn fields_of_a_forwarded_client_count_only_if_it_is_a_trusted_proxy_itself() {
    let house = House::with(|net, _| {
        net.proxy_protocol = these("127.0.0.1", false);
        net.trusted_proxies = these("10.0.0.0/8", false);
    })
    .await;
    let from = |ip: &str| format!("PROXY TCP4 {ip} 198.51.100.1 1 443\r\n").into_bytes();
    let answer = ask(house.connect().await, &[&from("10.1.2.3"), WHO]).await;
    assert!(answer.ends_with("http://a.org 6.6.6.6 r"), "{answer}");
    let answer = ask(house.connect().await, &[&from("127.0.0.8"), WHO]).await;
    assert!(answer.ends_with("http://a.org 127.0.0.8 r"), "{answer}");
}

#[tokio::test]
async fn each_address_behind_a_load_balancer_has_its_own_share() {
    let house = House::with(|net, _| {
        net.proxy_protocol = these("127.0.0.1", false);
        net.per_address = 1;
    })
    .await;
    let from = |last: u8| v2(0x21, 0x11, &[127, 1, 1, last, 127, 0, 0, 1, 0, 1, 0, 2], false);
    let (mut first, mut second) = (house.connect().await, house.connect().await);
    for (stream, last) in [(&mut first, 1), (&mut second, 2)] {
        stream.write_all(&[&from(last), WHO].concat()).await.unwrap();
        assert_eq!(status(&read_answer(stream).await), 200);
    }
    assert_eq!(house.exchange(&[&from(1), WHO].concat()).await, "", "a second of one address");
}

#[tokio::test]
async fn a_unix_socket_serves_plain_http_and_is_believed_only_if_named() {
    for (trusted, expected) in
        [(false, "http://a.org 127.0.0.1 r"), (true, "http://a.org 6.6.6.6 r")]
    {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("moonsail.sock");
        let address = UnixAddress { path: path.clone(), mode: 0o600 };
        let house = House::with(|net, _| {
            net.unix = vec![address];
            // 127.0.0.1 has no say over the socket.
            net.trusted_proxies = these("127.0.0.1", trusted);
        })
        .await;
        let answer = ask(UnixStream::connect(&path).await.unwrap(), &[WHO]).await;
        assert!(answer.ends_with(expected), "{answer}");
        let put = b"PUT /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc";
        let answer = ask(UnixStream::connect(&path).await.unwrap(), &[put]).await;
        assert!(answer.ends_with("got 3"), "{answer}");
        house.stop.send(()).unwrap();
        house.done.await.unwrap();
        assert!(!path.exists(), "the socket goes with the server");
    }
}

#[tokio::test]
async fn a_unix_socket_takes_proxy_headers_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("moonsail.sock");
    let address = UnixAddress { path: path.clone(), mode: 0o600 };
    let _house = House::with(|net, _| {
        net.unix = vec![address];
        net.proxy_protocol = Peers { networks: vec![], unix: true };
    })
    .await;
    let header = v2(0x21, 0x11, &[203, 0, 113, 9, 198, 51, 100, 1, 0, 1, 0, 2], true);
    let answer = ask(UnixStream::connect(&path).await.unwrap(), &[&header, WHO]).await;
    assert!(answer.ends_with("https://a.org 203.0.113.9 r"), "{answer}");
    let mut bare = UnixStream::connect(&path).await.unwrap();
    bare.write_all(WHO).await.unwrap();
    assert_eq!(read_to_end(&mut bare).await, "");
}

#[tokio::test]
async fn sockets_opened_before_take_the_place_of_addresses() {
    let folder = tempfile::tempdir().unwrap();
    let source = CertSource::OwnCa { folder: folder.path().join("tls"), names: vec![] };
    let bind = || std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let path = folder.path().join("given.sock");
    let unix = std::os::unix::net::UnixListener::bind(&path).unwrap();
    let given =
        Inherited { tls: vec![bind()], plain: vec![bind()], unix: vec![unix], admin: vec![] };
    let at: Vec<SocketAddr> =
        given.tls.iter().chain(&given.plain).map(|s| s.local_addr().unwrap()).collect();
    let other = UnixAddress { path: folder.path().join("other.sock"), mode: 0o600 };
    let house = House::with_given(source, folder, given, |net, _| net.unix = vec![other]).await;
    assert_eq!([house.tls, house.plain], at[..]);
    assert!(!house.folder.path().join("other.sock").exists());
    let answer = ask(house.connect().await, &[WHO]).await;
    assert_eq!(field(&answer, "content-length"), Some("24"), "{answer}");
    let answer = ask(UnixStream::connect(&path).await.unwrap(), &[WHO]).await;
    assert_eq!(status(&answer), 200, "{answer}");
    house.stop.send(()).unwrap();
    house.done.await.unwrap();
    assert!(path.exists(), "the service manager's socket is its own");
}
