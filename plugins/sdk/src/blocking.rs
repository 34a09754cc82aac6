//! Running a blocking function off the event loop.

use crate::storage::StorageError;

/// Runs `work` on the blocking pool of the current tokio runtime and waits for it.
///
/// # Errors
/// [`StorageError::Internal`] if `work` panics or the runtime is shutting down.
pub async fn blocking<T, F>(work: F) -> Result<T, StorageError>
where
    T: Send + 'static,
    F: FnOnce() -> Result<T, StorageError> + Send + 'static,
{
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(StorageError::Internal(error.to_string())),
    }
}

/// Runs `work` on the blocking pool and does not wait: for cleaning up, also from a `Drop`.
///
/// Outside a tokio runtime it runs at once, in the caller's thread. A runtime that shuts down may
/// leave it undone, so only use it for what the next start would do as well.
pub fn detached(work: impl FnOnce() + Send + 'static) {
    match tokio::runtime::Handle::try_current() {
        Ok(runtime) => drop(runtime.spawn_blocking(work)),
        Err(_) => work(),
    }
}
