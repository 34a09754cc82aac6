//! Proxies in front: HAProxy itself with the PROXY protocol, forged headers, a Unix socket.

use std::io::Write;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use e2e::suite::{Case, Outcome};
use e2e::{raw, tls};

use crate::house::{World, case, case_with, status};

/// Where the proxies of these cases connect from.
const PROXY: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 3);
const CONFIG: &str = "[server]\nproxy_protocol = [\"127.0.0.3\"]\n";

pub(crate) fn cases() -> Vec<Case<'static>> {
    vec![
        case_with("proxies::haproxy", "haproxy", haproxy),
        case("proxies::from_afar", from_afar),
        case("proxies::forged_header", forged_header),
        case("proxies::unix_socket", unix_socket),
    ]
}

/// A port that is free now, and most probably in a moment.
pub(crate) fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// A program of the case's own, ended with it.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn ask(stream: &mut (impl std::io::Read + Write), path: &str, mark: &str) -> Result<String> {
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Request-Id: {mark}\r\nConnection: close\r\n\r\n"
    );
    Ok(String::from_utf8_lossy(&raw::exchange(stream, request.as_bytes())?).into_owned())
}

/// HAProxy passes TLS through with versions 1 and 2, and ends TLS itself and says so; its health
/// checks say LOCAL. The log knows the client each time.
fn haproxy(program: PathBuf) -> Result<Outcome> {
    let world = World::start(CONFIG)?;
    let (https, http) = (world.server.https().port, world.port());
    let ports = [free_port()?, free_port()?, free_port()?];
    let tls_folder = world.server.data().join("tls");
    let pem = world.server.home().join("haproxy.pem");
    let both =
        [std::fs::read(tls_folder.join("cert.pem"))?, std::fs::read(tls_folder.join("key.pem"))?];
    std::fs::write(&pem, both.concat())?;
    std::fs::set_permissions(&pem, std::fs::Permissions::from_mode(0o600))?;
    let file = world.server.home().join("haproxy.cfg");
    let server = |port, how| format!("server m 127.0.0.1:{port} source {PROXY} {how}");
    std::fs::write(
        &file,
        format!(
            "defaults\n timeout connect 5s\n timeout client 30s\n timeout server 30s\n\
             listen one\n mode tcp\n bind 127.0.0.1:{}\n {}\n\
             listen two\n mode tcp\n bind 127.0.0.1:{}\n {}\n\
             listen ends_tls\n mode http\n bind 127.0.0.1:{} ssl crt {}\n \
             option httpchk\n http-check send meth GET uri /status.php ver HTTP/1.1 hdr Host a\n {}\n",
            ports[0],
            server(https, "send-proxy"),
            ports[1],
            server(https, "send-proxy-v2"),
            ports[2],
            pem.display(),
            server(http, "send-proxy-v2-ssl check inter 200ms check-send-proxy"),
        ),
    )?;
    let mut command = Command::new(program);
    command.arg("-db").arg("-f").arg(&file).stdout(Stdio::null()).stderr(Stdio::null());
    let _haproxy = Running(command.spawn()?);
    for (number, port) in ports.into_iter().enumerate() {
        let client = Ipv4Addr::new(127, 5, 5, u8::try_from(number)? + 1);
        let begun = Instant::now();
        let tcp = loop {
            match raw::connect_from(client, port) {
                Ok(tcp) => break tcp,
                Err(error) if begun.elapsed() > Duration::from_secs(10) => return Err(error),
                Err(_) => std::thread::sleep(Duration::from_millis(20)),
            }
        };
        let mut stream = tls::connect(tcp, &world.server.ca(), &["http/1.1"])?;
        let mark = format!("haproxy-{number}");
        let answer = ask(&mut stream, "/remote.php/dav/files/alice/", &mark)?;
        // Not 403, which plain HTTP from afar would get.
        ensure!(status(&answer) == 401, "{number}: {answer}");
        ensure!(answer.to_ascii_lowercase().contains("strict-transport-security"), "{answer}");
        let line = world.logged(&mark);
        ensure!(line.contains(&client.to_string()), "{number}: {line}");
    }
    let said = world.server.log_about("server.proxy_protocol");
    ensure!(said.is_empty(), "a health check was refused: {said}");
    world.finish()
}

/// A version 1 header, or a version 2 header that says TLS, and a request behind it.
fn announced(world: &World, ip: Ipv4Addr, secure: bool, request: &str) -> Result<String> {
    let mut stream = raw::connect_from(PROXY, world.port())?;
    let mut bytes = format!("PROXY TCP4 {ip} 198.51.100.1 4711 443\r\n").into_bytes();
    if secure {
        bytes = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x14".to_vec();
        bytes.extend(ip.octets());
        bytes.extend([198, 51, 100, 1, 0x12, 0x67, 1, 187, 0x20, 0, 5, 1, 0, 0, 0, 0]);
    }
    bytes.extend(request.as_bytes());
    Ok(String::from_utf8_lossy(&raw::exchange(&mut stream, &bytes)?).into_owned())
}

/// Plain HTTP from another machine: pages are sent on to https, all else is refused before anybody
/// looks at the password in it. And each address behind a balancer is throttled for itself.
fn from_afar() -> Result<Outcome> {
    let world = World::start(CONFIG)?;
    let far = Ipv4Addr::new(203, 0, 113, 9);
    let login = world.authorization();
    let request = |method: &str, path: &str, login: &str| {
        format!("{method} {path} HTTP/1.1\r\nHost: a.org:8080\r\nConnection: close\r\n{login}\r\n")
    };
    for (method, path, wanted) in [
        ("GET", "/", 301),
        ("GET", "/login", 301),
        ("GET", "/remote.php/dav/files/alice/", 403),
        ("PROPFIND", "/remote.php/dav/files/alice/", 403),
        ("GET", "/ocs/v2.php/cloud/user", 403),
        ("POST", "/index.php/login/v2", 403),
        ("PUT", "/remote.php/dav/files/alice/a", 403),
        ("GET", "//evil.example/", 301),
    ] {
        let answer = announced(&world, far, false, &request(method, path, &login))?;
        ensure!(status(&answer) == wanted, "{method} {path}: {answer}");
        if wanted == 301 {
            let port = world.server.https().port;
            let target = format!("https://a.org:{port}{path}\r\n");
            ensure!(answer.contains(&target), "{method} {path}: {answer}");
        }
        let answer = announced(&world, far, true, &request(method, path, &login))?;
        ensure!(![301, 403].contains(&status(&answer)), "{method} {path} by TLS: {answer}");
    }
    let wrong = "Authorization: Basic YWxpY2U6d3Jvbmc=\r\n";
    let guess = |ip| announced(&world, ip, true, &request("GET", "/remote.php/dav/", wrong));
    let answers = (0..11).map(|_| guess(far)).collect::<Result<Vec<_>>>()?;
    ensure!(status(&answers[0]) == 401, "{}", answers[0]);
    ensure!(status(&answers[10]) == 429, "not throttled: {}", answers[10]);
    let known = announced(&world, far, true, &request("GET", "/ocs/v2.php/cloud/user", &login))?;
    ensure!(status(&known) != 429, "a valid app password is throttled: {known}");
    let elsewhere = "Authorization: Basic Ym9iOndyb25n\r\n"; // bob: the account is throttled too
    let request = request("GET", "/remote.php/dav/", elsewhere);
    let answer = announced(&world, Ipv4Addr::new(203, 0, 113, 10), true, &request)?;
    ensure!(status(&answer) == 401, "another address is throttled: {answer}");
    world.finish()
}

/// A PROXY header from somebody who is no proxy, on both listeners.
fn forged_header() -> Result<Outcome> {
    let world = World::start(CONFIG)?;
    for port in [world.port(), world.server.https().port] {
        for header in [
            &b"PROXY TCP4 127.0.0.1 127.0.0.1 1 2\r\n"[..],
            b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\x7f\0\0\x01\x7f\0\0\x01\0\x01\0\x02",
        ] {
            let mut stream = raw::connect_from(Ipv4Addr::new(127, 0, 0, 4), port)?;
            let bytes = [header, b"GET /status.php HTTP/1.1\r\nHost: a\r\n\r\n"].concat();
            let answer = raw::exchange(&mut stream, &bytes)?;
            let answer = String::from_utf8_lossy(&answer).into_owned();
            ensure!(!answer.contains("200 OK"), "port {port}: {answer}");
        }
    }
    // And the proxy that sends none.
    for port in [world.port(), world.server.https().port] {
        let mut stream = raw::connect_from(PROXY, port)?;
        let answer = raw::exchange(&mut stream, b"GET /status.php HTTP/1.1\r\nHost: a\r\n\r\n")?;
        ensure!(answer.is_empty(), "{}", String::from_utf8_lossy(&answer));
    }
    ensure!(!world.logged("PROXY header is missing").is_empty(), "the log says nothing");
    world.finish()
}

/// A Unix socket has its mode, outlives a kill, and goes with the server.
fn unix_socket() -> Result<Outcome> {
    let config = "[server]\nlisten_unix = \"http.sock\"\nlisten_unix_mode = \"0640\"\n";
    let mut world = World::start(&format!("{config}trusted_proxies = [\"unix\"]\n"))?;
    let path = world.server.home().join("http.sock");
    let ask = |path: &Path, mark: &str| -> Result<String> {
        let mut stream = UnixStream::connect(path)?;
        let fields = format!("X-Forwarded-For: 203.0.113.9\r\nX-Request-Id: {mark}\r\n");
        let request =
            format!("GET /status.php HTTP/1.1\r\nHost: a\r\n{fields}Connection: close\r\n\r\n");
        Ok(String::from_utf8_lossy(&raw::exchange(&mut stream, request.as_bytes())?).into_owned())
    };
    ensure!(status(&ask(&path, "unix-1")?) == 200, "not served");
    ensure!(world.logged("unix-1").contains("203.0.113.9"), "the proxy is not believed");
    let mode = std::fs::metadata(&path)?.permissions().mode() & 0o777;
    ensure!(mode == 0o640, "the mode is {mode:o}");
    world.server.kill9()?;
    ensure!(path.exists(), "a kill leaves the socket, and the next start finds it");
    world.server.restart()?;
    ensure!(status(&ask(&path, "unix-2")?) == 200, "not served after the kill");
    world.server.stop()?;
    ensure!(!path.exists(), "the socket is left behind");
    world.server.restart()?;
    // Not through the socket: 127.0.0.1 is nobody's proxy.
    let mut stream = TcpStream::connect(("127.0.0.1", world.port()))?;
    let request = "GET /status.php HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 6.6.6.6\r\nX-Request-Id: tcp-1\r\nConnection: close\r\n\r\n";
    raw::exchange(&mut stream, request.as_bytes())?;
    ensure!(world.logged("tcp-1").contains("127.0.0.1"), "127.0.0.1 is believed");
    world.finish()
}
