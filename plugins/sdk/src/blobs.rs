//! `moonsail.blobs/1`: a store of immutable objects under keys that the core chooses.
//!
//! The index owns the names: a key says nothing about a path, so a rename or a move of a folder
//! costs no copy. An object is written once, whole, and never changed; nothing of it is visible
//! before its commit, and after the commit all of it is, durably, to everybody who asks.
//!
//! Keys are ASCII: `A-Z a-z 0-9 . _ -` and `/`, at most [`KEY_BYTES`], without empty segments, `.`
//! or `..`; [`check_key`] says so. The core never puts other bytes under a key that has an object,
//! but it repeats a call whose answer was lost: what was done before is done again with success.
//!
//! Only plain types cross this trait (bytes, strings, numbers), so that it has a twin in C.

use bytes::{Bytes, BytesMut};

use crate::BoxFuture;
use crate::storage::StorageError;

/// Length of the longest key, in bytes.
pub const KEY_BYTES: usize = 512;

/// What a store can do, and its measures. Constant as long as the instance lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlobAbilities {
    /// [`BlobStorage::copy`] moves no bytes through the server.
    pub server_copy: bool,
    /// The `multipart_` calls are offered.
    pub multipart: bool,
    /// Fewest bytes of a part that is not the last of its object.
    pub part_min: u64,
    /// Most bytes of a part.
    pub part_max: u64,
    /// Most parts of an object; their numbers go from 1 to this.
    pub parts_max: u32,
    /// Most bytes of an object.
    pub object_max: u64,
}

/// What a store knows about an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlobInfo {
    /// Bytes.
    pub size: u64,
    /// The store's own mark of these bytes, to notice that they are others; may be empty, and is
    /// not comparable between stores or between ways of writing.
    pub tag: String,
    /// When it was committed, in Unix seconds by the store's clock.
    pub modified: i64,
}

/// An object in a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlobEntry {
    /// Its key.
    pub key: String,
    /// The rest; `tag` may be empty here though [`BlobStorage::head`] gives one.
    pub info: BlobInfo,
}

/// A page of a listing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BlobPage {
    /// Objects in the order of their keys' bytes, behind those of the page before.
    pub entries: Vec<BlobEntry>,
    /// Gives the next page, also after a restart; `None` at the end. A page may be short, even
    /// empty, and not the last.
    pub next: Option<String>,
}

/// An object being written. Dropping it without [`BlobWriter::commit`] aborts it, soon after if not
/// at once; so does a `commit` that fails or is dropped before it returns, unless the store had
/// carried it out. After a failure, drop it.
pub trait BlobWriter: Send + 'static {
    /// Takes the next bytes, of any length. Returns when more may come: the store buffers a few
    /// parts at most.
    fn write(&mut self, data: Bytes) -> BoxFuture<'_, Result<(), StorageError>>;

    /// Makes all that was written the object, durable when this returns.
    fn commit(self: Box<Self>) -> BoxFuture<'static, Result<BlobInfo, StorageError>>;

    /// Gives up; nothing is left when this returns, if it returns with success.
    fn abort(self: Box<Self>) -> BoxFuture<'static, Result<(), StorageError>>;
}

/// The bytes of an object, in order.
pub trait BlobReader: Send + 'static {
    /// The whole object.
    fn info(&self) -> BlobInfo;

    /// The next bytes, as many as are convenient but at least one and at most `max`, which is not 0;
    /// empty at the end of the range. A stream that breaks off before its end is an error, never a short range.
    fn next(&mut self, max: usize) -> BoxFuture<'_, Result<Bytes, StorageError>>;
}

/// A store of objects. See the module.
///
/// [`StorageError::NotFound`] means that the store was asked and has no such object or upload.
/// Whatever leaves that open is [`StorageError::Unavailable`]: a store that does not answer, refuses
/// the login or has lost its bucket. A store that is full says [`StorageError::Full`].
pub trait BlobStorage: Send + Sync + 'static {
    /// What it can do.
    fn abilities(&self) -> BlobAbilities;

    /// Writes a small object in one call; durable when it returns.
    fn put(&self, key: &str, data: Bytes) -> BoxFuture<'_, Result<BlobInfo, StorageError>>;

    /// Starts an object that comes as a stream.
    fn begin(&self, key: &str) -> BoxFuture<'_, Result<Box<dyn BlobWriter>, StorageError>>;

    /// Opens `len` bytes of an object at `offset`; less if it ends before, nothing behind its end.
    fn open(
        &self,
        key: &str,
        offset: u64,
        len: u64,
    ) -> BoxFuture<'_, Result<Box<dyn BlobReader>, StorageError>>;

    /// The same as one piece, for ranges that fit into memory.
    fn get(&self, key: &str, offset: u64, len: u64) -> BoxFuture<'_, Result<Bytes, StorageError>> {
        let opening = self.open(key, offset, len);
        Box::pin(async { read_all(opening.await?).await })
    }

    /// What the store knows about an object.
    fn head(&self, key: &str) -> BoxFuture<'_, Result<BlobInfo, StorageError>>;

    /// Makes `to` an object with the bytes of `from`, durable when it returns.
    fn copy(&self, from: &str, to: &str) -> BoxFuture<'_, Result<BlobInfo, StorageError>>;

    /// Removes an object; success if there is none.
    fn delete(&self, key: &str) -> BoxFuture<'_, Result<(), StorageError>>;

    /// Objects whose keys begin with `prefix` (any text, not only whole segments), a page at a time:
    /// the first without a cursor, then each with the cursor of the one before. Every object that is
    /// there all the time is listed exactly once, those of unfinished uploads never.
    fn list(
        &self,
        prefix: &str,
        cursor: Option<&str>,
    ) -> BoxFuture<'_, Result<BlobPage, StorageError>>;

    /// Starts an object whose parts are put one by one, by several processes if need be, over a
    /// restart of all of them. Gives the name of the upload: one line of at most 1,024 bytes, as are
    /// the marks of its parts.
    fn multipart_begin(&self, key: &str) -> BoxFuture<'_, Result<String, StorageError>> {
        not_offered(key)
    }

    /// Puts part `number` (from 1), durable when it returns, and gives its mark for
    /// [`BlobStorage::multipart_finish`]. Parts may come in any order and at the same time; a number
    /// that is repeated takes the place of the earlier part.
    fn multipart_put(
        &self,
        key: &str,
        upload: &str,
        number: u32,
        data: Bytes,
    ) -> BoxFuture<'_, Result<String, StorageError>> {
        let _unused = (upload, number, data);
        not_offered(key)
    }

    /// Joins the parts 1, 2, 3 … whose marks these are, at least one, into the object. A part that
    /// was put and is not named is dropped. Repeating a call that has
    /// succeeded is [`StorageError::NotFound`] or a success; ask [`BlobStorage::head`].
    fn multipart_finish(
        &self,
        key: &str,
        upload: &str,
        parts: Vec<String>,
    ) -> BoxFuture<'_, Result<BlobInfo, StorageError>> {
        let _unused = (upload, parts);
        not_offered(key)
    }

    /// Gives an upload up, with its parts; success if there is none of that name.
    fn multipart_abort(&self, key: &str, upload: &str) -> BoxFuture<'_, Result<(), StorageError>> {
        let _unused = upload;
        not_offered(key)
    }
}

/// What a reader has left, as one piece.
pub(crate) async fn read_all(mut reader: Box<dyn BlobReader>) -> Result<Bytes, StorageError> {
    let first = reader.next(usize::MAX).await?;
    let mut all = match reader.next(usize::MAX).await? {
        second if second.is_empty() => return Ok(first),
        second => BytesMut::from_iter(first.into_iter().chain(second)),
    };
    loop {
        let piece = reader.next(usize::MAX).await?;
        if piece.is_empty() {
            return Ok(all.freeze());
        }
        all.extend_from_slice(&piece);
    }
}

fn not_offered<T>(key: &str) -> BoxFuture<'static, Result<T, StorageError>> {
    let error = StorageError::Internal(format!("this store has no uploads in parts ({key})"));
    Box::pin(async { Err(error) })
}

/// Refuses what cannot be the key of an object.
///
/// # Errors
/// [`StorageError::Internal`], since only the core makes keys.
pub fn check_key(key: &str) -> Result<(), StorageError> {
    let usual = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    let fits = |segment: &str| !matches!(segment, "" | "." | "..") && segment.bytes().all(usual);
    if key.len() <= KEY_BYTES && key.split('/').all(fits) {
        return Ok(());
    }
    Err(StorageError::Internal(format!("not a key: {key:?}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_plain() {
        let longest = "k".repeat(KEY_BYTES);
        for (key, expected) in [
            ("a", true),
            ("a/b.c_d-E9", true),
            (longest.as_str(), true),
            ("", false),
            ("/a", false),
            ("a/", false),
            ("a//b", false),
            ("a/../b", false),
            (".", false),
            ("a b", false),
            ("a%20b", false),
            ("ä", false),
            ("a\0b", false),
            (&format!("{longest}k"), false),
        ] {
            assert_eq!(check_key(key).is_ok(), expected, "{key:?}");
        }
    }
}
