//! A server of its own for a test: started, asked, stopped, killed and started again.

mod process;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use tempfile::TempDir;

use self::process::{Running, program, program_by};
use crate::http::{self, Endpoint, Request, Response};

/// How long a start may take; it takes a tenth of a second, but machines can be busy.
const START_LIMIT: Duration = Duration::from_secs(30);
/// How long a stop may take: what the server's own grace time and a margin come to.
const STOP_LIMIT: Duration = Duration::from_secs(30);

/// A running server with a data directory of its own. Dropping it kills it and removes the data;
/// [`Server::finish`] is the proper end of a test.
pub struct Server {
    home: TempDir,
    /// A program and its arguments that the server is started by; empty for none.
    wrapper: Vec<String>,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    running: Option<Running>,
    https: u16,
    http: u16,
    log: Arc<Mutex<Vec<String>>>,
    finished: bool,
}

impl Server {
    /// Starts a server on free ports with the built-in configuration.
    ///
    /// # Errors
    /// When the binary cannot be built or does not become ready.
    pub fn start() -> Result<Self> {
        Self::start_with("", &[])
    }

    /// Starts a server with a configuration file (unless empty) and more arguments after `serve`.
    ///
    /// # Errors
    /// When the binary cannot be built or does not become ready.
    pub fn start_with(config: &str, arguments: &[&str]) -> Result<Self> {
        Self::start_under(&[], config, arguments)
    }

    /// As [`Server::start_with`], by a program that ends by running what its last arguments say:
    /// `["prlimit", "--nofile=64:64"]`. It has to become the server, not its parent.
    ///
    /// # Errors
    /// When the binary cannot be built or does not become ready.
    pub fn start_under(wrapper: &[&str], config: &str, arguments: &[&str]) -> Result<Self> {
        let mut server = Self::prepare(config, arguments)?;
        server.wrapper = wrapper.iter().map(|word| (*word).to_owned()).collect();
        server.launch()?;
        Ok(server)
    }

    /// A server that does not run yet: [`Server::restart`] starts it. For tests that have to do
    /// with its folder first.
    ///
    /// # Errors
    /// When there is no room for its folder.
    pub fn prepare(config: &str, arguments: &[&str]) -> Result<Self> {
        let home = tempfile::Builder::new().prefix("moonsail-e2e-").tempdir()?;
        let arguments = arguments.iter().map(|a| (*a).to_owned()).collect();
        let (running, https, http, log) = (None, 0, 0, Arc::default());
        let environment = Vec::new();
        let (wrapper, finished) = (Vec::new(), false);
        let mut server =
            Self { home, wrapper, arguments, environment, running, https, http, log, finished };
        if !config.is_empty() {
            server.configure(config)?;
        }
        Ok(server)
    }

    /// Writes the configuration file for the next start.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn configure(&mut self, config: &str) -> Result<()> {
        let file = self.home.path().join("server.toml");
        std::fs::write(&file, config)?;
        if self.arguments.first().is_none_or(|first| first != "--config") {
            self.arguments.splice(0..0, ["--config".to_owned(), file.display().to_string()]);
        }
        Ok(())
    }

    /// Environment of the next start, in place of what was set before.
    pub fn set_environment(&mut self, environment: &[(&str, &str)]) {
        self.environment =
            environment.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    }

    /// Process id of the running server.
    ///
    /// # Errors
    /// When it does not run.
    pub fn pid(&self) -> Result<u32> {
        Ok(self.running.as_ref().context("the server does not run")?.pid())
    }

    /// The data directory.
    pub fn data(&self) -> PathBuf {
        self.home.path().join("data")
    }

    /// A directory for the test's own files, removed with the server.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// The certificate authority the server made for itself.
    pub fn ca(&self) -> PathBuf {
        self.data().join("tls/ca.pem")
    }

    /// Plain HTTP.
    pub fn http(&self) -> Endpoint {
        Endpoint { port: self.http, ca: None }
    }

    /// HTTPS, trusting the server's own authority.
    pub fn https(&self) -> Endpoint {
        Endpoint { port: self.https, ca: Some(self.ca()) }
    }

    /// One request over plain HTTP on a connection of its own.
    ///
    /// # Errors
    /// When there is no answer.
    pub fn dav(
        &self,
        method: &str,
        path: &str,
        login: (&str, &str),
        fields: &[(&str, &str)],
        body: &[u8],
    ) -> Result<Response> {
        let mut request = Request::new(method, path).basic(login.0, login.1).body(body);
        for (name, value) in fields {
            request = request.field(name, value);
        }
        http::exchange(&self.http(), &request)
    }

    fn launch(&mut self) -> Result<()> {
        let readiness = self.spawn()?;
        let begun = Instant::now();
        let (mut https, mut http) = (0, 0);
        while https == 0 || http == 0 {
            let left = START_LIMIT.saturating_sub(begun.elapsed());
            let Ok(url) = readiness.recv_timeout(left) else {
                // If it has ended, all that it said is in the log from here on.
                self.ended_within(Duration::from_secs(1))?;
                bail!("the server did not become ready");
            };
            if url.starts_with("unix:") {
                continue;
            }
            let port = url.trim_end_matches('/').rsplit(':').next().unwrap_or_default();
            let port = port.parse().with_context(|| format!("ready line {url:?}"))?;
            if url.starts_with("https://") {
                https = port;
            } else {
                http = port;
            }
        }
        (self.https, self.http) = (https, http);
        Ok(())
    }

    /// Starts the process; its `ready` lines come through the channel.
    fn spawn(&mut self) -> Result<Receiver<String>> {
        ensure!(self.running.is_none(), "the server is already running");
        let child = program_by(&self.wrapper)?
            .arg("serve")
            .arg("--data")
            .arg(self.data())
            .args(["--listen", &format!("127.0.0.1:{}", self.https)])
            .args(["--listen-http", &format!("127.0.0.1:{}", self.http)])
            .args(&self.arguments)
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .current_dir(self.home.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("starting the server")?;
        let (running, readiness) = Running::listen(child, &self.log)?;
        self.running = Some(running);
        Ok(readiness)
    }

    /// Stops the server by SIGTERM and waits for its end.
    ///
    /// # Errors
    /// When it takes more than 30 seconds or ends with an error.
    pub fn stop(&mut self) -> Result<()> {
        let Some(mut running) = self.running.take() else { return Ok(()) };
        running.terminate()?;
        let Some(status) = running.wait(STOP_LIMIT)? else {
            running.kill()?;
            bail!("the server did not stop within {STOP_LIMIT:?} of SIGTERM");
        };
        running.join();
        ensure!(status.success(), "the server stopped with {status}");
        Ok(())
    }

    /// Kills the server as a power cut would end it (but for what the kernel still writes).
    ///
    /// # Errors
    /// When it cannot be killed.
    pub fn kill9(&mut self) -> Result<()> {
        let Some(mut running) = self.running.take() else { return Ok(()) };
        running.kill()?;
        running.join();
        Ok(())
    }

    /// Waits for an end that somebody else brings about; `false` if the server goes on.
    ///
    /// # Errors
    /// When nothing is known of its process.
    pub fn ended_within(&mut self, limit: Duration) -> Result<bool> {
        let Some(running) = &mut self.running else { return Ok(true) };
        if running.wait(limit)?.is_none() {
            return Ok(false);
        }
        if let Some(running) = self.running.take() {
            running.join();
        }
        Ok(true)
    }

    /// Starts the server again (after a stop, if it runs) on the same data and the same ports.
    ///
    /// # Errors
    /// As [`Server::start`] and [`Server::stop`].
    pub fn restart(&mut self) -> Result<()> {
        self.stop()?;
        self.launch()
    }

    /// Starts the server and kills it after a while, ready or not.
    ///
    /// # Errors
    /// When it cannot be started or killed.
    pub fn start_and_kill9(&mut self, after: Duration) -> Result<()> {
        let _unheard = self.spawn()?;
        std::thread::sleep(after);
        self.kill9()
    }

    /// Runs a verb of the command line on the data directory; gives what it printed.
    ///
    /// # Errors
    /// When it ends with an error; the text holds what it said.
    pub fn command(&self, arguments: &[&str], input: &str) -> Result<String> {
        let mut child = program()?
            .arg("--data")
            .arg(self.data())
            .args(arguments)
            .current_dir(self.home.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        // A verb that reads nothing may have ended already; its status tells.
        let _ = child.stdin.take().context("stdin")?.write_all(input.as_bytes());
        let output = child.wait_with_output()?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        if !output.status.success() {
            let error = String::from_utf8_lossy(&output.stderr);
            bail!("moonsail {} ended with {}: {said}{error}", arguments.join(" "), output.status);
        }
        Ok(said)
    }

    /// Adds a user.
    ///
    /// # Errors
    /// As [`Server::command`].
    pub fn add_user(&self, name: &str, password: &str) -> Result<()> {
        self.add_user_with(name, password, &[])
    }

    /// Adds a user with more arguments (`--admin`, `--quota 1MB`, …).
    ///
    /// # Errors
    /// As [`Server::command`].
    pub fn add_user_with(&self, name: &str, password: &str, more: &[&str]) -> Result<()> {
        let mut arguments = vec!["user", "add", name, "--password-stdin"];
        arguments.extend_from_slice(more);
        self.command(&arguments, &format!("{password}\n")).map(drop)
    }

    /// Makes an app password for a user.
    ///
    /// # Errors
    /// As [`Server::command`], or when anything but the password alone is printed.
    pub fn token(&self, user: &str) -> Result<String> {
        let printed = self.command(&["token", "add", user, "e2e"], "")?;
        let token = printed.trim();
        ensure!(
            token.len() >= 16 && !token.contains(char::is_whitespace),
            "token add printed {printed:?}, which is not an app password alone"
        );
        Ok(token.to_owned())
    }

    /// Compares the index and the files.
    ///
    /// # Errors
    /// When they disagree.
    pub fn fsck(&self) -> Result<()> {
        self.command(&["fsck"], "").map(drop)
    }

    /// Ends a test: stops the server and checks that its data is sound.
    ///
    /// # Errors
    /// As [`Server::stop`] and [`Server::fsck`].
    pub fn finish(self) -> Result<()> {
        self.finish_on(())
    }

    /// The same for a server whose data lies on something that has to go before its folder is
    /// removed.
    ///
    /// # Errors
    /// As [`Server::finish`].
    pub fn finish_on<T>(mut self, disk: T) -> Result<()> {
        self.stop()?;
        self.fsck()?;
        drop(disk);
        self.finished = true;
        Ok(())
    }

    /// The lines of the server's log that hold a text, a request id for instance.
    pub fn log_about(&self, text: &str) -> String {
        let log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        let lines: Vec<_> = log.iter().filter(|line| line.contains(text)).cloned().collect();
        lines.join("\n")
    }

    /// The last lines of the server's log.
    pub fn log_tail(&self, lines: usize) -> String {
        let log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        log[log.len().saturating_sub(lines)..].join("\n")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The data goes with it, so there is nothing to shut down properly.
        let _ = self.kill9();
        if !self.finished {
            let tail = self.log_tail(40);
            let _ = writeln!(std::io::stderr(), "--- end of the server's log ---\n{tail}\n---");
        }
    }
}
