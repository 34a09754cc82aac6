//! What both kinds of storage share on the host's side: how long calls may take, their errors, and what
//! a plugin gives to hold.

use std::ffi::c_void;
use std::ptr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::instance::Callee;
use crate::BoxFuture;
use crate::abi::ask::{Failure, call_info, succeeded};
use crate::abi::convert::{Malformed, read_struct};
use crate::abi::{
    CODE_BUSY, CODE_CONFLICT, CODE_INTERNAL, CODE_NOT_FOUND, CODE_QUOTA, CODE_TIMEOUT,
    CODE_UNAVAILABLE, CallInfo, Done, Grows, Op, Outcome, PieceAt, Str,
};
use crate::storage::StorageError;

/// How long a call may take, as a multiple of the time for calls in general.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Span {
    /// A look at one thing.
    Quick,
    /// Some bytes, or all of a folder.
    Data,
    /// All of a file, which can be large and the disk slow.
    Whole,
    /// Until something happens.
    Endless,
}

impl Span {
    /// The longest time; `None` if there is none.
    pub(super) fn of(self, timeout: Duration) -> Option<Duration> {
        match self {
            Self::Quick => Some(timeout),
            Self::Data => Some(timeout.saturating_mul(10)),
            Self::Whole => Some(timeout.saturating_mul(100)),
            Self::Endless => None,
        }
    }
}

impl<T: Grows> Callee<T> {
    /// Begins a call at once, if the plugin offers the function. `keep` lives until it is answered.
    pub(super) fn storage<F, R: Send + 'static>(
        &self,
        span: Span,
        keep: impl Send + 'static,
        function: Option<F>,
        read: impl FnOnce(&Outcome) -> Result<R, Failure> + Send + 'static,
        start: impl FnOnce(F, *const CallInfo, Done) -> *mut Op,
    ) -> BoxFuture<'static, Result<R, StorageError>> {
        let Some(function) = function else {
            return Box::pin(async { Err(error(Failure::not_offered())) });
        };
        let timeout = span.of(self.timeout);
        let info = call_info(timeout.unwrap_or_default(), "", None, None);
        let asked = self.ask_within(timeout.unwrap_or(Duration::MAX), keep, read, |done| {
            start(function, ptr::from_ref(&info), done)
        });
        Box::pin(async { asked.await.map_err(error) })
    }
}

/// A failure as storage says it.
pub(super) fn error(failure: Failure) -> StorageError {
    let Failure { code, message, .. } = failure;
    match code {
        CODE_NOT_FOUND => StorageError::NotFound(message),
        CODE_CONFLICT => StorageError::Changed(message),
        CODE_QUOTA => StorageError::Full,
        CODE_UNAVAILABLE | CODE_BUSY | CODE_TIMEOUT => StorageError::Unavailable(message),
        _ => StorageError::Internal(message),
    }
}

/// Something that a plugin gave to hold. It goes back when it is dropped; calls with it hold a clone of
/// its [`Arc`] until they are answered.
pub(super) struct Held<T> {
    callee: Arc<Callee<T>>,
    this: *mut c_void,
    handle: *mut c_void,
    release: Option<unsafe extern "C" fn(this: *mut c_void, handle: *mut c_void)>,
}

// SAFETY: rule 3: all functions of a table may be called from any thread.
unsafe impl<T> Send for Held<T> {}
// SAFETY: the same.
unsafe impl<T> Sync for Held<T> {}

impl<T> Held<T> {
    /// # Safety
    /// The plugin of `callee`, whose `this` it is, gave the handle for `release`.
    pub(super) unsafe fn new(
        callee: &Arc<Callee<T>>,
        this: *mut c_void,
        handle: *mut c_void,
        release: Option<unsafe extern "C" fn(this: *mut c_void, handle: *mut c_void)>,
    ) -> Result<Arc<Self>, Malformed> {
        if handle.is_null() {
            return Err(Malformed::Missing);
        }
        Ok(Arc::new(Self { callee: Arc::clone(callee), this, handle, release }))
    }

    pub(super) fn callee(&self) -> &Arc<Callee<T>> {
        &self.callee
    }

    pub(super) fn handle(&self) -> *mut c_void {
        self.handle
    }
}

impl<T> Drop for Held<T> {
    fn drop(&mut self) {
        if let Some(release) = self.release {
            // SAFETY: once; every call with it has been answered, since each holds a clone.
            unsafe { release(self.this, self.handle) }
        }
    }
}

/// Reads bytes that were asked for at `offset`, at most `len`. Wrong ones are a failure.
pub(super) fn piece(
    offset: u64,
    len: u64,
) -> impl FnOnce(&Outcome) -> Result<Bytes, Failure> + Send + 'static {
    move |outcome| {
        succeeded(outcome)?;
        // SAFETY: alive while the outcome is read, and what the table says.
        let piece = unsafe { read_struct::<PieceAt>(outcome.value) }?;
        // SAFETY: taken once: nobody else reads this outcome.
        let data = unsafe { piece.data.into_bytes() };
        if piece.offset == offset && data.len() as u64 <= len {
            return Ok(data);
        }
        let (got, at) = (data.len(), piece.offset);
        let text = format!("asked for {len} bytes at {offset}, it gives {got} at {at}");
        Err(Failure::new(CODE_INTERNAL, text))
    }
}

/// Reads the text that is the value.
pub(super) fn text(outcome: &Outcome) -> Result<String, Failure> {
    succeeded(outcome)?;
    if outcome.value.is_null() {
        return Err(Malformed::Missing.into());
    }
    // SAFETY: alive while the outcome is read, and a `Str` as the table says.
    Ok(unsafe { outcome.value.cast::<Str>().read_unaligned().owned() }?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_becomes_one_error() {
        let why = || "why".to_owned();
        for (code, expected) in [
            (CODE_NOT_FOUND, StorageError::NotFound(why())),
            (CODE_CONFLICT, StorageError::Changed(why())),
            (CODE_QUOTA, StorageError::Full),
            (CODE_UNAVAILABLE, StorageError::Unavailable(why())),
            (CODE_BUSY, StorageError::Unavailable(why())),
            (CODE_TIMEOUT, StorageError::Unavailable(why())),
            (CODE_INTERNAL, StorageError::Internal(why())),
            (crate::abi::CODE_CANCELLED, StorageError::Internal(why())),
            (crate::abi::CODE_UNSUPPORTED, StorageError::Internal(why())),
            (999, StorageError::Internal(why())),
        ] {
            assert_eq!(error(Failure::new(code, "why")), expected, "{code}");
        }
    }
}
