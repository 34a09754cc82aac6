//! Puts the house together: opens the data folder, starts the services, furnishes the rooms.
//!
//! [`House`] is what every verb of the command line works with; [`serve`] adds the door.

pub mod commands;
pub mod control;
mod folder;
mod guests;
mod lost_index;
mod providers;
mod reload;
mod restore;
mod rooms;
mod serve;
mod service;
mod settings;
mod signals;
mod storages;

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use arc_swap::ArcSwap;
use moonsail_auth_file::LoadError;
use moonsail_sdk::auth::DynAuthenticator;
use moonsail_storage_local::{LocalConfig, LocalStorage};

use crate::apps::{BadRoute, Mounts};
use crate::auth::{Auth, BuiltinUsers, Passwords};
use crate::clock::Clock;
use crate::config::Settings;
use crate::content::{Content, Publisher};
use crate::dav::MountRule;
use crate::ext::Extensions;
use crate::ext::capabilities::CapabilityChain;
use crate::ext::lua::{ScriptError, Scripts};
use crate::ext::plugin::{PluginError, Plugins};
use crate::hooks::{BadInterest, Bus};
use crate::outside::{Keeper, OutsideMetrics};
use crate::previews::Previews;
use crate::storage::{FileStorage, StorageNo};
use crate::store::Store;
use crate::store::sqlite::{SqliteOptions, SqliteStore};
use crate::tree::Tree;
use settings::CapabilityFacts;

pub use folder::{DataFolder, FolderError};
pub use providers::{OpenProviders, Providers};
pub use reload::Reloaded;
pub use restore::{Restoration, RestoreError, restore};
pub use rooms::handler;
pub use serve::{Announcer, serve};

/// The index in the data folder.
const INDEX: &str = "moonsail.db";
/// How long the last changes may take to become visible on a disk that refuses them.
const SETTLE: Duration = Duration::from_secs(10);

/// Why the house does not stand.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The data folder cannot be used.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The index cannot be opened.
    #[error("{path}: {source}")]
    Index {
        /// The file.
        path: std::path::PathBuf,
        /// Why.
        source: crate::store::sqlite::OpenError,
    },
    /// The storage cannot be opened.
    #[error("the storage in {path} cannot be used: {source}")]
    Storage {
        /// The data folder.
        path: std::path::PathBuf,
        /// Why.
        source: crate::storage::StorageError,
    },
    /// What an earlier process left could not be put in order.
    #[error("what was left by the last run cannot be put in order: {0}")]
    Recovery(#[from] crate::content::ContentError),
    /// The index failed.
    #[error(transparent)]
    Store(#[from] crate::store::StoreError),
    /// The certificate cannot be used.
    #[error(transparent)]
    Tls(#[from] crate::net::TlsError),
    /// The log cannot be set up.
    #[error(transparent)]
    Log(#[from] crate::http::LogError),
    /// An address cannot be bound.
    #[error(transparent)]
    Net(#[from] crate::net::NetError),
    /// The first administrator could not be made.
    #[error("the first administrator could not be made: {0}")]
    FirstAdmin(#[from] crate::auth::AccountError),
    /// An extension wants to hear of what there is not.
    #[error(transparent)]
    Hooks(#[from] BadInterest),
    /// The file with passwords cannot be used.
    #[error(transparent)]
    AuthFile(#[from] LoadError),
    /// An entry of `auth.chain` that does not decide about logins.
    #[error(
        "auth.chain: {id} ({}) does not offer \"auth\" or was left out; take it out of the chain, or \
         name another library",
        path.display()
    )]
    NoAuthenticator {
        /// The entry.
        id: String,
        /// Its library.
        path: std::path::PathBuf,
    },
    /// A storage in the configuration that no plugin has.
    #[error("{name} is no storage; {remedy}")]
    NoSuchStorage {
        /// The storage.
        name: String,
        /// What to do.
        remedy: String,
    },
    /// A script cannot be used.
    #[error(transparent)]
    Script(#[from] ScriptError),
    /// A plugin cannot be used.
    #[error(transparent)]
    Plugin(#[from] PluginError),
    /// An extension wants routes that it cannot have.
    #[error(transparent)]
    Route(#[from] BadRoute),
    /// The operating system refused.
    #[error("{0}")]
    System(#[from] std::io::Error),
}

/// The services over one data folder.
pub struct House {
    /// The index.
    pub store: Arc<dyn Store>,
    /// The bytes.
    pub storage: Arc<dyn FileStorage>,
    /// Staging and reading.
    pub content: Content,
    /// Rules of the tree.
    pub tree: Tree,
    /// Who is who.
    pub auth: Arc<Auth>,
    /// Native plugins.
    pub plugins: Arc<Plugins>,
    /// Scripts.
    pub scripts: Arc<Scripts>,
    /// Who is asked before something happens.
    pub bus: Bus,
    /// Who patches the capabilities.
    pub capabilities: Arc<CapabilityChain>,
    /// Who looks at the disk when others have changed it.
    pub keeper: Keeper,
    /// Extensions that answer requests.
    pub apps: Arc<Mounts>,
    /// Who makes previews.
    pub previews: Previews,
    outside_metrics: OutsideMetrics,
    /// Storages in users' homes, as the configuration had them at the start.
    mounts: Vec<MountRule>,
    /// What the capabilities are made from.
    ocs: ArcSwap<CapabilityFacts>,
    /// Free bytes below which nothing new is taken.
    min_free: Arc<AtomicU64>,
    publisher: Arc<Publisher>,
    extensions: Extensions,
    clock: Clock,
    // Last, so that the lock is let go when all else is gone.
    folder: DataFolder,
}

impl House {
    /// Opens the data folder, which no other process may use meanwhile, and puts in order what the
    /// last run left: decided changes are published, the stage of dead requests is swept.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn open(settings: &Settings) -> Result<Self, StartError> {
        Self::open_with(settings, Extensions::default()).await
    }

    /// The same with extensions, which `settings` do not name.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn open_with(
        settings: &Settings,
        mut extensions: Extensions,
    ) -> Result<Self, StartError> {
        let folder = DataFolder::open(&settings.data_dir)?;
        folder.refuse_unfinished()?;
        let clock = Clock::system();
        lost_index::prepare(&folder, &clock)?;
        let store = open_index(&folder, settings, &clock)?;
        let plugins = open_plugins(&folder, settings, &store).await?;
        guests::welcome(&plugins, settings, &mut extensions);
        let scripts = Scripts::load(&settings.script, settings.scripts, &store).await?;
        extensions.sinks.extend(scripts.sinks());
        let bus = Bus::of(&guests::hooks(&extensions, &scripts))?;
        bus.set_patience(settings.hooks.timeout);
        let data = open_storage(&folder)?;
        let provided = storages::provided(&plugins);
        let opened = storages::open(settings, data, &provided, &store, folder.path()).await?;
        let storage = opened.storages.view(StorageNo::DATA);
        let publisher = Publisher::start(Arc::clone(&storage), Arc::clone(&store));
        let sink = Arc::clone(&publisher);
        store.set_disk_sink(Box::new(move |ops| sink.push(ops)));
        let redone = publisher.recover(&store).await?;
        if redone > 0 {
            tracing::info!(redone, "changes decided in the last run were published");
        }
        let content = Content::over(
            opened.storages.clone(),
            Arc::clone(&store),
            Arc::clone(&publisher),
            settings::durability(settings),
            clock.clone(),
        );
        content.claim_objects().await?;
        let swept = content.sweep_stage().await?;
        if swept > 0 {
            tracing::info!(swept, "unfinished uploads of the last run were removed");
        }
        let tree = Tree::new(Arc::clone(&store), clock.clone()).homes_on(opened.homes);
        storages::plant(&tree, &opened).await?;
        let auth = open_auth(settings, &plugins, &scripts, &store, &clock)?.asking(bus.clone());
        let auth = Arc::new(auth);
        let capabilities = CapabilityChain::new(bus.clone(), clock.clone());
        capabilities.replace(extensions.capabilities.clone());
        let outside_metrics = OutsideMetrics::default();
        let keeper = Keeper::new(
            content.clone(),
            tree.clone(),
            settings::keeper(settings),
            outside_metrics.clone(),
        );
        content.set_freshness(Arc::new(keeper.clone()));
        let apps = Arc::new(Mounts::default());
        apps.set(guests::apps(&extensions, &scripts))?;
        let previews = Previews::new(extensions.previewers.clone(), settings::previews(settings));
        let min_free = Arc::new(AtomicU64::new(settings.storage.min_free_bytes));
        Ok(Self {
            store,
            storage,
            content,
            tree,
            auth,
            plugins,
            scripts: Arc::new(scripts),
            bus,
            capabilities: Arc::new(capabilities),
            ocs: ArcSwap::from_pointee(settings::capability_facts(settings)),
            keeper,
            apps,
            previews,
            outside_metrics,
            mounts: opened.rules,
            min_free,
            publisher,
            extensions,
            clock,
            folder,
        })
    }

    /// The data folder.
    pub fn folder(&self) -> &DataFolder {
        &self.folder
    }

    /// Makes all that was decided visible and durable, and closes the index.
    pub async fn close(self) {
        if let Err(error) = self.auth.tidy().await {
            tracing::warn!(%error, "times of last use are not written");
        }
        if tokio::time::timeout(SETTLE, self.publisher.settle(true)).await.is_err() {
            tracing::error!(
                "not all changes are visible on the disk yet; the next start does that"
            );
        }
        let store = Arc::clone(&self.store);
        let closed = tokio::task::spawn_blocking(move || store.close()).await;
        if let Err(error) = closed {
            tracing::error!(%error, "the index was not closed cleanly");
        }
        self.plugins.close().await;
    }
}

/// The plugin behind an entry of `auth.chain`. One that is optional and was left out fails the start
/// all the same: who can log in must not depend on what could be loaded.
fn authenticator(
    plugins: &Plugins,
    id: &str,
    settings: &Settings,
) -> Result<Arc<dyn DynAuthenticator>, StartError> {
    let name = id.strip_prefix("plugin:").unwrap_or(id);
    match plugins.find(name) {
        Some(slot) if slot.offers("auth") => Ok(Arc::clone(slot) as _),
        _ => {
            let plugin = settings.plugin.iter().find(|plugin| plugin.name == name);
            let path = plugin.map(|plugin| plugin.path.clone()).unwrap_or_default();
            Err(StartError::NoAuthenticator { id: id.to_owned(), path })
        }
    }
}

fn open_index(
    folder: &DataFolder,
    settings: &Settings,
    clock: &Clock,
) -> Result<Arc<dyn Store>, StartError> {
    let path = folder.path().join(INDEX);
    let options = SqliteOptions { durability: settings::index_durability(settings) };
    match SqliteStore::open(&path, options, clock.clone()) {
        Ok(store) => Ok(store),
        Err(source) => Err(StartError::Index { path, source }),
    }
}

fn open_storage(folder: &DataFolder) -> Result<Arc<dyn FileStorage>, StartError> {
    let path = folder.path();
    let config = LocalConfig {
        files: path.join("files"),
        stage: path.join("stage"),
        kept: path.join("versions").join("kept"),
    };
    match LocalStorage::open(config) {
        Ok(storage) => Ok(Arc::new(storage)),
        Err(source) => Err(StartError::Storage { path: path.to_owned(), source }),
    }
}

/// Loads the plugins. Their copies lie where no other process loads any: the folder is locked.
async fn open_plugins(
    folder: &DataFolder,
    settings: &Settings,
    store: &Arc<dyn Store>,
) -> Result<Arc<Plugins>, StartError> {
    let run = folder.path().join("plugins");
    let plugins = Plugins::load(&settings.plugin, settings.plugins, &run, Some(store));
    Ok(Arc::new(plugins.await?))
}

fn open_auth(
    settings: &Settings,
    plugins: &Plugins,
    scripts: &Scripts,
    store: &Arc<dyn Store>,
    clock: &Clock,
) -> Result<Auth, StartError> {
    let passwords = Passwords::new(settings::password_threads(settings));
    let mut chain = Providers::new();
    for provider in &settings.auth.chain {
        let authenticator = match providers::open(settings, plugins, Some(scripts), provider)? {
            Some(provider) => provider,
            None => Arc::new(BuiltinUsers::new(Arc::clone(store), passwords.clone())),
        };
        chain.push((provider.id().to_owned(), authenticator));
    }
    let auth = settings::auth(settings, passwords);
    Ok(Auth::new(Arc::clone(store), chain, auth, clock.clone()))
}
