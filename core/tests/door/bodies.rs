//! Request bodies that are cut, slow, unwanted or announced.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use crate::house::{House, PATIENCE, field, read_answer, read_to_end, status};

#[tokio::test]
async fn bodies_that_end_early_are_cut() {
    let house = House::start().await;
    for (request, seen) in [
        ("PUT /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n0123456789", "Cut 10"),
        (
            "PUT /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n01234\r\n",
            "Cut 5",
        ),
        ("PUT /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n012345", "Cut 6"),
    ] {
        let mut stream = house.connect().await;
        stream.write_all(request.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        house.wait_for(seen).await;
    }
    let seen = house.rooms.seen.lock().unwrap();
    assert!(!seen.iter().any(|seen| seen.starts_with("whole")), "{seen:?}");
}

#[tokio::test]
async fn whole_bodies_are_whole() {
    let house = House::start().await;
    for (request, body) in [
        (
            "PUT /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 10\r\n\r\n0123456789",
            "got 10",
        ),
        (
            "PUT /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n01234\r\n0\r\nX-T: a\r\n\r\n",
            "got 5",
        ),
        ("PUT /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "got 0"),
    ] {
        let answer = house.exchange(request.as_bytes()).await;
        assert!(answer.ends_with(body), "{answer}");
    }
}

#[tokio::test]
async fn a_slow_body_is_408_and_the_connection_closes() {
    let house = House::with(|_, limits| {
        limits.body_window = Duration::from_millis(200);
        limits.body_bytes_per_second = 100_000;
    })
    .await;
    let mut stream = house.connect().await;
    stream
        .write_all(b"PUT /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n01234")
        .await
        .unwrap();
    let answer = read_to_end(&mut stream).await;
    assert_eq!(status(&answer), 408, "{answer}");
    assert_eq!(field(&answer, "connection"), Some("close"));
    house.wait_for("TooSlow 5").await;
}

#[tokio::test]
async fn a_small_body_that_nobody_read_does_not_end_the_connection() {
    let house = House::start().await;
    let mut stream = house.connect().await;
    let length = 30_000;
    stream
        .write_all(
            format!("PUT /refuse HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n")
                .as_bytes(),
        )
        .await
        .unwrap();
    let answer = read_answer(&mut stream).await;
    assert_eq!(status(&answer), 401, "answered before the body: {answer}");
    stream.write_all(&vec![b'x'; length]).await.unwrap();
    stream.write_all(b"GET /hello HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    assert!(read_answer(&mut stream).await.ends_with("hello"));
}

#[tokio::test]
async fn a_large_body_that_nobody_reads_still_gets_its_answer() {
    let house = House::start().await;
    for length in [1_000_000_usize, 50_000_000] {
        let mut stream = house.connect().await;
        let head = format!("PUT /refuse HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        // A client that does not look before it has sent for a while.
        let _ = timeout(PATIENCE, stream.write_all(&vec![b'x'; 1_000_000])).await.unwrap();
        let answer = read_to_end(&mut stream).await;
        assert_eq!(status(&answer), 401, "{length}: {answer}");
        assert_eq!(field(&answer, "connection"), Some("close"), "{length}: {answer}");
    }
}

#[tokio::test]
async fn continue_is_said_when_the_body_is_wanted_and_not_before() {
    let house = House::start().await;
    let ask = |path| {
        format!(
            "PUT {path} HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"
        )
    };
    let mut stream = house.connect().await;
    stream.write_all(ask("/echo").as_bytes()).await.unwrap();
    let mut go_on = [0; 25];
    timeout(PATIENCE, stream.read_exact(&mut go_on)).await.unwrap().unwrap();
    assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(b"01234").await.unwrap();
    assert!(read_answer(&mut stream).await.ends_with("got 5"));

    // The client may send nothing now, so the connection cannot be used again.
    let answer = house.exchange(ask("/refuse").as_bytes()).await;
    assert_eq!(status(&answer), 401, "no 100 before it: {answer}");
    assert_eq!(field(&answer, "connection"), Some("close"));
}

#[tokio::test]
async fn a_streamed_answer_that_breaks_never_looks_whole() {
    let house = House::start().await;
    let ask = |path, version| {
        format!("GET {path} HTTP/{version}\r\nHost: a\r\nConnection: close\r\n\r\n")
    };
    let whole = house.exchange(ask("/pieces", "1.1").as_bytes()).await;
    assert_eq!(field(&whole, "transfer-encoding"), Some("chunked"));
    assert!(whole.ends_with("4\r\none \r\n3\r\ntwo\r\n0\r\n\r\n"), "{whole}");
    let broken = house.exchange(ask("/broken", "1.1").as_bytes()).await;
    assert!(broken.ends_with("4\r\none \r\n"), "no last chunk: {broken}");
    let old = house.exchange(ask("/pieces", "1.0").as_bytes()).await;
    assert!(old.ends_with("\r\n\r\none two"), "HTTP/1.0 knows no chunks: {old}");
}

#[tokio::test]
async fn a_streamed_listing_is_compressed_for_those_who_take_it() {
    let house = House::start().await;
    let mut stream = house.connect().await;
    let ask = "GET /pieces HTTP/1.0\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n";
    stream.write_all(ask.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    timeout(PATIENCE, stream.read_to_end(&mut answer)).await.unwrap().unwrap();
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
    let head = String::from_utf8(answer[..end].to_vec()).unwrap();
    assert_eq!(field(&head, "content-encoding"), Some("gzip"), "{head}");
    assert_eq!(field(&head, "vary"), Some("Accept-Encoding"), "{head}");
    let mut text = String::new();
    let mut body = flate2::read::GzDecoder::new(&answer[end..]);
    std::io::Read::read_to_string(&mut body, &mut text).unwrap();
    assert_eq!(text, "one two");
}
