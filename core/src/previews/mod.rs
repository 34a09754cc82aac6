//! Small pictures of files: who can make one, how many are made at once, how long it may take.
//!
//! The chain of previewers is asked in order; the first that reads the type makes the picture. What is
//! decoded is what users have uploaded, so everything is bounded: the size of the file, the time, and
//! how many are made at the same time. No picture is ever an error of the server.

#[cfg(test)]
mod tests;

use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use moonsail_sdk::preview::{Mode, NoPicture, Picture, Previewer, Types, Wanted};
use moonsail_sdk::stream::ByteStream;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::proto::media_type::media_type_of;

/// What browsers show and what runs no scripts.
const SHOWN: [&str; 5] = ["image/png", "image/jpeg", "image/gif", "image/webp", "image/avif"];
/// The largest picture that is handed out.
const MAX_PICTURE: usize = 32 << 20;

/// Bounds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreviewSettings {
    /// Pictures that are made at the same time.
    pub at_once: usize,
    /// How long the making of one may take.
    pub timeout: Duration,
    /// How long one may wait for its turn.
    pub wait: Duration,
    /// The largest file in bytes; `None` leaves it to the previewers.
    pub max_file_bytes: Option<u64>,
    /// The longest side in pixels that can be asked for.
    pub max_side: u32,
}

impl Default for PreviewSettings {
    fn default() -> Self {
        Self {
            at_once: 2,
            timeout: Duration::from_secs(5),
            wait: Duration::from_secs(30),
            max_file_bytes: Some(256 << 20),
            max_side: 4096,
        }
    }
}

/// Why there is no picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoPreview {
    /// Nobody reads this type, or files of this size.
    #[error("nobody makes previews of this file")]
    Nobody,
    /// The file is damaged or lies about its type, or it takes too long.
    #[error("no preview can be made of this file")]
    Broken,
    /// Too many others are being made.
    #[error("too many previews are being made")]
    Busy,
    /// Who could make one cannot now.
    #[error("previews cannot be made at the moment")]
    Unavailable,
}

/// What is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Width of the box in pixels.
    pub width: u32,
    /// Height of the box in pixels.
    pub height: u32,
    /// How to fill it.
    pub mode: Mode,
}

/// The chain of previewers. Cheap to clone.
#[derive(Clone)]
pub struct Previews(Arc<Inner>);

struct Inner {
    chain: Vec<Link>,
    settings: PreviewSettings,
    places: Semaphore,
}

struct Link {
    name: String,
    previewer: Arc<dyn Previewer>,
    types: Types,
}

impl Previews {
    /// Asks these, under their names, in order.
    pub fn new(chain: Vec<(String, Arc<dyn Previewer>)>, settings: PreviewSettings) -> Self {
        let link = |(name, previewer): (String, Arc<dyn Previewer>)| {
            let types = previewer.types();
            Link { name, previewer, types }
        };
        let places = Semaphore::new(settings.at_once.min(Semaphore::MAX_PERMITS));
        Self(Arc::new(Inner { chain: chain.into_iter().map(link).collect(), settings, places }))
    }

    /// Whether a preview of a file of this name and size can be asked for: what `nc:has-preview` says.
    /// Whether one comes is known only when it is made.
    pub fn has(&self, name: &str, size: u64) -> bool {
        self.reads(media_type_of(name), size).next().is_some()
    }

    /// The box with sides no longer than they may be.
    pub fn bounded(&self, size: Size) -> Size {
        let longest = self.0.settings.max_side.max(1);
        let (width, height) = (size.width.clamp(1, longest), size.height.clamp(1, longest));
        Size { width, height, ..size }
    }

    fn reads(&self, media_type: &str, size: u64) -> impl Iterator<Item = &Link> {
        let small = size > 0 && self.0.settings.max_file_bytes.is_none_or(|most| size <= most);
        self.0.chain.iter().filter(move |link| small && link.types.has(media_type, size))
    }

    /// A picture of a file of this name and size; `open` gives its bytes, from the start each time.
    ///
    /// # Errors
    /// [`NoPreview`].
    pub async fn render(
        &self,
        (name, bytes): (&str, u64),
        size: Size,
        open: &(dyn Fn() -> Box<dyn ByteStream> + Send + Sync),
    ) -> Result<Picture, NoPreview> {
        let media_type = media_type_of(name);
        if self.reads(media_type, bytes).next().is_none() {
            return Err(NoPreview::Nobody);
        }
        let turn = timeout(self.0.settings.wait, self.0.places.acquire());
        let Ok(Ok(_place)) = turn.await else { return Err(NoPreview::Busy) };
        let Size { width, height, mode } = self.bounded(size);
        let wanted = Wanted { media_type: media_type.to_owned(), size: bytes, width, height, mode };
        match timeout(self.0.settings.timeout, self.ask(&wanted, open)).await {
            Ok(answer) => answer,
            Err(_) => {
                tracing::warn!(media_type, bytes, "a preview took too long");
                Err(NoPreview::Broken)
            }
        }
    }

    async fn ask(
        &self,
        wanted: &Wanted,
        open: &(dyn Fn() -> Box<dyn ByteStream> + Send + Sync),
    ) -> Result<Picture, NoPreview> {
        let mut outcome = NoPreview::Nobody;
        for Link { name, previewer, .. } in self.reads(&wanted.media_type, wanted.size) {
            let call = async { previewer.render(open(), wanted.clone()).await };
            match AssertUnwindSafe(call).catch_unwind().await {
                Ok(Ok(picture)) if is_good(&picture) => return Ok(picture),
                Ok(Ok(picture)) => {
                    let (kind, bytes) = (picture.media_type, picture.bytes.len());
                    tracing::error!(previewer = name, kind, bytes, "this is no picture to show");
                    return Err(NoPreview::Broken);
                }
                Ok(Err(NoPicture::Unsupported)) => {}
                Ok(Err(NoPicture::Broken(why))) => {
                    tracing::debug!(previewer = name, why, "no preview of a broken file");
                    return Err(NoPreview::Broken);
                }
                Ok(Err(NoPicture::Unavailable(why))) => {
                    tracing::warn!(previewer = name, why, "no previews at the moment");
                    outcome = NoPreview::Unavailable;
                }
                Err(_) => {
                    tracing::error!(previewer = name, "a previewer panicked");
                    return Err(NoPreview::Broken);
                }
            }
        }
        Err(outcome)
    }
}

fn is_good(picture: &Picture) -> bool {
    SHOWN.contains(&picture.media_type.as_str()) && (1..=MAX_PICTURE).contains(&picture.bytes.len())
}

impl Default for Previews {
    /// Nobody makes previews.
    fn default() -> Self {
        Self::new(Vec::new(), PreviewSettings::default())
    }
}

impl fmt::Debug for Previews {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.chain.iter().map(|link| &link.name)).finish()
    }
}
