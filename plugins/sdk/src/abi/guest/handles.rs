//! Things of the author's that the host holds by a pointer, and the errors of storage.

use std::ffi::c_void;
use std::sync::Arc;

use super::offers::at_once;
use crate::abi::token::Token;
use crate::abi::{CODE_CONFLICT, CODE_INTERNAL, CODE_NOT_FOUND, CODE_QUOTA, CODE_UNAVAILABLE, Str};
use crate::storage::StorageError;

/// Hands a thing to the host, which gives it back to [`release`].
pub(super) fn give<T: Send + Sync>(thing: T) -> *mut c_void {
    Arc::into_raw(Arc::new(thing)).cast_mut().cast()
}

/// A thing that the host holds, alive as long as the call that uses it.
///
/// # Safety
/// `handle` is from [`give`] of the same type and has not been released.
pub(super) unsafe fn borrow<T: Send + Sync>(handle: *mut c_void) -> Arc<T> {
    // SAFETY: as the caller promises.
    unsafe {
        Arc::increment_strong_count(handle.cast_const().cast::<T>());
        Arc::from_raw(handle.cast_const().cast::<T>())
    }
}

/// The host lets go of a thing. It is dropped within the runtime of its plugin, when no call uses it.
///
/// # Safety
/// `this` is of an [`Offer<P>`](super::offers::Offer) that lives; `handle` is from [`give`] of the same
/// type, and not used after this.
pub(super) unsafe fn release<P: ?Sized, T: Send + Sync>(this: *mut c_void, handle: *mut c_void) {
    // SAFETY: as the caller promises.
    unsafe {
        at_once::<P, ()>(this, (), |_| drop(Arc::from_raw(handle.cast_const().cast::<T>())));
    }
}

/// Answers an error of storage.
pub(super) fn refused(error: &StorageError, token: Token) {
    let (code, message) = parts(error);
    token.code(code, message);
}

/// An error of storage as code and message.
pub(super) fn parts(error: &StorageError) -> (i32, &str) {
    match error {
        StorageError::NotFound(what) => (CODE_NOT_FOUND, what),
        StorageError::Changed(what) => (CODE_CONFLICT, what),
        StorageError::Full => (CODE_QUOTA, ""),
        StorageError::Unavailable(why) => (CODE_UNAVAILABLE, why),
        StorageError::Internal(why) => (CODE_INTERNAL, why),
    }
}

/// Answers that it was done, or the error.
pub(super) fn unit(result: Result<(), StorageError>, token: Token) {
    match result {
        Ok(()) => token.done(),
        Err(error) => refused(&error, token),
    }
}

/// Answers a text, or the error.
pub(super) fn text(result: Result<String, StorageError>, token: Token) {
    match result {
        Ok(text) => token.ok(&Str::of(&text)),
        Err(error) => refused(&error, token),
    }
}

/// A number of bytes, as far as they fit into memory.
pub(super) fn length(len: u64) -> usize {
    usize::try_from(len).unwrap_or(usize::MAX)
}
