//! System calls of a running server that fail, wait or kill it (`strace --inject`).

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// How long attaching may take.
const LIMIT: Duration = Duration::from_secs(10);

/// How long detaching may take.
const DETACH: Duration = Duration::from_secs(2);

/// Which threads are meant by an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Threads {
    /// All of the process, and those to come.
    All,
    /// Only the one.
    One,
}

/// The thread of a process that has this name.
///
/// # Errors
/// When there is none.
pub fn thread(pid: u32, name: &str) -> Result<u32> {
    for task in std::fs::read_dir(format!("/proc/{pid}/task"))? {
        let task = task?;
        if std::fs::read_to_string(task.path().join("comm"))?.trim_end() == name {
            return Ok(task.file_name().to_string_lossy().parse()?);
        }
    }
    bail!("process {pid} has no thread called {name}")
}

/// An attached strace. Dropping it detaches, and the process goes on undisturbed.
pub struct Strace {
    child: Child,
    reader: Option<std::thread::JoinHandle<()>>,
}

impl Strace {
    /// Attaches to a process, or to a thread. `injections` are as strace takes them after `-e
    /// inject=`:
    /// `renameat2:signal=SIGKILL:when=1` (the call is not carried out), `fsync:error=EIO`. `when`
    /// counts for each thread.
    ///
    /// # Errors
    /// When strace is missing, or may not attach.
    pub fn inject(of: (u32, Threads), injections: &[&str]) -> Result<Self> {
        let calls: Vec<&str> =
            injections.iter().map(|one| one.split(':').next().unwrap_or_default()).collect();
        let mut command = Command::new("strace");
        if of.1 == Threads::All {
            command.arg("-f");
        }
        // What it traces is nobody's concern, but for the line that says that it is attached.
        command.args(["-o", "/dev/null", "-e", &format!("trace={}", calls.join(","))]);
        for injection in injections {
            command.args(["-e", &format!("inject={injection}")]);
        }
        Self::run(command, of.0)
    }

    /// Writes the calls down, each line with its thread; see [`most`].
    ///
    /// # Errors
    /// As [`Strace::inject`].
    pub fn record(pid: u32, calls: &[&str], into: &Path) -> Result<Self> {
        let mut command = Command::new("strace");
        command.args(["-f", "-e", &format!("trace={}", calls.join(",")), "-o"]).arg(into);
        Self::run(command, pid)
    }

    fn run(mut command: Command, pid: u32) -> Result<Self> {
        let mut child = command
            .args(["-p", &pid.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .context("starting strace")?;
        let stderr = child.stderr.take().context("stderr")?;
        let (said, says) = channel();
        let reader = std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(|line| line.ok()) {
                // Nobody listens once it is attached.
                let _ = said.send(line);
            }
        });
        let strace = Self { child, reader: Some(reader) };
        let mut lines = Vec::new();
        loop {
            let Ok(line) = says.recv_timeout(LIMIT) else {
                bail!("strace could not attach to {pid}: {}", lines.join("\n"));
            };
            if line.contains("attached") {
                return Ok(strace);
            }
            lines.push(line);
        }
    }
}

impl Drop for Strace {
    fn drop(&mut self) {
        // It may have ended with the process that it was attached to; then there is nothing to end.
        let _ = Command::new("kill").args(["-INT", &self.child.id().to_string()]).status();
        let begun = Instant::now();
        while matches!(self.child.try_wait(), Ok(None)) {
            if begun.elapsed() > DETACH {
                // It waits for ever for a process that dies while it detaches; without it that ends.
                let _ = self.child.kill();
                let _ = self.child.wait();
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
    }
}

/// How often each call was made by the thread that made it most.
pub fn most(recorded: &str) -> BTreeMap<String, usize> {
    let mut counts: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for line in recorded.lines() {
        let Some((thread, rest)) = line.split_once(' ') else { continue };
        // Lines that go on with a call that was begun before have no name in this place.
        let Some((call, _)) = rest.trim_start().split_once('(') else { continue };
        if call.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            *counts.entry((thread, call)).or_default() += 1;
        }
    }
    let mut most = BTreeMap::new();
    for ((_, call), count) in counts {
        let known = most.entry(call.to_owned()).or_default();
        *known = count.max(*known);
    }
    most
}

#[cfg(test)]
mod tests {
    #[test]
    fn calls_are_counted_for_each_thread() {
        let recorded = "7 fsync(3) = 0\n8 fsync(3 <unfinished ...>\n7 fsync(4) = 0\n\
                        8 <... fsync resumed>) = 0\n8  openat(5, \"a(b\") = 6\n7 +++ exited +++\n";
        let most = super::most(recorded);
        assert_eq!(most.get("fsync"), Some(&2));
        assert_eq!(most.get("openat"), Some(&1));
        assert_eq!(most.len(), 2);
    }
}
