//! Scripts in Lua, named by `server.toml`, in a running server: real requests, edits and restarts.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests, which clippy cannot see")]

#[path = "../cli/bed.rs"]
#[expect(dead_code, reason = "the bed of the command line's tests can more than is needed here")]
mod bed;
mod budgets;
mod effects;
mod events;
mod keys;
mod logins;
mod policy;
mod reload;
mod routes;
mod world;
