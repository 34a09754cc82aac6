//! The command line as an administrator uses it: the built binary, beside a running server and
//! without one.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests, which clippy cannot see")]

mod backup;
mod bed;
mod commands;
mod fsck;
mod ldap;
mod limits;
mod outside;
mod schema;
mod scripts;
mod signals;
mod socket;
