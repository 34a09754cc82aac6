//! The small store of plugins and scripts.

use super::state::State;
use crate::store::StoreError;
use crate::store::kv::{KvRead, KvWrite};

impl KvRead for State {
    fn kv(&mut self, instance: &str, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.kv.get(&(instance.to_owned(), key.to_owned())).cloned())
    }

    fn kv_keys(
        &mut self,
        instance: &str,
        prefix: &str,
        after: &str,
        limit: usize,
    ) -> Result<Vec<String>, StoreError> {
        let keys = self.kv.keys().filter(|(owner, key)| {
            owner == instance && key.starts_with(prefix) && key.as_str() > after
        });
        Ok(keys.map(|(_, key)| key.clone()).take(limit).collect())
    }
}

impl KvWrite for State {
    fn put_kv(&mut self, instance: &str, key: &str, value: &[u8]) -> Result<(), StoreError> {
        self.kv.insert((instance.to_owned(), key.to_owned()), value.to_vec());
        Ok(())
    }

    fn remove_kv(&mut self, instance: &str, key: &str) -> Result<(), StoreError> {
        self.kv.remove(&(instance.to_owned(), key.to_owned()));
        Ok(())
    }
}
