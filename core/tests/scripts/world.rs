//! A running server with scripts, and requests on connections of their own.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::bed::Bed;

/// Where alice's files are.
pub(crate) const FILES: &str = "/remote.php/dav/files/alice";
/// Her own password, which the users in the index know.
pub(crate) const ALICE: &str = "alice:password-alice";
/// Nobody.
pub(crate) const NOBODY: &str = "";
/// What OCS wants of each request.
pub(crate) const API: (&str, &str) = ("OCS-APIRequest", "true");
/// Who somebody is.
pub(crate) const WHOAMI: &str = "GET /ocs/v2.php/cloud/user?format=json";
/// Longer than anything here takes, also on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(40);

/// A server with scripts, and the user alice.
pub(crate) struct World {
    pub(crate) bed: Bed,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let fields = self.head.lines().filter_map(|line| line.split_once(':'));
        let mut of = fields.filter(|(field, _)| field.eq_ignore_ascii_case(name));
        of.next().map(|(_, value)| value.trim())
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("JSON: {self:?}"))
    }
}

/// A section of a script in `scripts/NAME.lua`, with more keys.
pub(crate) fn section(name: &str, more: &str) -> String {
    format!("[[script]]\nname = {name:?}\npath = \"scripts/{name}.lua\"\n{more}\n")
}

/// One VM, so that globals tell what happened.
pub(crate) fn one_vm(sections: &str) -> String {
    format!("[scripts]\nvms = 1\n{sections}")
}

/// The text of a script: `moon` is there.
pub(crate) fn lua(text: &str) -> String {
    format!("local moon = require \"moon\"\n{text}")
}

impl World {
    /// A server of this configuration, and these files below `scripts`.
    pub(crate) fn new(config: &str, files: &[(&str, &str)]) -> Self {
        let mut bed = Bed::new();
        std::fs::create_dir_all(bed.path("scripts/lib")).unwrap();
        bed.configure(config);
        let world = |bed| Self { bed };
        for (name, text) in files {
            std::fs::write(bed.path("scripts").join(name), lua(text)).unwrap();
        }
        bed.start();
        bed.add_user("alice", "");
        world(bed)
    }

    /// One script in one VM that only hears of hooks.
    pub(crate) fn of(name: &str, text: &str) -> Self {
        Self::new(&one_vm(&section(name, "")), &[(&format!("{name}.lua"), text)])
    }

    /// Writes to a script's file in place.
    pub(crate) fn write(&self, file: &str, text: &str) {
        std::fs::write(self.bed.path("scripts").join(file), lua(text)).unwrap();
    }

    /// The same as editors do it: another file takes the place.
    pub(crate) fn replace(&self, file: &str, text: &str) {
        let (new, old) = (self.bed.path("scripts/new~"), self.bed.path("scripts").join(file));
        std::fs::write(&new, lua(text)).unwrap();
        std::fs::rename(new, old).unwrap();
    }

    /// How often the log has this.
    pub(crate) fn count(&self, text: &str) -> usize {
        self.bed.said().matches(text).count()
    }

    /// Waits until the log has this so many times.
    #[track_caller]
    pub(crate) fn wait(&self, text: &str, times: usize) {
        let begun = Instant::now();
        while self.count(text) < times {
            assert!(begun.elapsed() < PATIENCE, "{text:?} {times} times in\n{}", self.bed.said());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// A request of somebody, `NAME:PASSWORD`.
    pub(crate) fn ask(&self, who: &str, line: &str, fields: &[(&str, &str)], body: &str) -> Answer {
        ask(self.bed.port(), who, line, fields, body)
    }

    /// The same; the status has to be this.
    #[track_caller]
    pub(crate) fn must(&self, status: u16, who: &str, line: &str, body: &str) -> Answer {
        let answer = self.ask(who, line, &[API], body);
        assert_eq!(answer.status, status, "{line}: {answer:?}\n{}", self.bed.said());
        answer
    }
}

/// A request to a port of this machine.
pub(crate) fn ask(port: u16, who: &str, line: &str, fields: &[(&str, &str)], body: &str) -> Answer {
    let (method, target) = line.split_once(' ').unwrap();
    let mut request = format!("{method} {target} HTTP/1.1\r\nHost: localhost\r\n");
    if !who.is_empty() {
        request += &format!("Authorization: Basic {}\r\n", STANDARD.encode(who));
    }
    for (name, value) in fields {
        request += &format!("{name}: {value}\r\n");
    }
    request += &format!("Content-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len());
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let answer = String::from_utf8_lossy(&answer);
    let (head, body) =
        answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{line}: {answer:?}"));
    Answer { status: head[9..12].parse().unwrap(), head: head.to_owned(), body: body.to_owned() }
}

/// Tells workers that it is over, also where the test has failed: it waits for them.
pub(crate) struct Stop<'a>(pub(crate) &'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
