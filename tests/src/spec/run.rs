//! Plays a dialogue against a server.

use std::fmt::Write as _;

use anyhow::{Context, Result, bail};
use base64::Engine as _;

use super::parse::{Dialogue, Exchange, Expected, Step};
use super::pattern::{Captures, Pattern, fill};
use crate::http::{Connection, Endpoint, Request, Response};

/// What a dialogue plays against.
#[derive(Debug, Clone)]
pub struct World {
    /// Plain HTTP.
    pub http: Endpoint,
    /// HTTPS, if there is one.
    pub https: Option<Endpoint>,
    /// `alice`, `alice.token`, `alice.password`, and the same for bob.
    pub values: Captures,
}

/// Plays a dialogue to its end.
///
/// # Errors
/// The first exchange whose answer is not as expected, with both side by side.
pub fn run(dialogue: &Dialogue, world: &World) -> Result<()> {
    let mut values = world.values.clone();
    let mut endpoint = world.http.clone();
    let mut connection = None;
    let mut authorization = credentials(&values, "alice", "token");
    let mut number = 0;
    values.insert("base".to_owned(), endpoint.base());
    values.insert("authority".to_owned(), format!("127.0.0.1:{}", endpoint.port));
    values.insert("cr".to_owned(), "\r".to_owned());
    for user in ["alice", "bob"] {
        values.insert(format!("{user}.wrong"), "not the password".to_owned());
    }
    for step in &dialogue.steps {
        match step {
            Step::As(user) => authorization = credentials(&values, user, "token"),
            Step::Password(user) => authorization = credentials(&values, user, "password"),
            Step::Wrong(user) => authorization = credentials(&values, user, "wrong"),
            Step::Anonymous => authorization = None,
            Step::Tls => {
                endpoint = world.https.clone().context("@tls, but the server has no HTTPS")?;
                connection = None;
                values.insert("base".to_owned(), endpoint.base());
                values.insert("authority".to_owned(), format!("127.0.0.1:{}", endpoint.port));
            }
            Step::Exchange(exchange) => {
                number += 1;
                // Repeats come first and must all end as the last one does.
                for _ in 0..exchange.again {
                    let request = request(exchange, &values, authorization.as_deref())?;
                    let response = send(&mut connection, &endpoint, &request)?;
                    if let Err(problem) = compare(&exchange.expected, &response, &values) {
                        bail!("{}\n{problem}", title(exchange, number));
                    }
                }
                let title = title(exchange, number);
                let request =
                    request(exchange, &values, authorization.as_deref()).context(title.clone())?;
                let response = send(&mut connection, &endpoint, &request).context(title.clone())?;
                match compare(&exchange.expected, &response, &values) {
                    Ok(kept) => values.extend(kept),
                    Err(problem) => {
                        bail!("{title}\n{problem}\n{}", show(exchange, &response));
                    }
                }
            }
        }
    }
    Ok(())
}

fn title(exchange: &Exchange, number: usize) -> String {
    let place = match exchange.line {
        0 => "set-up".to_owned(),
        line => format!("line {line}"),
    };
    format!("exchange {number} ({place}): {} {}", exchange.method, exchange.target)
}

fn credentials(values: &Captures, user: &str, kind: &str) -> Option<String> {
    let name = values.get(user).map_or(user, String::as_str);
    let secret = values.get(&format!("{user}.{kind}")).map_or("", String::as_str);
    let pair = base64::engine::general_purpose::STANDARD.encode(format!("{name}:{secret}"));
    Some(format!("Basic {pair}"))
}

fn request(exchange: &Exchange, values: &Captures, authorization: Option<&str>) -> Result<Request> {
    let mut request = Request::new(&exchange.method, &fill(&exchange.target, values)?);
    for (name, value) in &exchange.fields {
        request = request.field(name, &fill(value, values)?);
    }
    let named = request.fields.iter().any(|(name, _)| name.eq_ignore_ascii_case("authorization"));
    if let (Some(value), false) = (authorization, named) {
        request = request.field("Authorization", value);
    }
    Ok(request.body(fill(&exchange.body, values)?))
}

/// Keeps the connection while the server does; a kept one may be closed, then a new one is tried.
fn send(kept: &mut Option<Connection>, endpoint: &Endpoint, request: &Request) -> Result<Response> {
    if let Some(mut connection) = kept.take()
        && let Ok(response) = connection.send(request)
    {
        return Ok(keep(kept, connection, response));
    }
    let mut connection = Connection::open(endpoint)?;
    let response = connection.send(request)?;
    Ok(keep(kept, connection, response))
}

fn keep(kept: &mut Option<Connection>, connection: Connection, response: Response) -> Response {
    if response.find_field("connection") != Some("close") {
        *kept = Some(connection);
    }
    response
}

/// Gives the kept values, or says what is wrong.
fn compare(
    expected: &Expected,
    response: &Response,
    values: &Captures,
) -> Result<Captures, String> {
    let status = response.status.to_string();
    let fits =
        |wanted: &str| wanted == status || (wanted.ends_with("xx") && wanted[..1] == status[..1]);
    if !expected.status.split('|').any(fits) {
        return Err(format!("status: expected {}, got {status}", expected.status));
    }
    let mut kept = Captures::new();
    let text = |error: anyhow::Error| format!("{error:#}");
    for name in &expected.absent {
        if let Some(value) = response.find_field(name) {
            return Err(format!("field {name} must be absent, but is {value:?}"));
        }
    }
    for (name, wanted) in &expected.fields {
        let mut seen = values.clone();
        seen.extend(kept.clone());
        let filled = fill(wanted, &seen).map_err(text)?;
        let pattern = Pattern::parse(&filled);
        let mut found = response.fields(name).map(|value| pattern.compare(value.as_bytes()));
        match found.find_map(Result::ok) {
            Some(captures) => kept.extend(captures),
            None => {
                let have: Vec<_> = response.fields(name).collect();
                return Err(format!("field {name}: expected {filled:?}, got {have:?}"));
            }
        }
    }
    if let Some(wanted) = &expected.body {
        let mut seen = values.clone();
        seen.extend(kept.clone());
        let filled = fill(wanted, &seen).map_err(text)?;
        match Pattern::parse(&filled).compare(&response.body) {
            Ok(captures) => kept.extend(captures),
            Err(miss) => {
                let from = miss.good.saturating_sub(60);
                let around = |from: usize, to: usize| {
                    String::from_utf8_lossy(&response.body[from..to]).into_owned()
                };
                let to = response.body.len().min(miss.good + 120);
                return Err(format!(
                    "body differs at byte {}:\n  same so far  …{}\n  expected     {}\n  got          {}",
                    miss.good,
                    around(from, miss.good),
                    shortened(&miss.wanted, 200),
                    around(miss.good, to),
                ));
            }
        }
    }
    Ok(kept)
}

/// The expected and the real answer, one above the other, in the notation of the files.
fn show(exchange: &Exchange, response: &Response) -> String {
    let expected = &exchange.expected;
    let mut text = format!("expected:\n  < {}\n", expected.status);
    for (name, value) in &expected.fields {
        let _ = writeln!(text, "  < {name}: {value}");
    }
    for name in &expected.absent {
        let _ = writeln!(text, "  < !{name}");
    }
    if let Some(body) = &expected.body {
        let _ = writeln!(text, "  < {}", shortened(body, 3000));
    }
    let _ = writeln!(text, "got:\n  < {}", response.status);
    for (name, value) in &response.fields {
        let _ = writeln!(text, "  < {name}: {value}");
    }
    let _ = write!(text, "  < {}", shortened(&response.text(), 3000));
    text
}

fn shortened(text: &str, limit: usize) -> String {
    if text.chars().count() <= limit {
        return text.to_owned();
    }
    format!("{}…", text.chars().take(limit).collect::<String>())
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Read, Write};
    use std::net::TcpListener;

    use super::*;

    /// A server that answers each request with the same text, and gives what it was asked.
    fn canned(answer: &'static str) -> (World, std::thread::JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let http = Endpoint { port: listener.local_addr().unwrap().port(), ca: None };
        let thread = std::thread::spawn(move || {
            let (stream, _) = listener.accept().unwrap();
            let mut reader = BufReader::new(stream);
            let (mut asked, mut length) = (String::new(), 0);
            loop {
                let mut line = String::new();
                reader.read_line(&mut line).unwrap();
                if let Some(value) = line.strip_prefix("Content-Length: ") {
                    length = value.trim().parse().unwrap();
                }
                asked.push_str(&line);
                if line == "\r\n" {
                    break;
                }
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            reader.get_mut().write_all(answer.as_bytes()).unwrap();
            asked + &String::from_utf8(body).unwrap()
        });
        let values = [("alice", "u1"), ("alice.token", "secret")];
        let values = values.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        (World { http, https: None, values }, thread)
    }

    fn play(dialogue: &str, answer: &'static str) -> (Result<()>, String) {
        let (world, thread) = canned(answer);
        let result = run(&Dialogue::parse(dialogue).unwrap(), &world);
        (result, thread.join().unwrap())
    }

    const ANSWER: &str =
        "HTTP/1.1 201 Created\r\nETag: \"00000000000000aa\"\r\nContent-Length: 5\r\n\r\nhello";

    #[test]
    fn a_dialogue_passes_and_sends_what_it_says() {
        let (result, asked) = play(
            "# s\n> PUT /f/{{alice}}\n> X: {{x*3}}\n>\n> body\n< 201\n< ETag: \"[ETAG]\"\n< hello\n",
            ANSWER,
        );
        result.unwrap();
        assert!(asked.starts_with("PUT /f/u1 HTTP/1.1\r\nHost: 127.0.0.1:"), "{asked}");
        assert!(asked.contains("\r\nX: xxx\r\nAuthorization: Basic dTE6c2VjcmV0\r\n"), "{asked}");
        assert!(asked.ends_with("Content-Length: 4\r\n\r\nbody"), "{asked}");
    }

    #[test]
    fn each_difference_fails_and_is_named() {
        for (expected, problem) in [
            ("< 204", "status: expected 204, got 201"),
            ("< 201\n< ETag: [ETAG]", "field ETag: expected"),
            ("< 201\n< X-Missing: [ANY]", "field X-Missing: expected"),
            ("< 201\n< !ETag", "field ETag must be absent"),
            ("< 201\n< help", "body differs at byte 3"),
            ("< 201\n< ETag: \"[ETAG]\"\n<", "body differs at byte 0"),
        ] {
            let (result, _) = play(&format!("# s\n> GET /\n{expected}\n"), ANSWER);
            let text = result.expect_err(expected).to_string();
            assert!(text.contains(problem), "{expected}: {text}");
            assert!(text.contains("exchange 1 (line 2): GET /"), "{text}");
        }
    }
}
