//! Conformance suites: what every implementation of a trait must do.
//!
//! A plugin runs them in its tests. Each case gets a fresh instance; all cases run, and the suite
//! panics at the end with the names of those that failed.

pub mod auth;
pub mod blobs;
pub mod files;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::Poll;

use crate::BoxFuture;

/// Runs one case; whether it went through. The panic hook has printed why it did not.
async fn passes(mut case: BoxFuture<'_, ()>) -> bool {
    std::future::poll_fn(move |context| {
        match catch_unwind(AssertUnwindSafe(|| case.as_mut().poll(context))) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(())) => Poll::Ready(true),
            Err(_) => Poll::Ready(false),
        }
    })
    .await
}

/// # Panics
/// If any case failed, with the names of all that did.
fn report(suite: &str, cases: usize, failed: &[&str]) {
    assert!(
        failed.is_empty(),
        "{suite}: {} of {cases} cases failed: {}",
        failed.len(),
        failed.join(", ")
    );
}
