//! HTTP/2: negotiated by ALPN, with the same rooms behind it.

use std::time::Duration;

use bytes::Bytes;
use http::Request;
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
