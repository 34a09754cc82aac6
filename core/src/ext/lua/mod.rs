//! Scripts in Lua: the same extension points as plugins, from a text file (`[[script]]`).
//!
//! | file | what it holds |
//! |---|---|
//! | `events.rs` | which events a script may listen to |
//! | `generation.rs` | a script that is loaded: its VMs, and calling it |
//! | `slot.rs` | a script in service: the generation of the moment, counters, its last runs |
//! | `list.rs` | all scripts of a server: loading, reloading |
//! | `hook.rs`, `login.rs`, `route.rs`, `told.rs`, `timers.rs` | a script as each extension point |
//! | `stamps.rs` | whether its files are other ones by now |
//! | `kv.rs`, `figures.rs` | what the server keeps and counts for scripts |
//! | `offline.rs` | a script without a server, for the command line |
//! | `stubs.rs` | the reference of events and modules, and what editors read |
//! | `argument.rs`, `answer.rs` | from an event to a table, and from an answer to a decision |
//!
//! Every script has VMs of its own (ADR 11): what one does with its memory is nothing to another's
//! logins.

mod answer;
mod argument;
mod events;
mod figures;
mod generation;
mod hook;
mod kv;
mod list;
mod login;
mod offline;
mod route;
mod slot;
mod stamps;
pub mod stubs;
mod timers;
mod told;

pub use events::{AFTER_EVENTS, AUTH_EVENTS, SERVER_EVENTS, ScriptEvent};
pub use list::{ScriptError, ScriptState, Scripts};
pub use offline::{ServerRules, plan, stage};
pub use slot::{Run, Slot};
