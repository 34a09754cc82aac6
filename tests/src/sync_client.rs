//! Runs nextcloudcmd and reads its log.
//!
//! Qt 5 reads `/etc/ssl/certs` and nothing else, so each run has a mount namespace of its own in
//! which that folder holds our authority alone (`unshare`, as root or in a user namespace). The
//! client's exit code proves nothing; the trees do, and its log tells what it asked.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::tree::{self, Tree};
use crate::{Server, tools};
use anyhow::{Result, ensure};

/// Whose files are synced, and where they are.
pub trait Account {
    /// Where.
    fn server(&self) -> &Server;
    /// The name that the client logs in by.
    fn login(&self) -> &str;
    /// Its password, of whichever kind.
    fn password(&self) -> &str;
}

/// How long a run may take.
pub const LIMIT: Duration = Duration::from_secs(600);

/// Root needs no user namespace, and in some containers has no right to one.
fn namespace() -> &'static [&'static str] {
    match std::fs::metadata("/proc/self").map(|own| own.uid()) {
        Ok(0) => &["--mount"],
        _ => &["--mount", "--map-root-user"],
    }
}

/// Whether [`Client`] can work here at all.
pub fn possible() -> bool {
    let mut probe = Command::new("unshare");
    let probe =
        probe.args(namespace()).args(["mount", "--bind", "/etc/ssl/certs", "/etc/ssl/certs"]);
    tools::run(probe, LIMIT).is_ok_and(|finished| finished.success)
}

/// A client: its folder, its `HOME`, the certificates it trusts.
pub struct Client<'a> {
    program: &'a Path,
    /// The synced folder.
    pub top: PathBuf,
    home: PathBuf,
    /// A folder with the authorities it trusts.
    pub certificates: PathBuf,
}

/// What one run asked of the server.
#[derive(Debug)]
pub struct Run {
    /// What the client said.
    pub log: String,
}

impl<'a> Client<'a> {
    /// One whose folders are called `name`, among the files of the server's test.
    ///
    /// # Errors
    /// When a folder cannot be made, or openssl is missing.
    pub fn new(program: &'a Path, account: &impl Account, name: &str) -> Result<Self> {
        let server = account.server();
        let folder = |name: &str| -> Result<PathBuf> {
            let folder = server.home().join(name);
            std::fs::create_dir_all(&folder)?;
            Ok(folder)
        };
        let certificates = folder("certificates")?;
        std::fs::copy(server.ca(), certificates.join("moonsail.pem"))?;
        std::fs::copy(server.ca(), certificates.join("ca-certificates.crt"))?;
        tools::require(Command::new("openssl").arg("rehash").arg(&certificates), LIMIT)?;
        let (top, home) = (folder(name)?, folder(&format!("{name}-home"))?);
        Ok(Self { program, top, home, certificates })
    }

    /// The client over HTTPS, with more options.
    pub fn command(&self, account: &impl Account, options: &[&str]) -> Command {
        let mut command = Command::new("unshare");
        command.args(namespace()).args(["sh", "-c"]);
        command.arg("mount --bind \"$1\" /etc/ssl/certs && shift && exec \"$@\"");
        command.arg("sh").arg(&self.certificates).arg(self.program);
        command.args(["--non-interactive", "-h", "-u", account.login()]);
        command.args(["-p", account.password()]).args(options);
        command.arg(&self.top).arg(account.server().https().base()).env("HOME", &self.home);
        command.env("XDG_RUNTIME_DIR", &self.home).env("LC_ALL", "C.UTF-8");
        command
    }

    /// Syncs once.
    ///
    /// # Errors
    /// When the client says that it failed, or takes too long; with the end of its log.
    pub fn sync(&self, account: &impl Account) -> Result<Run> {
        let finished = tools::run(&mut self.command(account, &[]), LIMIT)?;
        let run = Run { log: finished.text };
        ensure!(finished.success, "nextcloudcmd ended with an error:\n{}", run.tail());
        Ok(run)
    }

    /// What is in its folder.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn tree(&self) -> Result<Tree> {
        tree::read(&self.top)
    }
}

impl Run {
    /// Requests of this method, by the numbers of Qt or by name, below the users' trees.
    pub fn count(&self, method: &str) -> usize {
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
    pub fn transfers(&self) -> usize {
        ["GET", "PUT", "POST", "DELETE", "MKCOL", "MOVE", "PROPPATCH"]
            .map(|m| self.count(m))
            .iter()
            .sum()
    }

    /// It asked, and transferred nothing.
    ///
    /// # Errors
    /// When it did.
    pub fn idle(&self) -> Result<()> {
        ensure!(self.count("PROPFIND") > 0, "the log shows no request at all:\n{}", self.tail());
        let count = self.transfers();
        ensure!(count == 0, "a run without changes made {count} transfers:\n{}", self.asked());
        Ok(())
    }

    /// The lines of its log that name requests.
    pub fn asked(&self) -> String {
        let lines = self.log.lines().filter(|line| line.contains("has X-Request-ID"));
        lines.collect::<Vec<_>>().join("\n")
    }

    /// The end of its log.
    pub fn tail(&self) -> String {
        let lines: Vec<_> = self.log.lines().collect();
        lines[lines.len().saturating_sub(60)..].join("\n")
    }
}
