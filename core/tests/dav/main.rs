//! The WebDAV room through its only door, `Dav::handle`, over a real index and plain files.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests, which clippy cannot see")]

mod dump;
mod get;
mod gone;
mod house;
mod listings;
mod locks;
mod mounts;
mod outside;
mod places;
mod properties;
mod races;
mod scopes;
mod transfers;
mod writes;
