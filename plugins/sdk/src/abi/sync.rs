//! What [`waiting`](super::waiting) and [`slot`](super::slot) are built on; `tests/loom.rs` builds them on
//! loom's twins of it.

pub(super) use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
pub(super) use std::sync::{Mutex, MutexGuard};
