//! A server with one user, and how cases are named.

use std::io::Write;
use std::net::TcpStream;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use base64::Engine as _;
use e2e::Server;
use e2e::http::{Connection, Request, Response};
use e2e::raw;
use e2e::suite::{Case, Outcome};

/// The user of all cases here.
pub(crate) const USER: &str = "alice";

/// A server with the user alice and her app password.
pub(crate) struct World {
    pub(crate) server: Server,
    pub(crate) token: String,
}

impl World {
    pub(crate) fn start(config: &str) -> Result<Self> {
        Self::start_under(&[], config)
    }

    pub(crate) fn start_under(wrapper: &[&str], config: &str) -> Result<Self> {
        let server = Server::start_under(wrapper, config, &[])?;
        server.add_user(USER, "the long password of alice")?;
        let token = server.token(USER)?;
        Ok(Self { server, token })
    }

    /// The port of plain HTTP.
    pub(crate) fn port(&self) -> u16 {
        self.server.http().port
    }

    /// The field with alice's credentials, with its line end.
    pub(crate) fn authorization(&self) -> String {
        let pair = format!("{USER}:{}", self.token);
        let pair = base64::engine::general_purpose::STANDARD.encode(pair);
        format!("Authorization: Basic {pair}\r\n")
    }

    /// A request for a file of alice's.
    pub(crate) fn file(&self, method: &str, name: &str) -> Request {
        let path = format!("/remote.php/dav/files/{USER}/{name}");
        Request::new(method, &path).basic(USER, &self.token)
    }

    /// One request on a connection of its own.
    pub(crate) fn ask(&self, request: &Request) -> Result<Response> {
        e2e::http::exchange(&self.server.http(), request)
    }

    /// Sends bytes on a connection of its own, and reads until the server closes.
    pub(crate) fn exchange(&self, bytes: &[u8]) -> Result<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port()))?;
        stream.set_read_timeout(Some(Duration::from_secs(20)))?;
        let came = raw::exchange(&mut stream, bytes)?;
        Ok(String::from_utf8_lossy(&came).into_owned())
    }

    /// The lines of the server's log with a text; they come a moment after the answer. Empty if
    /// there are none within five seconds.
    pub(crate) fn logged(&self, text: &str) -> String {
        let begun = Instant::now();
        loop {
            let lines = self.server.log_about(text);
            if !lines.is_empty() || begun.elapsed() > Duration::from_secs(5) {
                return lines;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// How long `status.php` takes, each time on a new connection: the median of 20, in
    /// milliseconds. Every one of them has to be answered.
    pub(crate) fn status_median(&self) -> Result<f64> {
        let mut times = Vec::new();
        for number in 0..20 {
            let begun = Instant::now();
            let answer = self.ask(&Request::new("GET", "/status.php")).context("status.php")?;
            ensure!(answer.status == 200, "status.php {number}: {}", answer.status);
            times.push(begun.elapsed().as_secs_f64() * 1000.0);
            std::thread::sleep(Duration::from_millis(10));
        }
        times.sort_by(f64::total_cmp);
        Ok(times[times.len() / 2])
    }

    /// The server still serves alice, and its data is sound.
    pub(crate) fn finish(self) -> Result<Outcome> {
        let mut connection = Connection::open(&self.server.http())?;
        let put = connection.send(&self.file("PUT", "last.txt").body("last"))?;
        ensure!(put.status == 201, "the last upload: {}", put.status);
        self.server.finish().map(|()| Outcome::Passed)
    }
}

/// A figure that is of interest also when all is well.
pub(crate) fn report(line: &str) {
    // Nobody reads a closed pipe.
    let _ = writeln!(std::io::stdout(), "    {line}");
}

/// A case that needs nothing but the server.
pub(crate) fn case(name: &str, run: fn() -> Result<Outcome>) -> Case<'static> {
    Case { name: name.to_owned(), run: Box::new(run) }
}

/// A case that needs a program, and is skipped without it.
pub(crate) fn case_with(
    name: &str,
    program: &'static str,
    run: fn(PathBuf) -> Result<Outcome>,
) -> Case<'static> {
    let run = move || match e2e::tools::find(program) {
        Some(path) => run(path),
        None => Ok(Outcome::Skipped(format!("{program} is missing"))),
    };
    Case { name: name.to_owned(), run: Box::new(run) }
}

/// The status of an answer as it came; 0 if there is none.
pub(crate) fn status(answer: &str) -> u16 {
    let word = answer.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3));
    word.and_then(|code| code.parse().ok()).unwrap_or(0)
}
