//! The answering side of a [`Done`]: answered once, whatever happens.

use std::ffi::c_void;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::convert::size_of;
use super::{CODE_CANCELLED, CODE_INTERNAL, CODE_OK, Done, Outcome, Str};

/// Owes the caller an answer. Dropped without one (by a panic, a cancelled task, a plugin that ends) it
/// answers that there will be none, so that no request hangs.
pub(crate) struct Token {
    done: Option<Done>,
    cancelled: Arc<AtomicBool>,
}

// SAFETY: rule 4: `complete` may be called from any thread.
unsafe impl Send for Token {}

impl Token {
    pub(crate) fn new(done: Done) -> Self {
        Self { done: Some(done), cancelled: Arc::default() }
    }

    /// Set when the caller does not wait any more.
    pub(crate) fn cancelled(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.cancelled)
    }

    /// Answers with a value, which the caller has copied when this returns.
    pub(crate) fn ok<T>(self, value: &T) {
        self.value(CODE_OK, value);
    }

    /// Answers with another code than `CODE_OK` and a value.
    pub(crate) fn value<T>(self, code: i32, value: &T) {
        self.complete(code, "", 0, ptr::from_ref(value).cast());
    }

    /// Answers with a message and a value.
    pub(crate) fn said<T>(self, code: i32, message: &str, value: &T) {
        self.complete(code, message, 0, ptr::from_ref(value).cast());
    }

    /// Answers that it was done, where there is no value.
    pub(crate) fn done(self) {
        self.complete(CODE_OK, "", 0, ptr::null());
    }

    /// Answers without a value.
    pub(crate) fn code(self, code: i32, message: &str) {
        self.complete(code, message, 0, ptr::null());
    }

    /// Answers without a value, and when to try again.
    pub(crate) fn later(self, code: i32, message: &str, retry_after: Option<std::time::Duration>) {
        let millis = retry_after.map_or(0, |time| time.as_millis().max(1));
        self.complete(code, message, u32::try_from(millis).unwrap_or(u32::MAX), ptr::null());
    }

    fn complete(mut self, code: i32, message: &str, retry_after_ms: u32, value: *const c_void) {
        let Some(done) = self.done.take() else { return };
        send(done, code, message, retry_after_ms, value);
    }
}

fn send(done: Done, code: i32, message: &str, retry_after_ms: u32, value: *const c_void) {
    let size = size_of::<Outcome>();
    let message = Str::of(message);
    let outcome = Outcome { size, code, message, retry_after_ms, reserved: 0, value };
    if let Some(complete) = done.complete {
        // SAFETY: once, since `done` was taken out of its token; all pointers are alive meanwhile.
        unsafe { complete(done.ctx, &raw const outcome) }
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        let Some(done) = self.done.take() else { return };
        let (code, message) = match self.cancelled.load(Ordering::Relaxed) {
            true => (CODE_CANCELLED, "cancelled"),
            false => (CODE_INTERNAL, "the request was dropped without an answer"),
        };
        send(done, code, message, 0, ptr::null());
    }
}
