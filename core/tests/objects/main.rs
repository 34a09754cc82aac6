//! Homes on a store of objects: what is acknowledged is there, an outage is 503 and changes nothing,
//! what is lost is seen, what is left over goes.
//!
//! `house.rs` is a room of requests over any store; `flaky.rs` a store that fails at a call; `outages.rs`
//! lets each call of each request fail; `uploads.rs` is about chunks and restarts; `leftovers.rs` about
//! `fsck` and the sweeper; `seaweed.rs` does it again on a real S3 server.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests, which clippy cannot see")]

#[path = "../dav/dump.rs"]
mod dump;
mod flaky;
mod house;
mod leftovers;
mod outages;
mod seaweed;
mod uploads;
