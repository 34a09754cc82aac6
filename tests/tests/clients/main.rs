//! Real clients against the real server: what they leave on both sides is compared, byte by byte.
//!
//! A client that is not installed is skipped, never passed; where `CI` is set that is a failure.
//! Each case has its own server and its own `HOME`, and ends with `moonsail fsck`.

mod cadaver;
mod curl;
mod expected;
mod litmus;
mod mounts;
mod nextcloudcmd;
mod rclone;
mod restored;
mod setup;

use std::process::ExitCode;

pub(crate) use e2e::{sync_client, tree};

fn main() -> ExitCode {
    let mut cases = Vec::new();
    cases.extend(curl::cases());
    cases.extend(cadaver::cases());
    cases.extend(litmus::cases());
    cases.extend(rclone::cases());
    cases.extend(nextcloudcmd::cases());
    cases.extend(mounts::cases());
    cases.extend(restored::cases());
    // One after the other: they measure time-outs of their own, and machines are small.
    e2e::suite::run(cases, 1)
}
