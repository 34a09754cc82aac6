//! All sections together: as written, and checked.

use std::path::PathBuf;

use figment::value::{Dict, Value};
use serde::{Deserialize, Serialize};

use super::apps::{Apps, RawApps};
use super::auth::{Auth, RawAuth};
use super::checker::Checker;
use super::events::{Events, RawEvents};
use super::hooks::{Hooks, RawHooks};
use super::limits::{Limits, RawLimits};
use super::log::{Log, RawLog};
use super::mounts::{self, Mount, RawMount};
use super::names::{Names, RawNames};
use super::plugins::{self, Plugin, Plugins, RawPlugin, RawPlugins};
use super::previews::{Previews, RawPreviews};
use super::scripts::{self, RawScript, RawScripts, Script, Scripts};
use super::server::{RawServer, Server};
use super::storage::{RawStorage, Storage};
use super::theme::{RawTheme, Theme};
use super::tls::{RawTls, Tls};

/// `server.toml` as written. Its default values are those of the file at the top of the
/// repository; a test compares them.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RawSettings {
    data_dir: String,
    server: RawServer,
    tls: RawTls,
    limits: RawLimits,
    storage: RawStorage,
    auth: RawAuth,
    events: RawEvents,
    apps: RawApps,
    previews: RawPreviews,
    log: RawLog,
    theme: RawTheme,
    names: RawNames,
    plugins: RawPlugins,
    plugin: Vec<RawPlugin>,
    mount: Vec<RawMount>,
    hooks: RawHooks,
    scripts: RawScripts,
    script: Vec<RawScript>,
}

impl Default for RawSettings {
    fn default() -> Self {
        Self {
            data_dir: "data".to_owned(),
            server: RawServer::default(),
            tls: RawTls::default(),
            limits: RawLimits::default(),
            storage: RawStorage::default(),
            auth: RawAuth::default(),
            events: RawEvents::default(),
            apps: RawApps::default(),
            previews: RawPreviews::default(),
            log: RawLog::default(),
            theme: RawTheme::default(),
            names: RawNames::default(),
            plugins: RawPlugins::default(),
            plugin: Vec::new(),
            mount: Vec::new(),
            hooks: RawHooks::default(),
            scripts: RawScripts::default(),
            script: Vec::new(),
        }
    }
}

/// The configuration, checked: what the rest of the server may trust.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Folder that holds everything the server keeps. It need not exist yet.
    pub data_dir: PathBuf,
    /// `[server]`.
    pub server: Server,
    /// `[tls]`.
    pub tls: Tls,
    /// `[limits]`.
    pub limits: Limits,
    /// `[storage]`.
    pub storage: Storage,
    /// `[auth]`.
    pub auth: Auth,
    /// `[events]`.
    pub events: Events,
    /// `[apps]`.
    pub apps: Apps,
    /// `[previews]`.
    pub previews: Previews,
    /// `[log]`.
    pub log: Log,
    /// `[theme]`.
    pub theme: Theme,
    /// `[names]`.
    pub names: Names,
    /// `[plugins]`.
    pub plugins: Plugins,
    /// Each `[[plugin]]`, in order.
    pub plugin: Vec<Plugin>,
    /// Each `[[mount]]`, in order.
    pub mount: Vec<Mount>,
    /// `[hooks]`.
    pub hooks: Hooks,
    /// `[scripts]`.
    pub scripts: Scripts,
    /// Each `[[script]]`, in order.
    pub script: Vec<Script>,
}

impl Default for Settings {
    /// What a start without file, environment and flags gives; paths relative to the working folder.
    fn default() -> Self {
        let mut see = Checker::new(|_| PathBuf::new());
        let settings = RawSettings::default().check(&mut see);
        debug_assert!(see.problems.is_empty(), "the defaults are good: {:?}", see.problems);
        settings
    }
}

impl RawSettings {
    /// One section of each list of sections, with its defaults.
    pub(crate) fn tables() -> Dict {
        let plugin = Value::serialize(RawPlugin::default()).expect("plain structs serialise");
        let mount = Value::serialize(RawMount::default()).expect("plain structs serialise");
        let script = Value::serialize(RawScript::default()).expect("plain structs serialise");
        Dict::from([
            ("plugin".to_owned(), plugin),
            ("mount".to_owned(), mount),
            ("script".to_owned(), script),
        ])
    }

    pub(crate) fn check(&self, see: &mut Checker<'_>) -> Settings {
        see.section("");
        let data_dir = see.path("data_dir", &self.data_dir).unwrap_or_default();
        if self.data_dir.is_empty() {
            see.refuse("data_dir", "a folder", "\"\"");
        } else if data_dir.exists() && !data_dir.is_dir() {
            see.refuse("data_dir", "a folder", format_args!("the file {}", data_dir.display()));
        }
        let plugin = plugins::check_all(&self.plugin, see);
        let script = scripts::check_all(&self.script, see);
        let storage = self.storage.check(see, &plugin);
        let mount = mounts::check_all(&self.mount, see, &plugin, (&data_dir, &storage.homes));
        Settings {
            data_dir,
            server: self.server.check(see),
            tls: self.tls.check(see),
            limits: self.limits.check(see),
            storage,
            auth: self.auth.check(see, &plugin, &script),
            events: self.events.check(see),
            apps: self.apps.check(see),
            previews: self.previews.check(see),
            log: self.log.check(see),
            theme: self.theme.check(see),
            names: self.names.check(),
            plugins: self.plugins.check(see),
            plugin,
            mount,
            hooks: self.hooks.check(see),
            scripts: self.scripts.check(see),
            script,
        }
    }
}
