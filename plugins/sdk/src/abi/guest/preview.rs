//! [`PreviewTable`] around a [`Previewer`].

use std::ffi::c_void;
use std::sync::Arc;

use super::body::{host_of, of_host};
use super::offers::{at_once, begin};
use crate::abi::convert::{Malformed, borrowed, read_struct, size_of};
use crate::abi::token::Token;
use crate::abi::{
    CODE_INTERNAL, CODE_INVALID, CODE_UNAVAILABLE, CODE_UNSUPPORTED, CallInfo, Done, Op,
    PREVIEW_COVER, PREVIEW_CROP, PREVIEW_FIT, PreviewPicture, PreviewTable, PreviewTypes,
    PreviewWanted, Str, StrList, Stream,
};
use crate::preview::{Mode, NoPicture, Picture, Previewer, Wanted};

type Provider = dyn Previewer;

pub(super) fn table(_: &Arc<Provider>, this: *mut c_void) -> PreviewTable {
    PreviewTable {
        size: size_of::<PreviewTable>(),
        reserved: 0,
        this,
        types: Some(types),
        render: Some(render),
    }
}

unsafe extern "C" fn types(this: *mut c_void, done: Done) {
    let token = Token::new(done);
    // SAFETY: the host calls it as the table says.
    let types = unsafe { at_once(this, None, |previewer: &Provider| Some(previewer.types())) };
    match types {
        Some(types) => token.ok(&PreviewTypes {
            size: size_of::<PreviewTypes>(),
            reserved: 0,
            max_bytes: types.max_bytes,
            media: StrList::of(&borrowed(&types.media)),
        }),
        None => token.code(CODE_INTERNAL, "it panicked"),
    }
}

unsafe extern "C" fn render(
    this: *mut c_void,
    call: *const CallInfo,
    file: *mut Stream,
    wanted: *const PreviewWanted,
    done: Done,
) -> *mut Op {
    // SAFETY: the host calls it as the table says.
    unsafe {
        // First of all: whatever becomes of the request, the file is closed.
        let file = of_host(file, &host_of::<Provider>(this));
        let prepare = |previewer: Arc<Provider>, _| {
            let (file, wanted) = (file?, wanted_of(wanted)?);
            Ok(async move { previewer.render(file, wanted).await })
        };
        begin(this, call, done, prepare, answer)
    }
}

fn answer(result: Result<Picture, NoPicture>, token: Token) {
    match result {
        Ok(picture) => token.ok(&PreviewPicture {
            size: size_of::<PreviewPicture>(),
            reserved: 0,
            media_type: Str::of(&picture.media_type),
            bytes: Str::of_bytes(&picture.bytes),
        }),
        Err(NoPicture::Unsupported) => token.code(CODE_UNSUPPORTED, ""),
        Err(NoPicture::Broken(text)) => token.code(CODE_INVALID, &text),
        Err(NoPicture::Unavailable(text)) => token.code(CODE_UNAVAILABLE, &text),
    }
}

/// # Safety
/// `wanted` is a host's, and alive.
unsafe fn wanted_of(wanted: *const PreviewWanted) -> Result<Wanted, Malformed> {
    // SAFETY: as the caller promises.
    unsafe {
        let wanted = read_struct::<PreviewWanted>(wanted.cast())?;
        Ok(Wanted {
            media_type: wanted.media_type.owned()?,
            size: wanted.bytes,
            width: wanted.width,
            height: wanted.height,
            mode: match wanted.mode {
                PREVIEW_FIT => Mode::Fit,
                PREVIEW_COVER => Mode::Cover,
                PREVIEW_CROP => Mode::Crop,
                _ => return Err(Malformed::Kind),
            },
        })
    }
}
