//! `PUT` of a chunk. The three apps and rclone name chunks in four ways (clients.md §13, §42).

use http::StatusCode;

use super::{Upload, number, replaced, total_length};
use crate::content::ChunkExpected;
use crate::dav::DavError;
use crate::path::DavPath;
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
    let content = upload.content(request)?;
    let disk = upload.dav.require_space(&content, length.unwrap_or(0)).await?;
    let disk = disk.filter(|_| length.is_none());
    let room = room(upload, request).await?;
    let expected = ChunkExpected {
        length,
        offset: offset(request, chunk, length)?,
        total,
        room: room.quota.into_iter().chain(room.file).chain(disk).min(),
        together: room.together,
    };
    let stored =
        content.put_chunk(&upload.principal.uid, &upload.key, chunk, &mut request.body, &expected);
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

/// How many bytes the chunk may have.
#[derive(Default)]
struct Room {
    /// What the quota leaves beside the files and all unfinished uploads.
    quota: Option<u64>,
    /// What the greatest file leaves beside this upload's chunks.
    file: Option<u64>,
    /// [`ChunkExpected::together`].
    together: Option<u64>,
}

async fn room(upload: &Upload<'_>, request: &Request) -> Result<Room, DavError> {
    let (content, uid) = (&upload.dav.content, &upload.principal.uid);
    let mut room = Room::default();
    if let Some(max) = upload.dav.settings.max_file_bytes {
        let transfer = content.transfer(uid, &upload.key).await?;
        room.file = Some(max.saturating_sub(transfer.size()));
    }
    let to = upload.told_destination(request)?;
    let pays = to.as_ref().is_none_or(|to| to.mount.is_none());
    if let Some(quota) = upload.principal.quota.filter(|_| pays) {
        let files = upload.files(DavPath::root(), request)?;
        // What the upload will replace makes room for it.
        let most = quota.saturating_add(replaced(&files, to.as_ref()).await);
        let used = quota.saturating_sub(files.room().await?.unwrap_or(0));
        let unfinished = content.unfinished_size(uid).await?;
        room.quota = Some(most.saturating_sub(used).saturating_sub(unfinished));
        room.together = Some(most);
    }
    Ok(room)
}
