//! Rows of the small store that each plugin and script has.

use super::StoreError;

/// Reading it.
pub trait KvRead {
    /// The value of a key.
    ///
    /// # Errors
    /// [`StoreError`], as all methods here.
    fn kv(&mut self, instance: &str, key: &str) -> Result<Option<Vec<u8>>, StoreError>;
    /// Up to `limit` keys of an instance that begin with `prefix` and come after `after`, in byte
    /// order.
    fn kv_keys(
        &mut self,
        instance: &str,
        prefix: &str,
        after: &str,
        limit: usize,
    ) -> Result<Vec<String>, StoreError>;
}

/// Writing it.
pub trait KvWrite {
    /// Sets a key.
    fn put_kv(&mut self, instance: &str, key: &str, value: &[u8]) -> Result<(), StoreError>;
    /// Removes a key; no error if there is none.
    fn remove_kv(&mut self, instance: &str, key: &str) -> Result<(), StoreError>;
}
