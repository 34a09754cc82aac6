//! A [`PreviewTable`] as a [`Previewer`].

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::instance::{Callee, Instance};
use crate::BoxFuture;
use crate::abi::ask::{Failure, call_info, succeeded};
use crate::abi::convert::{read_struct, size_of};
use crate::abi::stream::give;
use crate::abi::{
    CODE_INVALID, CODE_UNSUPPORTED, EXTENSION_PREVIEW, Outcome, PREVIEW_COVER, PREVIEW_CROP,
    PREVIEW_FIT, PreviewPicture, PreviewTable, PreviewTypes, PreviewWanted, Str,
};
use crate::preview::{Mode, NoPicture, Picture, Previewer, Types, Wanted};
use crate::stream::ByteStream;

/// The previewer of a plugin.
#[derive(Clone)]
pub struct PluginPreview(Callee<PreviewTable>);

impl PluginPreview {
    /// That of an instance; `None` if it offers none.
    pub fn of(instance: &Arc<Instance>, timeout: Duration) -> Option<Self> {
        let callee: Callee<PreviewTable> = Callee::new(instance, EXTENSION_PREVIEW, timeout)?;
        callee.table.render.is_some().then_some(Self(callee))
    }

    /// What [`Previewer::types`] gives, or why it cannot be read.
    ///
    /// # Errors
    /// [`Failure`], in words for the administrator.
    pub fn checked_types(&self) -> Result<Types, Failure> {
        let (this, types) = (self.0.table.this, self.0.table.types);
        let types = types.ok_or_else(Failure::not_offered)?;
        // SAFETY: as the table says.
        self.0.ask_now(read_types, |done| unsafe { types(this, done) })
    }

    fn begin(
        &self,
        file: Box<dyn ByteStream>,
        wanted: &Wanted,
    ) -> Option<BoxFuture<'static, Result<Picture, Failure>>> {
        let (this, render) = (self.0.table.this, self.0.table.render?);
        let info = call_info(self.0.timeout, "", None, None);
        let wanted = PreviewWanted {
            size: size_of::<PreviewWanted>(),
            mode: match wanted.mode {
                Mode::Fit => PREVIEW_FIT,
                Mode::Cover => PREVIEW_COVER,
                Mode::Crop => PREVIEW_CROP,
            },
            bytes: wanted.size,
            width: wanted.width,
            height: wanted.height,
            media_type: Str::of(&wanted.media_type),
        };
        let file = give(file);
        Some(self.0.ask(picture, |done| {
            // SAFETY: what is borrowed lives until the call returns; the file goes over.
            unsafe { render(this, &raw const info, file, &raw const wanted, done) }
        }))
    }
}

impl Previewer for PluginPreview {
    fn types(&self) -> Types {
        self.checked_types().unwrap_or_else(|failure| {
            tracing::error!(plugin = self.0.instance.name(), %failure, "makes no previews");
            Types::default()
        })
    }

    fn render(
        &self,
        file: Box<dyn ByteStream>,
        wanted: Wanted,
    ) -> BoxFuture<'_, Result<Picture, NoPicture>> {
        Box::pin(async move {
            let result = match self.begin(file, &wanted) {
                Some(answer) => answer.await,
                None => Err(Failure::not_offered()),
            };
            result.map_err(|failure| match failure.code {
                CODE_UNSUPPORTED => NoPicture::Unsupported,
                CODE_INVALID => NoPicture::Broken(failure.message),
                _ => NoPicture::Unavailable(failure.message),
            })
        })
    }
}

fn read_types(outcome: &Outcome) -> Result<Types, Failure> {
    succeeded(outcome)?;
    // SAFETY: alive while the outcome is read, and what the table says.
    unsafe {
        let types = read_struct::<PreviewTypes>(outcome.value)?;
        let media = types.media.option_owned()?.unwrap_or_default();
        Ok(Types { media, max_bytes: types.max_bytes })
    }
}

fn picture(outcome: &Outcome) -> Result<Picture, Failure> {
    succeeded(outcome)?;
    // SAFETY: alive while the outcome is read, and what the table says.
    unsafe {
        let picture = read_struct::<PreviewPicture>(outcome.value)?;
        let bytes = Bytes::copy_from_slice(picture.bytes.bytes().unwrap_or_default());
        Ok(Picture { media_type: picture.media_type.owned()?, bytes })
    }
}
