//! `[auth]`: who decides about logins, and how often somebody may try.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::checker::Checker;
use super::plugins::Plugin;
use super::scripts::Script;

/// The section as written in `server.toml`; the file documents each key.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RawAuth {
    chain: Vec<String>,
    password_threads: u64,
    max_password_bytes: u64,
    throttle_failures: u64,
    throttle_window_secs: u64,
    login_cache_secs: u64,
    session_idle_secs: u64,
    session_max_secs: u64,
    login_flow_secs: u64,
    file: RawAuthFile,
}

/// `[auth.file]`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RawAuthFile {
    path: String,
}

impl Default for RawAuth {
    fn default() -> Self {
        Self {
            chain: vec!["builtin:users".to_owned()],
            password_threads: 0,
            max_password_bytes: 4096,
            throttle_failures: 10,
            throttle_window_secs: 1800,
            login_cache_secs: 300,
            session_idle_secs: 3600,
            session_max_secs: 86_400,
            login_flow_secs: 1200,
            file: RawAuthFile::default(),
        }
    }
}

/// Somebody who is asked whether a login and a password belong together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuthProvider {
    /// The users in the index, made by `moonsail user add`.
    Users,
    /// An htpasswd file; its path.
    File(PathBuf),
    /// A plugin, as `plugin:` and its name.
    Plugin(String),
    /// A script, as `lua:` and its name.
    Script(String),
}

impl AuthProvider {
    /// The id under which accounts of this provider are stored. It stays when the configuration
    /// calls the same provider by another of its names.
    pub fn id(&self) -> &str {
        match self {
            Self::Users => "builtin:users",
            Self::File(_) => "plugin:auth-file",
            Self::Plugin(id) | Self::Script(id) => id,
        }
    }
}

/// Checked `[auth]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Auth {
    /// Who is asked, in this order. Never empty.
    pub chain: Vec<AuthProvider>,
    /// Password hashes computed at the same time, at least 1.
    pub password_threads: usize,
    /// Longest password, in bytes; above it 400 before hashing.
    pub max_password_bytes: usize,
    /// Failures within [`Auth::throttle_window`] after which an address or account gets 429.
    pub throttle_failures: u32,
    /// How long a failure counts.
    pub throttle_window: Duration,
    /// How long a login that succeeded is believed without asking again; zero asks always.
    pub login_cache: Duration,
    /// How long a browser session lives without a request.
    pub session_idle: Duration,
    /// How long a browser session lives at most.
    pub session_max: Duration,
    /// How long a login flow waits for the user.
    pub login_flow: Duration,
}

impl RawAuth {
    /// `plugins` and `scripts` are those that may be in the chain.
    pub(crate) fn check(
        &self,
        see: &mut Checker<'_>,
        plugins: &[Plugin],
        scripts: &[Script],
    ) -> Auth {
        see.section("auth");
        Auth {
            chain: self.chain(see, plugins, scripts),
            password_threads: match see.count("password_threads", self.password_threads, 0..=1024) {
                // A flood of logins must leave processors for everybody else (threats §4).
                0 => (super::processors() / 2).max(1),
                threads => threads,
            },
            max_password_bytes: see.count("max_password_bytes", self.max_password_bytes, 64..=4096),
            throttle_failures: see.number("throttle_failures", self.throttle_failures, 1..=100_000),
            throttle_window: see.secs(
                "throttle_window_secs",
                self.throttle_window_secs,
                1..=86_400,
            ),
            login_cache: see.secs("login_cache_secs", self.login_cache_secs, 0..=86_400),
            session_idle: see.secs("session_idle_secs", self.session_idle_secs, 60..=31_536_000),
            session_max: see.secs("session_max_secs", self.session_max_secs, 60..=31_536_000),
            login_flow: see.secs("login_flow_secs", self.login_flow_secs, 60..=86_400),
        }
    }

    fn chain(
        &self,
        see: &mut Checker<'_>,
        plugins: &[Plugin],
        scripts: &[Script],
    ) -> Vec<AuthProvider> {
        let loaded: Vec<String> = plugins
            .iter()
            .filter(|plugin| plugin.provides("auth"))
            .map(|plugin| format!("plugin:{}", plugin.name))
            .collect();
        let scripts: Vec<String> =
            scripts.iter().map(|script| format!("lua:{}", script.name)).collect();
        let mut chain: Vec<AuthProvider> = Vec::with_capacity(self.chain.len());
        for name in &self.chain {
            let provider = match name.as_str() {
                "builtin:users" => AuthProvider::Users,
                _ if loaded.contains(name) => AuthProvider::Plugin(name.clone()),
                _ if scripts.contains(name) => AuthProvider::Script(name.clone()),
                "builtin:file" | "plugin:auth-file" => AuthProvider::File(self.file(see)),
                _ => {
                    let known = ["builtin:users", "builtin:file", "plugin:auth-file"];
                    let known = known.into_iter().chain(loaded.iter().map(String::as_str));
                    let known = known.chain(scripts.iter().map(String::as_str));
                    see.refuse("chain", Checker::choice(known, name), format!("{name:?}"));
                    continue;
                }
            };
            if chain.iter().any(|earlier| earlier.id() == provider.id()) {
                see.refuse("chain", "each provider once", format!("{name:?} a second time"));
                continue;
            }
            chain.push(provider);
        }
        if self.chain.is_empty() {
            see.refuse("chain", "at least one provider, as in [\"builtin:users\"]", "[]");
        }
        chain
    }

    fn file(&self, see: &mut Checker<'_>) -> PathBuf {
        if self.file.path.is_empty() {
            see.refuse("file.path", "the htpasswd file that auth.chain asks", "\"\"");
            return PathBuf::new();
        }
        see.secret_file("file.path", &self.file.path)
    }
}
