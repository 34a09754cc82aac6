//! Scripts without a server: loaded with fakes, fired at, tested.
//!
//! | part | what it holds |
//! |---|---|
//! | [`stage`] | a script on fakes, and asking it |
//! | `argument.rs` | the table that a handler gets, from plain data |
//! | `hands.rs`, `fakes.rs` | `t`, what a test does things with |
//! | [`file`] | a file of tests |
//! | [`report`] | TAP and JUnit |
//!
//! What an answer is worth only the server knows; it tells by [`Rules`], so that a test refuses what the
//! server would refuse.

mod argument;
mod fakes;
pub mod file;
mod hands;
pub mod report;
pub mod stage;

pub use file::{Case, run};
pub use stage::{Plan, Said, Stage};

use crate::script::Returned;

/// What the server knows of events.
pub trait Rules: Send + Sync {
    /// Whether there is such an event.
    ///
    /// # Errors
    /// Why not, and what was perhaps meant.
    fn check(&self, event: &str) -> Result<(), String>;

    /// Whether all handlers are called, and none decides for the others.
    fn is_for_all(&self, event: &str) -> bool;

    /// Whether it follows a change, so that families (`file.*`) hear of it.
    fn is_change(&self, event: &str) -> bool;

    /// Whether the server would take this answer. `user` is who the event is about.
    ///
    /// # Errors
    /// What it says to what it does not take.
    fn judge(&self, event: &str, user: &str, returned: &Returned) -> Result<(), String>;
}
