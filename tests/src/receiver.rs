//! A receiver of webhooks: keeps what was posted, can be down, and can refuse.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering::SeqCst};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, Result};

/// A request that came.
#[derive(Debug, Clone)]
pub struct Post {
    /// Its first line.
    pub line: String,
    /// Its fields; names are in small letters.
    pub fields: Vec<(String, String)>,
    /// Its body.
    pub body: Vec<u8>,
    /// The status that it was answered by.
    pub answer: u16,
}

impl Post {
    /// The value of a field, by its name in small letters.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(have, _)| have == name).map(|(_, value)| value.as_str())
    }
}

/// What the receiver's threads share.
#[derive(Default)]
struct Shared {
    posts: Mutex<Vec<Post>>,
    answer: AtomicU16,
    stop: AtomicBool,
}

/// A receiver on a port of its own, ended when it is dropped.
pub struct Receiver {
    port: u16,
    shared: Arc<Shared>,
    running: Option<JoinHandle<()>>,
}

impl Receiver {
    /// Starts one that answers 204.
    ///
    /// # Errors
    /// When there is no free port.
    pub fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let port = listener.local_addr()?.port();
        let mut receiver = Self { port, shared: Arc::default(), running: None };
        receiver.answer(204);
        receiver.listen(listener)?;
        Ok(receiver)
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What it answers from now on.
    pub fn answer(&self, status: u16) {
        self.shared.answer.store(status, SeqCst);
    }

    /// What has come, in order.
    pub fn posts(&self) -> Vec<Post> {
        self.shared.posts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes no more connections: they are refused.
    ///
    /// # Errors
    /// When its thread has panicked.
    pub fn stop(&mut self) -> Result<()> {
        self.shared.stop.store(true, SeqCst);
        let Some(running) = self.running.take() else { return Ok(()) };
        running.join().ok().context("the receiver panicked")
    }

    /// Listens again, where it did.
    ///
    /// # Errors
    /// When somebody else has its port.
    pub fn start_again(&mut self) -> Result<()> {
        self.listen(TcpListener::bind(("127.0.0.1", self.port))?)
    }

    fn listen(&mut self, listener: TcpListener) -> Result<()> {
        listener.set_nonblocking(true)?;
        let shared = Arc::clone(&self.shared);
        shared.stop.store(false, SeqCst);
        self.running = Some(std::thread::spawn(move || {
            while !shared.stop.load(SeqCst) {
                match listener.accept() {
                    // One after the other: the server sends a batch when the last was answered. A
                    // sender that dies in its midst is none of ours.
                    Ok((stream, _)) => drop(take(&stream, &shared)),
                    Err(_) => std::thread::sleep(Duration::from_millis(5)),
                }
            }
        }));
        Ok(())
    }
}

/// One request of a connection, which is closed after it.
fn take(stream: &TcpStream, shared: &Shared) -> Result<()> {
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut fields = Vec::new();
    loop {
        let mut field = String::new();
        reader.read_line(&mut field)?;
        let Some((name, value)) = field.trim_end().split_once(':') else { break };
        fields.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let answer = shared.answer.load(SeqCst);
    let mut post = Post { line: line.trim_end().to_owned(), fields, body: Vec::new(), answer };
    post.body.resize(post.field("content-length").context("a length")?.parse()?, 0);
    reader.read_exact(&mut post.body)?;
    // What is acknowledged has been kept before.
    shared.posts.lock().unwrap_or_else(PoisonError::into_inner).push(post);
    let mut stream = stream;
    write!(stream, "HTTP/1.1 {answer} As told\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")?;
    Ok(())
}

impl Drop for Receiver {
    fn drop(&mut self) {
        let _ended_anyway = self.stop();
    }
}
