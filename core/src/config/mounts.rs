//! `[[mount]]`: folders of other storages in users' homes; and the names of storages.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::checker::Checker;
use super::plugins::Plugin;
use crate::ids::Uid;
use crate::path::DavPath;

/// One `[[mount]]` as written; the file documents each key.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RawMount {
    path: String,
    storage: String,
    users: Vec<String>,
    groups: Vec<String>,
    read_only: bool,
}

/// A storage, as `server.toml` calls it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum StorageName {
    /// The data folder's own.
    Builtin,
    /// A folder of this machine.
    Local(PathBuf),
    /// One that a plugin has; the plugin's name.
    Plugin(String),
}

/// By this name the index knows it.
impl fmt::Display for StorageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Builtin => f.write_str("builtin:local"),
            Self::Local(folder) => write!(f, "local:{}", folder.display()),
            Self::Plugin(name) => write!(f, "plugin:{name}"),
        }
    }
}

/// A checked `[[mount]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// Where it is seen in a home.
    pub path: DavPath,
    /// What is seen.
    pub storage: StorageName,
    /// Users who see it.
    pub users: Vec<Uid>,
    /// Groups whose members see it. If nobody is named, everybody does.
    pub groups: Vec<String>,
    /// Nobody may change it through this server.
    pub read_only: bool,
}

/// Checks all of them together. `data_dir` is the data folder, `homes` where the homes are.
pub(crate) fn check_all(
    mounts: &[RawMount],
    see: &mut Checker<'_>,
    plugins: &[Plugin],
    (data_dir, homes): (&Path, &StorageName),
) -> Vec<Mount> {
    see.section("mount");
    let mut checked: Vec<Mount> = Vec::with_capacity(mounts.len());
    for mount in mounts {
        let Some(mount) = mount.check(see, plugins) else { continue };
        refuse_place(&mount, see, data_dir, homes);
        for other in &checked {
            refuse_overlap(&mount, other, see);
        }
        checked.push(mount);
    }
    checked
}

/// A folder of mounts must not be one of homes, too.
fn refuse_place(mount: &Mount, see: &mut Checker<'_>, data_dir: &Path, homes: &StorageName) {
    match &mount.storage {
        StorageName::Local(folder) if folder.starts_with(data_dir) => see.refuse(
            "storage",
            "a folder outside of data_dir, in which every home is",
            format_args!("{} for {:?}", folder.display(), mount.path.as_str()),
        ),
        StorageName::Local(folder) if data_dir.starts_with(folder) => see.refuse(
            "storage",
            "a folder that data_dir does not lie in",
            format_args!("{} for {:?}", folder.display(), mount.path.as_str()),
        ),
        storage if storage == homes => see.refuse(
            "storage",
            "another storage than that of storage.homes",
            format_args!("{storage} for {:?}", mount.path.as_str()),
        ),
        _ => {}
    }
}

fn refuse_overlap(mount: &Mount, other: &Mount, see: &mut Checker<'_>) {
    let (path, others) = (mount.path.as_str(), other.path.as_str());
    let inside = mount.path.is_in(&other.path) || other.path.is_in(&mount.path);
    if mount.path != other.path && inside {
        let found = format_args!("{path:?} beside {others:?}").to_string();
        see.refuse("path", "mounts of which none lies inside another", found);
    }
    if let (StorageName::Local(one), StorageName::Local(two)) = (&mount.storage, &other.storage)
        && one != two
        && (one.starts_with(two) || two.starts_with(one))
    {
        let found = format_args!("{} beside {}", one.display(), two.display()).to_string();
        see.refuse("storage", "folders of which none lies inside another", found);
    }
}

impl RawMount {
    fn check(&self, see: &mut Checker<'_>, plugins: &[Plugin]) -> Option<Mount> {
        let path = DavPath::from_decoded(&self.path).ok().filter(|path| !path.is_root());
        if path.is_none() {
            let expected = "where the mount is seen in a home, as in \"Music\" or \"Team/Plans\"";
            see.refuse("path", expected, format_args!("{:?}", self.path));
        }
        let storage = self.storage(see, plugins);
        let mut users = Vec::with_capacity(self.users.len());
        for user in &self.users {
            match Uid::parse(user) {
                Some(user) => users.push(user),
                None => see.refuse(
                    "users",
                    "user ids, as `moonsail user list` shows them",
                    format_args!("{user:?} for {:?}", self.path),
                ),
            }
        }
        if self.groups.iter().any(String::is_empty) {
            see.refuse("groups", "names of groups", format_args!("\"\" for {:?}", self.path));
        }
        Some(Mount {
            path: path?,
            storage: storage?,
            users,
            groups: self.groups.clone(),
            read_only: self.read_only,
        })
    }

    fn storage(&self, see: &mut Checker<'_>, plugins: &[Plugin]) -> Option<StorageName> {
        if let Some(folder) = self.storage.strip_prefix("local:") {
            if let Some(folder) = see.path("storage", folder) {
                // One name for one folder, however it is written.
                return Some(StorageName::Local(folder.components().collect()));
            }
        } else if let Some(storage) = plugin(&self.storage, plugins) {
            return Some(storage);
        }
        let known = known(plugins);
        let known = known.iter().map(String::as_str).chain(["local:/folder"]);
        let (expected, found) = (Checker::choice(known, &self.storage), &self.storage);
        see.refuse("storage", expected, format_args!("{found:?} for {:?}", self.path));
        None
    }
}

/// `storage.homes`.
pub(crate) fn homes(text: &str, see: &mut Checker<'_>, plugins: &[Plugin]) -> StorageName {
    if text == "builtin:local" {
        return StorageName::Builtin;
    }
    plugin(text, plugins).unwrap_or_else(|| {
        let known = known(plugins);
        let known = std::iter::once("builtin:local").chain(known.iter().map(String::as_str));
        see.refuse("homes", Checker::choice(known, text), format_args!("{text:?}"));
        StorageName::Builtin
    })
}

/// The storage of a plugin in the configuration.
fn plugin(text: &str, plugins: &[Plugin]) -> Option<StorageName> {
    let name = text.strip_prefix("plugin:")?;
    let plugin = plugins.iter().find(|plugin| plugin.name == name)?;
    stores(plugin).then(|| StorageName::Plugin(name.to_owned()))
}

fn known(plugins: &[Plugin]) -> Vec<String> {
    let storages = plugins.iter().filter(|plugin| stores(plugin));
    storages.map(|plugin| format!("plugin:{}", plugin.name)).collect()
}

fn stores(plugin: &Plugin) -> bool {
    plugin.provides("files") || plugin.provides("blobs")
}
