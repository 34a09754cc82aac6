//! `moonsail.blobs/1`: the table around [`crate::blobs::BlobStorage`], which says what each function
//! means. Handles and failures are as in [`FilesTable`](super::FilesTable): `begin` and `open` give a
//! handle that the host gives back to `writer_release` or `reader_release` exactly once, after all
//! calls with it have been answered. Calls with one handle come one after the other.

use std::ffi::c_void;

use super::values::{Buf, CallInfo, Done, Grows, List, Op, Str, StrList};

/// Id of [`BlobsTable`].
pub const EXTENSION_BLOBS: &str = "moonsail.blobs/1";

/// Flag of [`BlobsTable`]: `copy` moves no bytes through the server.
pub const BLOBS_SERVER_COPY: u32 = 1;

/// What a store knows about an object.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct BlobInfo {
    /// Size of this struct.
    pub size: u32,
    /// Zero.
    pub reserved: u32,
    /// Bytes.
    pub bytes: u64,
    /// When it was committed, in Unix seconds by the store's clock.
    pub modified: i64,
    /// The store's own mark of these bytes; may be empty.
    pub tag: Str,
}

/// An object being written. Released with `writer_release`.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct BlobBegun {
    /// Size of this struct.
    pub size: u32,
    /// Zero.
    pub reserved: u32,
    /// The handle.
    pub writer: *mut c_void,
}

/// An object being read. Released with `reader_release`.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct BlobOpened {
    /// Size of this struct.
    pub size: u32,
    /// Zero.
    pub reserved: u32,
    /// The handle.
    pub reader: *mut c_void,
    /// The whole object.
    pub info: *const BlobInfo,
}

/// An object in a listing.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct BlobEntry {
    /// Size of this struct.
    pub size: u32,
    /// Zero.
    pub reserved: u32,
    /// Its key.
    pub key: Str,
    /// The rest.
    pub info: *const BlobInfo,
}

/// A page of a listing.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct BlobPage {
    /// Size of this struct.
    pub size: u32,
    /// Zero.
    pub reserved: u32,
    /// [`BlobEntry`]s in the order of their keys' bytes.
    pub entries: List,
    /// The cursor of the next page; none at the end.
    pub next: Str,
}

/// A store of objects. `get` may be missing, and the `multipart_` functions, of which all are offered
/// or none.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct BlobsTable {
    /// Size of this struct.
    pub size: u32,
    /// `BLOBS_` flags.
    pub flags: u32,
    /// First argument of its functions.
    pub this: *mut c_void,
    /// Fewest bytes of a part that is not the last of its object.
    pub part_min: u64,
    /// Most bytes of a part.
    pub part_max: u64,
    /// Most parts of an object; their numbers go from 1 to this.
    pub parts_max: u32,
    /// Zero.
    pub reserved: u32,
    /// Most bytes of an object.
    pub object_max: u64,
    /// Writes a small object: gives a [`BlobInfo`]. `data` goes over to the plugin.
    pub put: Option<
        unsafe extern "C" fn(
            this: *mut c_void,
            call: *const CallInfo,
            key: Str,
            data: Buf,
            done: Done,
        ) -> *mut Op,
    >,
    /// Starts an object: gives a [`BlobBegun`].
    pub begin: Option<
        unsafe extern "C" fn(
            this: *mut c_void,
            call: *const CallInfo,
            key: Str,
            done: Done,
        ) -> *mut Op,
    >,
    /// Opens `len` bytes at `offset`, fewer if the object ends before: gives a [`BlobOpened`].
    pub open: Option<
        unsafe extern "C" fn(
            this: *mut c_void,
            call: *const CallInfo,
            key: Str,
            offset: u64,
            len: u64,
            done: Done,
        ) -> *mut Op,
    >,
    /// Gives a [`BlobInfo`], or `CODE_NOT_FOUND` if the store was asked and has no such object.
    pub head: Option<
        unsafe extern "C" fn(
            this: *mut c_void,
            call: *const CallInfo,
            key: Str,
            done: Done,
        ) -> *mut Op,
    >,
    /// Makes `to` an object with the bytes of `from`: gives its [`BlobInfo`].
    pub copy: Option<
        unsafe extern "C" fn(
            this: *mut c_void,
            call: *const CallInfo,
            from: Str,
            to: Str,
            done: Done,
        ) -> *mut Op,
    >,
    /// Removes an object. No value; success if there is none.
    pub remove: Option<
        unsafe extern "C" fn(
            this: *mut c_void,
            call: *const CallInfo,
            key: Str,
            done: Done,
        ) -> *mut Op,
    >,
    /// Gives a [`BlobPage`]. `cursor` is none for the first.
    pub list: Option<
        unsafe extern "C" fn(
            this: *mut c_void,
            call: *const CallInfo,
            prefix: Str,
            cursor: Str,
            done: Done,
        ) -> *mut Op,
    >,
    /// Takes the next bytes. No value. `data` goes over to the plugin.
    pub writer_write: Option<
        unsafe extern "C" fn(
            this: *mut c_void,
            call: *const CallInfo,
            writer: *mut c_void,
            data: Buf,
            done: Done,
        ) -> *mut Op,
    >,
    /// Makes what was written the object: gives its [`BlobInfo`]. The last call but
    /// `writer_release`.
    pub writer_commit: Option<
        unsafe extern "C" fn(
            this: *mut c_void,
            call: *const CallInfo,
            writer: *mut c_void,
            done: Done,
        ) -> *mut Op,
    >,
    /// Gives up; nothing is left after the answer. No value. The last call but `writer_release`.
    pub writer_abort: Option<
        unsafe extern "C" fn(
            this: *mut c_void,
            call: *const CallInfo,
            writer: *mut c_void,
            done: Done,
        ) -> *mut Op,
    >,
    /// Lets go of the handle, and gives up what was not committed.
    pub writer_release: Option<unsafe extern "C" fn(this: *mut c_void, writer: *mut c_void)>,
    /// Gives the next bytes as a [`PieceAt`](super::PieceAt): at least one and at most `max`, and none
    /// at the end of the range. `offset` is counted from the beginning of the object.
    pub reader_next: Option<
        unsafe extern "C" fn(
            this: *mut c_void,
            call: *const CallInfo,
            reader: *mut c_void,
            max: u64,
            done: Done,
        ) -> *mut Op,
    >,
    /// Closes a reader.
    pub reader_release: Option<unsafe extern "C" fn(this: *mut c_void, reader: *mut c_void)>,
    /// The same as `open` in one piece: gives a [`PieceAt`](super::PieceAt).
    pub get: Option<
        unsafe extern "C" fn(
            this: *mut c_void,
            call: *const CallInfo,
            key: Str,
            offset: u64,
            len: u64,
            done: Done,
        ) -> *mut Op,
    >,
    /// Starts an object in parts: gives a [`Str`], the upload's name.
    pub multipart_begin: Option<
        unsafe extern "C" fn(
            this: *mut c_void,
            call: *const CallInfo,
            key: Str,
            done: Done,
        ) -> *mut Op,
    >,
    /// Puts a part: gives a [`Str`], its mark. `data` goes over to the plugin.
    pub multipart_put: Option<
        unsafe extern "C" fn(
            this: *mut c_void,
            call: *const CallInfo,
            key: Str,
            upload: Str,
            number: u32,
            data: Buf,
            done: Done,
        ) -> *mut Op,
    >,
    /// Joins parts: gives a [`BlobInfo`].
    pub multipart_finish: Option<
        unsafe extern "C" fn(
            this: *mut c_void,
            call: *const CallInfo,
            key: Str,
            upload: Str,
            marks: StrList,
            done: Done,
        ) -> *mut Op,
    >,
    /// Gives an upload up. No value; success if there is none.
    pub multipart_abort: Option<
        unsafe extern "C" fn(
            this: *mut c_void,
            call: *const CallInfo,
            key: Str,
            upload: Str,
            done: Done,
        ) -> *mut Op,
    >,
}

// SAFETY: as the trait demands, all of them, by their definitions above.
unsafe impl Grows for BlobInfo {}
// SAFETY: the same.
unsafe impl Grows for BlobBegun {}
// SAFETY: the same.
unsafe impl Grows for BlobOpened {}
// SAFETY: the same.
unsafe impl Grows for BlobEntry {}
// SAFETY: the same.
unsafe impl Grows for BlobPage {}
// SAFETY: the same.
unsafe impl Grows for BlobsTable {}
