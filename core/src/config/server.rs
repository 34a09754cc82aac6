//! `[server]`: where the server listens, what it is called, how it stops.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::checker::Checker;
use super::cidr::Cidr;

/// The section as written in `server.toml`; the file documents each key.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RawServer {
    listen: String,
    listen_http: String,
    listen_unix: String,
    listen_unix_mode: String,
    admin_listen: String,
    public_url: String,
    trusted_proxies: Vec<String>,
    proxy_protocol: Vec<String>,
    workers: u64,
    drain_timeout_secs: u64,
}

impl Default for RawServer {
    fn default() -> Self {
        Self {
            listen: "0.0.0.0:8443".to_owned(),
            listen_http: "127.0.0.1:8080".to_owned(),
            listen_unix: String::new(),
            listen_unix_mode: "0660".to_owned(),
            admin_listen: "127.0.0.1:9180".to_owned(),
            public_url: String::new(),
            trusted_proxies: Vec::new(),
            proxy_protocol: Vec::new(),
            workers: 0,
            drain_timeout_secs: 30,
        }
    }
}

/// Checked `[server]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// Address of the TLS listener; `None` if it is off. Port 0 takes a free one.
    pub listen: Option<SocketAddr>,
    /// Address of the plain HTTP listener, which serves loopback and [`Server::trusted_proxies`]
    /// only; `None` if it is off.
    pub listen_http: Option<SocketAddr>,
    /// The Unix socket that speaks plain HTTP; `None` if it is off.
    pub listen_unix: Option<PathBuf>,
    /// Permission bits of that socket.
    pub listen_unix_mode: u32,
    /// Address of health and metrics; `None` if they are off.
    pub admin_listen: Option<SocketAddr>,
    /// Base of absolute URLs, without trailing slash; `None` takes it from the request.
    pub public_url: Option<String>,
    /// Whose `X-Forwarded-*` and `Forwarded` fields are believed.
    pub trusted_proxies: Proxies,
    /// Whose connections must begin with a PROXY header; nobody else's may.
    pub proxy_protocol: Proxies,
    /// Threads of the asynchronous runtime, at least 1.
    pub workers: usize,
    /// How long open requests may go on after a stop was asked for.
    pub drain_timeout: Duration,
}

/// Reverse proxies: by their networks, and those that come through a Unix socket.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Proxies {
    /// Where they are.
    pub networks: Vec<Cidr>,
    /// Whether whoever comes through a Unix socket is one.
    pub unix: bool,
}

impl RawServer {
    pub(crate) fn check(&self, see: &mut Checker<'_>) -> Server {
        see.section("server");
        let server = Server {
            listen: see.address("listen", &self.listen),
            listen_http: see.address("listen_http", &self.listen_http),
            listen_unix: see.path("listen_unix", &self.listen_unix),
            listen_unix_mode: mode(see, "listen_unix_mode", &self.listen_unix_mode),
            admin_listen: see.address("admin_listen", &self.admin_listen),
            public_url: public_url(see, &self.public_url),
            trusted_proxies: proxies(see, "trusted_proxies", &self.trusted_proxies),
            proxy_protocol: proxies(see, "proxy_protocol", &self.proxy_protocol),
            workers: match see.count("workers", self.workers, 0..=1024) {
                0 => super::processors(),
                workers => workers,
            },
            drain_timeout: see.secs("drain_timeout_secs", self.drain_timeout_secs, 0..=3600),
        };
        if self.listen.is_empty() && self.listen_http.is_empty() && self.listen_unix.is_empty() {
            let expected = "an address here, in server.listen_http or in server.listen_unix";
            see.refuse("listen", expected, "all are \"\"");
        }
        // What fits into the system's `sockaddr_un`, with the byte that ends it.
        if let Some(path) = &server.listen_unix
            && path.as_os_str().len() > 107
        {
            see.refuse("listen_unix", "a path of at most 107 bytes", format!("{}", path.display()));
        }
        warn_of_open_listeners(see, &server);
        server
    }
}

fn warn_of_open_listeners(see: &mut Checker<'_>, server: &Server) {
    let open = |address: Option<SocketAddr>| address.is_some_and(|a| !a.ip().is_loopback());
    if open(server.listen_http)
        && server.trusted_proxies.networks.is_empty()
        && server.proxy_protocol.networks.is_empty()
    {
        let text = "answers nobody but this machine itself until trusted_proxies names a proxy";
        see.warn("listen_http", text.to_owned());
    }
    if open(server.admin_listen) {
        let text = "shows health and metrics to everybody who reaches this address";
        see.warn("admin_listen", text.to_owned());
    }
}

/// `https://cloud.example.org[:port]`, or nothing. A path would promise that the server answers
/// below it, which it does not.
fn public_url(see: &mut Checker<'_>, text: &str) -> Option<String> {
    if text.is_empty() {
        return None;
    }
    let trimmed = text.strip_suffix('/').unwrap_or(text);
    let good = trimmed.parse::<http::Uri>().is_ok_and(|uri| {
        matches!(uri.scheme_str(), Some("http" | "https"))
            && uri.authority().is_some_and(|host| !host.as_str().contains('@'))
            && uri.path() == "/"
            && uri.query().is_none()
            && !trimmed.ends_with('/')
    });
    if !good {
        see.refuse(
            "public_url",
            "\"\" or a URL of scheme, host and perhaps port, as in \"https://cloud.example.org\"",
            format!("{text:?}"),
        );
        return None;
    }
    Some(trimmed.to_owned())
}

fn proxies(see: &mut Checker<'_>, key: &str, texts: &[String]) -> Proxies {
    let mut proxies = Proxies::default();
    for text in texts {
        match (text.as_str(), Cidr::parse(text)) {
            ("unix", _) => proxies.unix = true,
            (_, Some(network)) => proxies.networks.push(network),
            (_, None) => see.refuse(
                key,
                "addresses, networks or \"unix\" as in [\"10.0.0.2\", \"192.168.0.0/16\", \"fd00::/8\"]",
                format!("{text:?}"),
            ),
        }
    }
    proxies
}

/// Permission bits as `chmod` takes them.
fn mode(see: &mut Checker<'_>, key: &str, text: &str) -> u32 {
    let octal = text.bytes().all(|b| b.is_ascii_digit());
    match u32::from_str_radix(text, 8) {
        Ok(mode) if octal && mode <= 0o777 => mode,
        _ => {
            see.refuse(key, "octal digits from \"0000\" to \"0777\"", format!("{text:?}"));
            0o600
        }
    }
}
