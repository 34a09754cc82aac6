//! What no input may do: one function for each parser and state machine, from bytes to a panic if
//! a promise is broken. `run` searches for such bytes with libFuzzer; `tests/replay.rs` feeds the
//! kept ones to the same functions on every run of the tests.
//!
//! The tree is compared with the model of `core/tests/model`, whose files are used as they are.

#![expect(clippy::unwrap_used, reason = "a target that cannot go on is a failed test")]

#[path = "../../../core/tests/model/history.rs"]
mod history;
#[path = "../../../core/tests/model/model.rs"]
mod model;
#[path = "../../../core/tests/model/ops.rs"]
mod ops;
#[path = "../../../core/tests/model/snapshot.rs"]
mod snapshot;
mod targets;
#[path = "../../../core/tests/model/world.rs"]
mod world;

pub use targets::TARGETS;

/// Feeds one input to the target of this name.
///
/// # Panics
/// If there is no such target, or a promise is broken.
pub fn run(target: &str, input: &[u8]) {
    let found = TARGETS.iter().find(|(name, _)| *name == target);
    let (_, function) = found.unwrap_or_else(|| panic!("there is no target {target}"));
    function(input);
}
