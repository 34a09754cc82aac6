//! Extensions: who may be asked, in which order.
//!
//! Every extension point is one trait of the SDK and one ordered chain, the same for what is linked
//! in, for plugins and for scripts.

#[expect(unsafe_code, reason = "a library is loaded, and its entry believed")]
pub mod plugin;
