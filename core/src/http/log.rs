//! Where events go: text or JSON, to the standard error or to a file that can be reopened.
//!
//! Lines are handed to a thread, because a request must not wait for a terminal or a disk. A queue
//! that is full loses lines and says how many.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

/// Lines that may wait for the thread.
const QUEUE: usize = 8192;

/// How events are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// One line of `name=value` pairs.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Where events are written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum LogOutput {
    /// The standard error, for systemd and containers.
    #[default]
    Stderr,
    /// A file (0600), appended to.
    File(PathBuf),
}

/// What is logged, how, and where.
#[derive(Debug, Clone, Default)]
pub struct LogSettings {
    /// `info`, or directives such as `info,access=off,moonsail::net=debug`.
    pub level: String,
    /// See [`LogFormat`].
    pub format: LogFormat,
    /// See [`LogOutput`].
    pub output: LogOutput,
}

/// Why logging could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The level is none, nor a list of directives.
    #[error("{0:?} is no log level; say error, warn, info, debug or trace")]
    Level(String),
    /// The file cannot be opened.
    #[error("cannot open the log {path}: {source}")]
    Open {
        /// The file.
        path: PathBuf,
        /// The operating system's answer.
        source: io::Error,
    },
    /// Somebody has set up logging before.
    #[error("logging is set up already")]
    Twice,
}

enum Message {
    Line(Vec<u8>),
    Reopen,
    Stop,
}

/// The running log. Dropped last, it writes what is queued.
pub struct Logs {
    queue: SyncSender<Message>,
    thread: Option<JoinHandle<()>>,
}

impl Logs {
    /// Sends all events of the process to the log; panics too. An empty level is `info`.
    ///
    /// # Errors
    /// [`LogError`].
    pub fn start(settings: &LogSettings) -> Result<Self, LogError> {
        let level = if settings.level.is_empty() { "info" } else { &settings.level };
        let bad = || LogError::Level(settings.level.clone());
        // The filter takes a bare word that is no level for a target, and shows nothing.
        let words = ["off", "error", "warn", "info", "debug", "trace"];
        let known = |part: &str| part.contains('=') || words.contains(&part.trim());
        if !level.split(',').all(known) {
            return Err(bad());
        }
        let filter = EnvFilter::builder().parse(level).map_err(|_| bad())?;
        let (logs, lines) = Self::open(&settings.output)?;
        let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(lines);
        let colourful =
            settings.output == LogOutput::Stderr && io::IsTerminal::is_terminal(&io::stderr());
        match settings.format {
            LogFormat::Text => builder.with_ansi(colourful).try_init(),
            LogFormat::Json => builder.json().flatten_event(true).try_init(),
        }
        .map_err(|_| LogError::Twice)?;
        std::panic::set_hook(Box::new(|panic| {
            let trace = std::backtrace::Backtrace::capture();
            tracing::error!(%panic, %trace, "panic");
        }));
        Ok(logs)
    }

    /// Opens the file anew, after somebody has moved it away (SIGHUP).
    pub fn reopen(&self) {
        let _ = self.queue.send(Message::Reopen); // fails only when the thread is gone
    }

    fn open(output: &LogOutput) -> Result<(Self, Lines), LogError> {
        let path = match output {
            LogOutput::Stderr => None,
            LogOutput::File(path) => Some(path.clone()),
        };
        let sink = match &path {
            None => Sink::Stderr,
            Some(path) => Sink::File(
                append(path).map_err(|source| LogError::Open { path: path.clone(), source })?,
            ),
        };
        let (queue, messages) = sync_channel(QUEUE);
        let lost = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&lost);
        let thread = std::thread::Builder::new()
            .name("log".into())
            .spawn(move || write_lines(&messages, sink, path.as_deref(), &counter))
            .map_err(|source| LogError::Open { path: PathBuf::from("thread"), source })?;
        let lines = Lines { queue: queue.clone(), lost };
        Ok((Self { queue, thread: Some(thread) }, lines))
    }
}

impl Drop for Logs {
    fn drop(&mut self) {
        if self.queue.send(Message::Stop).is_ok()
            && let Some(thread) = self.thread.take()
        {
            let _ = thread.join(); // it cannot be told any more
        }
    }
}

enum Sink {
    Stderr,
    File(File),
}

impl Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Stderr => io::stderr().lock().write_all(bytes),
            Self::File(file) => file.write_all(bytes),
        }
    }
}

fn append(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).mode(0o600).open(path)
}

/// Writes what has gathered in one go, until told to stop.
fn write_lines(
    messages: &Receiver<Message>,
    mut sink: Sink,
    path: Option<&Path>,
    lost: &AtomicU64,
) {
    let mut text = Vec::new();
    let mut running = true;
    while running {
        let Ok(mut message) = messages.recv() else { return };
        let mut reopen = false;
        loop {
            match message {
                Message::Line(line) => text.extend_from_slice(&line),
                Message::Reopen => reopen = true,
                Message::Stop => running = false,
            }
            if !running || reopen || text.len() > 256 * 1024 {
                break;
            }
            match messages.try_recv() {
                Ok(next) => message = next,
                Err(_) => break,
            }
        }
        match lost.swap(0, Relaxed) {
            0 => {}
            lines => text.extend_from_slice(format!("{lines} log lines were lost\n").as_bytes()),
        }
        // There is nowhere to report a log that cannot be written.
        let _ = sink.write(&text);
        text.clear();
        if reopen
            && let Some(path) = path
            && let Ok(file) = append(path)
        {
            sink = Sink::File(file);
        }
    }
}

/// Makes the writer of one event.
struct Lines {
    queue: SyncSender<Message>,
    lost: Arc<AtomicU64>,
}

struct Line<'a> {
    lines: &'a Lines,
    text: Vec<u8>,
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line { lines: self, text: Vec::new() }
    }
}

impl Write for Line<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.text.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Line<'_> {
    fn drop(&mut self) {
        let message = Message::Line(std::mem::take(&mut self.text));
        if let Err(TrySendError::Full(_)) = self.lines.queue.try_send(message) {
            self.lines.lost.fetch_add(1, Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_reach_the_file_and_reopening_starts_a_new_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let old = folder.path().join("log.1");
        let (logs, lines) = Logs::open(&LogOutput::File(path.clone())).unwrap();
        lines.make_writer().write_all(b"one\n").unwrap();
        // The thread may still be writing; the file that it has open is the same one.
        std::fs::rename(&path, &old).unwrap();
        logs.reopen();
        lines.make_writer().write_all(b"two\n").unwrap();
        drop(logs);
        let all = [old, path].map(|path| std::fs::read_to_string(path).unwrap());
        assert_eq!(all.concat(), "one\ntwo\n");
        assert!(all[0].starts_with("one"), "{all:?}");
    }

    #[test]
    fn a_wrong_level_is_named() {
        for level in ["loud", "loud=very=much", "info,verbose"] {
            let settings = LogSettings { level: level.into(), ..LogSettings::default() };
            let error = Logs::start(&settings).err().unwrap();
            assert!(matches!(error, LogError::Level(text) if text == level), "{level}");
        }
    }
}
