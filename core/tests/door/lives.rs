//! How connections begin, wait and end; and what happens when there are too many.

use std::time::Duration;

use moonsail::http::{Admin, Health, Metrics};
use moonsail::net::{NetError, NetMetrics, NetSettings, Server};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use crate::house::{House, PATIENCE, field, read_answer, read_to_end, status};

const HELLO: &[u8] = b"GET /hello HTTP/1.1\r\nHost: a\r\n\r\n";

#[tokio::test]
async fn slow_fields_and_silent_connections_are_closed() {
    let house = House::with(|settings, _| {
        settings.header_timeout = Duration::from_millis(150);
        settings.handshake_timeout = Duration::from_millis(150);
    })
    .await;
    for (address, sent) in [
        (house.plain, &b""[..]),
        (house.plain, b"GET /hello HTTP/1.1\r\nHost:"),
        (house.tls, b""),
        (house.tls, b"\x16\x03\x01"),
    ] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let began = Instant::now();
        stream.write_all(sent).await.unwrap();
        assert_eq!(read_to_end(&mut stream).await, "");
        assert!(began.elapsed() >= Duration::from_millis(140), "{sent:?} had its time");
    }
}

#[tokio::test]
async fn a_later_request_has_the_same_time_for_its_fields() {
    let house =
        House::with(|settings, _| settings.header_timeout = Duration::from_millis(300)).await;
    let mut stream = house.connect().await;
    stream.write_all(HELLO).await.unwrap();
    read_answer(&mut stream).await;
    // Idle for longer than the fields may take: the idle timeout is 60 s.
    tokio::time::sleep(Duration::from_millis(600)).await;
    stream.write_all(HELLO).await.unwrap();
    assert!(read_answer(&mut stream).await.ends_with("hello"));
    stream.write_all(b"GET /he").await.unwrap();
    assert_eq!(read_to_end(&mut stream).await, "");
}

#[tokio::test]
async fn idle_connections_are_closed() {
    let house = House::with(|settings, _| settings.idle_timeout = Duration::from_millis(200)).await;
    let mut stream = house.connect().await;
    stream.write_all(HELLO).await.unwrap();
    read_answer(&mut stream).await;
    assert_eq!(read_to_end(&mut stream).await, "");
}

#[tokio::test]
async fn a_client_that_reads_no_answer_is_closed() {
    let house = House::with(|settings, _| settings.idle_timeout = Duration::from_millis(200)).await;
    let mut stream = house.connect().await;
    stream.write_all(b"GET /big HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    let gone = async {
        while !house.metrics.encode().contains("moonsail_connections_open 0\n") {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    stream.readable().await.unwrap();
    timeout(PATIENCE, gone).await.expect("the connection is given up");
}

#[tokio::test]
async fn an_address_has_its_share_of_connections() {
    let house = House::with(|settings, _| settings.per_address = 2).await;
    let mut first = house.connect().await;
    let mut second = house.connect().await;
    for stream in [&mut first, &mut second] {
        stream.write_all(HELLO).await.unwrap();
        read_answer(stream).await;
    }
    assert_eq!(house.exchange(HELLO).await, "", "a third is closed");
    drop(first);
    let again = async {
        // The server needs a moment to see the end of the first.
        loop {
            let mut stream = house.connect().await;
            let mut byte = [0];
            let _ = stream.write_all(HELLO).await;
            if let Ok(1) = stream.read(&mut byte).await {
                return;
            }
        }
    };
    timeout(PATIENCE, again).await.expect("a place becomes free");
}

#[tokio::test]
async fn a_house_with_one_place_serves_at_each_of_its_doors() {
    let house = House::with(|settings, _| settings.total = 1).await;
    for _ in 0..3 {
        let mut plain = house.connect().await;
        plain.write_all(HELLO).await.unwrap();
        assert_eq!(status(&read_answer(&mut plain).await), 200);
        // Nothing that TLS could begin with: closing it is an answer as well.
        let mut tls = TcpStream::connect(house.tls).await.unwrap();
        tls.write_all(b"nonsense").await.unwrap();
        let mut byte = [0];
        timeout(PATIENCE, tls.read(&mut byte)).await.expect("somebody is there").unwrap();
    }
}

#[tokio::test]
async fn a_full_house_says_503() {
    let house = House::with(|_, limits| {
        limits.in_flight = 1;
        limits.queue = 0;
    })
    .await;
    let mut first = house.connect().await;
    first.write_all(b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    house.wait_for("slow").await;
    let mut second = house.connect().await;
    second.write_all(HELLO).await.unwrap();
    let answer = read_answer(&mut second).await;
    assert_eq!((status(&answer), field(&answer, "retry-after")), (503, Some("5")), "{answer}");
    second.write_all(b"GET /none HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    assert_eq!(status(&read_answer(&mut second).await), 204, "what costs nothing is answered");
    assert!(read_answer(&mut first).await.ends_with("done"));
    second.write_all(HELLO).await.unwrap();
    assert_eq!(status(&read_answer(&mut second).await), 200);
}

#[tokio::test]
async fn a_queue_waits_for_its_turn_and_not_for_ever() {
    let house = House::with(|_, limits| {
        limits.in_flight = 1;
        limits.queue_wait = Duration::from_millis(100);
    })
    .await;
    let mut first = house.connect().await;
    first.write_all(b"GET /never HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    house.wait_for("never").await;
    let mut second = house.connect().await;
    second.write_all(HELLO).await.unwrap();
    assert_eq!(status(&read_answer(&mut second).await), 503);
    // A client that goes away gives its place back.
    drop(first);
    let served = async {
        loop {
            second.write_all(HELLO).await.unwrap();
            if status(&read_answer(&mut second).await) == 200 {
                return;
            }
        }
    };
    timeout(PATIENCE, served).await.expect("the place came back");
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let house = House::start().await;
    let mut stream = house.connect().await;
    let mut requests = b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n".to_vec();
    requests.extend_from_slice(b"PUT /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc");
    requests.extend_from_slice(HELLO);
    stream.write_all(&requests).await.unwrap();
    for body in ["done", "got 3", "hello"] {
        assert!(read_answer(&mut stream).await.ends_with(body), "{body}");
    }
}

#[tokio::test]
async fn a_drain_lets_running_requests_finish() {
    let house = House::start().await;
    let mut idle = house.connect().await;
    idle.write_all(HELLO).await.unwrap();
    read_answer(&mut idle).await;
    let mut busy = house.connect().await;
    busy.write_all(b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    house.wait_for("slow").await;
    house.stop.send(()).unwrap();
    let answer = read_to_end(&mut busy).await;
    assert!(status(&answer) == 200 && answer.ends_with("done"), "{answer}");
    assert_eq!(read_to_end(&mut idle).await, "");
    timeout(PATIENCE, house.done).await.expect("it ends").unwrap();
    assert!(TcpStream::connect(house.plain).await.is_err(), "nobody listens any more");
}

#[tokio::test]
async fn a_drain_does_not_wait_for_ever() {
    let house =
        House::with(|settings, _| settings.drain_timeout = Duration::from_millis(200)).await;
    let mut stuck = house.connect().await;
    stuck.write_all(b"GET /never HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    house.wait_for("never").await;
    house.stop.send(()).unwrap();
    assert_eq!(read_to_end(&mut stuck).await, "");
    timeout(PATIENCE, house.done).await.expect("it ends").unwrap();
}

#[tokio::test]
async fn requests_and_connections_are_counted() {
    let house = House::start().await;
    house
        .exchange(
            b"PUT /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc",
        )
        .await;
    let counted = async {
        loop {
            let page = house.metrics.encode();
            let lines = [
                r#"moonsail_requests_total{method="PUT",status="2xx"} 1"#,
                "moonsail_body_received_bytes_total 3",
                "moonsail_connections_total 1",
                "moonsail_connections_open 0",
                "moonsail_requests_in_flight 0",
            ];
            if lines.iter().all(|line| page.lines().any(|l| l == *line)) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let seen = timeout(PATIENCE, counted).await;
    assert!(seen.is_ok(), "{}", house.metrics.encode());
}

#[tokio::test]
async fn the_administrators_page_is_served_by_the_same_listener_code() {
    let admin = Admin::new(Metrics::default(), || {
        Box::pin(async { Health { ok: true, ..Health::default() } })
    });
    let settings =
        NetSettings { plain: vec!["127.0.0.1:0".parse().unwrap()], ..NetSettings::default() };
    let server = Server::bind(settings, None, NetMetrics::default()).unwrap();
    let address = server.plain_addresses()[0];
    tokio::spawn(
        server.serve(move |arrival, request| admin.serve(arrival, request), std::future::pending()),
    );
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    let answer = read_answer(&mut stream).await;
    assert!(status(&answer) == 200 && answer.contains(r#""status":"ok""#), "{answer}");
}

#[tokio::test]
async fn addresses_that_cannot_be_taken_are_named() {
    let house = House::start().await;
    let settings = NetSettings { plain: vec![house.plain], ..NetSettings::default() };
    let error = Server::bind(settings, None, NetMetrics::default()).err().unwrap();
    assert!(error.to_string().contains(&house.plain.to_string()), "{error}");
    let settings = NetSettings { tls: vec![house.tls], ..NetSettings::default() };
    let error = Server::bind(settings, None, NetMetrics::default()).err().unwrap();
    assert!(matches!(error, NetError::NoCertificate(_)), "{error}");
}
