//! What a Moonsail plugin implements.
//!
//! The traits of the extension points ([`auth`], [`storage`], [`blobs`], [`capabilities`],
//! [`hooks`], [`events`], [`http`], [`preview`]), the types that cross them, and the conformance
//! suites that every implementation must pass ([`conformance`]). The server links the built-in
//! plugins through these same traits, so a built-in, a shared library and a script cannot be told
//! apart by the code that calls them.
//!
//! Nothing in this crate knows WebDAV, OCS or the index.

#[expect(unsafe_code, reason = "the border to shared libraries is C")]
pub mod abi;
pub mod auth;
pub mod blobs;
pub mod blocking;
pub mod capabilities;
pub mod conformance;
pub mod error;
pub mod events;
pub mod hooks;
pub mod http;
pub mod memory;
pub mod preview;
pub mod secret;
pub mod storage;
pub mod stream;

/// The text of `moonsail_plugin.h`: the types of [`abi`] in C, and all that a plugin in C needs.
pub const HEADER: &str = include_str!("../include/moonsail_plugin.h");

/// A boxed future, as the object-safe twins of the traits return it.
pub type BoxFuture<'a, T> = std::pin::Pin<Box<dyn Future<Output = T> + Send + 'a>>;
