//! Objects in an S3 store: AWS, SeaweedFS, Garage, Ceph, MinIO and others.
//!
//! Everything is a request, signed and repeated by `object_store`; nothing is kept here but the
//! connections. All of it runs on the tokio runtime by which it is called.

mod config;
mod error;
mod read;
mod write;

use std::sync::Arc;

use bytes::Bytes;
use futures_util::TryFutureExt;
use moonsail_sdk::BoxFuture;
use moonsail_sdk::abi::guest::{Host, Offers, Plugin, PluginError};
use moonsail_sdk::blobs::{
    BlobAbilities, BlobEntry, BlobInfo, BlobPage, BlobReader, BlobStorage, BlobWriter, check_key,
};
use moonsail_sdk::storage::StorageError;
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::list::{PaginatedListOptions, PaginatedListStore};
use object_store::multipart::{MultipartStore, PartId};
use object_store::path::Path;
use object_store::{ClientOptions, ObjectMeta, ObjectStoreExt, PutPayload, RetryConfig};

pub use config::S3Config;
use config::{PART_MAX, PART_MIN};
use error::{is_too_large_to_copy, meaning};

/// Objects of one bucket, below one prefix.
#[derive(Debug, Clone)]
pub struct S3Blobs {
    store: Arc<AmazonS3>,
    /// With a slash at its end, unless it is empty.
    prefix: Arc<str>,
    part_bytes: usize,
}

impl S3Blobs {
    /// Prepares requests; sends none.
    ///
    /// # Errors
    /// [`StorageError::Internal`] if the settings cannot work.
    pub fn open(config: &S3Config) -> Result<Self, StorageError> {
        config.check()?;
        // A library that is loaded has a rustls of its own, without a provider. Elsewhere the
        // program has set one, which is this one.
        let _set_before = rustls::crypto::ring::default_provider().install_default();
        let client = ClientOptions::new()
            .with_allow_http(config.allow_http)
            .with_connect_timeout(config.connect_timeout())
            // Not for the whole of a request: a slow client may take an hour for an object.
            .with_timeout_disabled()
            .with_read_timeout(config.timeout());
        let retry = RetryConfig {
            max_retries: config.retries,
            retry_timeout: config.retry_timeout(),
            ..RetryConfig::default()
        };
        let store = AmazonS3Builder::new()
            .with_endpoint(&config.endpoint)
            .with_bucket_name(&config.bucket)
            .with_region(&config.region)
            .with_access_key_id(&config.access_key)
            .with_secret_access_key(config.secret_key.reveal())
            .with_virtual_hosted_style_request(!config.path_style)
            .with_allow_http(config.allow_http)
            // One DELETE each: bulk deletion needs a checksum that some stores do not know.
            .with_disable_bulk_delete(true)
            .with_client_options(client)
            .with_retry(retry)
            .build()
            .map_err(|error| StorageError::Internal(error.to_string()))?;
        let prefix = match config.prefix.as_str() {
            "" => String::new(),
            prefix => format!("{prefix}/"),
        };
        let part_bytes = usize::try_from(config.part_bytes).unwrap_or(usize::MAX);
        Ok(Self { store: Arc::new(store), prefix: prefix.into(), part_bytes })
    }

    /// Where the object of a key is.
    fn path(&self, key: &str) -> Result<Path, StorageError> {
        check_key(key)?;
        let path = Path::parse(format!("{}{key}", self.prefix));
        path.map_err(|error| StorageError::Internal(error.to_string()))
    }

    async fn put(&self, key: &str, data: Bytes) -> Result<BlobInfo, StorageError> {
        let (path, size) = (self.path(key)?, data.len() as u64);
        let put = self.store.put(&path, PutPayload::from(data)).await;
        let put = put.map_err(|error| meaning(&error, key))?;
        Ok(BlobInfo { size, tag: put.e_tag.unwrap_or_default(), modified: now() })
    }

    async fn head(&self, key: &str) -> Result<BlobInfo, StorageError> {
        let path = self.path(key)?;
        match self.store.head(&path).await {
            Ok(meta) => Ok(info(&meta)),
            Err(object_store::Error::NotFound { .. }) => {
                // The answer to a HEAD does not say whether the object is missing or the bucket.
                match self.store.get(&path).await {
                    Ok(there_by_now) => Ok(info(&there_by_now.meta)),
                    Err(error) => Err(meaning(&error, key)),
                }
            }
            Err(error) => Err(meaning(&error, key)),
        }
    }

    async fn copy(&self, from: &str, to: &str) -> Result<BlobInfo, StorageError> {
        let (source, target) = (self.path(from)?, self.path(to)?);
        match self.store.copy(&source, &target).await {
            Ok(()) => self.head(to).await,
            Err(error) if is_too_large_to_copy(&error) => self.copy_bytes(from, to).await,
            Err(error) => Err(meaning(&error, from)),
        }
    }

    /// Copies what one request cannot.
    async fn copy_bytes(&self, from: &str, to: &str) -> Result<BlobInfo, StorageError> {
        let mut reader = self.open_range(from, 0, u64::MAX).await?;
        let mut writer = self.begin(to).await?;
        loop {
            let piece = reader.next(self.part_bytes).await?;
            if piece.is_empty() {
                return writer.commit().await;
            }
            writer.write(piece).await?;
        }
    }

    async fn delete(&self, key: &str) -> Result<(), StorageError> {
        let path = self.path(key)?;
        match self.store.delete(&path).await.map_err(|error| meaning(&error, key)) {
            Err(StorageError::NotFound(_)) => Ok(()),
            deleted => deleted,
        }
    }

    async fn list(&self, prefix: &str, cursor: Option<&str>) -> Result<BlobPage, StorageError> {
        let full = format!("{}{prefix}", self.prefix);
        let options =
            PaginatedListOptions { page_token: cursor.map(str::to_owned), ..Default::default() };
        let page = self.store.list_paginated(Some(full.as_str()), options).await;
        let page = page.map_err(|error| meaning(&error, prefix))?;
        let entry = |meta: &ObjectMeta| {
            let key = meta.location.as_ref().strip_prefix(&*self.prefix)?;
            Some(BlobEntry { key: key.to_owned(), info: info(meta) })
        };
        let mut entries: Vec<_> = page.result.objects.iter().filter_map(entry).collect();
        entries.sort_by(|one, other| one.key.cmp(&other.key));
        Ok(BlobPage { entries, next: page.page_token })
    }

    async fn finish(
        &self,
        key: &str,
        upload: &str,
        parts: Vec<String>,
    ) -> Result<BlobInfo, StorageError> {
        if parts.is_empty() {
            return Err(StorageError::Internal(format!("{key}: an upload without parts")));
        }
        let (path, upload) = (self.path(key)?, upload.to_owned());
        let parts = parts.into_iter().map(|content_id| PartId { content_id }).collect();
        let finished = self.store.complete_multipart(&path, &upload, parts).await;
        finished.map_err(|error| meaning(&error, key))?;
        // The answer does not tell the size.
        self.head(key).await
    }

    async fn abort(&self, key: &str, upload: &str) -> Result<(), StorageError> {
        let (path, upload) = (self.path(key)?, upload.to_owned());
        match self.store.abort_multipart(&path, &upload).await.map_err(|it| meaning(&it, key)) {
            Err(StorageError::NotFound(_)) => Ok(()),
            aborted => aborted,
        }
    }

    async fn put_part(
        &self,
        key: &str,
        upload: &str,
        number: u32,
        data: Bytes,
    ) -> Result<String, StorageError> {
        let (path, upload) = (self.path(key)?, upload.to_owned());
        let index = number.checked_sub(1).and_then(|index| usize::try_from(index).ok());
        let index = index.ok_or_else(|| StorageError::Internal("there is no part 0".into()))?;
        let put = self.store.put_part(&path, &upload, index, PutPayload::from(data)).await;
        Ok(put.map_err(|error| meaning(&error, key))?.content_id)
    }
}

fn info(meta: &ObjectMeta) -> BlobInfo {
    let tag = meta.e_tag.clone().unwrap_or_default();
    BlobInfo { size: meta.size, tag, modified: meta.last_modified.timestamp() }
}

/// Unix seconds.
fn now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.ok().and_then(|since| i64::try_from(since.as_secs()).ok()).unwrap_or_default()
}

impl Plugin for S3Blobs {
    type Config = S3Config;

    fn create(config: S3Config, _: Host) -> Result<Self, PluginError> {
        Ok(Self::open(&config)?)
    }

    fn offer(self: &Arc<Self>, offers: &mut Offers) {
        offers.blobs(Arc::clone(self));
    }
}

moonsail_sdk::export_plugin!(S3Blobs);

impl BlobStorage for S3Blobs {
    fn abilities(&self) -> BlobAbilities {
        BlobAbilities {
            server_copy: true,
            multipart: true,
            part_min: PART_MIN,
            part_max: PART_MAX,
            parts_max: 10_000,
            object_max: 5 << 40,
        }
    }

    fn put(&self, key: &str, data: Bytes) -> BoxFuture<'_, Result<BlobInfo, StorageError>> {
        let key = key.to_owned();
        Box::pin(async move { self.put(&key, data).await })
    }

    fn begin(&self, key: &str) -> BoxFuture<'_, Result<Box<dyn BlobWriter>, StorageError>> {
        let writer = write::Writer::begin(self, key);
        Box::pin(async { Ok(Box::new(writer?) as Box<dyn BlobWriter>) })
    }

    fn open(
        &self,
        key: &str,
        offset: u64,
        len: u64,
    ) -> BoxFuture<'_, Result<Box<dyn BlobReader>, StorageError>> {
        let key = key.to_owned();
        let boxed = |reader| Box::new(reader) as Box<dyn BlobReader>;
        Box::pin(async move { self.open_range(&key, offset, len).map_ok(boxed).await })
    }

    fn head(&self, key: &str) -> BoxFuture<'_, Result<BlobInfo, StorageError>> {
        let key = key.to_owned();
        Box::pin(async move { self.head(&key).await })
    }

    fn copy(&self, from: &str, to: &str) -> BoxFuture<'_, Result<BlobInfo, StorageError>> {
        let (from, to) = (from.to_owned(), to.to_owned());
        Box::pin(async move { self.copy(&from, &to).await })
    }

    fn delete(&self, key: &str) -> BoxFuture<'_, Result<(), StorageError>> {
        let key = key.to_owned();
        Box::pin(async move { self.delete(&key).await })
    }

    fn list(
        &self,
        prefix: &str,
        cursor: Option<&str>,
    ) -> BoxFuture<'_, Result<BlobPage, StorageError>> {
        let (prefix, cursor) = (prefix.to_owned(), cursor.map(str::to_owned));
        Box::pin(async move { self.list(&prefix, cursor.as_deref()).await })
    }

    fn multipart_begin(&self, key: &str) -> BoxFuture<'_, Result<String, StorageError>> {
        let key = key.to_owned();
        Box::pin(async move {
            let path = self.path(&key)?;
            self.store.create_multipart(&path).await.map_err(|error| meaning(&error, &key))
        })
    }

    fn multipart_put(
        &self,
        key: &str,
        upload: &str,
        number: u32,
        data: Bytes,
    ) -> BoxFuture<'_, Result<String, StorageError>> {
        let (key, upload) = (key.to_owned(), upload.to_owned());
        Box::pin(async move { self.put_part(&key, &upload, number, data).await })
    }

    fn multipart_finish(
        &self,
        key: &str,
        upload: &str,
        parts: Vec<String>,
    ) -> BoxFuture<'_, Result<BlobInfo, StorageError>> {
        let (key, upload) = (key.to_owned(), upload.to_owned());
        Box::pin(async move { self.finish(&key, &upload, parts).await })
    }

    fn multipart_abort(&self, key: &str, upload: &str) -> BoxFuture<'_, Result<(), StorageError>> {
        let (key, upload) = (key.to_owned(), upload.to_owned());
        Box::pin(async move { self.abort(&key, &upload).await })
    }
}
