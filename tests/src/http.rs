//! A small HTTP/1.1 client that shows exactly what is on the wire.
//!
//! It sends what it is told, also what a library would refuse to send, and it hides nothing of the
//! answer. HTTP/2 is left to curl.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use base64::Engine as _;

use crate::tls;

/// How long a read may take before the exchange counts as failed.
const READ_LIMIT: Duration = Duration::from_secs(60);

/// Where to connect.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// Port on 127.0.0.1.
    pub port: u16,
    /// The certificate authority to trust; `None` is plain HTTP.
    pub ca: Option<PathBuf>,
}

impl Endpoint {
    /// `http://127.0.0.1:PORT` or `https://127.0.0.1:PORT`.
    pub fn base(&self) -> String {
        let scheme = if self.ca.is_some() { "https" } else { "http" };
        format!("{scheme}://127.0.0.1:{}", self.port)
    }
}

/// A request, written as it stands.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// `GET`, `PROPFIND`, …
    pub method: String,
    /// The request target, already encoded.
    pub target: String,
    /// Fields in order. `Host` and `Content-Length` are added unless given here.
    pub fields: Vec<(String, String)>,
    /// The body; empty sends none (and no `Content-Length` but for PUT, POST and the like).
    pub body: Vec<u8>,
}

impl Request {
    /// A request without fields and body.
    pub fn new(method: &str, target: &str) -> Self {
        Self { method: method.to_owned(), target: target.to_owned(), ..Self::default() }
    }

    /// Adds a field.
    #[must_use]
    pub fn field(mut self, name: &str, value: &str) -> Self {
        self.fields.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Adds Basic credentials.
    #[must_use]
    pub fn basic(self, login: &str, password: &str) -> Self {
        let pair = base64::engine::general_purpose::STANDARD.encode(format!("{login}:{password}"));
        self.field("Authorization", &format!("Basic {pair}"))
    }

    /// Sets the body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    fn has(&self, name: &str) -> bool {
        self.fields.iter().any(|(have, _)| have.eq_ignore_ascii_case(name))
    }

    /// The request on the wire; `host` is for the field `Host`, unless it has one.
    pub fn to_bytes(&self, host: &str) -> Vec<u8> {
        let mut head = format!("{} {} HTTP/1.1\r\n", self.method, self.target);
        if !self.has("Host") {
            let _ = write!(head, "Host: {host}\r\n");
        }
        for (name, value) in &self.fields {
            let _ = write!(head, "{name}: {value}\r\n");
        }
        let bodied = matches!(self.method.as_str(), "PUT" | "POST" | "PATCH");
        let framed = self.has("Content-Length") || self.has("Transfer-Encoding");
        if !framed && (bodied || !self.body.is_empty()) {
            let _ = write!(head, "Content-Length: {}\r\n", self.body.len());
        }
        head.push_str("\r\n");
        let mut bytes = head.into_bytes();
        bytes.extend_from_slice(&self.body);
        bytes
    }
}

/// An answer as it came.
#[derive(Debug, Clone)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// Fields in order.
    pub fields: Vec<(String, String)>,
    /// The body without its framing.
    pub body: Vec<u8>,
}

impl Response {
    /// All values of a field.
    pub fn fields<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.fields
            .iter()
            .filter(move |(have, _)| have.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// The first value of a field.
    pub fn find_field(&self, name: &str) -> Option<&str> {
        self.fields
            .iter()
            .find(|(have, _)| have.eq_ignore_ascii_case(name))
            .map(|(_, v)| v.as_str())
    }

    /// The body as text; what is not UTF-8 becomes replacement characters.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// A stream of either kind.
pub trait Stream: Read + Write + Send {}
impl<T: Read + Write + Send> Stream for T {}

/// A kept-alive connection.
pub struct Connection {
    stream: BufReader<Box<dyn Stream>>,
    host: String,
}

impl Connection {
    /// Connects to 127.0.0.1.
    ///
    /// # Errors
    /// When nobody listens, or the handshake fails.
    pub fn open(endpoint: &Endpoint) -> Result<Self> {
        let tcp = TcpStream::connect(("127.0.0.1", endpoint.port))
            .with_context(|| format!("connecting to {}", endpoint.base()))?;
        tcp.set_read_timeout(Some(READ_LIMIT))?;
        tcp.set_write_timeout(Some(READ_LIMIT))?;
        tcp.set_nodelay(true)?;
        let stream: Box<dyn Stream> = match &endpoint.ca {
            Some(ca) => Box::new(tls::connect(tcp, ca, &["http/1.1"])?),
            None => Box::new(tcp),
        };
        let host = format!("127.0.0.1:{}", endpoint.port);
        Ok(Self { stream: BufReader::new(stream), host })
    }

    /// Sends a request and reads its answer.
    ///
    /// # Errors
    /// When the connection breaks or the answer is not HTTP/1.1.
    pub fn send(&mut self, request: &Request) -> Result<Response> {
        self.send_raw(request)?;
        self.read_response(&request.method)
    }

    /// Sends a request, and reads nothing.
    ///
    /// # Errors
    /// When the connection breaks.
    pub fn send_raw(&mut self, request: &Request) -> Result<()> {
        self.send_bytes(&request.to_bytes(&self.host.clone()))
    }

    /// Sends bytes as they are, also if they are not HTTP.
    ///
    /// # Errors
    /// When the connection breaks.
    pub fn send_bytes(&mut self, bytes: &[u8]) -> Result<()> {
        let stream = self.stream.get_mut();
        // A refusal may come before the body is read: then the answer is what counts.
        match stream.write_all(bytes).and_then(|()| stream.flush()) {
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => Ok(()),
            other => other.context("sending"),
        }
    }

    /// Reads one final answer; interim ones (1xx) are passed over.
    ///
    /// # Errors
    /// When the answer is not HTTP/1.1, or ends early.
    pub fn read_response(&mut self, method: &str) -> Result<Response> {
        loop {
            let (status, fields) = self.read_head()?;
            if (100..200).contains(&status) {
                continue;
            }
            let mut response = Response { status, fields, body: Vec::new() };
            let bodiless = method == "HEAD" || status == 204 || status == 304;
            if !bodiless {
                self.read_body(&mut response)?;
            }
            return Ok(response);
        }
    }

    /// Whether the server has closed the connection: true at the end of the stream.
    pub fn is_closed(&mut self) -> bool {
        matches!(self.stream.fill_buf(), Ok([]) | Err(_))
    }

    fn read_line(&mut self) -> Result<String> {
        let mut line = Vec::new();
        self.stream.read_until(b'\n', &mut line).context("reading the answer")?;
        ensure!(line.ends_with(b"\r\n"), "connection ended inside a line: {line:?}");
        line.truncate(line.len() - 2);
        Ok(String::from_utf8_lossy(&line).into_owned())
    }

    fn read_head(&mut self) -> Result<(u16, Vec<(String, String)>)> {
        let line = self.read_line()?;
        let rest =
            line.strip_prefix("HTTP/1.1 ").with_context(|| format!("status line {line:?}"))?;
        let status = rest.get(..3).unwrap_or_default().parse().context("status code")?;
        let mut fields = Vec::new();
        loop {
            let line = self.read_line()?;
            if line.is_empty() {
                return Ok((status, fields));
            }
            let (name, value) = line.split_once(':').with_context(|| format!("field {line:?}"))?;
            fields.push((name.to_owned(), value.trim().to_owned()));
        }
    }

    fn read_body(&mut self, response: &mut Response) -> Result<()> {
        let chunked = response.find_field("transfer-encoding").is_some_and(|te| te == "chunked");
        if chunked {
            loop {
                let line = self.read_line()?;
                let size = usize::from_str_radix(line.split(';').next().unwrap_or(""), 16)
                    .with_context(|| format!("chunk size {line:?}"))?;
                let start = response.body.len();
                response.body.resize(start + size, 0);
                self.stream.read_exact(&mut response.body[start..]).context("chunk")?;
                if size == 0 {
                    while !self.read_line()?.is_empty() {}
                    return Ok(());
                }
                ensure!(self.read_line()?.is_empty(), "a chunk is longer than its size");
            }
        }
        match response.find_field("content-length") {
            Some(length) => {
                response.body.resize(length.parse().context("content-length")?, 0);
                self.stream
                    .read_exact(&mut response.body)
                    .context("body shorter than announced")?;
            }
            None if response.find_field("connection").is_some_and(|c| c == "close") => {
                self.stream.read_to_end(&mut response.body).context("body")?;
            }
            None => bail!("an answer without length on a kept-alive connection"),
        }
        Ok(())
    }
}

/// One exchange on a connection of its own.
///
/// # Errors
/// As [`Connection::open`] and [`Connection::send`].
pub fn exchange(endpoint: &Endpoint, request: &Request) -> Result<Response> {
    Connection::open(endpoint)?.send(request)
}
