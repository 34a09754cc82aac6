//! Scripts, below the server: a Luau VM that no script can stop or blow up ([`vm`]), the modules that
//! scripts `require` ([`modules`]), and what a script file registers and answers ([`script`]).
//!
//! Nothing here knows HTTP, WebDAV or the store; the server hands in what scripts may reach as
//! [`services`]. With the border to plugins this is the only place with `unsafe` code, in [`vm`]:
//! the budget reads a clock inside the interpreter's interrupt, for which mlua has no safe way that is
//! fast enough.

pub mod context;
pub mod data;
mod duration;
pub mod error;
pub mod modules;
mod net;
pub mod runner;
pub mod script;
pub mod secret;
pub mod services;
pub mod site;
pub mod vm;

pub use data::Data;
pub use error::{Fault, Trouble};
pub use mlua;
pub use secret::Secret;
pub use services::Services;
pub use site::{Grants, Site};
pub use vm::{Budget, Library, Vm, VmLimits};
