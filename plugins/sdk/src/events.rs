//! `moonsail.events/1`: hearing of what has happened.
//!
//! The core keeps one feed of all changes, in the order in which they were committed. Each sink has
//! a place in it, kept over restarts, and is given what comes after that place.

use std::time::Duration;

use crate::BoxFuture;

/// The names of all events, as [`EventSink::interest`] chooses from them.
pub const NAMES: [&str; 6] = [
    "file.created_dir",
    "file.uploaded",
    "file.copied",
    "file.moved",
    "file.deleted",
    "file.changed",
];

/// One change, durable before anybody hears of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Its number in the feed: rises from event to event, with gaps, and is never used twice. The
    /// key by which whoever receives an event a second time knows it again.
    pub seq: u64,
    /// When it was decided, Unix milliseconds. Not necessarily rising.
    pub time_millis: i64,
    /// What happened: one of [`NAMES`], or one that a newer core knows.
    pub name: String,
    /// Id of the user who did it; `None` if it was nobody who is logged in.
    pub actor: Option<String>,
    /// The way it came: `dav`, `web`, `cli`, or `disk` for changes that others made on the storage.
    pub origin: String,
    /// Id of the user in whose tree the file or folder lies.
    pub owner: String,
    /// Path in that tree, `/`-separated, without a slash in front: after the change, or of what is
    /// gone. Empty for the tree's root.
    pub path: String,
    /// Path before, where something was moved.
    pub old_path: Option<String>,
    /// Id of the file or folder (`oc:fileid`), never reused.
    pub node: i64,
    /// Its etag **now**, unquoted: of the newest state when the event is handed over, not of the one
    /// that the event made. `None` if it is gone meanwhile.
    pub etag: Option<String>,
    /// Its size in bytes now; `None` if it is gone meanwhile.
    pub size: Option<u64>,
    /// Whether it is a folder; `None` if it is gone meanwhile.
    pub folder: Option<bool>,
    /// The request that did it, as in the access log; empty if none.
    pub request_id: String,
}

/// A sink's answer to a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivered {
    /// The whole batch is taken: it is not given again.
    Ack,
    /// Nothing is promised: the core gives the same batch, perhaps a larger one with the same
    /// beginning, not before this time has passed. Zero leaves the time to the core, which waits
    /// longer after each failure.
    RetryAfter(Duration),
}

/// Hears of changes after they are durable.
///
/// **At least once, in order**: a batch that was not acknowledged comes again, also after a restart
/// of the server, and nothing after it comes before it is. One call of [`EventSink::deliver`] runs at
/// a time. A sink that is slow delays itself and nobody else. When a sink is seen for the first
/// time, it begins with what happens from then on.
pub trait EventSink: Send + Sync + 'static {
    /// Patterns of the names that the sink wants: a name (`file.uploaded`), a beginning
    /// (`file.*`), or `*`. Asked when the sink is taken into service and again for each batch, so it
    /// should be quick. None at all means those that it said last.
    fn interest(&self) -> Vec<String>;

    /// Takes events, never none, by rising `seq`. A call that takes too long is dropped and counts
    /// as not acknowledged.
    fn deliver(&self, events: Vec<Event>) -> BoxFuture<'_, Delivered>;
}

/// Whether a pattern of [`EventSink::interest`] means the event `name`.
pub fn is_meant(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(beginning) => name.starts_with(beginning),
        None => pattern == name,
    }
}

#[cfg(test)]
mod tests {
    use super::is_meant;

    #[test]
    fn patterns_choose_names() {
        for (pattern, name, meant) in [
            ("*", "file.uploaded", true),
            ("file.*", "file.uploaded", true),
            ("file.*", "share.created", false),
            ("file.uploaded", "file.uploaded", true),
            ("file.upload", "file.uploaded", false),
            ("", "file.uploaded", false),
        ] {
            assert_eq!(is_meant(pattern, name), meant, "{pattern:?} {name}");
        }
    }
}
