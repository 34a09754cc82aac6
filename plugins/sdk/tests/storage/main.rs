//! Storage over the border: a plugin that stores is a storage like every other, and nothing that it does
//! wrong becomes wrong bytes, a request that hangs, or something that nobody frees.
#![expect(clippy::unwrap_used, reason = "a test panics where something is wrong")]

mod drops;
mod hostile;
mod objects;
mod odd;
mod panics;

use moonsail_sdk::abi::guest::{Host, Offers, Plugin, PluginError};
use moonsail_sdk::abi::host::{PluginBlobs, PluginFiles, TestHost};
use moonsail_sdk::blobs::BlobStorage;
use moonsail_sdk::conformance::blobs::blobs_suite;
use moonsail_sdk::conformance::files::files_suite;
use moonsail_sdk::memory::MemoryStorage;
use moonsail_sdk::memory::blobs::MemoryBlobs;
use moonsail_sdk::storage::{Durability, FileStorage, StorageError, Tag};
use std::sync::Arc;

/// Stores both in memory.
struct Memory {
    files: Arc<MemoryStorage>,
    blobs: Arc<MemoryBlobs>,
}

impl Plugin for Memory {
    type Config = serde_json::Map<String, serde_json::Value>;

    fn create(_: Self::Config, _: Host) -> Result<Self, PluginError> {
        Ok(Self { files: Arc::default(), blobs: Arc::default() })
    }

    fn offer(self: &Arc<Self>, offers: &mut Offers) {
        offers.files(Arc::clone(&self.files));
        offers.blobs(Arc::clone(&self.blobs));
    }
}

fn files() -> (PluginFiles, TestHost) {
    let host = TestHost::create::<Memory>("{}").unwrap();
    (host.files().unwrap(), host)
}

fn blobs() -> (PluginBlobs, TestHost) {
    let host = TestHost::create::<Memory>("{}").unwrap();
    (host.blobs().unwrap(), host)
}

#[tokio::test]
async fn a_storage_of_files_passes_its_suite_over_the_border() {
    files_suite(files).await;
}

#[tokio::test]
async fn a_store_of_objects_passes_its_suite_over_the_border() {
    blobs_suite(blobs).await;
}

#[tokio::test]
async fn measures_and_abilities_of_a_store_cross() {
    let (store, _host) = blobs();
    assert_eq!(store.abilities(), MemoryBlobs::new().abilities());
}

#[tokio::test]
async fn what_is_not_offered_is_not_there() {
    let host = TestHost::create::<Nothing>("{}").unwrap();
    assert!(host.files().is_none() && host.blobs().is_none());
}

struct Nothing;

impl Plugin for Nothing {
    type Config = serde_json::Value;

    fn create(_: Self::Config, _: Host) -> Result<Self, PluginError> {
        Ok(Self)
    }

    fn offer(self: &Arc<Self>, _: &mut Offers) {}
}

#[tokio::test]
async fn every_error_of_storage_crosses_as_it_is() {
    let why = || "why, exactly".to_owned();
    for error in [
        StorageError::NotFound(why()),
        StorageError::Changed(why()),
        StorageError::Full,
        StorageError::Unavailable(why()),
        StorageError::Internal(why()),
    ] {
        let odd = odd::Odd::new();
        odd.control.fail(error.clone());
        let put = odd.files.put_small("x".into(), None, Durability::Full).await;
        assert_eq!(put, Err(error.clone()));
        assert_eq!(odd.files.apply(vec![odd::removal()]).await, [Err(error)]);
    }
}

#[tokio::test]
async fn tags_are_compared_by_the_plugin() {
    let odd = odd::Odd::new();
    let tag = |text: &str| Tag(text.to_owned());
    // The odd storage takes tags for the same that begin alike.
    assert!(odd.files.is_same(&tag("a1"), &tag("a2")));
    assert!(!odd.files.is_same(&tag("a1"), &tag("b1")));
}

#[tokio::test]
async fn a_stage_file_may_tell_a_new_place_with_each_write_and_sync() {
    let odd = odd::Odd::new();
    let mut stage = odd.files.begin_stage(None).await.unwrap();
    let key = stage.at().0;
    odd.control.version.store(1, std::sync::atomic::Ordering::SeqCst);
    stage.write_at(0, "x".into()).await.unwrap();
    assert_eq!(stage.at().0, format!("{key}@1"));
    odd.control.version.store(2, std::sync::atomic::Ordering::SeqCst);
    assert_eq!(stage.at().0, format!("{key}@1"), "not yet");
    stage.sync().await.unwrap();
    assert_eq!(stage.at().0, format!("{key}@2"));
}
