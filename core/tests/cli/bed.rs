//! A data folder of its own, the binary, and a server that is started and stopped on it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, mpsc};
use std::thread::{self, JoinHandle, sleep};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use tempfile::TempDir;

/// How long anything may take.
const LIMIT: Duration = Duration::from_secs(20);

pub(crate) struct Bed {
    dir: TempDir,
    server: Option<Server>,
}

struct Server {
    child: Child,
    port: u16,
    said: Arc<Mutex<String>>,
    readers: Vec<JoinHandle<()>>,
}

/// What a run of the binary came to.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    #[track_caller]
    pub(crate) fn ok(self) -> String {
        assert_eq!(self.code, Some(0), "{self:?}");
        self.out
    }

    #[track_caller]
    pub(crate) fn json(self) -> Value {
        serde_json::from_str(&self.ok()).expect("JSON")
    }
}

impl Bed {
    pub(crate) fn new() -> Self {
        let bed = Self { dir: tempfile::tempdir().unwrap(), server: None };
        bed.configure("");
        bed
    }

    /// Writes server.toml; health and metrics stay off, since tests run side by side.
    pub(crate) fn configure(&self, more: &str) {
        let text = format!("[server]\nadmin_listen = \"\"\n{more}");
        std::fs::write(self.path("server.toml"), text).unwrap();
    }

    pub(crate) fn path(&self, below: &str) -> PathBuf {
        self.dir.path().join(below)
    }

    pub(crate) fn data(&self, below: &str) -> PathBuf {
        self.path("data").join(below)
    }

    /// Runs a verb, words separated by blanks.
    pub(crate) fn run(&self, line: &str) -> Ran {
        self.run_with(line, "")
    }

    /// Runs a verb with something on its standard input.
    pub(crate) fn run_with(&self, line: &str, input: &str) -> Ran {
        let mut child = self
            .command(line)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // One that reads nothing may be gone already.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        let output = child.wait_with_output().unwrap();
        Ran {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    fn command(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_moonsail"));
        command.args(line.split_ascii_whitespace()).current_dir(self.dir.path()).env_clear();
        command
    }

    /// A user with the password `password-NAME`.
    pub(crate) fn add_user(&self, name: &str, more: &str) {
        let line = format!("user add {name} --password-stdin{more}");
        self.run_with(&line, &format!("password-{name}\n")).ok();
    }

    /// A new app password.
    pub(crate) fn token(&self, user: &str) -> String {
        let printed = self.run(&format!("token add {user} test")).ok();
        let token = printed.strip_suffix('\n').unwrap();
        assert!(token.len() > 20 && !token.contains(char::is_whitespace), "{printed:?}");
        token.to_owned()
    }

    /// Starts the server and waits until it is ready.
    pub(crate) fn start(&mut self) {
        let mut child = self
            .command("serve --listen 127.0.0.1:0 --listen-http 127.0.0.1:0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let said = Arc::new(Mutex::new(String::new()));
        let (tell, ready) = mpsc::channel();
        let keep = Arc::clone(&said);
        let (out, err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        let outs = thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                if let Some(port) = line.strip_prefix("ready http://127.0.0.1:") {
                    let _ = tell.send(port.parse().unwrap());
                }
                *keep.lock().unwrap() += &format!("{line}\n");
            }
        });
        let keep = Arc::clone(&said);
        let errs = thread::spawn(move || {
            for line in BufReader::new(err).lines().map_while(Result::ok) {
                *keep.lock().unwrap() += &format!("{line}\n");
            }
        });
        let Ok(port) = ready.recv_timeout(LIMIT) else {
            panic!("not ready: {}", said.lock().unwrap());
        };
        self.server = Some(Server { child, port, said, readers: vec![outs, errs] });
    }

    /// Runs a verb and kills it with -9 a moment later, whatever it is doing.
    pub(crate) fn kill_after(&self, moment: Duration, line: &str) {
        let mut command = self.command(line);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        sleep(moment);
        child.kill().unwrap();
        child.wait().unwrap();
    }

    fn server(&self) -> &Server {
        self.server.as_ref().expect("a running server")
    }

    /// Where it takes plain HTTP.
    pub(crate) fn port(&self) -> u16 {
        self.server().port
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.server().child.id()
    }

    /// All that the running server printed and logged so far.
    pub(crate) fn said(&self) -> String {
        self.server().said.lock().unwrap().clone()
    }

    /// Waits until the server has logged this.
    #[track_caller]
    pub(crate) fn wait_for(&self, text: &str) {
        let begun = Instant::now();
        while !self.said().contains(text) {
            assert!(begun.elapsed() < LIMIT, "{text:?} is not in\n{}", self.said());
            sleep(Duration::from_millis(5));
        }
    }

    pub(crate) fn signal(&self, name: &str) {
        let pid = self.server().child.id().to_string();
        assert!(Command::new("kill").args([name, &pid]).status().unwrap().success());
    }

    /// Waits for the server's end; gives its status and all it said.
    pub(crate) fn wait(&mut self) -> (ExitStatus, String) {
        let mut server = self.server.take().expect("a running server");
        let begun = Instant::now();
        let status = loop {
            match server.child.try_wait().unwrap() {
                Some(status) => break status,
                None if begun.elapsed() > LIMIT => {
                    server.child.kill().unwrap();
                    panic!("the server does not stop: {}", server.said.lock().unwrap());
                }
                None => sleep(Duration::from_millis(5)),
            }
        };
        server.readers.drain(..).for_each(|reader| reader.join().unwrap());
        let said = server.said.lock().unwrap().clone();
        (status, said)
    }

    /// Stops the server by SIGTERM.
    #[track_caller]
    pub(crate) fn stop(&mut self) {
        self.signal("-TERM");
        let (status, said) = self.wait();
        assert!(status.success(), "{status}: {said}");
    }

    pub(crate) fn connect(&self) -> Http {
        let stream = TcpStream::connect(("127.0.0.1", self.server().port)).unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        stream.set_nodelay(true).unwrap(); // head and body go in two pieces
        Http(BufReader::new(stream))
    }

    /// The status of one request on a connection of its own, below a user's files.
    pub(crate) fn dav(&self, method: &str, login: (&str, &str), path: &str, body: &str) -> u16 {
        self.connect().ask(method, login, path, body)
    }
}

impl Drop for Bed {
    fn drop(&mut self) {
        if let Some(mut server) = self.server.take() {
            let _ = server.child.kill();
            let _ = server.child.wait();
        }
    }
}

/// A kept connection to the server.
pub(crate) struct Http(BufReader<TcpStream>);

impl Http {
    /// Sends a whole request; gives the status. A path without a leading slash is one below the
    /// user's files. What is moved is called `-moved` afterwards.
    pub(crate) fn ask(&mut self, method: &str, login: (&str, &str), path: &str, body: &str) -> u16 {
        self.send_head(method, login, path, body.len());
        self.send(body);
        self.status()
    }

    pub(crate) fn send_head(
        &mut self,
        method: &str,
        login: (&str, &str),
        path: &str,
        length: usize,
    ) {
        let (user, password) = login;
        let basic = STANDARD.encode(format!("{user}:{password}"));
        let path = match path.strip_prefix('/') {
            Some(path) => format!("/{path}"),
            None => format!("/remote.php/dav/files/{user}/{path}"),
        };
        let depth = if method == "PROPFIND" { "Depth: 0\r\n" } else { "" };
        let to =
            if method == "MOVE" { format!("Destination: {path}-moved\r\n") } else { String::new() };
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic {basic}\r\n\
             Content-Length: {length}\r\n{depth}{to}\r\n"
        );
        self.send(&head);
    }

    pub(crate) fn send(&mut self, text: &str) {
        self.0.get_mut().write_all(text.as_bytes()).unwrap();
    }

    /// Reads an answer to its end; gives the status.
    pub(crate) fn status(&mut self) -> u16 {
        let mut line = String::new();
        self.0.read_line(&mut line).unwrap();
        let status = line.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.unwrap_or_else(|| panic!("{line:?}"));
        let (mut length, mut chunked) = (0, false);
        loop {
            let mut line = String::new();
            self.0.read_line(&mut line).unwrap();
            let line = line.trim_end().to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            if let Some(value) = line.strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            chunked |= line == "transfer-encoding: chunked";
        }
        if chunked {
            self.skip_chunks()
        } else {
            self.skip(length)
        }
        status
    }

    fn skip_chunks(&mut self) {
        loop {
            let mut line = String::new();
            self.0.read_line(&mut line).unwrap();
            let size = usize::from_str_radix(line.trim(), 16).unwrap();
            self.skip(size + 2);
            if size == 0 {
                break;
            }
        }
    }

    fn skip(&mut self, length: usize) {
        self.0.read_exact(&mut vec![0; length]).unwrap();
    }
}
