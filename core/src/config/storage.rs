//! `[storage]`: how bytes are kept.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::checker::Checker;
use super::mounts::{self, StorageName};
use super::plugins::Plugin;

/// The section as written in `server.toml`; the file documents each key.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RawStorage {
    durability: String,
    homes: String,
    min_free_bytes: u64,
    default_quota_bytes: u64,
    max_file_bytes: u64,
    max_chunk_bytes: u64,
    upload_retention_secs: u64,
    orphan_retention_secs: u64,
    watch: bool,
    settle_millis: u64,
    rescan_secs: u64,
}

impl Default for RawStorage {
    fn default() -> Self {
        Self {
            durability: "full".to_owned(),
            homes: "builtin:local".to_owned(),
            min_free_bytes: 256 << 20,
            default_quota_bytes: 0,
            max_file_bytes: 0,
            max_chunk_bytes: 100 << 20,
            upload_retention_secs: 86_400,
            orphan_retention_secs: 86_400,
            watch: true,
            settle_millis: 400,
            rescan_secs: 60,
        }
    }
}

/// What a 2xx answer to a write promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// Content and index are on disk before the answer.
    Full,
    /// The index is on disk before the answer, content is left to the operating system: a power
    /// cut may lose the content of the last seconds.
    Batch,
    /// Both are left to the operating system: a power cut may lose the changes of the last seconds.
    None,
}

/// Checked `[storage]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Storage {
    /// What a 2xx answer to a write promises.
    pub durability: Durability,
    /// Where the homes are that are made from now on.
    pub homes: StorageName,
    /// Free bytes of the disk that nothing new may take; 507.
    pub min_free_bytes: u64,
    /// Quota in bytes of new users who are given none; `None` for unlimited.
    pub default_quota: Option<u64>,
    /// Largest file in bytes, above it 413; `None` for unlimited.
    pub max_file: Option<u64>,
    /// Size in bytes of the chunks that clients are asked to send
    /// (`files.chunked_upload.max_size` of the capabilities). Larger ones are taken, too.
    pub max_chunk_bytes: u64,
    /// How long an idle chunked upload is kept, counted from its last chunk.
    pub upload_retention: Duration,
    /// How old an object that no file has must be before it is removed from a store of objects.
    pub orphan_retention: Duration,
    /// Whether the system is asked to tell of changes that others make on the disk.
    pub watch: bool,
    /// How long a file on the disk must not have been written to before it is shown.
    pub settle: Duration,
    /// How often folders that cannot be watched are looked at; `None` for never.
    pub rescan: Option<Duration>,
}

impl RawStorage {
    /// `plugins` are those that may have the homes.
    pub(crate) fn check(&self, see: &mut Checker<'_>, plugins: &[Plugin]) -> Storage {
        see.section("storage");
        /// More than any file system holds, and still good as a signed number (clients, SQLite).
        const MOST: u64 = i64::MAX as u64;
        let unlimited = |bytes| (bytes != 0).then_some(bytes);
        Storage {
            durability: see.one_of(
                "durability",
                &self.durability,
                &[
                    ("full", Durability::Full),
                    ("batch", Durability::Batch),
                    ("none", Durability::None),
                ],
            ),
            homes: mounts::homes(&self.homes, see, plugins),
            min_free_bytes: see.number("min_free_bytes", self.min_free_bytes, 0..=MOST),
            default_quota: unlimited(see.number(
                "default_quota_bytes",
                self.default_quota_bytes,
                0..=MOST,
            )),
            max_file: unlimited(see.number("max_file_bytes", self.max_file_bytes, 0..=MOST)),
            // The desktop never sends chunks below 5 MiB (clients.md §12).
            max_chunk_bytes: see.number("max_chunk_bytes", self.max_chunk_bytes, 5 << 20..=5 << 30),
            upload_retention: see.secs(
                "upload_retention_secs",
                self.upload_retention_secs,
                60..=31_536_000,
            ),
            orphan_retention: see.secs(
                "orphan_retention_secs",
                self.orphan_retention_secs,
                3600..=31_536_000,
            ),
            watch: self.watch,
            settle: Duration::from_millis(see.number(
                "settle_millis",
                self.settle_millis,
                10..=60_000,
            )),
            rescan: Some(see.secs("rescan_secs", self.rescan_secs, 0..=604_800))
                .filter(|pause| !pause.is_zero()),
        }
    }
}
