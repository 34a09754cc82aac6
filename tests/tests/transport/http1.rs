//! HTTP/1.1: requests that are read in two ways, that are too large, or that want to be somebody
//! else's.

use anyhow::{Result, ensure};
use e2e::http::{Connection, Request};
use e2e::suite::{Case, Outcome};

use crate::house::{World, case, status};

pub(crate) fn cases() -> Vec<Case<'static>> {
    vec![
        case("http1::smuggling", smuggling),
        case("http1::limits", limits),
        case("http1::expect", expect),
        case("http1::forged_fields", forged_fields),
        case("http1::method_override", method_override),
    ]
}

/// What a proxy in front may read as one request and a server as two, or the other way round. Behind
/// each stands a request that must not be answered as one of its own.
fn smuggling() -> Result<Outcome> {
    let world = World::start("")?;
    let smuggled = "GET /status.php HTTP/1.1\r\nHost: a\r\n\r\n";
    let get = |line: &str| format!("GET /status.php HTTP/1.1\r\nHost: a\r\n{line}\r\n\r\n");
    let post = |line: &str| format!("POST /status.php HTTP/1.1\r\nHost: a\r\n{line}\r\n\r\n");
    let chunked = |body: &str| {
        let path = "/remote.php/dav/files/alice/smuggled";
        let login = world.authorization();
        format!("PUT {path} HTTP/1.1\r\nHost: a\r\n{login}Transfer-Encoding: chunked\r\n\r\n{body}")
    };
    for (name, request) in [
        ("two lengths", post("Content-Length: 0\r\nContent-Length: 44")),
        ("a list of lengths", post("Content-Length: 0, 44")),
        ("no length", post("Content-Length:")),
        ("a hexadecimal length", post("Content-Length: 0x2c")),
        ("a negative length", post("Content-Length: -1")),
        ("a length with a sign", post("Content-Length: +0")),
        ("a length over 64 bits", post("Content-Length: 18446744073709551616")),
        ("a length with a blank before its colon", post("Content-Length : 44")),
        ("a folded length", post("X: y\r\n Content-Length: 44")),
        ("a coding nobody knows", post("Transfer-Encoding: xchunked")),
        ("identity", post("Transfer-Encoding: identity")),
        ("chunked is not last", post("Transfer-Encoding: chunked, identity")),
        ("a quoted coding", post("Transfer-Encoding: \"chunked\"")),
        ("a coding behind a vertical tab", post("Transfer-Encoding:\u{b}chunked")),
        ("a coding with a blank before its colon", post("Transfer-Encoding : chunked")),
        ("NUL in a name", get("X\0Y: a")),
        ("NUL in a value", get("X: a\0b")),
        ("CR in a value", get("X: a\rb")),
        ("a name that is none", get("X(Y): a")),
        ("a line without a colon", get("nothing")),
        ("no name", get(": a")),
        ("no Host", "GET /status.php HTTP/1.1\r\n\r\n".to_owned()),
        ("two Hosts", get("Host: b")),
        ("an empty Host", "GET /status.php HTTP/1.1\r\nHost:\r\n\r\n".to_owned()),
        ("a Host with a path", "GET /status.php HTTP/1.1\r\nHost: a/b\r\n\r\n".to_owned()),
        ("a Host with a user", "GET /status.php HTTP/1.1\r\nHost: u@a\r\n\r\n".to_owned()),
        ("a blank in the target", "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n".to_owned()),
        ("a version nobody knows", "GET /status.php HTTP/1.9\r\nHost: a\r\n\r\n".to_owned()),
        ("HTTP/0.9", "GET /status.php\r\n\r\n".to_owned()),
        ("a chunk size in words", chunked("zz\r\nab\r\n0\r\n\r\n")),
        ("a chunk size with 0x", chunked("0x2\r\nab\r\n0\r\n\r\n")),
        ("a chunk size with a sign", chunked("-2\r\nab\r\n0\r\n\r\n")),
        ("a chunk size over 64 bits", chunked("10000000000000002\r\nab\r\n0\r\n\r\n")),
        ("a chunk longer than its size", chunked("2\r\nabcd\r\n0\r\n\r\n")),
        ("a chunk without its end", chunked("2\r\nab0\r\n\r\n")),
    ] {
        let answer = world.exchange(format!("{request}{smuggled}").as_bytes())?;
        let answers = answer.matches("HTTP/1.1 ").count();
        ensure!(answers == 1 && status(&answer) == 400, "{name}: {answer}");
    }
    let missing = world.ask(&world.file("GET", "smuggled"))?;
    ensure!(missing.status == 404, "a body that was cut is there: {}", missing.status);
    // A length beside a coding: the coding counts, and the connection ends.
    let both = "Content-Length: 5\r\nTransfer-Encoding: chunked";
    let answer = world.exchange(format!("{}0\r\n\r\n{smuggled}", post(both)).as_bytes())?;
    ensure!(answer.matches("HTTP/1.1 ").count() == 1, "both framings: {answer}");
    world.finish()
}

/// What is too large, and what is not served at all.
fn limits() -> Result<Outcome> {
    let world = World::start("")?;
    let get = |target: &str, fields: &str| {
        format!("GET {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{fields}\r\n")
    };
    let field = |bytes: usize| format!("X: {}\r\n", "a".repeat(bytes));
    let many: String = (0..100).map(|number| format!("X-{number}: a\r\n")).collect();
    let put = |fields: &str| {
        let login = world.authorization();
        format!(
            "PUT /remote.php/dav/files/alice/a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\
             {login}{fields}Content-Length: 2\r\n\r\nab"
        )
    };
    for (name, request, wanted) in [
        ("a target of 16 KiB", get(&format!("/{}", "a".repeat(16_383)), ""), 404),
        ("a target over 16 KiB", get(&format!("/{}", "a".repeat(16_384)), ""), 414),
        ("a target of 60 KiB", get(&format!("/{}", "a".repeat(60 * 1024)), ""), 414),
        ("fields of 60 KiB", get("/status.php", &field(60 * 1024)), 200),
        ("fields over 64 KiB", get("/status.php", &field(64 * 1024)), 431),
        ("fields of a megabyte", get("/status.php", &field(1_000_000)), 431),
        ("102 fields", get("/status.php", &many), 431),
        ("TRACE", "TRACE / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".to_owned(), 405),
        ("CONNECT", "CONNECT a:1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".to_owned(), 405),
        ("a gzipped upload", put("Content-Encoding: gzip\r\n"), 415),
        ("an upload coded twice", put("Content-Encoding: identity, br\r\n"), 415),
        ("an upload as it is", put("Content-Encoding: identity\r\n"), 201),
        ("a part of an upload", put("Content-Range: bytes 0-1/2\r\n"), 400),
    ] {
        let answer = world.exchange(request.as_bytes())?;
        ensure!(status(&answer) == wanted, "{name}: {answer:.300}");
        ensure!(answer.matches("HTTP/1.1 ").count() == 1, "{name}: {answer:.300}");
    }
    world.finish()
}

/// `Expect: 100-continue`: who asks, how large it is, and the conditions are looked at before the
/// body is asked for.
fn expect() -> Result<Outcome> {
    let world = World::start("[storage]\nmax_file_bytes = 1000\n")?;
    ensure!(world.ask(&world.file("PUT", "there").body("x"))?.status == 201);
    let login = world.authorization();
    for (name, head, wanted) in [
        ("nobody", "Content-Length: 5\r\n".to_owned(), 401),
        ("too large", format!("{login}Content-Length: 1001\r\n"), 413),
        ("it is there", format!("{login}Content-Length: 5\r\nIf-None-Match: *\r\n"), 412),
        ("another etag", format!("{login}Content-Length: 5\r\nIf-Match: \"other\"\r\n"), 412),
        ("a coding", format!("{login}Content-Length: 5\r\nContent-Encoding: gzip\r\n"), 415),
        ("a bad sum", format!("{login}Content-Length: 5\r\nOC-Checksum: SHA1:zz\r\n"), 400),
        ("a bad time", format!("{login}Content-Length: 5\r\nX-OC-MTime: yesterday\r\n"), 400),
        ("other wishes", format!("{login}Content-Length: 5\r\nExpect: cookies\r\n"), 417),
    ] {
        let path = "/remote.php/dav/files/alice/there";
        let request =
            format!("PUT {path} HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n{head}\r\n");
        // Nothing is sent behind it: the answer must not wait for the body.
        let answer = world.exchange(request.as_bytes())?;
        ensure!(status(&answer) == wanted, "{name}: {answer}");
        ensure!(!answer.contains("100 Continue"), "{name}: {answer}");
    }
    let answer = world.ask(&world.file("GET", "there"))?;
    ensure!(answer.body == b"x", "a refused upload has changed the file");
    let mut connection = Connection::open(&world.server.http())?;
    let put = world.file("PUT", "there").field("Expect", "100-continue");
    connection.send_raw(&put.field("Content-Length", "4"))?;
    connection.send_bytes(b"good")?;
    ensure!(connection.read_response("PUT")?.status == 204);
    world.finish()
}

/// No field makes somebody come from elsewhere, be somebody else, or be called otherwise.
fn forged_fields() -> Result<Outcome> {
    let world = World::start("")?;
    for (name, value) in [
        ("X-Forwarded-For", "6.6.6.6"),
        ("Forwarded", "for=6.6.6.6;host=evil.example;proto=https"),
        ("X-Real-IP", "6.6.6.6"),
        ("X-Client-IP", "6.6.6.6"),
        ("CF-Connecting-IP", "6.6.6.6"),
        ("True-Client-IP", "6.6.6.6"),
        ("X-Forwarded-Host", "evil.example"),
        ("X-Forwarded-Proto", "https"),
        ("X-Original-URL", "/remote.php/dav/files/alice/"),
        ("X-Rewrite-URL", "/remote.php/dav/files/alice/"),
        ("Remote-User", "alice"),
        ("X-Remote-User", "alice"),
        ("X-Forwarded-User", "alice"),
        ("X-Webauth-User", "alice"),
    ] {
        let mark = format!("forged-{}", name.to_ascii_lowercase());
        let ask = |method: &str, path: &str| {
            let request = Request::new(method, path).field(name, value);
            world.ask(&request.field("Host", "real.example").field("X-Request-Id", &mark))
        };
        let flow = ask("POST", "/index.php/login/v2")?;
        ensure!(flow.status == 200, "{name}: {}", flow.status);
        ensure!(
            flow.text().contains("http:\\/\\/real.example")
                || flow.text().contains("http://real.example"),
            "{name}: {}",
            flow.text()
        );
        ensure!(!flow.text().contains("evil"), "{name}: {}", flow.text());
        let nobody = ask("PROPFIND", "/remote.php/dav/files/alice/")?;
        ensure!(nobody.status == 401, "{name} is somebody: {}", nobody.status);
        let line = world.logged(&mark);
        ensure!(line.contains("127.0.0.1") && !line.contains("6.6.6.6"), "{name}: {line}");
    }
    world.finish()
}

/// A method is what the request line says.
fn method_override() -> Result<Outcome> {
    let world = World::start("")?;
    ensure!(world.ask(&world.file("PUT", "kept").body("kept"))?.status == 201);
    for name in ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"] {
        for method in ["GET", "POST"] {
            let answer = world.ask(&world.file(method, "kept").field(name, "DELETE"))?;
            ensure!(answer.status != 204, "{name} over {method}");
        }
        let answer =
            world.ask(&world.file("POST", "kept?_method=DELETE").body("_method=DELETE"))?;
        ensure!(answer.status != 204, "_method: {}", answer.status);
    }
    ensure!(world.ask(&world.file("GET", "kept"))?.body == b"kept", "the file is gone");
    world.finish()
}
