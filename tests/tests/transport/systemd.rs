//! systemd around the server: sockets by the real `systemd-socket-activate`, and what is told to a
//! notification socket.

use std::net::TcpStream;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use e2e::http::Request;
use e2e::suite::{Case, Outcome};
use e2e::{binary, raw, tools};

use crate::house::{World, case, case_with, report, status};
use crate::proxies::free_port;

pub(crate) fn cases() -> Vec<Case<'static>> {
    vec![
        case_with("systemd::sockets", "systemd-socket-activate", sockets),
        case_with("systemd::sockets_without_use", "systemd-socket-activate", sockets_without_use),
        case("systemd::sockets_of_another_process", sockets_of_another_process),
        case("systemd::notifications", notifications),
        case_with("systemd::units", "systemd-analyze", units),
    ]
}

/// Connects until somebody listens: the first connection is what starts the server.
fn knock(port: u16) {
    std::thread::spawn(move || {
        for _ in 0..1000 {
            if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    });
}

/// TLS, plain HTTP and a Unix socket, each by its name, in the place of the configured addresses.
fn sockets(program: PathBuf) -> Result<Outcome> {
    let folder = tempfile::tempdir()?;
    let (program, path) = (program.display().to_string(), folder.path().join("given.sock"));
    let (https, http, admin) = (free_port()?, free_port()?, free_port()?);
    let [a, b, d] = [https, http, admin].map(|port| format!("--listen=127.0.0.1:{port}"));
    let c = format!("--listen={}", path.display());
    let quiet = "--setenv=MOONSAIL_SERVER__ADMIN_LISTEN=";
    knock(https);
    let by = [&*program, &a, &b, &c, &d, "--fdname=https:http:unix:admin", quiet];
    let world = World::start_under(&by, "[server]\nlisten_unix = \"own.sock\"\n")?;
    ensure!(world.server.https().port == https && world.port() == http, "other ports");
    ensure!(!world.server.home().join("own.sock").exists(), "its own socket as well");
    let answer = e2e::http::exchange(&world.server.https(), &world.file("PUT", "a").body("a"))?;
    ensure!(answer.status == 201, "TLS: {}", answer.status);
    let answer = world.ask(&world.file("GET", "a"))?;
    ensure!(answer.body == b"a", "plain HTTP: {}", answer.status);
    let mut stream = UnixStream::connect(&path)?;
    let request = b"GET /status.php HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    let answer = String::from_utf8_lossy(&raw::exchange(&mut stream, request)?).into_owned();
    ensure!(status(&answer) == 200, "Unix: {answer}");
    let endpoint = e2e::http::Endpoint { port: admin, ca: None };
    let health = e2e::http::exchange(&endpoint, &Request::new("GET", "/health"))?;
    ensure!(health.status == 200 && health.text().contains("homes"), "{}", health.text());
    let outcome = world.finish()?;
    ensure!(path.exists(), "systemd's socket is removed by the server");
    Ok(outcome)
}

/// Sockets whose names say nothing, or something else than they are, stop the start.
fn sockets_without_use(program: PathBuf) -> Result<Outcome> {
    let folder = tempfile::tempdir()?;
    for (name, unix, said) in [
        ("web", false, "FileDescriptorName=https, http or admin"),
        ("unix", false, "FileDescriptorName=https, http or admin"),
        ("https", true, "FileDescriptorName=unix"),
    ] {
        let port = free_port()?;
        let path = folder.path().join(format!("{name}.sock"));
        let listen = if unix { path.display().to_string() } else { format!("127.0.0.1:{port}") };
        let mut command = Command::new(&program);
        command.arg(format!("--listen={listen}")).arg(format!("--fdname={name}"));
        command.arg("--setenv=MOONSAIL_SERVER__ADMIN_LISTEN=").arg(binary::path()?);
        command.args(["serve", "--listen=127.0.0.1:0", "--listen-http=127.0.0.1:0", "--data"]);
        command.arg(folder.path().join("data")).stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = command.current_dir(folder.path()).spawn()?;
        if unix {
            let begun = Instant::now();
            while UnixStream::connect(&path).is_err() && begun.elapsed() < Duration::from_secs(10) {
                std::thread::sleep(Duration::from_millis(10));
            }
        } else {
            knock(port);
        }
        let output = child.wait_with_output()?;
        let error = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.code() == Some(2), "{name}: {}: {error}", output.status);
        ensure!(error.contains(said), "{name}: {error}");
    }
    Ok(Outcome::Passed)
}

/// `LISTEN_PID` means somebody else: what it speaks of is not ours.
fn sockets_of_another_process() -> Result<Outcome> {
    World::start_under(&["env", "LISTEN_PID=1", "LISTEN_FDS=2"], "")?.finish()
}

/// The socket that systemd would read.
struct Manager {
    socket: UnixDatagram,
    heard: Vec<(Instant, String)>,
}

impl Manager {
    /// Listens until a message has a line that begins with `line`; gives the whole message.
    fn wait_for(&mut self, line: &str) -> Result<String> {
        let begun = Instant::now();
        let mut buffer = [0; 4096];
        while begun.elapsed() < Duration::from_secs(10) {
            let Ok(count) = self.socket.recv(&mut buffer) else { continue };
            let message = String::from_utf8_lossy(&buffer[..count]).into_owned();
            self.heard.push((Instant::now(), message.clone()));
            if message.lines().any(|said| said.starts_with(line)) {
                return Ok(message);
            }
        }
        anyhow::bail!("{line} was not said: {:?}", self.heard)
    }
}

fn signal(world: &World, name: &str) -> Result<()> {
    let pid = world.server.pid()?.to_string();
    ensure!(Command::new("kill").args([name, &pid]).status()?.success(), "kill {name}");
    Ok(())
}

/// Ready, alive, reloading, stopping.
fn notifications() -> Result<Outcome> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("notify");
    let socket = UnixDatagram::bind(&path)?;
    socket.set_read_timeout(Some(Duration::from_millis(200)))?;
    let mut manager = Manager { socket, heard: Vec::new() };
    let notify = format!("NOTIFY_SOCKET={}", path.display());
    let mut world = World::start_under(&["env", &notify, "WATCHDOG_USEC=400000"], "[theme]\n")?;

    let ready = manager.wait_for("READY=1")?;
    ensure!(ready.contains("STATUS=serving"), "{ready}");
    manager.wait_for("WATCHDOG=1")?;
    let begun = Instant::now();
    for _ in 0..5 {
        manager.wait_for("WATCHDOG=1")?;
    }
    // Five pauses of 200 ms: not in one heap, and not later than systemd would wait.
    let took = begun.elapsed();
    ensure!(took > Duration::from_millis(700) && took < Duration::from_secs(4), "{took:?}");

    signal(&world, "-HUP")?;
    let reloading = manager.wait_for("RELOADING=1")?;
    let stamp = reloading.lines().find_map(|line| line.strip_prefix("MONOTONIC_USEC="));
    let stamp: u64 = stamp.with_context(|| reloading.clone())?.parse()?;
    let uptime = std::fs::read_to_string("/proc/uptime")?;
    let uptime: f64 = uptime.split(' ').next().context("uptime")?.parse()?;
    let now = Duration::from_secs_f64(uptime).as_micros();
    ensure!(u128::from(stamp) <= now + 1_000_000, "the reload lies in the future: {stamp} {now}");
    let again = manager.wait_for("READY=1")?;
    ensure!(again.contains("was read again"), "{again}");

    std::fs::write(world.server.home().join("server.toml"), "nonsense = 1\n")?;
    signal(&world, "-HUP")?;
    manager.wait_for("RELOADING=1")?;
    let kept = manager.wait_for("READY=1")?;
    ensure!(kept.contains("STATUS=serving; the new configuration is wrong"), "{kept}");
    std::fs::write(world.server.home().join("server.toml"), "")?;

    world.server.stop()?;
    let stopping = manager.wait_for("STOPPING=1")?;
    ensure!(stopping.contains("STATUS=stopping"), "{stopping}");
    world.server.restart()?;
    manager.wait_for("READY=1")?;
    world.finish()
}

/// The units in docs/ mean something to systemd, and shut out what they say.
fn units(program: PathBuf) -> Result<Outcome> {
    let folder = tempfile::tempdir()?;
    let docs = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs"));
    let installed = binary::path()?.display().to_string();
    for name in ["moonsail.service", "moonsail.socket"] {
        let unit = std::fs::read_to_string(docs.join(name))?;
        let unit = unit.replace("/usr/local/bin/moonsail", &installed);
        std::fs::write(folder.path().join(name), unit)?;
    }
    let limit = Duration::from_secs(60);
    let [service, socket] =
        ["moonsail.service", "moonsail.socket"].map(|name| folder.path().join(name));
    let mut verify = Command::new(&program);
    verify.arg("verify").arg("--man=no").args([&service, &socket]);
    let said = tools::require(&mut verify, limit)?;
    ensure!(!said.contains("moonsail."), "{said}");
    // A service without any protection has 96.
    let mut security = Command::new(&program);
    security.args(["security", "--offline=true", "--threshold=20", "--no-pager"]).arg(&service);
    let said = tools::require(&mut security, limit)?;
    let verdict = said.lines().find(|line| line.contains("Overall exposure")).unwrap_or_default();
    report(verdict.trim());
    Ok(Outcome::Passed)
}
