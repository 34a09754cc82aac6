//! `moonsail.preview/1`: small pictures of files.

use bytes::Bytes;

use crate::BoxFuture;
use crate::stream::ByteStream;

/// What a previewer can make pictures of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Types {
    /// Media types in lower case: `image/png`, or all of a kind: `image/*`.
    pub media: Vec<String>,
    /// The largest file in bytes; larger ones are not given to it.
    pub max_bytes: u64,
}

impl Types {
    /// Whether a file of this media type and size may be given to the previewer.
    pub fn has(&self, media_type: &str, size: u64) -> bool {
        let media_type = media_type.split(';').next().unwrap_or_default().trim();
        let fits = |pattern: &String| match pattern.strip_suffix('*') {
            Some(kind) => media_type.starts_with(kind),
            None => pattern == media_type,
        };
        size <= self.max_bytes && self.media.iter().any(fits)
    }
}

/// How a picture fills the box that was asked for. None makes a picture larger than it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mode {
    /// All of it, inside the box.
    Fit,
    /// All of it, so that the box is covered: the shorter side is the box's.
    Cover,
    /// What is around its centre, cut to the shape of the box.
    Crop,
}

/// What is asked of a previewer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The file's media type by its name. A file may lie.
    pub media_type: String,
    /// The file's size in bytes.
    pub size: u64,
    /// Width of the box in pixels, 1 to 8192.
    pub width: u32,
    /// Height of the box in pixels, 1 to 8192.
    pub height: u32,
    /// How to fill the box.
    pub mode: Mode,
}

/// A picture, encoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// `image/png`, `image/jpeg`, `image/gif`, `image/webp` or `image/avif`: what a browser can
    /// show and that runs no scripts.
    pub media_type: String,
    /// Its bytes.
    pub bytes: Bytes,
}

/// Why there is no picture.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoPicture {
    /// Not a file that this previewer reads: the next one is asked.
    #[error("not a file of this kind")]
    Unsupported,
    /// The file is damaged, or lies about what it is: nobody else is asked. The text is for the log.
    #[error("the file is broken: {0}")]
    Broken(String),
    /// Something it needs cannot be reached now; the next one is asked. The text is for the log.
    #[error("not available: {0}")]
    Unavailable(String),
}

/// Makes pictures of files.
///
/// The core runs a bounded number of calls at once, ends one that takes too long, and gives no file
/// that is larger than [`Types::max_bytes`]. Nothing else is limited on the plugin's side: it
/// bounds the pixels and the memory of what it decodes by itself.
pub trait Previewer: Send + Sync + 'static {
    /// What it reads. Asked once, when the previewer is taken into service.
    fn types(&self) -> Types;

    /// A picture of the file, whose bytes are read from `file`, as the user who asks sees it.
    ///
    /// # Errors
    /// [`NoPicture`].
    fn render(
        &self,
        file: Box<dyn ByteStream>,
        wanted: Wanted,
    ) -> BoxFuture<'_, Result<Picture, NoPicture>>;
}

#[cfg(test)]
mod tests {
    use super::Types;

    #[test]
    fn types_say_which_files_are_given() {
        let media = vec!["image/png".to_owned(), "video/*".to_owned()];
        let types = Types { media, max_bytes: 10 };
        for (media_type, size, given) in [
            ("image/png", 10, true),
            ("image/png", 11, false),
            ("image/png; charset=binary", 1, true),
            ("image/pn", 1, false),
            ("video/mp4", 1, true),
            ("audio/mp4", 1, false),
            ("", 1, false),
        ] {
            assert_eq!(types.has(media_type, size), given, "{media_type:?} {size}");
        }
    }
}
