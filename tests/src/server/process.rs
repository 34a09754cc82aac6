//! The server's process, and what it says.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, ExitStatus};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::binary;

/// A process that was started, and the threads that read its output.
pub(super) struct Running {
    child: Child,
    readers: Vec<JoinHandle<()>>,
}

impl Running {
    /// Keeps every line that `child` says in `log`; the URLs of its `ready` lines come through the
    /// channel as well.
    pub(super) fn listen(
        mut child: Child,
        log: &Arc<Mutex<Vec<String>>>,
    ) -> Result<(Self, Receiver<String>)> {
        let stdout = child.stdout.take().context("stdout")?;
        let stderr = child.stderr.take().context("stderr")?;
        let (ready, readiness) = channel();
        let (out_log, err_log) = (Arc::clone(log), Arc::clone(log));
        let readers = vec![
            std::thread::spawn(move || {
                for line in BufReader::new(stdout).lines().map_while(|line| line.ok()) {
                    if let Some(url) = line.strip_prefix("ready ") {
                        // Nobody listens once both listeners are known.
                        let _ = ready.send(url.to_owned());
                    }
                    keep(&out_log, line);
                }
            }),
            std::thread::spawn(move || {
                for line in BufReader::new(stderr).lines().map_while(|line| line.ok()) {
                    keep(&err_log, line);
                }
            }),
        ];
        Ok((Self { child, readers }, readiness))
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends SIGTERM.
    pub(super) fn terminate(&self) -> Result<()> {
        let pid = self.pid().to_string();
        let sent = Command::new("kill").args(["-TERM", &pid]).status()?;
        ensure!(sent.success(), "SIGTERM could not be sent to {pid}");
        Ok(())
    }

    /// Sends SIGKILL and waits for the end.
    pub(super) fn kill(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Waits for the end; `None` if it does not come in time.
    pub(super) fn wait(&mut self, limit: Duration) -> Result<Option<ExitStatus>> {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(Some(status));
            }
            if begun.elapsed() > limit {
                return Ok(None);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits until the last line of the log is read.
    pub(super) fn join(self) {
        for reader in self.readers {
            // A reader that panicked has lost lines of a log, nothing else.
            let _ = reader.join();
        }
    }
}

/// The server's program, out of reach of the environment the tests run in, and without the admin
/// listener, whose port would be the same for all.
pub(super) fn program() -> Result<Command> {
    program_by(&[])
}

/// As [`program`], started by another.
pub(super) fn program_by(wrapper: &[String]) -> Result<Command> {
    let mut words = wrapper.to_vec();
    words.push(binary::path()?.display().to_string());
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]);
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("MOONSAIL_")) {
            command.env_remove(name);
        }
    }
    command.env("MOONSAIL_SERVER__ADMIN_LISTEN", "");
    Ok(command)
}

fn keep(log: &Mutex<Vec<String>>, line: String) {
    log.lock().unwrap_or_else(PoisonError::into_inner).push(line);
}
