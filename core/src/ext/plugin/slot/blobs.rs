//! A plugin that stores objects.

use bytes::Bytes;
use moonsail_sdk::BoxFuture;
use moonsail_sdk::abi::host::PluginBlobs;
use moonsail_sdk::blobs::{BlobAbilities, BlobInfo, BlobPage, BlobReader, BlobStorage, BlobWriter};

use super::{CLOSED, Slot};
use crate::storage::StorageError;

type Answer<'a, T> = BoxFuture<'a, Result<T, StorageError>>;

impl Slot {
    fn blobs(&self) -> Result<PluginBlobs, StorageError> {
        let blobs = self.part(|offered| &offered.blobs);
        blobs.ok_or_else(|| StorageError::Unavailable(CLOSED.to_owned()))
    }
}

impl BlobStorage for Slot {
    /// Of a plugin that is not in service, what it can do matters to nobody.
    fn abilities(&self) -> BlobAbilities {
        let none = BlobAbilities {
            server_copy: false,
            multipart: false,
            part_min: 0,
            part_max: u64::MAX,
            parts_max: u32::MAX,
            object_max: u64::MAX,
        };
        self.blobs().map_or(none, |blobs| blobs.abilities())
    }

    fn put(&self, key: &str, data: Bytes) -> Answer<'_, BlobInfo> {
        let (blobs, key) = (self.blobs(), key.to_owned());
        Box::pin(async move { blobs?.put(&key, data).await })
    }

    fn begin(&self, key: &str) -> Answer<'_, Box<dyn BlobWriter>> {
        let (blobs, key) = (self.blobs(), key.to_owned());
        Box::pin(async move { blobs?.begin(&key).await })
    }

    fn open(&self, key: &str, offset: u64, len: u64) -> Answer<'_, Box<dyn BlobReader>> {
        let (blobs, key) = (self.blobs(), key.to_owned());
        Box::pin(async move { blobs?.open(&key, offset, len).await })
    }

    fn get(&self, key: &str, offset: u64, len: u64) -> Answer<'_, Bytes> {
        let (blobs, key) = (self.blobs(), key.to_owned());
        Box::pin(async move { blobs?.get(&key, offset, len).await })
    }

    fn head(&self, key: &str) -> Answer<'_, BlobInfo> {
        let (blobs, key) = (self.blobs(), key.to_owned());
        Box::pin(async move { blobs?.head(&key).await })
    }

    fn copy(&self, from: &str, to: &str) -> Answer<'_, BlobInfo> {
        let (blobs, from, to) = (self.blobs(), from.to_owned(), to.to_owned());
        Box::pin(async move { blobs?.copy(&from, &to).await })
    }

    fn delete(&self, key: &str) -> Answer<'_, ()> {
        let (blobs, key) = (self.blobs(), key.to_owned());
        Box::pin(async move { blobs?.delete(&key).await })
    }

    fn list(&self, prefix: &str, cursor: Option<&str>) -> Answer<'_, BlobPage> {
        let (blobs, prefix) = (self.blobs(), prefix.to_owned());
        let cursor = cursor.map(str::to_owned);
        Box::pin(async move { blobs?.list(&prefix, cursor.as_deref()).await })
    }

    fn multipart_begin(&self, key: &str) -> Answer<'_, String> {
        let (blobs, key) = (self.blobs(), key.to_owned());
        Box::pin(async move { blobs?.multipart_begin(&key).await })
    }

    fn multipart_put(
        &self,
        key: &str,
        upload: &str,
        number: u32,
        data: Bytes,
    ) -> Answer<'_, String> {
        let (blobs, key, upload) = (self.blobs(), key.to_owned(), upload.to_owned());
        Box::pin(async move { blobs?.multipart_put(&key, &upload, number, data).await })
    }

    fn multipart_finish(
        &self,
        key: &str,
        upload: &str,
        parts: Vec<String>,
    ) -> Answer<'_, BlobInfo> {
        let (blobs, key, upload) = (self.blobs(), key.to_owned(), upload.to_owned());
        Box::pin(async move { blobs?.multipart_finish(&key, &upload, parts).await })
    }

    fn multipart_abort(&self, key: &str, upload: &str) -> Answer<'_, ()> {
        let (blobs, key, upload) = (self.blobs(), key.to_owned(), upload.to_owned());
        Box::pin(async move { blobs?.multipart_abort(&key, &upload).await })
    }
}
