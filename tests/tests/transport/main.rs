//! The door as strangers find it: bytes that are no HTTP, floods, crowds, proxies, and what stands
//! around the server on a real machine. `threats.md` §6 in the words of the attackers.
//!
//! A tool that is not installed makes its case skipped; where `CI` is set that is a failure. Each
//! case has its own server, and they run one after the other: some watch how long answers take.

mod crowds;
mod house;
mod http1;
mod http2;
mod idle;
mod overload;
mod proxies;
mod scan;
mod slow;
mod systemd;

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut cases = Vec::new();
    cases.extend(http1::cases());
    cases.extend(http2::cases());
    cases.extend(slow::cases());
    cases.extend(crowds::cases());
    cases.extend(overload::cases());
    cases.extend(proxies::cases());
    cases.extend(systemd::cases());
    cases.extend(scan::cases());
    cases.extend(idle::cases());
    e2e::suite::run(cases, 1)
}
