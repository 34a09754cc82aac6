//! The shell that a page's blocks run in, one after the other: variables, the folder and programs in
//! the background stay.
//!
//! Each block is a file with as many empty lines in front as the page has, so that the shell's own
//! messages name page and line.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use rustix::process::{Pid, Signal, kill_process_group};
use tempfile::TempDir;

use crate::binary;

/// How long a block may take: one of them builds a crate and what it depends on.
const LIMIT: Duration = Duration::from_secs(900);
/// How long programs may take to be gone after they were killed.
const GONE: Duration = Duration::from_secs(10);

pub(super) struct Shell {
    child: Child,
    commands: ChildStdin,
    /// A line for each block that has succeeded.
    done: Receiver<String>,
    /// Blocks and their outputs: not in the folder of the walk, which is the page's own.
    desk: TempDir,
}

impl Shell {
    pub(super) fn start(folder: &Path, environment: &[(&str, &str)]) -> Result<Self> {
        let desk = tempfile::tempdir()?;
        let mut command = Command::new("bash");
        binary::forget_cargo(&mut command);
        // Settings of the tests would be settings of the page's server.
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("MOONSAIL_") {
                command.env_remove(name);
            }
        }
        let mut child = command
            .args(["--noprofile", "--norc"])
            .current_dir(folder)
            // What a newcomer's environment does not have.
            .env_remove("CARGO_TARGET_DIR")
            .env_remove("BASH_ENV")
            .envs(environment.iter().copied())
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(File::create(desk.path().join("said"))?)
            .spawn()
            .context("bash could not be started")?;
        let mut commands = child.stdin.take().context("bash has no input")?;
        let output = BufReader::new(child.stdout.take().context("bash has no output")?);
        let (send, done) = channel();
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                if send.send(line).is_err() {
                    return;
                }
            }
        });
        let failed = desk.path().join("failed");
        writeln!(commands, "set -eE -o pipefail; trap 'echo $LINENO > {}' ERR", failed.display())?;
        Ok(Self { child, commands, done, desk })
    }

    /// Runs a block whose fence is in this line; gives what it printed.
    ///
    /// # Errors
    /// The line of the command that failed, or of the block, and why.
    pub(super) fn run(
        &mut self,
        page: &str,
        line: usize,
        text: &str,
    ) -> Result<String, (usize, anyhow::Error)> {
        let out = self.desk.path().join(format!("{line}.out"));
        let begun = self.begin(page, line, text, &out);
        begun.map_err(|error| (line, error.context("the shell does not take the block")))?;
        let ended = self.done.recv_timeout(LIMIT);
        let printed = fs::read(&out).map_err(|error| (line, error.into()))?;
        let printed = String::from_utf8_lossy(&printed).into_owned();
        match ended {
            Ok(_) => Ok(printed),
            Err(RecvTimeoutError::Timeout) => {
                Err((line, anyhow!("the block takes longer than {LIMIT:?}; so far:\n{printed}")))
            }
            Err(RecvTimeoutError::Disconnected) => {
                let failed = fs::read_to_string(self.desk.path().join("failed"));
                let at = failed.ok().and_then(|line| line.trim().parse().ok()).unwrap_or(line);
                let command = text.lines().nth(at.saturating_sub(line + 1)).unwrap_or_default();
                Err((at, anyhow!("failed: {}\n{printed}", command.trim())))
            }
        }
    }

    fn begin(&mut self, page: &str, line: usize, text: &str, out: &Path) -> Result<()> {
        let name = Path::new(page).file_name().context("a page without a name")?;
        let block = self.desk.path().join(name);
        fs::write(&block, format!("{}{text}", "\n".repeat(line)))?;
        let (block, out) = (block.display(), out.display());
        writeln!(self.commands, "source '{block}' >'{out}' 2>&1 </dev/null; echo done")?;
        self.commands.flush()?;
        Ok(())
    }
}

impl Drop for Shell {
    /// Ends everything that the page has started.
    fn drop(&mut self) {
        let Some(group) = Pid::from_raw(self.child.id().cast_signed()) else { return };
        let begun = Instant::now();
        while kill_process_group(group, Signal::KILL).is_ok() && begun.elapsed() < GONE {
            let _ended = self.child.try_wait();
            std::thread::sleep(Duration::from_millis(10));
        }
        let _ended = self.child.wait();
    }
}
