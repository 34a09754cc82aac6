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
