//! Runs nextcloudcmd and reads its log.
//!
//! Qt 5 reads `/etc/ssl/certs` and nothing else, so each run has a mount namespace of its own in
//! which that folder holds our authority alone (`unshare`, as root or in a user namespace). The
//! client's exit code proves nothing; the trees do, and its log tells what it asked.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, ensure};
use e2e::tools;

use crate::setup::{USER, World};
use crate::tree::{self, Tree};

/// How long a run may take.
pub(crate) const LIMIT: Duration = Duration::from_secs(600);

/// Root needs no user namespace, and in some containers has no right to one.
fn namespace() -> &'static [&'static str] {
    match std::fs::metadata("/proc/self").map(|own| own.uid()) {
        Ok(0) => &["--mount"],
        _ => &["--mount", "--map-root-user"],
    }
}

/// Whether [`Client`] can work here at all.
pub(crate) fn possible() -> bool {
    let mut probe = Command::new("unshare");
    let probe =
        probe.args(namespace()).args(["mount", "--bind", "/etc/ssl/certs", "/etc/ssl/certs"]);
    tools::run(probe, LIMIT).is_ok_and(|finished| finished.success)
}

/// A client: its folder, its `HOME`, the certificates it trusts.
pub(crate) struct Client<'a> {
    pub(crate) program: &'a Path,
    /// The synced folder.
    pub(crate) top: PathBuf,
    home: PathBuf,
    /// A folder with the authorities it trusts.
    pub(crate) certificates: PathBuf,
}

/// What one run asked of the server.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) log: String,
}

impl<'a> Client<'a> {
    pub(crate) fn new(program: &'a Path, world: &World, name: &str) -> Result<Self> {
        let certificates = world.folder("certificates")?;
        std::fs::copy(world.server.ca(), certificates.join("moonsail.pem"))?;
        std::fs::copy(world.server.ca(), certificates.join("ca-certificates.crt"))?;
        tools::require(Command::new("openssl").arg("rehash").arg(&certificates), LIMIT)?;
        let (top, home) = (world.folder(name)?, world.folder(&format!("{name}-home"))?);
        Ok(Self { program, top, home, certificates })
    }

    /// The client over HTTPS, with more options.
    pub(crate) fn command(&self, world: &World, options: &[&str]) -> Command {
        let mut command = Command::new("unshare");
        command.args(namespace()).args(["sh", "-c"]);
        command.arg("mount --bind \"$1\" /etc/ssl/certs && shift && exec \"$@\"");
        command.arg("sh").arg(&self.certificates).arg(self.program);
        command.args(["--non-interactive", "-h", "-u", USER, "-p", &world.token]).args(options);
        command.arg(&self.top).arg(world.server.https().base()).env("HOME", &self.home);
        command.env("XDG_RUNTIME_DIR", &self.home).env("LC_ALL", "C.UTF-8");
        command
    }

    pub(crate) fn sync(&self, world: &World) -> Result<Run> {
        let finished = tools::run(&mut self.command(world, &[]), LIMIT)?;
        let run = Run { log: finished.text };
        ensure!(finished.success, "nextcloudcmd ended with an error:\n{}", run.tail());
        Ok(run)
    }

    pub(crate) fn tree(&self) -> Result<Tree> {
        tree::read(&self.top)
    }
}

impl Run {
    /// Requests of this method, by the numbers of Qt or by name, below the users' trees.
    pub(crate) fn count(&self, method: &str) -> usize {
        let number = match method {
            "HEAD" => "1 \"\"",
            "GET" => "2 \"\"",
            "PUT" => "3 \"\"",
            "POST" => "4 \"\"",
            "DELETE" => "5 \"\"",
            _ => "",
        };
        let (named, by_number) = (format!("6 \"{method}\""), format!("\t{number}"));
        self.log
            .lines()
            .filter(|line| line.contains("has X-Request-ID") && line.contains("/remote.php/dav/"))
            .filter(|line| {
                line.contains(&named) || (!number.is_empty() && line.contains(&by_number))
            })
            .count()
    }

    /// Requests that change or transfer something.
    pub(crate) fn transfers(&self) -> usize {
        ["GET", "PUT", "POST", "DELETE", "MKCOL", "MOVE", "PROPPATCH"]
            .map(|m| self.count(m))
            .iter()
            .sum()
    }

    pub(crate) fn idle(&self) -> Result<()> {
        ensure!(self.count("PROPFIND") > 0, "the log shows no request at all:\n{}", self.tail());
        let count = self.transfers();
        ensure!(count == 0, "a run without changes made {count} transfers:\n{}", self.asked());
        Ok(())
    }

    pub(crate) fn asked(&self) -> String {
        let lines = self.log.lines().filter(|line| line.contains("has X-Request-ID"));
        lines.collect::<Vec<_>>().join("\n")
    }

    pub(crate) fn tail(&self) -> String {
        let lines: Vec<_> = self.log.lines().collect();
        lines[lines.len().saturating_sub(60)..].join("\n")
    }
}
