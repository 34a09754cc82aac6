//! Moonsail: a file server that the Nextcloud apps use as if it were a Nextcloud server.
//!
//! `ARCHITECTURE.md` walks through the house. Floors, from the ground up; a module imports only
//! from floors below its own, and modules of one floor do not know each other (`tests/tidy.rs`).

// ground
pub mod clock;
pub mod config;
pub mod etag;
pub mod heap;
pub mod ids;
pub mod names;
pub mod pages;
pub mod path;
pub mod proto;
pub mod version;
pub mod wire;
// ports
pub mod hooks;
pub mod storage;
pub mod store;
// services
pub mod auth;
pub mod content;
pub mod ext;
pub mod feed;
pub mod previews;
pub mod tree;
// rooms
pub mod apps;
pub mod dav;
pub mod login;
pub mod ocs;
pub mod outside;
pub mod pictures;
pub mod web;
// door
pub mod http;
pub mod net;
// roof
pub mod app;
pub mod cli;
