//! `[plugins]` and `[[plugin]]`: libraries that extend the server.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::checker::Checker;
use super::secret::SecretSource;

/// What a plugin can be, as `provides` names it.
pub const PROVIDES: [&str; 8] =
    ["auth", "files", "blobs", "capabilities", "hooks", "events", "http", "preview"];

/// `[plugins]` as written.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RawPlugins {
    strict: bool,
    start_timeout_secs: u64,
}

impl Default for RawPlugins {
    fn default() -> Self {
        Self { strict: false, start_timeout_secs: 10 }
    }
}

/// One `[[plugin]]` as written.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RawPlugin {
    name: String,
    path: String,
    sha256: String,
    provides: Vec<String>,
    optional: bool,
    timeout_secs: u64,
    config: BTreeMap<String, Value>,
}

impl Default for RawPlugin {
    fn default() -> Self {
        Self {
            name: String::new(),
            path: String::new(),
            sha256: String::new(),
            provides: Vec::new(),
            optional: false,
            timeout_secs: 30,
            config: BTreeMap::new(),
        }
    }
}

/// Checked `[plugins]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plugins {
    /// A plugin whose panic would end the server is refused.
    pub strict: bool,
    /// How long the start of a plugin may take.
    pub start_timeout: Duration,
}

/// A plugin to be loaded.
#[derive(Clone, PartialEq, Eq)]
pub struct Plugin {
    /// Name of the instance.
    pub name: String,
    /// The library.
    pub path: PathBuf,
    /// SHA-256 that the library must have, in lower-case hex.
    pub sha256: Option<String>,
    /// What it is taken for, of [`PROVIDES`]; empty for all that it offers.
    pub provides: Vec<String>,
    /// The server starts without it.
    pub optional: bool,
    /// How long one answer may take.
    pub timeout: Duration,
    /// Its section as JSON, with secrets in it.
    pub config_json: String,
}

impl Plugin {
    /// Whether it is to be taken for `what`, one of [`PROVIDES`], if it offers that.
    pub fn provides(&self, what: &str) -> bool {
        self.provides.is_empty() || self.provides.iter().any(|word| word == what)
    }
}

/// Without the configuration, which holds secrets.
impl std::fmt::Debug for Plugin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Plugin").field("name", &self.name).field("path", &self.path).finish()
    }
}

impl RawPlugins {
    pub(crate) fn check(&self, see: &mut Checker<'_>) -> Plugins {
        see.section("plugins");
        Plugins {
            strict: self.strict,
            start_timeout: see.secs("start_timeout_secs", self.start_timeout_secs, 1..=600),
        }
    }
}

/// Checks all of them together: each name once.
pub(crate) fn check_all(plugins: &[RawPlugin], see: &mut Checker<'_>) -> Vec<Plugin> {
    see.section("plugin");
    let mut checked: Vec<Plugin> = Vec::with_capacity(plugins.len());
    for plugin in plugins {
        let plugin = plugin.check(see);
        if checked.iter().any(|other| other.name == plugin.name) {
            see.refuse("name", "each name once", format_args!("{:?} a second time", plugin.name));
        }
        checked.push(plugin);
    }
    checked
}

impl RawPlugin {
    fn check(&self, see: &mut Checker<'_>) -> Plugin {
        let usual = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
        if self.name.is_empty() || self.name.len() > 64 || !self.name.chars().all(usual) {
            let expected = "a name of at most 64 letters a-z, digits, - and _, as in \"ldap\"";
            see.refuse("name", expected, format_args!("{:?}", self.name));
        }
        let of = format!("the plugin {:?}", self.name);
        if self.path.is_empty() {
            let expected = "the library, as in \"plugins/libmoonsail_auth_ldap.so\"";
            see.refuse("path", expected, format_args!("\"\" for {of}"));
        }
        let is_hash = self.sha256.len() == 64 && self.sha256.chars().all(|c| c.is_ascii_hexdigit());
        if !self.sha256.is_empty() && !is_hash {
            let expected = "64 hex digits, as sha256sum prints them, or \"\"";
            see.refuse("sha256", expected, format_args!("{:?} for {of}", self.sha256));
        }
        for word in &self.provides {
            if !PROVIDES.contains(&word.as_str()) {
                let expected = Checker::choice(PROVIDES, word);
                see.refuse("provides", expected, format_args!("{word:?} for {of}"));
            }
        }
        let base = see.base("config");
        let config: serde_json::Map<String, Value> = self
            .config
            .iter()
            .map(|(key, value)| {
                let resolved = resolve(value.clone(), &base).unwrap_or_else(|text| {
                    let what = format_args!("{key} of {of}: {text}").to_string();
                    see.refuse("config", "a secret that can be read", what);
                    Value::Null
                });
                (key.clone(), resolved)
            })
            .collect();
        Plugin {
            name: self.name.clone(),
            path: see.path("path", &self.path).unwrap_or_default(),
            sha256: (!self.sha256.is_empty()).then(|| self.sha256.to_ascii_lowercase()),
            provides: self.provides.clone(),
            optional: self.optional,
            timeout: see.secs("timeout_secs", self.timeout_secs, 1..=3600),
            config_json: Value::Object(config).to_string(),
        }
    }
}

/// A value of a plugin's section with the secrets in it: `{ file = "…" }` and `{ env = "…" }`, at any
/// depth, become the text that they stand for.
pub(super) fn resolve(value: Value, base: &Path) -> Result<Value, String> {
    Ok(match value {
        Value::Object(members) => {
            let is_secret = members.len() == 1
                && members
                    .iter()
                    .all(|(k, v)| matches!(k.as_str(), "file" | "env") && v.is_string());
            if is_secret {
                let source: SecretSource = serde_json::from_value(Value::Object(members))
                    .map_err(|error| error.to_string())?;
                let secret = source.resolve(base, variable).map_err(|error| error.to_string())?;
                return Ok(Value::String(secret.reveal().to_owned()));
            }
            let members = members.into_iter().map(|(key, v)| Ok((key, resolve(v, base)?)));
            Value::Object(members.collect::<Result<_, String>>()?)
        }
        Value::Array(items) => {
            let items = items.into_iter().map(|item| resolve(item, base));
            Value::Array(items.collect::<Result<_, String>>()?)
        }
        other => other,
    })
}

#[expect(clippy::disallowed_methods, reason = "this is the configuration")]
fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name)
}

/// A plugin's section as it may be shown: texts are hidden but for those of harmless names, since
/// nobody but the plugin knows which of them are secrets.
pub(crate) fn shown(value: &Value) -> Value {
    const PLAIN: [&str; 12] = [
        "name", "path", "provides", "url", "base", "bucket", "region", "endpoint", "prefix",
        "sha256", "file", "env",
    ];
    match value {
        Value::Object(members) => Value::Object(
            members
                .iter()
                .map(|(key, value)| match value {
                    Value::String(_) | Value::Array(_) if PLAIN.contains(&key.as_str()) => {
                        (key.clone(), value.clone())
                    }
                    value => (key.clone(), shown(value)),
                })
                .collect(),
        ),
        Value::Array(items) => Value::Array(items.iter().map(shown).collect()),
        Value::String(text) if !text.is_empty() => Value::String("***".to_owned()),
        other => other.clone(),
    }
}
