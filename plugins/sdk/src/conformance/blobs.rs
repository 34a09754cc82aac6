//! What every [`BlobStorage`] must do.
//!
//! | file           | cases about                                    |
//! |----------------|------------------------------------------------|
//! | `objects.rs`   | putting, streaming, copying, deleting          |
//! | `reads.rs`     | ranges, listings                               |
//! | `multipart.rs` | uploads in parts, if the store offers them     |

mod multipart;
mod objects;
mod reads;

use bytes::Bytes;

use super::{passes, report};
use crate::BoxFuture;
use crate::blobs::{BlobInfo, BlobStorage};
use crate::storage::StorageError;

/// A case and its name.
type Case = (&'static str, for<'a> fn(Rig<'a>) -> BoxFuture<'a, ()>);

/// Lists functions as cases under their own names.
macro_rules! cases {
    ($($case:ident),* $(,)?) => {
        pub(super) const CASES: &[super::Case] =
            &[$((stringify!($case), |rig| Box::pin($case(rig)))),*];
    };
}
use cases;

/// Runs all cases, each on a new, empty store. What `make` gives beside the store lives as long as
/// its case. Needs a tokio runtime. Parts of the store's least size are kept in memory, three at a
/// time.
///
/// # Panics
/// If a case fails.
pub async fn blobs_suite<S: BlobStorage, G>(make: impl Fn() -> (S, G)) {
    let mut failed = Vec::new();
    let mut count = 0;
    for (name, case) in [objects::CASES, reads::CASES, multipart::CASES].into_iter().flatten() {
        let (store, guard) = make();
        count += 1;
        if !passes(case(Rig { store: &store })).await {
            failed.push(*name);
        }
        drop((store, guard));
    }
    report("blobs", count, &failed);
}

/// The store under test, with the sentences that cases are made of.
#[derive(Clone, Copy)]
struct Rig<'a> {
    store: &'a dyn BlobStorage,
}

/// `len` bytes that repeat late, other ones for each seed.
fn pattern(len: usize, seed: u64) -> Bytes {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut data = Vec::with_capacity(len + 8);
    while data.len() < len {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        data.extend_from_slice(&state.to_le_bytes());
    }
    data.truncate(len);
    data.into()
}

/// Equal or not, without printing megabytes.
#[track_caller]
fn same(found: &Bytes, expected: &Bytes) {
    let differs = found.iter().zip(expected).position(|(one, other)| one != other);
    assert_eq!((found.len(), differs), (expected.len(), None), "length, first difference");
}

fn not_found<T>(result: Result<T, StorageError>) -> bool {
    matches!(result, Err(StorageError::NotFound(_)))
}

impl Rig<'_> {
    async fn put(&self, key: &str, data: &Bytes) -> BlobInfo {
        let info = self.store.put(key, data.clone()).await.expect("put");
        assert_eq!(info.size, data.len() as u64);
        info
    }

    /// All of an object.
    async fn read(&self, key: &str) -> Bytes {
        self.store.get(key, 0, u64::MAX).await.expect("get")
    }

    async fn is_absent(&self, key: &str) -> bool {
        not_found(self.store.head(key).await) && not_found(self.store.get(key, 0, 1).await)
    }

    /// All keys with a prefix, in the order of the pages.
    async fn keys(&self, prefix: &str) -> Vec<String> {
        let (mut keys, mut cursor) = (Vec::new(), None);
        loop {
            let page = self.store.list(prefix, cursor.as_deref()).await.expect("list");
            keys.extend(page.entries.into_iter().map(|entry| entry.key));
            cursor = page.next;
            if cursor.is_none() {
                return keys;
            }
        }
    }

    /// Waits until nothing is there: clean-up may happen a moment later.
    async fn becomes_empty(&self) {
        let mut keys = Vec::new();
        for _ in 0..500 {
            keys = self.keys("").await;
            if keys.is_empty() {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        panic!("the store holds {keys:?}");
    }
}
