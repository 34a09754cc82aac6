//! Somebody's own login service: Basic over HTTP, a record in JSON for an answer.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use anyhow::Result;

/// What it knows.
const LOGIN: &str = "demo";
pub(crate) const PASSWORD: &str = r#"pass "word" of the service"#;

/// A service on a port of its own, ended when it is dropped.
pub(crate) struct Service {
    pub(crate) port: u16,
    stop: Arc<AtomicBool>,
    running: Option<JoinHandle<()>>,
}

impl Service {
    pub(crate) fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let port = listener.local_addr()?.port();
        let stop = Arc::new(AtomicBool::new(false));
        let ended = Arc::clone(&stop);
        let running = std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if ended.load(Ordering::SeqCst) {
                    return;
                }
                // Who goes away in between is nobody's loss.
                let _gone = answer(stream);
            }
        });
        Ok(Self { port, stop, running: Some(running) })
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        let _woken = TcpStream::connect(("127.0.0.1", self.port));
        if let Some(running) = self.running.take() {
            let _ended = running.join();
        }
    }
}

fn answer(stream: TcpStream) -> Result<()> {
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let line = line.trim_end().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse()?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let asked: serde_json::Value = serde_json::from_slice(&body)?;
    let (status, body) = if asked["user"] != LOGIN {
        ("404 Not Found", String::new())
    } else if asked["password"] != PASSWORD {
        ("403 Forbidden", String::new())
    } else {
        ("200 OK", r#"{"name":"Demo of the service","groups":["staff"]}"#.to_owned())
    };
    let answer = format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{body}",
        body.len()
    );
    reader.get_mut().write_all(answer.as_bytes())?;
    Ok(())
}
