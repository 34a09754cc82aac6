//! Storages beside the data folder's own: those of `[[mount]]` and `storage.homes`, opened when they
//! are needed, each with its number in the index.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use moonsail_sdk::BoxFuture;
use moonsail_sdk::blobs::BlobStorage;
use moonsail_storage_local::LocalStorage;

use super::StartError;
use crate::config::{Settings, StorageName, nearest};
use crate::content::{Opener, Storages};
use crate::dav::MountRule;
use crate::ext::blobs::{BlobFiles, BlobSettings};
use crate::ext::plugin::Plugins;
use crate::ids::Uid;
use crate::storage::{FileStorage, StorageError, StorageNo};
use crate::store::{self, Store};
use crate::tree::{Mount, Tree};

/// Storages that plugins have, by the names of the plugins.
pub(super) type Provided = BTreeMap<String, Arc<dyn FileStorage>>;

/// The storages of the plugins: those of files as they are, those of objects with files laid over them.
pub(super) fn provided(plugins: &Plugins) -> Provided {
    let mut provided = Provided::new();
    for slot in plugins.slots() {
        let storage: Arc<dyn FileStorage> = match (slot.offers("files"), slot.offers("blobs")) {
            (true, _) => Arc::clone(slot) as _,
            (false, true) => {
                let objects: Arc<dyn BlobStorage> = Arc::clone(slot) as _;
                Arc::new(BlobFiles::new(objects, BlobSettings::default()))
            }
            (false, false) => continue,
        };
        provided.insert(slot.name().to_owned(), storage);
    }
    provided
}

/// What the configuration makes of storages.
pub(super) struct Opened {
    /// All of them.
    pub(super) storages: Storages,
    /// Where homes are made.
    pub(super) homes: StorageNo,
    /// The mounts, in order.
    pub(super) rules: Vec<MountRule>,
}

/// Gives each storage of the configuration its number.
///
/// # Errors
/// [`StartError::NoSuchStorage`] for a plugin that has none.
pub(super) async fn open(
    settings: &Settings,
    data: Arc<dyn FileStorage>,
    provided: &Provided,
    store: &Arc<dyn Store>,
    data_dir: &Path,
) -> Result<Opened, StartError> {
    let mut others: Vec<(StorageNo, String, Box<dyn Opener>)> = Vec::new();
    let mut numbers: BTreeMap<StorageName, StorageNo> = BTreeMap::new();
    numbers.insert(StorageName::Builtin, StorageNo::DATA);
    let homes = std::iter::once((&settings.storage.homes, false));
    let mounts = settings.mount.iter().map(|mount| (&mount.storage, mount.read_only));
    for (storage, _) in homes.chain(mounts) {
        if numbers.contains_key(storage) {
            continue;
        }
        let name = storage.to_string();
        let no = store::write(store, {
            let name = name.clone();
            move |tx| tx.storage_number(&name)
        });
        let no = no.await?;
        let opener: Box<dyn Opener> = match storage {
            StorageName::Builtin => continue,
            StorageName::Local(folder) => {
                let of = |mount: &&crate::config::Mount| mount.storage == *storage;
                let read_only = settings.mount.iter().filter(of).all(|mount| mount.read_only);
                let scratch = data_dir.join("mounts").join(no.0.to_string());
                Box::new(LocalFolder::new(folder.clone(), read_only.then_some(scratch)))
            }
            StorageName::Plugin(plugin) => match provided.get(plugin) {
                Some(storage) => Box::new(Ready {
                    storage: Arc::clone(storage),
                    installation: store.installation().instance.0.clone(),
                }),
                None => return Err(no_such_storage(&name, plugin, provided)),
            },
        };
        numbers.insert(storage.clone(), no);
        others.push((no, name, opener));
    }
    let rules = settings.mount.iter().filter_map(|mount| {
        let storage = *numbers.get(&mount.storage)?;
        let tree = Uid::of_mount(&storage.to_string())?;
        let (point, read_only) = (mount.path.clone(), mount.read_only);
        let shown = Mount { tree, storage, point, read_only };
        let (users, groups) = (mount.users.clone(), mount.groups.clone());
        Some(MountRule { mount: shown, users, groups })
    });
    let rules = rules.collect();
    let homes = numbers.get(&settings.storage.homes).copied().unwrap_or_default();
    Ok(Opened { storages: Storages::new(data, others), homes, rules })
}

fn no_such_storage(name: &str, plugin: &str, provided: &Provided) -> StartError {
    let near = nearest(plugin, provided.keys().map(String::as_str));
    let remedy = match near {
        Some(near) => format!("perhaps plugin:{near} is meant"),
        None => {
            "let its `provides` have \"files\" or \"blobs\", or name another storage".to_owned()
        }
    };
    StartError::NoSuchStorage { name: name.to_owned(), remedy }
}

/// Makes the trees of mounts, so that homes show them before anybody looked into them. What was made
/// before stays.
///
/// # Errors
/// [`StartError::Store`].
pub(super) async fn plant(tree: &Tree, opened: &Opened) -> Result<(), StartError> {
    for rule in &opened.rules {
        tree.begin_home(&rule.mount.tree).await.map_err(|error| match error {
            crate::tree::TreeError::Store(error) => StartError::Store(error),
            error => StartError::Store(store::StoreError::Failed(error.to_string())),
        })?;
    }
    Ok(())
}

/// The storage of a plugin. One of objects is claimed before it is used: what another index has there
/// would be swept.
struct Ready {
    storage: Arc<dyn FileStorage>,
    installation: String,
}

impl Opener for Ready {
    fn open(&self) -> BoxFuture<'static, Result<Arc<dyn FileStorage>, StorageError>> {
        let (storage, installation) = (Arc::clone(&self.storage), self.installation.clone());
        Box::pin(async move {
            if let Some(objects) = storage.objects() {
                objects.claim(&installation).await?;
            }
            Ok(storage)
        })
    }
}

/// A folder of this machine.
struct LocalFolder {
    folder: PathBuf,
    /// Where to put what is needed beside a folder that is only read.
    scratch: Option<PathBuf>,
    /// Device and inode of what was opened.
    opened: Arc<Mutex<Option<(u64, u64)>>>,
}

impl LocalFolder {
    fn new(folder: PathBuf, scratch: Option<PathBuf>) -> Self {
        Self { folder, scratch, opened: Arc::default() }
    }
}

impl Opener for LocalFolder {
    fn open(&self) -> BoxFuture<'static, Result<Arc<dyn FileStorage>, StorageError>> {
        let (folder, scratch) = (self.folder.clone(), self.scratch.clone());
        let opened = Arc::clone(&self.opened);
        Box::pin(blocking(move || {
            let storage = match scratch {
                Some(scratch) => LocalStorage::open_read_only(&folder, &scratch)?,
                None => LocalStorage::open_shared(&folder)?,
            };
            *opened.lock().unwrap_or_else(PoisonError::into_inner) = identity(&folder);
            Ok(Arc::new(storage) as Arc<dyn FileStorage>)
        }))
    }

    fn is_current(&self) -> BoxFuture<'static, bool> {
        let (folder, opened) = (self.folder.clone(), Arc::clone(&self.opened));
        Box::pin(async move {
            let looked = blocking(move || Ok(identity(&folder))).await;
            let opened = *opened.lock().unwrap_or_else(PoisonError::into_inner);
            looked.is_ok_and(|now| now.is_some() && now == opened)
        })
    }
}

fn identity(folder: &Path) -> Option<(u64, u64)> {
    let meta = std::fs::metadata(folder).ok().filter(std::fs::Metadata::is_dir)?;
    Some((meta.dev(), meta.ino()))
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StorageError> + Send + 'static,
) -> Result<T, StorageError> {
    let ended = tokio::task::spawn_blocking(work).await;
    ended.unwrap_or_else(|error| Err(StorageError::Internal(error.to_string())))
}
