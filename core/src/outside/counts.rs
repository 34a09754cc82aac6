//! What was found and done, counted.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use serde::{Deserialize, Serialize};

use crate::tree::Adopted;

/// Changes that the index took over from the disk.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// New files and folders.
    pub created: u64,
    /// Files with new bytes.
    pub written: u64,
    /// Files and folders that were renamed.
    pub moved: u64,
    /// Files and folders that are gone; what was in such a folder is not counted.
    pub deleted: u64,
    /// Files with the same bytes and another time or inode.
    pub touched: u64,
}

impl Counts {
    /// Counts one.
    pub(super) fn add(&mut self, adopted: Adopted) {
        let field = match adopted {
            Adopted::Created => &mut self.created,
            Adopted::Written => &mut self.written,
            Adopted::Moved => &mut self.moved,
            Adopted::Deleted => &mut self.deleted,
            Adopted::Touched => &mut self.touched,
            Adopted::Same | Adopted::Again => return,
        };
        *field += 1;
    }

    /// Adds others.
    pub(super) fn merge(&mut self, other: Self) {
        self.created += other.created;
        self.written += other.written;
        self.moved += other.moved;
        self.deleted += other.deleted;
        self.touched += other.touched;
    }

    /// All of them.
    pub fn all(&self) -> u64 {
        self.created + self.written + self.moved + self.deleted + self.touched
    }
}

/// The same for monitoring, with how much waits.
#[derive(Debug, Clone, Default)]
pub struct OutsideMetrics {
    changes: Family<[(&'static str, &'static str); 1], Counter>,
    /// Files and folders that are known to be looked at still.
    pub(super) waiting: Gauge,
    /// Folders that are watched.
    pub(super) watched: Gauge,
    /// Folders that could not be.
    pub(super) unwatched: Gauge,
}

impl OutsideMetrics {
    /// Makes them visible.
    pub fn register(&self, registry: &mut Registry) {
        let help = "Changes on the disk that the index took over";
        registry.register("outside_changes", help, self.changes.clone());
        let help = "Files and folders on the disk that wait to be looked at";
        registry.register("outside_waiting", help, self.waiting.clone());
        let help = "Folders that are watched for changes on the disk";
        registry.register("outside_watched_folders", help, self.watched.clone());
        let help = "Folders that could not be watched, and are looked at from time to time";
        registry.register("outside_unwatched_folders", help, self.unwatched.clone());
    }

    /// Adds what was taken over.
    pub(super) fn count(&self, counts: &Counts) {
        for (kind, number) in [
            ("created", counts.created),
            ("written", counts.written),
            ("moved", counts.moved),
            ("deleted", counts.deleted),
            ("touched", counts.touched),
        ] {
            if number > 0 {
                self.changes.get_or_create(&[("kind", kind)]).inc_by(number);
            }
        }
    }
}
