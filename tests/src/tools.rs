//! Finds and runs other programs: the real clients.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// What a program printed and how it ended.
#[derive(Debug)]
pub struct Finished {
    /// Whether it ended with status 0.
    pub success: bool,
    /// Its output and its errors, each in order.
    pub text: String,
}

/// Looks a program up on `PATH`.
pub fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
}

/// Runs a command to its end, killing it after `limit`.
///
/// # Errors
/// When it cannot be started or takes too long; what it printed is in the text.
pub fn run(command: &mut Command, limit: Duration) -> Result<Finished> {
    run_with_input(command, "", limit)
}

/// As [`run`], with text on standard input.
///
/// # Errors
/// As [`run`].
pub fn run_with_input(command: &mut Command, input: &str, limit: Duration) -> Result<Finished> {
    let name = command.get_program().to_string_lossy().into_owned();
    let folder = tempfile::tempdir()?;
    let (out, err) = (folder.path().join("out"), folder.path().join("err"));
    // Files, not pipes: nothing blocks, and nothing is lost when the program is killed.
    let typed = folder.path().join("in");
    std::fs::write(&typed, input)?;
    let mut child = command
        .stdin(std::fs::File::open(&typed)?)
        .stdout(std::fs::File::create(&out)?)
        .stderr(std::fs::File::create(&err)?)
        .spawn()
        .with_context(|| format!("starting {name}"))?;
    let begun = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break Some(status);
        }
        if begun.elapsed() > limit {
            child.kill()?;
            child.wait()?;
            break None;
        }
        std::thread::sleep(Duration::from_millis(10));
    };
    let mut text = String::from_utf8_lossy(&std::fs::read(&out)?).into_owned();
    text.push_str(&String::from_utf8_lossy(&std::fs::read(&err)?));
    match status {
        Some(status) => Ok(Finished { success: status.success(), text }),
        None => bail!("{name} took longer than {limit:?}; it said:\n{text}"),
    }
}

/// As [`run`], but a status other than 0 is an error too.
///
/// # Errors
/// As [`run`].
pub fn require(command: &mut Command, limit: Duration) -> Result<String> {
    let words: Vec<_> = command.get_args().map(OsStr::to_string_lossy).collect();
    let line = format!("{} {}", command.get_program().to_string_lossy(), words.join(" "));
    let finished = run(command, limit)?;
    if !finished.success {
        bail!("{line} failed:\n{}", finished.text);
    }
    Ok(finished.text)
}
