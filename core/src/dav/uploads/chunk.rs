//! `PUT` of a chunk. The three apps and rclone name chunks in four ways (clients.md §13, §42).

use http::StatusCode;

use super::{Upload, number, total_length};
use crate::content::ChunkExpected;
use crate::dav::DavError;
use crate::proto::chunk_name::ChunkName;
use crate::wire::{Reply, Request};

pub(super) async fn put(
    upload: &Upload<'_>,
    chunk: &str,
    request: &mut Request,
) -> Result<Reply, DavError> {
    if request.headers.contains_key("content-range") {
        return Err(DavError::BadRequest("Content-Range on PUT requests are forbidden."));
    }
    let total = total_length(request)?;
    if let Some(total) = total {
        upload.foresee(request, total).await?;
    }
    let length = request.content_length();
    let disk = upload.dav.require_space(length.unwrap_or(0)).await?.filter(|_| length.is_none());
    let expected = ChunkExpected {
        length,
        offset: offset(request, chunk, length)?,
        total,
        room: room(upload, request).await?.into_iter().chain(disk).min(),
    };
    let stored = upload.dav.content.put_chunk(
        &upload.principal.uid,
        upload.transfer,
        chunk,
        &mut request.body,
        &expected,
    );
    let status = match stored.await?.created {
        true => StatusCode::CREATED,
        false => StatusCode::NO_CONTENT,
    };
    Ok(Reply::empty(status))
}

/// Where the chunk lies, if the desktop's field or rclone's name says so.
fn offset(request: &Request, chunk: &str, length: Option<u64>) -> Result<Option<u64>, DavError> {
    let told = number(request, "oc-chunk-offset", "OC-Chunk-Offset is not a number of bytes")?;
    match ChunkName::parse(chunk) {
        ChunkName::Range { start, end } => {
            // The documentation's and rclone's end is the last byte; other clients name the first
            // one behind it.
            let fits = |length: u64| matches!(length.checked_sub(end - start), Some(0 | 1));
            if length.is_some_and(|length| !fits(length)) {
                return Err(DavError::BadRequest("The chunk's name is not its range"));
            }
            if told.is_some_and(|told| told != start) {
                return Err(DavError::BadRequest("OC-Chunk-Offset is not the name's"));
            }
            Ok(Some(start))
        }
        _ => Ok(told),
    }
}

/// Most bytes that the chunk may have: what quota and file size leave beside the chunks before it.
async fn room(upload: &Upload<'_>, request: &Request) -> Result<Option<u64>, DavError> {
    let max = upload.dav.settings.max_file_bytes;
    let files = upload.files(crate::path::DavPath::root(), request)?;
    let room = match (files.room().await?, max) {
        (None, None) => return Ok(None),
        (Some(room), Some(max)) => room.min(max),
        (room, max) => room.or(max).unwrap_or(u64::MAX),
    };
    let transfer = upload.dav.content.transfer(&upload.principal.uid, upload.transfer).await?;
    let replaced = match request.headers.contains_key("destination") {
        true => match files.destination(request) {
            Ok(path) => files.find_at(&path).await.map_or(0, |(node, _)| node.size),
            Err(_) => 0,
        },
        false => 0,
    };
    Ok(Some(room.saturating_add(replaced).saturating_sub(transfer.size())))
}
