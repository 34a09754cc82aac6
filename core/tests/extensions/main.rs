//! Extension points of a whole house, with doubles and with the plugins of this repository.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests, which clippy cannot see")]

mod events;
mod feed;
mod house;
mod previews;
mod routes;
