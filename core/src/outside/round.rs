//! The keeper at work: hints in, looks out, one after the other.

use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::counts::Counts;
use super::keeper::{Keeper, KeeperSettings, Shared};
use super::look::{Losses, Outcome, Target};
use super::queue::{Due, Pace, Queue};
use crate::storage::{Seen, StorageNo, Watch};
use crate::store::nodes::Home;
use crate::tree::TreeError;

/// How often progress is logged while much waits, and how much is much.
const TELL: Duration = Duration::from_secs(5);
const MUCH: usize = 1000;
/// How soon what failed is tried again.
const RETRY: Duration = Duration::from_secs(5);

/// The keeper at work.
pub(super) struct Round {
    keeper: Keeper,
    queue: Queue,
    watch: Option<Box<dyn Watch>>,
    /// When unwatched folders are looked at next.
    rescan: Option<Instant>,
    progress: Option<Progress>,
    /// How often hints were lost so far.
    lost: u64,
    /// Whether there may be large files to read, and who reads them.
    unread: bool,
    reading: JoinSet<()>,
}

/// A large piece of work on its way.
struct Progress {
    told: Instant,
    counts: Counts,
    members: u64,
}

impl Round {
    /// A keeper with its watch, if there is one.
    pub(super) fn new(keeper: Keeper, watch: Option<Box<dyn Watch>>) -> Self {
        let KeeperSettings { settle, rescan, .. } = keeper.settings;
        let pace = Pace { quiet: settle, patience: settle * 20 };
        let rescan = rescan.map(|pause| Instant::now() + pause);
        let queue = Queue::new(pace);
        let (progress, lost, unread, reading) = (None, 0, true, JoinSet::new());
        Self { keeper, queue, watch, rescan, progress, lost, unread, reading }
    }

    /// Until it is dropped.
    pub(super) async fn run(mut self) {
        if self.watch.is_none() {
            self.queue_homes(|_| true).await;
        }
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
                    Some(seen) => self.hear(seen).await,
                    None => self.watch_ended(),
                },
                () = until => {}
            }
            let now = Instant::now();
            if self.rescan.is_some_and(|rescan| rescan <= now) {
                self.queue_unwatched().await;
            }
            let Due { targets, losses } = self.queue.take_due(now);
            for (targets, losses) in [(targets, Losses::Later), (losses, Losses::Now)] {
                if !targets.is_empty() {
                    self.unread = true;
                    self.look(targets, losses).await;
                }
            }
            self.read_large();
            self.gauge();
        }
    }

    async fn hear(&mut self, seen: Vec<Seen>) {
        let now = Instant::now();
        for seen in seen {
            match seen {
                // Members of the root are homes, which the index makes.
                Seen::Member { folder, .. } if folder.is_empty() => {}
                Seen::Member { folder, name } => self.queue.name(folder, name, now),
                Seen::Folder { path, watched } => {
                    self.keeper.note_watched(&path, watched);
                    match StorageNo::split(&path) {
                        // Told once for each storage that nobody watches.
                        (no, "") if !watched => self.queue_homes(|home| home.storage() == no).await,
                        _ if !path.is_empty() => self.queue.folder(path, now),
                        _ => {}
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

    async fn look(&mut self, targets: Vec<Target>, losses: Losses) {
        let mut outcome = self.keeper.looker.look(targets.clone(), losses).await;
        let failed = outcome.failed.take();
        self.keeper.note(&outcome);
        self.tell(&outcome);
        let now = Instant::now();
        for (folder, name) in outcome.again {
            self.queue.name(folder, name, now);
        }
        for (folder, name) in outcome.losses {
            self.queue.loss(folder, name, now);
        }
        for folder in outcome.new_folders {
            self.queue.folder(folder, now);
        }
        for folder in outcome.absent {
            // The root of a storage comes back with its disk.
            if !StorageNo::split(&folder).1.is_empty() {
                self.keeper.shared().unwatched.remove(&folder);
            }
        }
        for folder in outcome.folders {
            if !self.keeper.shared().is_watched(&folder) {
                self.queue.folder(folder, now);
            }
        }
        if let Some(error) = failed {
            tracing::warn!(%error, "the disk could not be looked at; once more soon");
            tokio::time::sleep(RETRY).await;
            self.put_back(targets);
        }
    }

    /// Reads large files beside everything else, once nothing else is to be done.
    fn read_large(&mut self) {
        while self.reading.try_join_next().is_some() {}
        if self.queue.len() > 0 || !self.unread || !self.reading.is_empty() {
            return;
        }
        self.unread = false;
        let looker = self.keeper.looker.clone();
        self.reading.spawn(async move {
            if let Err(error) = looker.read_large().await {
                tracing::warn!(%error, "large files could not be read yet");
            }
        });
    }

    /// What failed is looked at again.
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

    fn gauge(&mut self) {
        let metrics = &self.keeper.metrics;
        metrics.waiting.set(self.queue.len() as i64);
        if let Some(watch) = &self.watch {
            let (watched, unwatched) = watch.counts();
            metrics.watched.set(watched as i64);
            metrics.unwatched.set(unwatched as i64);
            if watch.lost() > self.lost {
                self.lost = watch.lost();
                tracing::warn!(
                    "more changed on the disk at once than the system tells; all folders are \
                     looked at (fs.inotify.max_queued_events is the limit)"
                );
            }
        }
    }

    /// All folders that nobody watches are to be looked at.
    async fn queue_unwatched(&mut self) {
        let now = Instant::now();
        self.rescan = self.keeper.settings.rescan.map(|pause| now + pause);
        if self.watch.is_none() {
            return self.queue_homes(|_| true).await;
        }
        let unwatched = self.keeper.shared().unwatched.clone();
        for folder in unwatched {
            match StorageNo::split(&folder) {
                (no, "") => self.queue_homes(|home| home.storage() == no).await,
                _ => self.queue.folder(folder, now),
            }
        }
    }

    async fn queue_homes(&mut self, which: impl Fn(&Home) -> bool) {
        let homes = self.keeper.looker.tree.store_read(|tx| Ok(tx.homes()?)).await;
        let homes = homes.unwrap_or_else(|error: TreeError| {
            tracing::warn!(%error, "the disk could not be looked at");
            Vec::new()
        });
        let now = Instant::now();
        for home in homes.into_iter().filter(which) {
            if self.keeper.looker.content.is_changed_outside(home.storage()).await {
                self.queue.folder(home.base, now);
            }
        }
    }
}

impl Keeper {
    fn note_watched(&self, path: &str, watched: bool) {
        let mut shared = self.shared();
        match watched {
            true => drop(shared.unwatched.remove(path)),
            false => self.warn_unwatched(&mut shared, path),
        }
    }

    fn warn_unwatched(&self, shared: &mut Shared, path: &str) {
        if shared.unwatched.is_empty() {
            tracing::warn!(
                folder = path,
                "some folders cannot be watched, so changes on the disk in them are seen later: give \
                 them to the server's user, or raise fs.inotify.max_user_watches (sysctl)"
            );
        }
        shared.unwatched.insert(path.to_owned());
    }
}
