//! Against canned answers, and against a server on this machine.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::modules::testing::Bench;
use crate::secret::Secret;
use crate::services::{HttpAnswer, Reach, Services, Web};

fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Result<HttpAnswer, String> {
    let field = |(name, value): &(&str, &str)| ((*name).to_owned(), value.as_bytes().to_vec());
    Ok(HttpAnswer { status, headers: headers.iter().map(field).collect(), body: body.into() })
}

#[tokio::test]
async fn requests_are_made_as_described() {
    let bench = Bench::new(&["http:a.example"]);
    bench.set("token", Secret::new("token", "canary", &bench.site));
    for _ in 0..9 {
        bench.fakes.http.answer("", answer(200, &[("X-A", "1"), ("x-a", "2")], r#"{"n":[1,2]}"#));
    }
    bench
        .check(
            "moon.http",
            &[
                ("local r = http.get('https://a.example/x?y#z') return r.status, r.ok, r.body, r:header('x-a'), r:json().n[2], r.url", "200, true, {\"n\":[1,2]}, 1, 2, 2, https://a.example/x?y"),
                ("return http.post('https://a.example/', { json = { a = 1 }, bearer = token }).ok", "true"),
                ("return http.request({ url = 'https://a.example/', method = 'put', body = 'x', headers = { ['X-B'] = token } }).ok", "true"),
                ("return http.post('https://a.example/', { form = { a = 'b c' }, basic = { user = 'u', password = token } }).ok", "true"),
                ("return http.get('https://a.example/'):header('none')", "nil"),
            ],
        )
        .await;
    let requests = bench.fakes.http.requests();
    let lines: Vec<String> = requests
        .iter()
        .map(|it| {
            let fields = it
                .headers
                .iter()
                .map(|(name, value)| format!(" {name}={}", String::from_utf8_lossy(value)));
            format!(
                "{} {}{} {}",
                it.method,
                it.url,
                fields.collect::<String>(),
                String::from_utf8_lossy(&it.body)
            )
        })
        .collect();
    assert_eq!(
        lines[..4],
        [
            "GET https://a.example/x?y ",
            "POST https://a.example/ authorization=Bearer canary content-type=application/json {\"a\":1}",
            "PUT https://a.example/ x-b=canary x",
            "POST https://a.example/ authorization=Basic dTpjYW5hcnk= content-type=application/x-www-form-urlencoded a=b+c",
        ]
    );
    assert!(requests.iter().all(|it| it.reach == Reach::Public));
}

#[tokio::test]
async fn mistakes_are_named() {
    let bench = Bench::new(&["http:a.example"]);
    bench.set("secret", Secret::new("s", "canary", &bench.site));
    bench
        .check(
            "moon.http",
            &[
                ("http.get('https://b.example/x')", "moon.http.get of https://b.example is not granted to script \"test\": add \"http:b.example\" to its allow"),
                ("http.get('http://169.254.169.254/latest')", "add \"http-private:169.254.169.254\""),
                ("http.get('ftp://a.example/')", "moon.http.get: ftp: is not for HTTP"),
                ("http.get('file:///etc/passwd')", "file: is not for HTTP"),
                ("http.get('https://u:p@a.example/')", "has a user or password; use basic"),
                ("http.get(5)", "parameter 'url' must be a string, got number"),
                ("http.get(secret)", "parameter 'url' must be a string, got a secret"),
                ("http.get('https://a.example/', { header = {} })", "perhaps 'headers' is meant"),
                ("http.get('https://a.example/', { headers = { Host = 'x' } })", "has 'Host', which the client sets by itself"),
                ("http.get('https://a.example/', { headers = { a = 'x\\r\\nb: y' } })", "has a control character in the value of 'a'"),
                ("http.get('https://a.example/', { headers = { ['a b'] = 'x' } })", "no name of a field"),
                ("http.get('https://a.example/', { headers = { a = 5 } })", "parameter 'options.headers.a' must be a string or a secret, got number"),
                ("http.get('https://a.example/', { timeout = 61 })", "parameter 'options.timeout' must be more than 0 and at most 60 s"),
                ("http.post('https://a.example/', { body = 'x', json = {} })", "only one of body, json and form"),
                ("http.post('https://a.example/', { body = secret })", "parameter 'options.body' must be a string, got a secret"),
                ("http.post('https://a.example/', { json = { p = secret } })", "options.json.p is a secret"),
                ("http.request({ url = 'https://a.example/', method = 'CONNECT' })", "is no method for this"),
                ("return http.get('https://a.example/')", "nil, https://a.example: no answer is prepared for GET https://a.example/"),
            ],
        )
        .await;
}

#[tokio::test]
async fn redirects_are_followed_within_the_grants() {
    let bench = Bench::new(&["http:a.example", "http:b.example"]);
    let fake = &bench.fakes.http;
    for (start, status, location) in [
        ("POST https://a.example/post", 302, "/next"),
        ("GET https://a.example/out", 302, "https://b.example/in"),
        ("GET https://a.example/evil", 302, "https://evil.example/"),
        ("GET https://a.example/meta", 307, "http://169.254.169.254/"),
        ("GET https://a.example/local", 307, "https://127.0.0.1/"),
        ("GET https://a.example/down", 302, "http://a.example/"),
        ("GET https://a.example/file", 302, "file:///etc/passwd"),
        ("POST https://a.example/keep", 307, "https://b.example/keep"),
        ("GET https://a.example/stay", 302, "/else"),
    ] {
        fake.answer(start, answer(status, &[("location", location)], ""));
    }
    for _ in 0..7 {
        fake.answer("GET https://a.example/loop", answer(302, &[("location", "/loop")], ""));
    }
    for start in
        ["GET https://a.example/next", "GET https://b.example/in", "POST https://b.example/keep"]
    {
        fake.answer(start, answer(200, &[], "there"));
    }
    bench
        .check(
            "moon.http",
            &[
                ("local r = http.post('https://a.example/post', { json = {}, bearer = 't' }) return r.body, r.url", "there, https://a.example/next"),
                ("return http.get('https://a.example/out', { bearer = 't', headers = { Cookie = 'c', x = 'y' } }).body", "there"),
                ("return http.post('https://a.example/keep', { body = 'b' }).body", "there"),
                ("return http.get('https://a.example/evil')", "nil, redirected to https://evil.example, which needs \"http:evil.example\" in allow"),
                ("return select(2, http.get('https://a.example/meta'))", "redirected from https to http://169.254.169.254"),
                ("return select(2, http.get('https://a.example/local'))", "redirected to https://127.0.0.1, which needs \"http-private:127.0.0.1\" in allow"),
                ("return select(2, http.get('https://a.example/down'))", "redirected from https to http://a.example"),
                ("return select(2, http.get('https://a.example/file'))", "https://a.example redirects to what is no HTTP URL"),
                ("return select(2, http.get('https://a.example/loop'))", "more than 5 redirects"),
                ("return http.get('https://a.example/stay', { redirects = 0 }).status", "302"),
            ],
        )
        .await;
    let requests = fake.requests();
    let find = |line: &str| {
        let request =
            requests.iter().find(|it| format!("{} {}", it.method, it.url) == line).expect(line);
        let names: Vec<&str> = request.headers.iter().map(|(name, _)| name.as_str()).collect();
        (names.join(" "), String::from_utf8_lossy(&request.body).into_owned())
    };
    assert_eq!(find("GET https://a.example/next"), ("authorization".to_owned(), String::new()));
    assert_eq!(find("GET https://b.example/in"), ("x".to_owned(), String::new()), "another origin");
    assert_eq!(find("POST https://b.example/keep"), (String::new(), "b".to_owned()));
}

/// Answers one request on a connection, by its path.
async fn serve(mut stream: impl AsyncRead + AsyncWrite + Unpin) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let Ok(byte) = stream.read_u8().await else { return };
        head.push(byte);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
    let text = match path.as_str() {
        "/slow" => {
            tokio::time::sleep(Duration::from_secs(600)).await;
            return;
        }
        "/large" => format!("HTTP/1.1 200 OK\r\n\r\n{}", "x".repeat((8 << 20) + 1)),
        "/broken" => "what?\r\n\r\n".to_owned(),
        _ => {
            let body = head.to_lowercase();
            format!(
                "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                body.len()
            )
        }
    };
    let _ = stream.write_all(text.as_bytes()).await;
    let _ = stream.shutdown().await;
}

/// A server; its port.
async fn server(tls: Option<TlsAcceptor>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let tls = tls.clone();
            tokio::spawn(async move {
                match tls {
                    None => serve(stream).await,
                    Some(tls) => {
                        if let Ok(stream) = tls.accept(stream).await {
                            serve(stream).await;
                        }
                    }
                }
            });
        }
    });
    port
}

fn bench(web: Web, grants: &[String]) -> Bench {
    let (fake, _) = Services::for_tests();
    let mut services = Arc::into_inner(fake).expect("nobody else has it");
    services.http = Arc::new(web);
    let grants: Vec<&str> = grants.iter().map(String::as_str).collect();
    Bench::with(&grants, Arc::new(services))
}

#[tokio::test]
async fn a_server_on_this_machine_needs_a_private_grant() {
    let port = server(None).await;
    let url = format!("http://localhost:{port}/x");
    let get = format!("local http = require 'moon.http' return http.get('{url}')");
    // The name is granted, but not that it leads to loopback: what a rebound name does.
    let public = bench(Web::default(), &[format!("http:localhost:{port}")]);
    let refused = public.text(&get).await;
    assert!(refused.contains("the name leads to no public address"), "{refused}");
    let private = bench(Web::default(), &[format!("http-private:localhost:{port}")]);
    let get = get.replace(&format!("'{url}')"), &format!("'{url}', {{ bearer = 't' }}).body"));
    let got = private.text(&get).await;
    assert!(got.contains("get /x") && got.contains("authorization: bearer t"), "{got}");
    assert!(
        got.contains(&format!("host: localhost:{port}")) && got.contains("user-agent: moonsail/"),
        "{got}"
    );
}

#[tokio::test]
async fn servers_that_misbehave_are_a_failure() {
    let port = server(None).await;
    let closed = {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        listener.local_addr().expect("an address").port()
    };
    let grants = [port, closed].map(|port| format!("http-private:127.0.0.1:{port}"));
    let bench = bench(Web::default(), &grants);
    for (port, path, expected) in [
        (port, "slow", "nil, "),
        (port, "large", "the answer has more than 8388608 bytes"),
        (port, "broken", "nil, http://127.0.0.1"),
        (closed, "x", "onnection refused"),
    ] {
        let got = bench
            .text(&format!("return require('moon.http').get('http://127.0.0.1:{port}/{path}', {{ timeout = '3s' }})"))
            .await;
        assert!(got.starts_with("nil, ") && got.contains(expected), "{path}: {got}");
    }
}

#[tokio::test]
async fn certificates_are_checked() {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let key = rustls_pki_types::PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .expect("a fitting key");
    let port = server(Some(TlsAcceptor::from(Arc::new(config)))).await;
    let grants = ["localhost", "127.0.0.1"].map(|host| format!("http-private:{host}:{port}"));
    let get = |host: &str| {
        format!(
            "local r, e = require('moon.http').get('https://{host}:{port}/') return r and r.status, e"
        )
    };
    let strict = bench(Web::default(), &grants);
    let refused = strict.text(&get("localhost")).await;
    assert!(refused.contains("certificate"), "{refused}");
    let trusting =
        bench(Web::trusting(made.cert.pem().as_bytes()).expect("a certificate"), &grants);
    assert_eq!(trusting.text(&get("localhost")).await, "200, nil");
    let other = trusting.text(&get("127.0.0.1")).await;
    assert!(other.contains("certificate"), "another name: {other}");
}
