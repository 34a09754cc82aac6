//! `threats.md` §6: what is not HTTP as it should be, what is too large, and what the door adds.

use tokio::io::AsyncWriteExt;

use crate::house::{House, field, read_answer, status};

#[tokio::test]
async fn ambiguous_requests_are_refused_and_the_connection_closed() {
    let house = House::start().await;
    let smuggled = "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n";
    for (name, request, expected) in [
        (
            "two lengths",
            "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx",
            400,
        ),
        (
            "a list of lengths",
            "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 2\r\n\r\nx",
            400,
        ),
        ("a signed length", "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\nx", 400),
        (
            "an unknown coding",
            "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
            400,
        ),
        (
            "chunked is not last",
            "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
            400,
        ),
        ("space before colon", "GET /hello HTTP/1.1\r\nHost: a\r\nX-A : b\r\n\r\n", 400),
        ("bare CR in a field", "GET /hello HTTP/1.1\r\nHost: a\r\nX-A: b\rc\r\n\r\n", 400),
        ("NUL in a field", "GET /hello HTTP/1.1\r\nHost: a\r\nX-A: b\0c\r\n\r\n", 400),
        ("folded field", "GET /hello HTTP/1.1\r\nHost: a\r\nX-A: b\r\n c\r\n\r\n", 400),
        ("no host", "GET /hello HTTP/1.1\r\n\r\n", 400),
        ("two hosts", "GET /hello HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        ("a host that is none", "GET /hello HTTP/1.1\r\nHost: a/b\"><x\r\n\r\n", 400),
        ("not HTTP", "hello\r\n\r\n", 400),
    ] {
        let answer = house.exchange(format!("{request}{smuggled}").as_bytes()).await;
        assert_eq!(status(&answer), expected, "{name}: {answer}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{name} smuggled: {answer}");
    }
}

#[tokio::test]
async fn a_coding_beside_a_length_wins_and_ends_the_connection() {
    let house = House::start().await;
    let request = "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n\
                   0\r\n\r\nGET /hello HTTP/1.1\r\nHost: a\r\n\r\n";
    let answer = house.exchange(request.as_bytes()).await;
    assert!(answer.ends_with("got 0"), "{answer}");
    assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{answer}");
}

#[tokio::test]
async fn a_bad_chunk_size_is_a_cut_body_and_the_connection_closes() {
    let house = House::start().await;
    let request = "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nab\r\n0\r\n\r\n\
                   GET /hello HTTP/1.1\r\nHost: a\r\n\r\n";
    let answer = house.exchange(request.as_bytes()).await;
    assert!(!answer.contains("200 OK"), "{answer}");
    house.wait_for("Cut 0").await;
}

#[tokio::test]
async fn too_large_and_unsupported_requests_have_their_own_status() {
    let house = House::start().await;
    let long = "a".repeat(17 * 1024);
    let huge = "a".repeat(200 * 1024);
    let many: String = (0..101).map(|n| format!("X-{n}: a\r\n")).collect();
    for (name, request, expected) in [
        ("a long target", format!("GET /{long} HTTP/1.1\r\nHost: a\r\n\r\n"), 414),
        ("large fields", format!("GET /hello HTTP/1.1\r\nHost: a\r\nX-A: {}\r\n\r\n", "a".repeat(65 * 1024)), 431),
        ("huge fields", format!("GET /hello HTTP/1.1\r\nHost: a\r\nX-A: {huge}\r\n\r\n"), 431),
        ("many fields", format!("GET /hello HTTP/1.1\r\nHost: a\r\n{many}\r\n"), 431),
        ("TRACE", "TRACE /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".into(), 405),
        ("CONNECT", "CONNECT a:1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".into(), 405),
        ("gzip", "PUT /echo HTTP/1.1\r\nHost: a\r\nContent-Encoding: gzip\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx".into(), 415),
        ("identity", "PUT /echo HTTP/1.1\r\nHost: a\r\nContent-Encoding: identity\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx".into(), 200),
        ("a strange expectation", "PUT /echo HTTP/1.1\r\nHost: a\r\nExpect: cookies\r\nConnection: close\r\n\r\n".into(), 417),
    ] {
        let answer = house.exchange(request.as_bytes()).await;
        assert_eq!(status(&answer), expected, "{name}: {answer}");
    }
}

#[tokio::test]
async fn every_answer_carries_the_security_fields_and_an_id() {
    let house = House::start().await;
    let ask =
        |extra: &str| format!("GET /hello HTTP/1.1\r\nHost: a\r\n{extra}Connection: close\r\n\r\n");
    let answer = house.exchange(ask("X-Request-ID: abc-1\r\n").as_bytes()).await;
    for (name, value) in [
        ("x-request-id", "abc-1"),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("x-frame-options", "DENY"),
        ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
        ("x-robots-tag", "noindex, nofollow"),
        ("content-length", "5"),
    ] {
        assert_eq!(field(&answer, name), Some(value), "{answer}");
    }
    assert!(field(&answer, "date").is_some() && answer.ends_with("\r\n\r\nhello"), "{answer}");
    assert_eq!(field(&answer, "strict-transport-security"), None, "plain HTTP has no HSTS");
    let answer = house.exchange(ask("X-Request-ID: a b\"<\r\n").as_bytes()).await;
    assert_eq!(field(&answer, "x-request-id").map(str::len), Some(20), "{answer}");
}

#[tokio::test]
async fn head_and_no_content_have_no_body_and_the_connection_goes_on() {
    let house = House::start().await;
    let mut stream = house.connect().await;
    stream
        .write_all(
            b"HEAD /hello HTTP/1.1\r\nHost: a\r\n\r\nGET /none HTTP/1.1\r\nHost: a\r\n\r\n\
                       GET /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        )
        .await
        .unwrap();
    let all = crate::house::read_to_end(&mut stream).await;
    let answers: Vec<_> = all.split("HTTP/1.1 ").skip(1).collect();
    let [head, none, get] = answers[..] else { panic!("three answers: {all}") };
    assert!(head.starts_with("200") && head.ends_with("\r\n\r\n"), "{head}");
    assert_eq!(field(head, "content-length"), Some("5"));
    assert!(none.starts_with("204") && none.ends_with("\r\n\r\n"), "{none}");
    assert_eq!(field(none, "content-length"), None);
    assert!(get.ends_with("\r\n\r\nhello"), "{get}");
}

#[tokio::test]
async fn the_base_url_and_address_are_the_connections_own() {
    let house = House::start().await;
    let answer = house
        .exchange(b"GET /who HTTP/1.1\r\nHost: cloud.example:8080\r\nX-Forwarded-For: 6.6.6.6\r\nX-Forwarded-Proto: https\r\nX-Request-Id: one\r\nConnection: close\r\n\r\n")
        .await;
    assert!(answer.ends_with("http://cloud.example:8080 127.0.0.1 one"), "{answer}");
    let answer = house.exchange(b"GET /who HTTP/1.0\r\n\r\n").await;
    assert!(answer.contains(&format!("http://{}", house.plain)), "{answer}");
}

#[tokio::test]
async fn a_panic_costs_one_request() {
    let house = House::start().await;
    let mut stream = house.connect().await;
    for path in ["/panic", "/panic-at-once"] {
        let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\nX-Request-Id: p1\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let answer = read_answer(&mut stream).await;
        assert_eq!(status(&answer), 500, "{answer}");
        assert!(answer.ends_with("\nRequest id: p1\n") && !answer.contains("as asked"), "{answer}");
        stream.write_all(b"GET /hello HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
        assert_eq!(status(&read_answer(&mut stream).await), 200);
    }
}
