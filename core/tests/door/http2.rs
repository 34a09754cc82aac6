//! HTTP/2: negotiated by ALPN, with the same rooms behind it.

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use crate::house::{House, PATIENCE};
use crate::tls::connect;

async fn client(house: &House) -> h2::client::SendRequest<Bytes> {
    client_with(house, &h2::client::Builder::new()).await
}

async fn client_with(
    house: &House,
    settings: &h2::client::Builder,
) -> h2::client::SendRequest<Bytes> {
    let ca = house.certs.ca_path().unwrap();
    let versions = [&rustls::version::TLS13];
    let stream = connect(house, &ca, "localhost", &["h2", "http/1.1"], &versions).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let (client, connection) = settings.handshake(stream).await.unwrap();
    tokio::spawn(connection);
    client.ready().await.unwrap()
}

fn ask(method: &str, path: &str) -> Request<()> {
    let uri = format!("https://localhost{path}");
    Request::builder().method(method).uri(uri).body(()).unwrap()
}

#[tokio::test]
async fn streams_run_beside_each_other() {
    let house = House::start().await;
    let mut client = client(&house).await;
    let (slow, _) = client.send_request(ask("GET", "/slow"), true).unwrap();
    let (fast, _) = client.send_request(ask("GET", "/who"), true).unwrap();
    let fast = timeout(PATIENCE, fast).await.unwrap().unwrap();
    assert_eq!(fast.status(), 200);
    assert!(fast.headers().contains_key("strict-transport-security"));
    let body = fast.into_body().data().await.unwrap().unwrap();
    assert!(body.starts_with(b"https://localhost 127.0.0.1 "), "{body:?}");
    assert_eq!(timeout(PATIENCE, slow).await.unwrap().unwrap().status(), 200);
    let (head, _) = client.send_request(ask("HEAD", "/hello"), true).unwrap();
    let head = timeout(PATIENCE, head).await.unwrap().unwrap();
    assert_eq!(head.headers()["content-length"], "5");
    assert!(head.into_body().data().await.is_none());
}

#[tokio::test]
async fn reset_streams_are_cut_whatever_their_reason() {
    let house = House::start().await;
    let mut client = client(&house).await;
    for (reason, sent) in [(h2::Reason::CANCEL, "123"), (h2::Reason::NO_ERROR, "12345")] {
        let (_answer, mut body) = client.send_request(ask("PUT", "/echo"), false).unwrap();
        body.send_data(Bytes::from(sent), false).unwrap();
        // Let the piece go out first; a reset overtakes what is still queued here.
        tokio::time::sleep(Duration::from_millis(100)).await;
        body.send_reset(reason);
        house.wait_for(&format!("Cut {}", sent.len())).await;
    }
    let (answer, mut body) = client.send_request(ask("PUT", "/echo"), false).unwrap();
    body.send_data(Bytes::from_static(b"1234567"), true).unwrap();
    assert_eq!(timeout(PATIENCE, answer).await.unwrap().unwrap().status(), 200);
    house.wait_for("whole 7").await;
}

#[tokio::test]
async fn a_panic_costs_one_stream() {
    let house = House::start().await;
    let mut client = client(&house).await;
    let (panic, _) = client.send_request(ask("GET", "/panic"), true).unwrap();
    let (hello, _) = client.send_request(ask("GET", "/hello"), true).unwrap();
    assert_eq!(timeout(PATIENCE, panic).await.unwrap().unwrap().status(), 500);
    assert_eq!(timeout(PATIENCE, hello).await.unwrap().unwrap().status(), 200);
}

#[tokio::test]
async fn a_drain_lets_streams_finish() {
    let house = House::start().await;
    let mut client = client(&house).await;
    let (slow, _) = client.send_request(ask("GET", "/slow"), true).unwrap();
    house.wait_for("slow").await;
    house.stop.send(()).unwrap();
    assert_eq!(timeout(PATIENCE, slow).await.unwrap().unwrap().status(), 200);
    drop(client);
    timeout(PATIENCE, house.done).await.expect("it ends").unwrap();
}

#[tokio::test]
async fn a_client_that_grants_no_window_is_closed() {
    let house = House::with(|settings, _| settings.idle_timeout = Duration::from_millis(200)).await;
    let settings = h2::client::Builder::new().initial_window_size(0).clone();
    let mut client = client_with(&house, &settings).await;
    let (answer, _) = client.send_request(ask("GET", "/hello"), true).unwrap();
    let answer = timeout(PATIENCE, answer).await.unwrap().unwrap();
    let piece = timeout(PATIENCE, answer.into_body().data()).await.expect("an end").unwrap();
    assert!(piece.is_err(), "{piece:?}");
}

#[tokio::test]
async fn fields_that_are_too_large_are_431() {
    let house = House::start().await;
    let mut client = client(&house).await;
    let mut large = ask("GET", "/hello");
    large.headers_mut().insert("x-a", "a".repeat(70 * 1024).parse().unwrap());
    let (answer, _) = client.send_request(large, true).unwrap();
    match timeout(PATIENCE, answer).await.unwrap() {
        Ok(answer) => assert_eq!(answer.status(), 431),
        Err(error) => assert!(error.is_reset() || error.is_go_away(), "{error}"),
    }
}

/// Frames by hand: preface, SETTINGS, and `count` requests with what makes each end early.
fn requests(count: u32, end: impl Fn(u32, &mut Vec<u8>)) -> Vec<u8> {
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0".to_vec();
    (0..count).for_each(|i| end(2 * i + 1, &mut bytes));
    bytes
}

fn frame(bytes: &mut Vec<u8>, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
    bytes.extend(&u32::try_from(payload.len()).unwrap().to_be_bytes()[1..]);
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
}

/// `GET http://x/` in HPACK (RFC 7541), all of it from the static table but the authority.
const GET: &[u8] = b"\x82\x86\x84\x01\x01x";

/// Whether the server said GOAWAY with ENHANCE_YOUR_CALM (RFC 9113 §7) and closed.
async fn is_calmed(house: &House, bytes: &[u8]) -> bool {
    let mut stream = house.connect().await;
    stream.write_all(bytes).await.unwrap();
    let mut answer = Vec::new();
    let _ = timeout(Duration::from_secs(1), stream.read_to_end(&mut answer)).await;
    let mut rest = &answer[..];
    while let [a, b, c, kind, _, _, _, _, _, after @ ..] = rest {
        let length = u32::from_be_bytes([0, *a, *b, *c]) as usize;
        if *kind == 7 && after.get(4..8) == Some(&[0, 0, 0, 11]) {
            return true;
        }
        rest = after.get(length..).unwrap_or_default();
    }
    false
}

#[tokio::test]
async fn frames_that_ask_for_nothing_end_the_connection_some_day() {
    let house = House::start().await;
    for (name, kind, payload) in
        [("PING", 6, &[7; 8][..]), ("SETTINGS", 4, &[]), ("unknown", 0xEE, &[1; 64])]
    {
        let mut one = Vec::new();
        frame(&mut one, kind, 0, 0, payload);
        let heap = one.repeat((1 << 20) / one.len());
        // A client with a past, that reads all it is sent.
        let mut stream = house.connect().await;
        stream.write_all(&requests(1, |id, bytes| frame(bytes, 1, 5, id, GET))).await.unwrap();
        let (mut reader, mut writer) = stream.into_split();
        let reading = tokio::spawn(async move {
            let mut scrap = vec![0; 1 << 16];
            while let Ok(1..) = reader.read(&mut scrap).await {}
        });
        let flood = async {
            let mut megabytes = 0;
            while writer.write_all(&heap).await.is_ok() {
                megabytes += 1;
            }
            megabytes
        };
        let taken = timeout(PATIENCE, flood).await.expect("the flood is stopped");
        assert!((16..48).contains(&taken), "{name}: {taken} MiB were taken");
        reading.await.unwrap();
    }
}

#[tokio::test]
async fn resets_are_counted() {
    let house = House::with(|net, _| (net.pending_resets, net.local_resets) = (5, 5)).await;
    let patient = House::start().await;
    // CVE-2023-44487: opened and reset at once.
    let rapid = |count| {
        requests(count, |stream, bytes| {
            frame(bytes, 1, 5, stream, GET); // HEADERS, END_STREAM and END_HEADERS
            frame(bytes, 3, 0, stream, &[0, 0, 0, 8]); // RST_STREAM, CANCEL
        })
    };
    // A length of five bytes, and an end without them: we reset the stream (RFC 9113 §8.1.1).
    let faulty = |count| {
        requests(count, |stream, bytes| {
            frame(bytes, 1, 5, stream, &[GET, b"\x0f\x0d\x015"].concat());
        })
    };
    for (bytes, calmed) in
        [(rapid(3), false), (rapid(12), true), (faulty(3), false), (faulty(12), true)]
    {
        assert_eq!(is_calmed(&house, &bytes).await, calmed, "{} bytes", bytes.len());
        assert!(!is_calmed(&patient, &bytes).await, "{} bytes", bytes.len());
    }
}
