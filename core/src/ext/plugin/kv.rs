//! `moonsail.host.kv/1`: a small store for each instance, in the index, so that a backup has it.

use std::sync::Arc;

use bytes::Bytes;
use moonsail_sdk::abi::host::{KvService, ServiceFuture};

use crate::store::{self, Store, StoreError};

/// Longest key in bytes.
const KEY_BYTES: usize = 512;
/// Longest value in bytes.
const VALUE_BYTES: usize = 1 << 20;
/// Keys that are read at once.
const PAGE: usize = 500;
/// Most keys of one answer.
const MOST: usize = 100_000;

/// The keys of one instance.
pub(super) struct Kv {
    pub(super) instance: Arc<str>,
    pub(super) store: Arc<dyn Store>,
}

fn failed(error: StoreError) -> String {
    error.to_string()
}

impl KvService for Kv {
    fn get(&self, key: String) -> ServiceFuture<Option<Bytes>> {
        let (instance, store) = (Arc::clone(&self.instance), Arc::clone(&self.store));
        Box::pin(async move {
            let value = store::read(&store, move |tx| tx.kv(&instance, &key)).await;
            Ok(value.map_err(failed)?.map(Bytes::from))
        })
    }

    fn set(&self, key: String, value: Bytes) -> ServiceFuture<()> {
        let (instance, store) = (Arc::clone(&self.instance), Arc::clone(&self.store));
        Box::pin(async move {
            if key.is_empty() || key.len() > KEY_BYTES || key.contains('\0') {
                return Err(format!("a key has 1 to {KEY_BYTES} bytes, and no zero byte"));
            }
            if value.len() > VALUE_BYTES {
                return Err(format!("a value has at most {VALUE_BYTES} bytes"));
            }
            let done = store::write(&store, move |tx| tx.put_kv(&instance, &key, &value));
            done.await.map_err(failed)
        })
    }

    fn remove(&self, key: String) -> ServiceFuture<()> {
        let (instance, store) = (Arc::clone(&self.instance), Arc::clone(&self.store));
        Box::pin(async move {
            let done = store::write(&store, move |tx| tx.remove_kv(&instance, &key));
            done.await.map_err(failed)
        })
    }

    fn list(&self, prefix: String) -> ServiceFuture<Vec<String>> {
        let (instance, store) = (Arc::clone(&self.instance), Arc::clone(&self.store));
        Box::pin(async move {
            let all = store::read(&store, move |tx| {
                let mut all: Vec<String> = Vec::new();
                loop {
                    let after = all.last().cloned().unwrap_or_default();
                    let page = tx.kv_keys(&instance, &prefix, &after, PAGE)?;
                    let is_last = page.len() < PAGE;
                    all.extend(page);
                    if is_last || all.len() >= MOST {
                        return Ok(all);
                    }
                }
            });
            all.await.map_err(failed)
        })
    }
}
