//! An object that comes as a stream: one request if it is small, otherwise an upload in parts.

use bytes::{Bytes, BytesMut};
use moonsail_sdk::BoxFuture;
use moonsail_sdk::blobs::{BlobInfo, BlobStorage, BlobWriter};
use moonsail_sdk::storage::StorageError;
use tokio::runtime::Handle;
use tokio::task::JoinSet;

use crate::S3Blobs;

/// Parts on their way at once.
const FLYING: usize = 3;

/// A stream being written.
pub(crate) struct Writer {
    blobs: S3Blobs,
    key: String,
    buffer: BytesMut,
    upload: Option<Upload>,
    /// The runtime that it was begun on, for tidying up when it is dropped elsewhere.
    runtime: Option<Handle>,
}

/// An upload of which a part was sent.
struct Upload {
    name: String,
    flying: JoinSet<Result<(usize, String), StorageError>>,
    marks: Vec<Option<String>>,
}

impl Writer {
    pub(crate) fn begin(blobs: &S3Blobs, key: &str) -> Result<Self, StorageError> {
        blobs.path(key)?;
        let (blobs, key, runtime) = (blobs.clone(), key.to_owned(), Handle::try_current().ok());
        Ok(Self { blobs, key, buffer: BytesMut::new(), upload: None, runtime })
    }

    async fn send(&mut self, part: Bytes) -> Result<(), StorageError> {
        let upload = match &mut self.upload {
            Some(upload) => upload,
            None => {
                let name = self.blobs.multipart_begin(&self.key).await?;
                let (flying, marks) = (JoinSet::new(), Vec::new());
                self.upload.insert(Upload { name, flying, marks })
            }
        };
        while upload.flying.len() >= FLYING {
            upload.land().await?;
        }
        let index = upload.marks.len();
        upload.marks.push(None);
        let number = u32::try_from(index + 1).unwrap_or(u32::MAX);
        if number > self.blobs.abilities().parts_max {
            return Err(StorageError::Full);
        }
        let (blobs, key, name) = (self.blobs.clone(), self.key.clone(), upload.name.clone());
        upload.flying.spawn(async move {
            let mark = blobs.put_part(&key, &name, number, part).await?;
            Ok((index, mark))
        });
        Ok(())
    }

    async fn finish(&mut self) -> Result<BlobInfo, StorageError> {
        let rest = self.buffer.split().freeze();
        if self.upload.is_none() {
            return self.blobs.put(&self.key, rest).await;
        }
        if !rest.is_empty() {
            self.send(rest).await?;
        }
        let Some(upload) = &mut self.upload else {
            return Err(StorageError::Internal("an upload was lost".into()));
        };
        while !upload.flying.is_empty() {
            upload.land().await?;
        }
        let marks = upload.marks.iter().flatten().cloned().collect();
        let info = self.blobs.finish(&self.key, &upload.name, marks).await?;
        self.upload = None;
        Ok(info)
    }
}

impl Upload {
    async fn land(&mut self) -> Result<(), StorageError> {
        let Some(landed) = self.flying.join_next().await else { return Ok(()) };
        let (index, mark) = landed.map_err(|error| StorageError::Internal(error.to_string()))??;
        self.marks[index] = Some(mark);
        Ok(())
    }

    /// Gives the upload up when no part is on its way any more, which could stay otherwise.
    async fn give_up(mut self, blobs: &S3Blobs, key: &str) -> Result<(), StorageError> {
        while self.flying.join_next().await.is_some() {}
        blobs.abort(key, &self.name).await
    }
}

impl BlobWriter for Writer {
    fn write(&mut self, data: Bytes) -> BoxFuture<'_, Result<(), StorageError>> {
        Box::pin(async move {
            self.buffer.extend_from_slice(&data);
            while self.buffer.len() >= self.blobs.part_bytes {
                let part = self.buffer.split_to(self.blobs.part_bytes).freeze();
                self.send(part).await?;
            }
            Ok(())
        })
    }

    fn commit(mut self: Box<Self>) -> BoxFuture<'static, Result<BlobInfo, StorageError>> {
        Box::pin(async move { self.finish().await })
    }

    fn abort(mut self: Box<Self>) -> BoxFuture<'static, Result<(), StorageError>> {
        let upload = self.upload.take();
        Box::pin(async move {
            match upload {
                Some(upload) => upload.give_up(&self.blobs, &self.key).await,
                None => Ok(()),
            }
        })
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        let (Some(upload), Some(runtime)) = (self.upload.take(), &self.runtime) else { return };
        let (blobs, key) = (self.blobs.clone(), self.key.clone());
        // What fails here is for the store's own rule against unfinished uploads.
        runtime.spawn(async move { drop(upload.give_up(&blobs, &key).await) });
    }
}
