//! `[scripts]` and `[[script]]`: Lua that bends the server.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::checker::Checker;
use super::plugins::resolve;

/// What a script may be granted; those that end in `:` are followed by something of the owner's.
const GRANTS: [&str; 4] = ["http:", "http-private:", "ldap", "kv"];

/// `[scripts]` as written.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RawScripts {
    vms: u64,
    watch: bool,
}

impl Default for RawScripts {
    fn default() -> Self {
        Self { vms: 0, watch: true }
    }
}

/// One `[[script]]` as written.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RawScript {
    name: String,
    path: String,
    allow: Vec<String>,
    on_error: String,
    shadow: bool,
    cpu_millis: u64,
    timeout_secs: u64,
    memory_mib: u64,
    config: BTreeMap<String, Value>,
    secrets: BTreeMap<String, Value>,
}

impl Default for RawScript {
    fn default() -> Self {
        Self {
            name: String::new(),
            path: String::new(),
            allow: Vec::new(),
            on_error: String::new(),
            shadow: false,
            cpu_millis: 50,
            timeout_secs: 10,
            memory_mib: 32,
            config: BTreeMap::new(),
            secrets: BTreeMap::new(),
        }
    }
}

/// Checked `[scripts]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scripts {
    /// VMs of each script.
    pub vms: usize,
    /// Whether a script is loaded anew when its file changes.
    pub watch: bool,
}

/// What an event is worth when a script fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnError {
    /// It does not happen.
    Deny,
    /// The script counts as without an opinion.
    Allow,
}

/// A script to be loaded.
#[derive(Clone, PartialEq)]
pub struct Script {
    /// Its name: in logs, in `auth.chain`, in the paths of its routes.
    pub name: String,
    /// The file.
    pub path: PathBuf,
    /// What it may do.
    pub allow: Vec<String>,
    /// What its errors mean; `None` for what the event's class says.
    pub on_error: Option<OnError>,
    /// It is asked, and what it says is only logged.
    pub shadow: bool,
    /// Processor time of one call.
    pub cpu: Duration,
    /// Time of one call, waiting included.
    pub timeout: Duration,
    /// Bytes of memory of each of its VMs.
    pub memory: usize,
    /// `[script.config]`.
    pub config: Value,
    /// `[script.secrets]`, resolved.
    pub secrets: Vec<(String, String)>,
}

impl Eq for Script {}

/// Without what may be secret.
impl std::fmt::Debug for Script {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Script").field("name", &self.name).field("path", &self.path).finish()
    }
}

impl RawScripts {
    pub(crate) fn check(&self, see: &mut Checker<'_>) -> Scripts {
        see.section("scripts");
        let vms = match see.count("vms", self.vms, 0..=16) {
            0 => super::processors().min(4),
            vms => vms,
        };
        Scripts { vms, watch: self.watch }
    }
}

/// Checks all of them together: each name once.
pub(crate) fn check_all(scripts: &[RawScript], see: &mut Checker<'_>) -> Vec<Script> {
    see.section("script");
    let mut checked: Vec<Script> = Vec::with_capacity(scripts.len());
    for script in scripts {
        let script = script.check(see);
        if checked.iter().any(|other| other.name == script.name) {
            see.refuse("name", "each name once", format_args!("{:?} a second time", script.name));
        }
        checked.push(script);
    }
    checked
}

impl RawScript {
    fn check(&self, see: &mut Checker<'_>) -> Script {
        let usual = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
        if self.name.is_empty() || self.name.len() > 64 || !self.name.chars().all(usual) {
            let expected =
                "a name of at most 64 letters a-z, digits, - and _, as in \"office-hours\"";
            see.refuse("name", expected, format_args!("{:?}", self.name));
        }
        let of = format!("the script {:?}", self.name);
        if self.path.is_empty() {
            let expected = "the file, as in \"scripts/office-hours.lua\"";
            see.refuse("path", expected, format_args!("\"\" for {of}"));
        }
        for grant in &self.allow {
            let named = |known: &&str| match known.strip_suffix(':') {
                Some(_) => grant.strip_prefix(*known).is_some_and(|rest| !rest.is_empty()),
                None => grant == *known,
            };
            if !GRANTS.iter().any(named) {
                let expected = Checker::choice(GRANTS, grant);
                see.refuse("allow", expected, format_args!("{grant:?} for {of}"));
            }
        }
        let on_error = match self.on_error.as_str() {
            "" => None,
            "deny" => Some(OnError::Deny),
            "allow" => Some(OnError::Allow),
            other => {
                let expected = Checker::choice(["deny", "allow"], other);
                see.refuse("on_error", expected, format_args!("{other:?} for {of}"));
                None
            }
        };
        let base = see.base("secrets");
        let mut secrets = Vec::new();
        for (name, value) in &self.secrets {
            match resolve(value.clone(), &base) {
                Ok(Value::String(secret)) => secrets.push((name.clone(), secret)),
                Ok(_) => {
                    let expected = "text, { file = \"…\" } or { env = \"…\" }";
                    see.refuse("secrets", expected, format_args!("{name} of {of}"));
                }
                Err(why) => {
                    let expected = "a secret that can be read";
                    see.refuse("secrets", expected, format_args!("{name} of {of}: {why}"));
                }
            }
        }
        Script {
            name: self.name.clone(),
            path: see.path("path", &self.path).unwrap_or_default(),
            allow: self.allow.clone(),
            on_error,
            shadow: self.shadow,
            cpu: Duration::from_millis(see.number("cpu_millis", self.cpu_millis, 1..=10_000)),
            timeout: see.secs("timeout_secs", self.timeout_secs, 1..=600),
            memory: see.count("memory_mib", self.memory_mib, 1..=1024) << 20,
            config: Value::Object(self.config.clone().into_iter().collect()),
            secrets,
        }
    }
}
