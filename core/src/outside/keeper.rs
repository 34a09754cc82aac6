//! The keeper of the index: takes hints, looks, and is asked to look by requests.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use moonsail_sdk::BoxFuture;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};

use super::counts::{Counts, OutsideMetrics};
use super::look::{Looker, Losses, Outcome, Target};
use super::queue::{Pace, Queue};
use super::scan::Scan;
use crate::content::{Content, Freshness};
use crate::ids::Uid;
use crate::path::DavPath;
use crate::storage::{Seen, Unusable, Watch};
use crate::tree::{Tree, TreeError};

/// How long a request waits for a look.
const REQUEST: Duration = Duration::from_secs(2);
/// How often a folder that nobody watches is looked at because it is listed.
const LISTED: Duration = Duration::from_secs(2);
/// Folders of which is remembered when they were listed.
const MOST_LISTED: usize = 10_000;
/// Things that cannot be served of which each is logged once.
const MOST_TOLD: usize = 10_000;
/// How often progress is logged while much waits, and how much is much.
const TELL: Duration = Duration::from_secs(5);
const MUCH: usize = 1000;
/// How soon what failed is tried again.
const RETRY: Duration = Duration::from_secs(5);

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
    looker: Looker,
    settings: KeeperSettings,
    metrics: OutsideMetrics,
    shared: Arc<Mutex<Shared>>,
}

#[derive(Default)]
struct Shared {
    /// Whether a watch runs. If not, all folders are unwatched.
    watching: bool,
    unwatched: BTreeSet<String>,
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
        let looker = Looker { content: content.apart(), tree };
        Self { looker, settings, metrics, shared: Arc::default() }
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
        let pace = Pace { quiet: self.settings.settle, patience: self.settings.settle * 20 };
        let mut round = Round {
            queue: Queue::new(pace),
            watch,
            rescan: self.settings.rescan.map(|pause| Instant::now() + pause),
            progress: None,
            keeper: self,
        };
        if round.watch.is_none() {
            round.queue_homes().await;
        }
        round.run().await;
    }

    fn shared(&self) -> std::sync::MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks for a request; what cannot be seen in time is seen by the keeper.
    async fn look_for_a_request(&self, targets: Vec<Target>) {
        match timeout(REQUEST, self.looker.look(targets, Losses::Now)).await {
            Ok(Ok(outcome)) => self.note(&outcome),
            Ok(Err(error)) => tracing::warn!(%error, "the disk could not be looked at"),
            Err(_) => {}
        }
    }

    /// Counts what was taken over, and logs what cannot be served.
    fn note(&self, outcome: &Outcome) {
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
        let Looker { content, tree } = self.looker.clone();
        let told = |error: TreeError| error.to_string();
        let home = tree.begin_home(owner).await.map_err(told)?;
        let mut scan =
            Scan::begin(content.clone(), tree.clone(), Some(owner.clone())).await.map_err(told)?;
        tracing::info!(user = %owner, "files were there before the user: indexing them");
        while scan.step().await?.is_some() {}
        let entry = content.stat(&home.base).await.map_err(|error| error.to_string())?;
        let entry = entry.ok_or_else(|| format!("the folder {} is gone", home.base))?;
        tree.finish_home(&home, entry.tag).await.map_err(told)?;
        self.metrics.count(&scan.counts);
        tracing::info!(user = %owner, entries = scan.counts.created, "indexed");
        Ok(())
    }
}

impl Shared {
    /// Whether a folder is watched by nobody and was not looked at a moment ago; it is now.
    fn is_stale(&mut self, folder: &str) -> bool {
        if self.watching && !self.unwatched.contains(folder) {
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

/// The keeper at work.
struct Round {
    keeper: Keeper,
    queue: Queue,
    watch: Option<Box<dyn Watch>>,
    /// When unwatched folders are looked at next.
    rescan: Option<Instant>,
    progress: Option<Progress>,
}

/// A large piece of work on its way.
struct Progress {
    told: Instant,
    counts: Counts,
    members: u64,
}

impl Round {
    async fn run(&mut self) {
        loop {
            let due = [self.queue.next_due(), self.rescan].into_iter().flatten().min();
            let seen = async {
                match &mut self.watch {
                    Some(watch) => watch.next().await,
                    None => std::future::pending().await,
                }
            };
            let until = async {
                match due {
                    Some(due) => sleep_until(due).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                seen = seen => match seen {
                    Some(seen) => self.hear(seen),
                    None => self.watch_ended(),
                },
                () = until => {}
            }
            let now = Instant::now();
            if self.rescan.is_some_and(|rescan| rescan <= now) {
                self.queue_unwatched().await;
            }
            let targets = self.queue.take_due(now);
            if !targets.is_empty() {
                self.look(targets).await;
            }
            self.gauge();
        }
    }

    fn hear(&mut self, seen: Vec<Seen>) {
        let now = Instant::now();
        for seen in seen {
            match seen {
                // Members of the root are homes, which the index makes.
                Seen::Member { folder, .. } if folder.is_empty() => {}
                Seen::Member { folder, name } => self.queue.name(folder, name, now),
                Seen::Folder { path, watched } => {
                    let mut shared = self.keeper.shared();
                    match watched {
                        true => drop(shared.unwatched.remove(&path)),
                        false => self.keeper.warn_unwatched(&mut shared, &path),
                    }
                    drop(shared);
                    if !path.is_empty() {
                        self.queue.folder(path, now);
                    }
                }
            }
        }
    }

    fn watch_ended(&mut self) {
        tracing::warn!("the disk is not watched any more; folders are looked at when listed");
        self.watch = None;
        self.keeper.shared().watching = false;
    }

    async fn look(&mut self, targets: Vec<Target>) {
        let losses = if self.queue.has_folders() { Losses::Later } else { Losses::Now };
        let outcome = match self.keeper.looker.look(targets.clone(), losses).await {
            Ok(outcome) => outcome,
            Err(error) => {
                tracing::warn!(%error, "the disk could not be looked at; once more soon");
                tokio::time::sleep(RETRY).await;
                return self.put_back(targets);
            }
        };
        self.keeper.note(&outcome);
        self.tell(&outcome);
        let now = Instant::now();
        for (folder, name) in outcome.again {
            self.queue.name(folder, name, now);
        }
        for (folder, name) in outcome.losses {
            self.queue.loss(folder, name);
        }
        for folder in outcome.new_folders {
            self.queue.folder(folder, now);
        }
        if self.watch.is_none() {
            for folder in outcome.folders {
                self.queue.folder(folder, now);
            }
        }
        if self.queue.len() == 0
            && let Err(error) = self.keeper.looker.read_large().await
        {
            tracing::warn!(%error, "large files could not be read yet");
        }
    }

    fn put_back(&mut self, targets: Vec<Target>) {
        let now = Instant::now();
        for Target { folder, names } in targets {
            match names {
                None => self.queue.folder(folder, now),
                Some(names) => {
                    names.into_iter().for_each(|it| self.queue.name(folder.clone(), it, now));
                }
            }
        }
    }

    /// Says in the log how a large piece of work goes.
    fn tell(&mut self, outcome: &Outcome) {
        let now = Instant::now();
        let waiting = self.queue.len();
        if self.progress.is_none() && (waiting >= MUCH || outcome.counts.all() >= MUCH as u64) {
            let counts = Counts::default();
            self.progress = Some(Progress { told: now, counts, members: 0 });
        }
        let Some(progress) = &mut self.progress else { return };
        progress.counts.merge(outcome.counts);
        progress.members += outcome.members;
        let Counts { created, written, moved, deleted, .. } = progress.counts;
        let looked_at = progress.members;
        if waiting == 0 {
            tracing::info!(
                looked_at,
                created,
                written,
                moved,
                deleted,
                "the index is as the disk is"
            );
            self.progress = None;
        } else if now - progress.told >= TELL {
            progress.told = now;
            tracing::info!(
                waiting,
                looked_at,
                created,
                written,
                moved,
                deleted,
                "looking at the disk"
            );
        }
    }

    fn gauge(&self) {
        let metrics = &self.keeper.metrics;
        metrics.waiting.set(self.queue.len() as i64);
        if let Some(watch) = &self.watch {
            let (watched, unwatched) = watch.counts();
            metrics.watched.set(watched as i64);
            metrics.unwatched.set(unwatched as i64);
        }
    }

    /// All folders that nobody watches are to be looked at.
    async fn queue_unwatched(&mut self) {
        let now = Instant::now();
        self.rescan = self.keeper.settings.rescan.map(|pause| now + pause);
        if self.watch.is_none() {
            return self.queue_homes().await;
        }
        let unwatched = self.keeper.shared().unwatched.clone();
        unwatched.into_iter().for_each(|folder| self.queue.folder(folder, now));
    }

    async fn queue_homes(&mut self) {
        let homes = self.keeper.looker.tree.store_read(|tx| Ok(tx.homes()?)).await;
        let homes = homes.unwrap_or_else(|error: TreeError| {
            tracing::warn!(%error, "the disk could not be looked at");
            Vec::new()
        });
        let now = Instant::now();
        homes.into_iter().for_each(|home| self.queue.folder(home.base, now));
    }
}

impl Keeper {
    fn warn_unwatched(&self, shared: &mut Shared, path: &str) {
        if shared.unwatched.is_empty() {
            tracing::warn!(
                folder = path,
                "the system's limit of watches is used up: changes on the disk in some folders are \
                 seen later; raise fs.inotify.max_user_watches (sysctl)"
            );
        }
        shared.unwatched.insert(path.to_owned());
    }
}
