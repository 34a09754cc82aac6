//! Black-box tests of the built server: what drives it, and what reads its answers.
//!
//! Nothing here depends on the server's crates, so it cannot share their mistakes: [`server`]
//! starts the binary in a directory of its own, [`http`], [`http2`] and [`raw`] speak to it byte by
//! byte, [`spec`] runs the dialogues of `spec/cases`, [`browser`] walks through login pages,
//! [`flow`] is the app that waits for it, [`webdriver`] drives a real browser, [`strace`] makes its
//! system calls fail, [`mount`] gives it disks that fill up or lose their power, [`slapd`] is a
//! directory and [`delay`] a long way to it, [`weed`] an S3 store and [`aged`] its
//! future, [`receiver`] takes webhooks, [`guide`] does what a page of `docs/` says, [`suite`] runs
//! cases and reports them, [`tools`] finds and runs the real clients, of which [`sync_client`] is the
//! desktop's, and [`tree`] compares what they synced.

pub mod aged;
pub mod binary;
pub mod browser;
pub mod delay;
pub mod flow;
pub mod guide;
pub mod http;
pub mod http2;
pub mod mount;
pub mod raw;
pub mod receiver;
pub mod server;
pub mod slapd;
pub mod spec;
pub mod strace;
pub mod suite;
pub mod sync_client;
pub mod tls;
pub mod tools;
pub mod tree;
pub mod webdriver;
pub mod weed;

pub use server::Server;
