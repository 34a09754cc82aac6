//! The keeper of the index: takes hints, looks, and is asked to look by requests.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use moonsail_sdk::BoxFuture;
use tokio::sync::{Semaphore, watch};
use tokio::time::{Instant, timeout};

use super::counts::OutsideMetrics;
use super::look::{Looker, Losses, Outcome, Target};
use super::round::Round;
use super::scan::{Scan, ScanNote};
use crate::content::{Content, Freshness};
use crate::ids::Uid;
use crate::path::DavPath;
use crate::storage::{Tag, Unusable};
use crate::tree::{Tree, TreeError};

/// How long a request waits for a look.
const REQUEST: Duration = Duration::from_secs(2);
/// How many requests look at once: a look may read a large file.
const LOOKING: usize = 4;
/// How often a folder that nobody watches is looked at because it is listed.
const LISTED: Duration = Duration::from_secs(2);
/// Folders of which is remembered when they were listed.
const MOST_LISTED: usize = 10_000;
/// Things that cannot be served of which each is logged once.
const MOST_TOLD: usize = 10_000;

/// How the disk is kept an eye on.
#[derive(Debug, Clone, Copy)]
pub struct KeeperSettings {
    /// Whether the storage is to be watched.
    pub watch: bool,
    /// How long a file must not have been written to before it is read.
    pub settle: Duration,
    /// How often what cannot be watched is looked at; `None` for never.
    pub rescan: Option<Duration>,
}

/// Looks at the disk when somebody has changed it. Cheap to clone.
#[derive(Clone)]
pub struct Keeper {
    pub(super) looker: Looker,
    pub(super) settings: KeeperSettings,
    pub(super) metrics: OutsideMetrics,
    shared: Arc<Mutex<Shared>>,
    /// Requests that look at once.
    turns: Arc<Semaphore>,
}

/// What requests and the keeper both know.
#[derive(Default)]
pub(super) struct Shared {
    /// Whether a watch runs. If not, all folders are unwatched.
    pub(super) watching: bool,
    /// Folders that the watch does not cover.
    pub(super) unwatched: BTreeSet<String>,
    listed: HashMap<String, Instant>,
    /// Homes that are being indexed, and whether they are.
    taking_over: HashMap<Uid, watch::Receiver<bool>>,
    /// What was logged.
    told: HashSet<(String, Unusable)>,
}

impl Keeper {
    /// Over the services. [`Keeper::run`] makes it work.
    pub fn new(
        content: Content,
        tree: Tree,
        settings: KeeperSettings,
        metrics: OutsideMetrics,
    ) -> Self {
        let looker = Looker { content: content.apart(), tree, reading: true };
        let turns = Arc::new(Semaphore::new(LOOKING));
        Self { looker, settings, metrics, shared: Arc::default(), turns }
    }

    /// Keeps the index up to date with the disk until it is dropped: everything once, since the disk
    /// may have been changed while no server ran, and then what is heard of.
    pub async fn run(self) {
        let watch = match self.settings.watch {
            false => Ok(None),
            true => self.looker.content.watch().await,
        };
        let watch = watch.unwrap_or_else(|error| {
            tracing::warn!(%error, "the disk is not watched; folders are looked at when listed");
            None
        });
        self.shared().watching = watch.is_some();
        Round::new(self, watch).run().await;
    }

    pub(super) fn shared(&self) -> std::sync::MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks for a request; what cannot be seen in time is seen by the keeper.
    async fn look_for_a_request(&self, targets: Vec<Target>) {
        // What the keeper hears of may yet be found where it was moved to.
        let is_heard = targets.iter().all(|target| self.shared().is_watched(&target.folder));
        let losses = if is_heard { Losses::Later } else { Losses::Now };
        let look = async {
            let _turn = self.turns.acquire().await;
            self.looker.look(targets, losses).await
        };
        if let Ok(outcome) = timeout(REQUEST, look).await {
            self.note(&outcome);
            if let Some(error) = outcome.failed {
                tracing::warn!(%error, "the disk could not be looked at");
            }
        }
    }

    /// Counts what was taken over, and logs what cannot be served.
    pub(super) fn note(&self, outcome: &Outcome) {
        self.metrics.count(&outcome.counts);
        for home in &outcome.missing_homes {
            tracing::error!(
                home,
                "the folder of this home is not on the disk, or empty now; nothing is deleted: \
                 mount the disk, or remove the user"
            );
        }
        let mut shared = self.shared();
        for (folder, unusable) in &outcome.unusable {
            let key = (folder.clone(), unusable.clone());
            if shared.told.len() < MOST_TOLD && shared.told.insert(key) {
                let (name, why) = (&unusable.name, super::scan::why_text(unusable.why));
                tracing::warn!(folder, name, why, "something on the disk cannot be served");
            }
        }
    }
}

impl Freshness for Keeper {
    fn look(&self, disk_path: String) -> BoxFuture<'static, ()> {
        let keeper = self.clone();
        Box::pin(async move {
            if let Some((folder, name)) = disk_path.rsplit_once('/') {
                let (folder, names) = (folder.to_owned(), Some(vec![name.to_owned()]));
                keeper.look_for_a_request(vec![Target { folder, names }]).await;
            }
        })
    }

    fn look_into(&self, disk_path: String) -> BoxFuture<'static, ()> {
        let keeper = self.clone();
        Box::pin(async move {
            keeper.look_for_a_request(vec![Target { folder: disk_path, names: None }]).await;
        })
    }

    fn before_listing(&self, owner: &Uid, path: &DavPath) -> Option<BoxFuture<'static, ()>> {
        {
            let shared = self.shared();
            if shared.watching && shared.unwatched.is_empty() {
                return None;
            }
        }
        let (keeper, owner, path) = (self.clone(), owner.clone(), path.clone());
        Some(Box::pin(async move {
            let tree = &keeper.looker.tree;
            let home = tree.find_home(&owner).await;
            if let Ok(Some(home)) = home
                && let folder = home.disk_path(&path)
                && keeper.shared().is_stale(&folder)
            {
                keeper.look_for_a_request(vec![Target { folder, names: None }]).await;
            }
        }))
    }

    fn take_over(&self, owner: &Uid) -> BoxFuture<'static, bool> {
        let mut running = self.begin_take_over(owner);
        Box::pin(async move {
            let done = timeout(REQUEST, running.wait_for(|done| *done)).await;
            matches!(done, Ok(Ok(_)))
        })
    }
}

impl Keeper {
    fn begin_take_over(&self, owner: &Uid) -> watch::Receiver<bool> {
        let mut shared = self.shared();
        if let Some(running) = shared.taking_over.get(owner) {
            return running.clone();
        }
        let (done, running) = watch::channel(false);
        shared.taking_over.insert(owner.clone(), running.clone());
        let (keeper, owner) = (self.clone(), owner.clone());
        tokio::spawn(async move {
            let indexed = keeper.index_home(&owner).await;
            if let Err(error) = &indexed {
                tracing::error!(user = %owner, error, "the files of a new user cannot be indexed");
            }
            keeper.shared().taking_over.remove(&owner);
            let _nobody_waits = done.send(indexed.is_ok());
        });
        running
    }

    /// Indexes a home that was on the disk before it was in the index. Runs once for each at a time.
    ///
    /// # Errors
    /// Text for the administrator.
    pub async fn index_home(&self, owner: &Uid) -> Result<(), String> {
        let Looker { content, tree, .. } = self.looker.clone();
        let told = |error: TreeError| error.to_string();
        let home = tree.begin_home(owner).await.map_err(told)?;
        if !content.is_changed_outside(home.storage()).await {
            // Nobody else can have put anything there.
            let tag = Tag("ours".to_owned());
            return tree.finish_home(&home, tag).await.map_err(told);
        }
        let scan = Scan::begin(content.clone(), tree.clone(), Some(owner.clone())).await;
        let mut scan = scan.map_err(told)?.without_reading();
        tracing::info!(user = %owner, "files were there before the user: indexing them");
        while let Some(notes) = scan.step().await? {
            for note in notes {
                if let ScanNote::Unserved { path, why, .. } = note {
                    tracing::warn!(path, why, "something on the disk cannot be served");
                }
            }
        }
        let entry = content.stat(&home.base).await.map_err(|error| error.to_string())?;
        let Some(entry) = entry else {
            // It was moved away meanwhile. The next request makes an empty home.
            tree.remove_home(owner, "disk", None).await.map_err(told)?;
            return Err(format!("the folder {} is gone", home.base));
        };
        tree.finish_home(&home, entry.tag).await.map_err(told)?;
        self.metrics.count(&scan.counts);
        tracing::info!(user = %owner, entries = scan.counts.created, "indexed");
        Ok(())
    }
}

impl Shared {
    /// Whether the storage tells of changes in a folder: neither it nor any above is unwatched.
    pub(super) fn is_watched(&self, folder: &str) -> bool {
        let mut above = Some(folder);
        while let Some(path) = above.filter(|_| self.watching) {
            if self.unwatched.contains(path) {
                return false;
            }
            above = match path.rsplit_once('/') {
                Some((above, _)) => Some(above),
                None => (!path.is_empty()).then_some(""),
            };
        }
        self.watching
    }

    /// Whether a folder is watched by nobody and was not looked at a moment ago; it is now.
    fn is_stale(&mut self, folder: &str) -> bool {
        if self.is_watched(folder) {
            return false;
        }
        let now = Instant::now();
        if self.listed.get(folder).is_some_and(|last| now - *last < LISTED) {
            return false;
        }
        if self.listed.len() >= MOST_LISTED {
            self.listed.clear();
        }
        self.listed.insert(folder.to_owned(), now);
        true
    }
}
