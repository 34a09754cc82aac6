//! `MOVE …/.file`: a transfer becomes a file.
//!
//! | Situation                                    | Answer | Source                        |
//! |----------------------------------------------|--------|-------------------------------|
//! | new                                          | 201    | clients.md §13                |
//! | replaced, keeping the target's id            | 204    | clients.md §13                |
//! | no such transfer                             | 404    | clients.md §13                |
//! | `OC-Total-Length` is not the chunks' sum     | 400, the chunks stay | recorded server |
//! | checksum differs                             | 400, the chunks stay | threats §1      |
//! | the destination's parent is missing          | 409, the chunks stay | clients.md §13  |
//! | the destination is a folder                  | 409    | clients.md §13                |
//! | `If-Match`, `If` about the destination fail  | 412, the chunks stay | clients.md §13  |
//! | `Overwrite: F` and it exists                 | 412    | RFC 4918 §9.9.4               |
//! | locked                                       | 423    | clients.md §13                |
//! | over the quota                               | 507    | clients.md §13                |

use super::{Upload, total_length};
use crate::content::Expected;
use crate::dav::put::{Described, commit, written};
use crate::dav::{DavError, mkcol};
use crate::path::DavPath;
use crate::tree::{Put, TreeError};
use crate::wire::{Reply, Request};

pub(super) async fn close(upload: &Upload<'_>, request: &Request) -> Result<Reply, DavError> {
    let path = upload.files(DavPath::root(), request)?.destination(request)?;
    // Conditions of this MOVE are about the destination, as the apps mean them.
    let files = upload.files(path.clone(), request)?;
    let described = Described::parse(request)?;
    let content = &upload.dav.content;
    let uid = &upload.principal.uid;
    let transfer = content.transfer(uid, upload.transfer).await?;
    if !files.overwrite(request)? && files.find().await.is_ok() {
        return Err(files.refused(TreeError::WouldOverwrite(path)));
    }
    let (length, conditions) = (Some(transfer.size()), files.conditions.clone());
    let auto_mkcol = request.header("x-nc-webdav-auto-mkcol") == Some("1");
    let foreseen =
        upload.dav.tree.foresee_put(files.actor(), uid, path.clone(), length, conditions.clone());
    match foreseen.await {
        Ok(_) => {}
        Err(TreeError::ParentMissing(_)) if auto_mkcol => {
            mkcol::make_parents(&files, &path).await?
        }
        Err(error) => return Err(files.refused(error)),
    }
    let expected = Expected {
        length: total_length(request)?,
        checksum: described.checksum.clone(),
        mtime: described.mtime,
        room: upload.dav.settings.max_file_bytes,
    };
    let assembled = content.assemble(uid, upload.transfer, &expected).await?;
    let put = Put {
        path,
        staged: assembled.received.staged.clone(),
        checksums: assembled.received.checksums.clone(),
        mtime: assembled.received.mtime,
        created: described.created,
        conditions,
        upload: Some(assembled.transfer.upload.id),
    };
    match commit(&files, put).await {
        Ok(done) => {
            content.end_transfer(&assembled).await;
            Ok(described.accepted(written(&files, &done)))
        }
        Err(error) => {
            content.keep_transfer(&assembled).await;
            Err(files.refused(error))
        }
    }
}
