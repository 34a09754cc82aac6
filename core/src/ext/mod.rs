//! Extensions: what comes from outside, turned into what the core's ports want.
//!
//! Every extension point is one trait of the SDK and one ordered chain, the same for what is linked
//! in, for plugins and for scripts.
//!
//! | Where | What |
//! |---|---|
//! | `plugin/` | native plugins: loading, generations, what the server does for them |
//! | `blobs/` | a storage of files over any store of objects |

pub mod blobs;
#[expect(unsafe_code, reason = "a library is loaded, and its entry believed")]
pub mod plugin;
