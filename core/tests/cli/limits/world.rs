//! A running server, and requests on connections of their own.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::bed::Bed;

pub(super) const FILES: &str = "/remote.php/dav/files/alice/";

/// A server with these settings, alice, and how to ask as her.
pub(super) struct World {
    pub(super) bed: Bed,
    pub(super) token: String,
}

/// What came back on a connection of its own: status, and all bytes as text.
#[derive(Debug)]
pub(super) struct Answer(pub(super) u16, pub(super) String);

impl World {
    pub(super) fn new(settings: &str) -> Self {
        let mut bed = Bed::new();
        bed.add_user("alice", "");
        bed.configure(settings);
        bed.start();
        let token = bed.token("alice");
        Self { bed, token }
    }

    pub(super) fn ask(&self, method: &str, path: &str, fields: &str, body: &str) -> Answer {
        self.ask_as(("alice", &self.token), method, path, fields, body)
    }

    pub(super) fn ask_as(
        &self,
        (user, password): (&str, &str),
        method: &str,
        path: &str,
        fields: &str,
        body: &str,
    ) -> Answer {
        let path = match path.strip_prefix('/') {
            Some(path) => format!("/{path}"),
            None => format!("{FILES}{path}"),
        };
        let basic = STANDARD.encode(format!("{user}:{password}"));
        let length = body.len();
        talk(
            self.bed.port(),
            &format!(
                "{method} {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic {basic}\r\n\
                 Connection: close\r\nContent-Length: {length}\r\n{fields}\r\n{body}"
            ),
        )
    }

    #[track_caller]
    pub(super) fn check(
        &self,
        method: &str,
        path: &str,
        fields: &str,
        body: &str,
        status: u16,
    ) -> String {
        let answer = self.ask(method, path, fields, body);
        let shown: String = body.chars().take(200).collect();
        assert_eq!(answer.0, status, "{method} {path} {fields}{shown}\n{}", answer.1);
        answer.1
    }

    pub(super) fn capabilities(&self) -> String {
        let path = "/ocs/v2.php/cloud/capabilities?format=json";
        self.check("GET", path, "OCS-APIRequest: true\r\n", "", 200).replace("\\/", "/")
    }

    /// Lets the server read what was configured anew.
    pub(super) fn reload(&self) {
        let before = self.bed.said().matches("the configuration was read again").count();
        self.bed.signal("-HUP");
        let begun = Instant::now();
        while self.bed.said().matches("the configuration was read again").count() == before {
            assert!(begun.elapsed() < Duration::from_secs(20), "{}", self.bed.said());
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

pub(super) fn connect(port: u16) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream
}

pub(super) fn talk(port: u16, request: &str) -> Answer {
    let mut stream = connect(port);
    // A server that refuses a head may close before the body is sent.
    let _ = stream.write_all(request.as_bytes());
    rest(&mut stream)
}

/// All that comes until the server closes.
pub(super) fn rest(stream: &mut TcpStream) -> Answer {
    let mut bytes = Vec::new();
    let _reset = stream.read_to_end(&mut bytes);
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let status = text.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    Answer(status, text)
}

/// A port that was free a moment ago.
pub(super) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

impl World {
    /// An upload that has begun and does not go on.
    pub(super) fn begin_upload(&self) -> TcpStream {
        let mut upload = connect(self.bed.port());
        let basic = STANDARD.encode(format!("alice:{}", self.token));
        let head = format!(
            "PUT {FILES}slow HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic {basic}\r\n\
             Content-Length: 99\r\nExpect: 100-continue\r\n\r\n"
        );
        upload.write_all(head.as_bytes()).unwrap();
        let mut go_on = [0; b"HTTP/1.1 100 Continue\r\n\r\n".len()];
        upload.read_exact(&mut go_on).unwrap();
        assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
        upload.write_all(b"x").unwrap();
        upload
    }
}
