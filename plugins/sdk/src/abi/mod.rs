//! The border between server and plugin: what a shared library exports, and what it is handed.
//!
//! The types of this module are the specification; `include/moonsail_plugin.h` is generated from
//! them. They are plain C structs. [`guest`] lays them around the traits of this crate for a plugin in
//! Rust, and [`host`] turns them into the same traits again on the server's side, so nobody else
//! needs to write `unsafe`.
//!
//! # Rules
//!
//! 1. **Growth.** Structs grow at their end only and begin with their size. Who reads takes the
//!    smaller of both sizes; what is missing is zero. A function pointer that is missing or null is
//!    not offered. A change that is no addition gets a new extension id (`moonsail.auth/2`).
//! 2. **Memory.** Nobody frees what the other side has allocated. What is *borrowed* is valid until
//!    the call returns, also where the answer comes later: copy what you need. [`Buf`] is *owned*: who
//!    holds it calls its `release` exactly once, from any thread.
//! 3. **Threads.** Every function may be called from any thread at any time between `start` and
//!    `stop`, unless it says otherwise. None may block for more than a millisecond: answer later. A
//!    plugin without threads of its own uses the host's `moonsail.host.blocking/1`.
//! 4. **Answers.** An asynchronous function gets a [`Done`] and calls its `complete` exactly once:
//!    from any thread, also before it returns. What an [`Outcome`] points to is copied by the host
//!    before `complete` returns; the buffers in it go over to the host.
//! 5. **No unwinding, no `longjmp`** over the border, in either direction.
//! 6. **No `fork`, signal handlers, `setenv` or `exit`.**
//! 7. **Trust.** A plugin has all the rights of the server.

pub mod guest;
pub mod host;

mod ask;
mod auth;
mod blobs;
mod capabilities;
mod codes;
mod convert;
mod entry;
mod errors;
mod events;
mod fields;
mod files;
mod hooks;
mod http;
mod preview;
mod run;
mod services;
mod slot;
mod stream;
mod sync;
mod token;
mod values;
mod waiting;

pub use ask::{Failure, strays, unanswered};
pub use auth::*;
pub use blobs::*;
pub use capabilities::*;
pub use codes::*;
pub use convert::{Malformed, read_struct};
pub use entry::*;
pub use events::*;
pub use files::*;
pub use hooks::*;
pub use http::*;
pub use preview::*;
pub use services::*;
pub use stream::Stream;
pub use values::*;
