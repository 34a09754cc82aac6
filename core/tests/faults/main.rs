//! A disk and an index that fail: every call that a request makes fails once, at each place, in each
//! way, and nothing is lost, half done or acknowledged that is not there.
//!
//! `fault.rs` counts calls and says which one fails; `storage.rs` and `index.rs` are the real ones
//! with that in between; `world.rs` is a house on them that can be killed; `operations.rs` says what
//! is asked and what must be so afterwards.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests, which clippy cannot see")]

mod crashes;
#[path = "../dav/dump.rs"]
mod dump;
mod fault;
mod index;
mod operations;
mod publishing;
mod reading;
mod requests;
mod storage;
mod world;
