//! `moonsail.preview/1`: the tables around [`crate::preview::Previewer`], which says what they mean.

use std::ffi::c_void;

use super::stream::Stream;
use super::values::{CallInfo, Done, Grows, Op, Str, StrList};

/// Id of [`PreviewTable`].
pub const EXTENSION_PREVIEW: &str = "moonsail.preview/1";

/// [`PreviewWanted::mode`]: all of it, inside the box.
pub const PREVIEW_FIT: u32 = 0;
/// [`PreviewWanted::mode`]: all of it, so that the box is covered.
pub const PREVIEW_COVER: u32 = 1;
/// [`PreviewWanted::mode`]: what is around its centre, cut to the shape of the box.
pub const PREVIEW_CROP: u32 = 2;

/// What a previewer can make pictures of.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct PreviewTypes {
    /// Size of this struct.
    pub size: u32,
    /// Zero.
    pub reserved: u32,
    /// The largest file in bytes; larger ones are not given to it.
    pub max_bytes: u64,
    /// Media types in lower case: `image/png`, or all of a kind: `image/` and a star.
    pub media: StrList,
}

/// What is asked of a previewer. Borrowed until the starting call returns.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct PreviewWanted {
    /// Size of this struct.
    pub size: u32,
    /// One of the `PREVIEW_` constants.
    pub mode: u32,
    /// The file's size in bytes.
    pub bytes: u64,
    /// Width of the box in pixels, 1 to 8192.
    pub width: u32,
    /// Height of the box in pixels, 1 to 8192.
    pub height: u32,
    /// The file's media type by its name. A file may lie.
    pub media_type: Str,
}

/// A picture, encoded.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct PreviewPicture {
    /// Size of this struct.
    pub size: u32,
    /// Zero.
    pub reserved: u32,
    /// `image/png`, `image/jpeg`, `image/gif`, `image/webp` or `image/avif`.
    pub media_type: Str,
    /// Its bytes, which are copied.
    pub bytes: Str,
}

/// Makes small pictures of files.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct PreviewTable {
    /// Size of this struct.
    pub size: u32,
    /// Zero.
    pub reserved: u32,
    /// First argument of its functions.
    pub this: *mut c_void,
    /// Answers **before it returns**, with [`PreviewTypes`]. Asked once, after the start.
    pub types: Option<unsafe extern "C" fn(this: *mut c_void, done: Done)>,
    /// Gives a [`PreviewPicture`]. `CODE_UNSUPPORTED`: not a file of this kind, the next previewer is asked;
    /// `CODE_INVALID`: the file is damaged, nobody else is asked; anything else: something it needs
    /// cannot be reached. `file` is never null, and **goes over to the plugin**: it is read to its
    /// end, or not, and closed exactly once.
    pub render: Option<
        unsafe extern "C" fn(
            this: *mut c_void,
            call: *const CallInfo,
            file: *mut Stream,
            wanted: *const PreviewWanted,
            done: Done,
        ) -> *mut Op,
    >,
}

// SAFETY: as the trait demands.
unsafe impl Grows for PreviewTypes {}
// SAFETY: the same.
unsafe impl Grows for PreviewWanted {}
// SAFETY: the same.
unsafe impl Grows for PreviewPicture {}
// SAFETY: the same.
unsafe impl Grows for PreviewTable {}
