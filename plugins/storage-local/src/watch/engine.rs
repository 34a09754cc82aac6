//! What is done when something happens, and what waits for its time. Never waits itself.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use moonsail_sdk::storage::Seen;
use rustix::fs::inotify::ReadFlags;

use super::kernel::{Event, Kernel};
use super::pending::Pending;
use super::table::{Id, ROOT, Table};
use crate::areas::Areas;

/// Folders visited, and watches ended, before events are read again: ending a watch is an event
/// itself, and the kernel's queue is short.
const SLICE: usize = 64;
const SLICE_OF_ENDS: usize = 1000;

/// Bounds and times. They are constants but in tests.
#[derive(Debug, Clone)]
pub(crate) struct Limits {
    /// Watches, if the system gives more.
    pub(crate) watches: usize,
    /// Names in one folder that are told one by one.
    pub(crate) names: usize,
    /// The same in all folders together.
    pub(crate) all_names: usize,
    /// Folders that the walk may be ahead of who listens.
    pub(crate) ahead: usize,
    /// How long a folder may be away until it has left the tree.
    pub(crate) away: Duration,
    /// Pause before a folder is visited again whose parent was not where it should be.
    pub(crate) again: Duration,
    /// How often it is tried to watch what could not be.
    pub(crate) retry: Duration,
    /// How long what was told is told again, should a folder above it be renamed: who was told may
    /// not have looked yet, and look in vain.
    pub(crate) recent: Duration,
    /// Pause between two readings of events, so that a busy writer does not keep the thread busy.
    pub(crate) pause: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            watches: usize::MAX,
            names: 1000,
            all_names: 50_000,
            ahead: 256,
            away: Duration::from_secs(1),
            again: Duration::from_millis(100),
            retry: Duration::from_secs(60),
            recent: Duration::from_secs(10),
            pause: Duration::from_millis(20),
        }
    }
}

/// What a turn led to.
#[derive(Debug)]
pub(super) struct Turn {
    /// To be told; empty if nobody listens.
    pub(super) seen: Vec<Seen>,
    /// When the next turn is due without any event; `None` if it is not.
    pub(super) due: Option<Instant>,
    /// Whether events make it due before.
    pub(super) listen: bool,
}

/// See the module. `walk.rs` has the part that visits folders.
#[derive(Debug)]
pub(super) struct Engine {
    pub(super) areas: Arc<Areas>,
    pub(super) limits: Limits,
    pub(super) kernel: Kernel,
    pub(super) table: Table,
    pub(super) pending: Pending,
    pub(super) now: Instant,
    /// Rises when events were lost; what was read in an earlier round is read again.
    pub(super) round: u32,
    /// Folders to visit, the last first.
    pub(super) queue: Vec<Id>,
    /// Folders that went away: when they are given up, and the number of this event.
    pub(super) away: VecDeque<(Instant, Id, u32)>,
    /// Folders to visit again then, and how often that was tried.
    pub(super) again: VecDeque<(Instant, Id, u32)>,
    /// Folders that wait for a watch; some may be gone.
    pub(super) refused: VecDeque<Id>,
    /// Whether the last watch was refused because there are too many.
    pub(super) full: bool,
    /// Watches to end.
    pub(super) ends: Vec<i32>,
    retry_at: Option<Instant>,
    /// How many of the refused are still to be tried this time.
    retrying: usize,
    /// What was told last, and until when it is told again.
    recent: VecDeque<(Instant, Id)>,
    read_at: Instant,
}

impl Engine {
    pub(super) fn new(areas: Arc<Areas>, limits: Limits, now: Instant) -> Self {
        let mut engine = Self {
            areas,
            kernel: Kernel::open(),
            table: Table::new(),
            pending: Pending::new(limits.names, limits.all_names),
            limits,
            now,
            round: 1,
            queue: Vec::new(),
            away: VecDeque::new(),
            again: VecDeque::new(),
            refused: VecDeque::new(),
            full: false,
            ends: Vec::new(),
            retry_at: None,
            retrying: 0,
            recent: VecDeque::new(),
            read_at: now,
        };
        engine.enqueue(ROOT);
        engine
    }

    /// Folders that are watched, folders that could not be, and how often events were lost.
    pub(super) fn counts(&self) -> (usize, usize, u32) {
        let (watched, refused) = self.table.counts();
        (watched, refused, self.round - 1)
    }

    /// Does what is to be done now, a part of it if it is much.
    pub(super) fn turn(&mut self, now: Instant, wanted: bool) -> Turn {
        self.now = now;
        let mut more = false;
        // Visits and ended watches lead to events, so these are not left waiting meanwhile.
        if now >= self.read_at || !self.queue.is_empty() || !self.ends.is_empty() {
            let (events, left) = self.kernel.read();
            more = left;
            if !events.is_empty() && !more {
                self.read_at = now + self.limits.pause;
            }
            events.into_iter().for_each(|event| self.event(event));
        }
        self.timers();
        let ends = self.ends.len().min(SLICE_OF_ENDS);
        for wd in self.ends.drain(..ends) {
            // It may have come back meanwhile.
            if self.table.watched_by(wd).is_none() {
                self.kernel.remove(wd);
            }
        }
        self.walk();
        let seen = if wanted { self.tell() } else { Vec::new() };
        let listen = now >= self.read_at;
        let busy = more || !self.ends.is_empty() || (self.has_work() && !self.is_ahead());
        let due = [
            busy.then_some(now),
            (!listen).then_some(self.read_at),
            self.retry_at,
            self.away.front().map(|(at, ..)| *at),
            self.again.front().map(|(at, ..)| *at),
            self.recent.front().map(|(at, _)| *at),
        ];
        Turn { seen, due: due.into_iter().flatten().min(), listen }
    }

    fn event(&mut self, event: Event) {
        if event.flags.contains(ReadFlags::QUEUE_OVERFLOW) {
            self.round += 1;
            return self.enqueue(ROOT);
        }
        let Some(folder) = self.table.watched_by(event.wd) else { return };
        if event.flags.contains(ReadFlags::IGNORED) {
            // The folder was deleted, which its parent tells as well, or unmounted.
            self.table.set_watch(folder, 0);
            return self.again(folder, 0);
        }
        let Some(name) = event.name else { return };
        // A name that cannot be told is one for the survey of the folder.
        let Ok(name) = std::str::from_utf8(&name) else { return self.pending.all(folder) };
        self.pending.member(folder, name);
        if !event.flags.contains(ReadFlags::ISDIR) {
            return;
        }
        let member = self.table.member(folder, name);
        if event.flags.intersects(ReadFlags::CREATE | ReadFlags::MOVED_TO) {
            let member = member.unwrap_or_else(|| self.table.insert(folder, name.into()));
            self.visit(member, 0);
        } else if let Some(member) = member
            && (event.flags.intersects(ReadFlags::DELETE | ReadFlags::MOVED_FROM)
                || is_refused(&self.table, member))
        {
            self.visit(member, 0);
        }
    }

    /// Does what waited for its time.
    fn timers(&mut self) {
        let now = self.now;
        while self.recent.pop_front_if(|(until, _)| *until <= now).is_some() {}
        if self.recent.is_empty() {
            // It is as long as the tree after the first walk, and short ever after.
            self.recent.shrink_to_fit();
        }
        while let Some((_, id, event)) = self.away.pop_front_if(|(at, ..)| *at <= now) {
            if self.table.node(id).is_some_and(|node| node.away() == event) {
                self.remove(id);
            }
        }
        while let Some((_, id, tries)) = self.again.pop_front_if(|(at, ..)| *at <= now) {
            if self.table.node(id).is_some_and(|node| node.queued) {
                self.visit(id, tries);
            }
        }
        if self.retry_at.is_some_and(|at| at <= now) {
            self.kernel.reopen();
            let mut met = HashSet::new();
            let table = &self.table;
            self.refused.retain(|id| is_refused(table, *id) && met.insert(*id));
            self.retrying = self.refused.len();
            self.retry_at = None;
        }
    }

    /// Visits folders, unless nobody listens.
    fn walk(&mut self) {
        for _ in 0..SLICE {
            if self.is_ahead() {
                return;
            }
            if let Some(id) = self.queue.pop() {
                if self.table.node(id).is_some_and(|node| node.queued) {
                    self.visit(id, 0);
                }
            } else if self.retrying > 0 {
                self.retry();
            } else {
                break;
            }
        }
        if self.retrying == 0 && self.retry_at.is_none() && !self.refused.is_empty() {
            self.retry_at = Some(self.now + self.limits.retry);
        }
    }

    /// Tries to watch a folder that could not be.
    fn retry(&mut self) {
        self.retrying -= 1;
        let Some(id) = self.refused.pop_front().filter(|id| is_refused(&self.table, *id)) else {
            return;
        };
        self.full = false;
        if self.may_be_watched(id) {
            self.visit(id, 0);
        }
        if is_refused(&self.table, id) {
            self.refused.push_back(id);
            if self.full {
                self.retrying = 0;
            }
        }
    }

    fn has_work(&self) -> bool {
        !self.queue.is_empty() || self.retrying > 0
    }

    fn is_ahead(&self) -> bool {
        self.pending.len() >= self.limits.ahead
    }

    fn tell(&mut self) -> Vec<Seen> {
        let (seen, folders) = self.pending.take(&self.table);
        let until = self.now + self.limits.recent;
        self.recent.extend(folders.into_iter().map(|id| (until, id)));
        seen
    }

    /// A folder has another path: what was told of it and what is below may have been looked for in
    /// vain.
    pub(super) fn tell_again(&mut self, moved: Id) {
        for (_, id) in &self.recent {
            if self.table.node(*id).is_some() && self.table.is_within(*id, moved) {
                self.pending.all(*id);
            }
        }
    }
}

fn is_refused(table: &Table, id: Id) -> bool {
    table.node(id).is_some_and(|node| node.is_refused())
}
