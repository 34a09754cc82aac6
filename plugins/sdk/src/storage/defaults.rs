//! What a storage does that does not say otherwise, also for a plugin's table that lacks it.

use super::{Entry, FileStorage, StorageError};
use crate::BoxFuture;

/// [`FileStorage::stat_members`] by [`FileStorage::stat`].
pub(crate) fn stat_each<'a, S: FileStorage + ?Sized>(
    storage: &'a S,
    folder: &str,
    names: Vec<String>,
) -> BoxFuture<'a, Result<Vec<Option<Entry>>, StorageError>> {
    let folder = folder.to_owned();
    Box::pin(async move {
        let mut entries = Vec::with_capacity(names.len());
        for name in names {
            let path = if folder.is_empty() { name } else { format!("{folder}/{name}") };
            entries.push(storage.stat(&path).await?);
        }
        Ok(entries)
    })
}
