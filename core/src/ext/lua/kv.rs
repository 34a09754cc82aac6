//! What scripts keep over a restart: rows of the index, so that a backup has them.
//!
//! A row is the Unix milliseconds after which the value is not there any more (0: never), 8 bytes with
//! the highest first, and the value.

use std::sync::Arc;
use std::time::Duration;

use moonsail_lua::services::{Answer, Clock, Kv, SystemClock};

use crate::store::{self, Store, StoreError, WriteTx};

/// Largest whole number that scripts can hold exactly.
const EXACT: i64 = 1 << 53;
/// Longest key in bytes.
const KEY_BYTES: usize = 512;
/// Longest value in bytes.
const VALUE_BYTES: usize = 1 << 20;
/// Keys that are read at once.
const PAGE: usize = 500;

/// The values of all scripts.
pub(super) struct IndexKv {
    pub(super) store: Arc<dyn Store>,
}

fn instance(space: &str) -> String {
    format!("lua:{space}")
}

fn now() -> i64 {
    SystemClock.millis()
}

fn row(value: &[u8], until: i64) -> Vec<u8> {
    let mut row = until.to_be_bytes().to_vec();
    row.extend_from_slice(value);
    row
}

fn until(ttl: Option<Duration>) -> i64 {
    ttl.map_or(0, |ttl| now().saturating_add(i64::try_from(ttl.as_millis()).unwrap_or(i64::MAX)))
}

/// The value of a row and its end, if that has not come.
fn live(row: Option<Vec<u8>>) -> Option<(Vec<u8>, i64)> {
    let mut row = row?;
    let until = i64::from_be_bytes(row.get(..8)?.try_into().ok()?);
    (until == 0 || until > now()).then(|| (row.split_off(8), until))
}

fn failed(error: StoreError) -> String {
    error.to_string()
}

fn check(key: &str, value: &[u8]) -> Result<(), String> {
    if key.is_empty() || key.len() > KEY_BYTES || key.contains('\0') {
        return Err(format!("a key has 1 to {KEY_BYTES} bytes, and no zero byte"));
    }
    if value.len() > VALUE_BYTES {
        return Err(format!("a value has at most {VALUE_BYTES} bytes"));
    }
    Ok(())
}

impl IndexKv {
    /// Does something to one value in one transaction.
    async fn change<T: Send + 'static>(
        &self,
        space: &str,
        key: &str,
        work: impl FnOnce(&mut dyn WriteTx, &str, &str) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, String> {
        let (instance, key) = (instance(space), key.to_owned());
        store::write(&self.store, move |tx| work(tx, &instance, &key)).await.map_err(failed)
    }
}

impl Kv for IndexKv {
    fn get<'a>(
        &'a self,
        space: &'a str,
        key: &'a str,
    ) -> Answer<'a, Result<Option<Vec<u8>>, String>> {
        Box::pin(async move {
            let (instance, key) = (instance(space), key.to_owned());
            let row = store::read(&self.store, move |tx| tx.kv(&instance, &key)).await;
            Ok(live(row.map_err(failed)?).map(|(value, _)| value))
        })
    }

    fn set<'a>(
        &'a self,
        space: &'a str,
        key: &'a str,
        value: Vec<u8>,
        ttl: Option<Duration>,
    ) -> Answer<'a, Result<(), String>> {
        Box::pin(async move {
            check(key, &value)?;
            let row = row(&value, until(ttl));
            self.change(space, key, move |tx, instance, key| tx.put_kv(instance, key, &row)).await
        })
    }

    fn delete<'a>(&'a self, space: &'a str, key: &'a str) -> Answer<'a, Result<bool, String>> {
        Box::pin(async move {
            let remove = |tx: &mut dyn WriteTx, instance: &str, key: &str| {
                let there = live(tx.kv(instance, key)?).is_some();
                tx.remove_kv(instance, key)?;
                Ok(there)
            };
            self.change(space, key, remove).await
        })
    }

    fn incr<'a>(
        &'a self,
        space: &'a str,
        key: &'a str,
        by: i64,
        ttl: Option<Duration>,
    ) -> Answer<'a, Result<Result<i64, String>, String>> {
        Box::pin(async move {
            check(key, &[])?;
            let add = move |tx: &mut dyn WriteTx, instance: &str, key: &str| {
                let (before, until) = match live(tx.kv(instance, key)?) {
                    None => (Some(0), until(ttl)),
                    Some((value, until)) => {
                        let number =
                            std::str::from_utf8(&value).ok().and_then(|text| text.parse().ok());
                        (number, until)
                    }
                };
                let Some(before) = before else {
                    return Ok(Err("the value is no whole number".to_owned()));
                };
                let sum = i64::checked_add(before, by);
                let Some(sum) = sum.filter(|sum| (-EXACT..=EXACT).contains(sum)) else {
                    return Ok(Err("the sum is too large".to_owned()));
                };
                tx.put_kv(instance, key, &row(sum.to_string().as_bytes(), until))?;
                Ok(Ok(sum))
            };
            self.change(space, key, add).await
        })
    }

    fn cas<'a>(
        &'a self,
        space: &'a str,
        key: &'a str,
        old: Option<Vec<u8>>,
        new: Option<Vec<u8>>,
        ttl: Option<Duration>,
    ) -> Answer<'a, Result<bool, String>> {
        Box::pin(async move {
            check(key, new.as_deref().unwrap_or_default())?;
            let swap = move |tx: &mut dyn WriteTx, instance: &str, key: &str| {
                if live(tx.kv(instance, key)?).map(|(value, _)| value) != old {
                    return Ok(false);
                }
                match new {
                    None => tx.remove_kv(instance, key)?,
                    Some(new) => tx.put_kv(instance, key, &row(&new, until(ttl)))?,
                }
                Ok(true)
            };
            self.change(space, key, swap).await
        })
    }

    fn list<'a>(
        &'a self,
        space: &'a str,
        prefix: &'a str,
        after: Option<&'a str>,
        limit: usize,
    ) -> Answer<'a, Result<Vec<String>, String>> {
        Box::pin(async move {
            let (instance, prefix) = (instance(space), prefix.to_owned());
            let mut after = after.unwrap_or_default().to_owned();
            let keys = store::read(&self.store, move |tx| {
                let mut found = Vec::new();
                loop {
                    let page = tx.kv_keys(&instance, &prefix, &after, PAGE)?;
                    let is_last = page.len() < PAGE;
                    if let Some(last) = page.last() {
                        after.clone_from(last);
                    }
                    for key in page {
                        if found.len() < limit && live(tx.kv(&instance, &key)?).is_some() {
                            found.push(key);
                        }
                    }
                    if is_last || found.len() >= limit {
                        return Ok(found);
                    }
                }
            });
            keys.await.map_err(failed)
        })
    }
}
