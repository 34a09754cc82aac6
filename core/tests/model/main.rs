//! The tree and its bytes against a model: random histories, races, kills and restarts, over the
//! SQLite index and both storages that are at hand.
//!
//! `PROPTEST_CASES=1000 cargo test -p moonsail --test model` looks longer.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests, which clippy cannot see")]

mod history;
mod model;
mod ops;
mod random;
mod snapshot;
mod symptoms;
mod world;

use proptest::test_runner::{Config, TestRunner};

use history::History;
use ops::Op;
use random::op;
use world::Backend;

/// Runs random histories on a storage; a failing one is shrunk and printed.
fn explore(backend: Backend, cases: u32) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let mut config = Config::default();
    if config.cases == 256 {
        config.cases = cases; // the default; anything else was asked for
    }
    let mut runner = TestRunner::new(config);
    let histories = proptest::collection::vec(op(), 1..60);
    let outcome = runner.run(&histories, |ops| {
        runtime.block_on(run(backend, ops));
        Ok(())
    });
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
}

async fn run(backend: Backend, ops: Vec<Op>) {
    let mut history = History::begin(backend).await;
    for op in ops {
        history.step(op).await;
    }
    history.end().await;
}

#[test]
fn histories_on_plain_files_follow_the_model() {
    explore(Backend::Local, 60);
}

#[test]
fn histories_in_memory_follow_the_model() {
    explore(Backend::Memory, 100);
}
