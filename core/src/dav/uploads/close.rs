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
//! | a hook refuses                               | 403 or its own, the chunks stay | docs/extend/hooks.md |
//! | locked                                       | 423    | clients.md §13                |
//! | over the quota, disk full                    | 507    | clients.md §13                |

use super::{Upload, total_length};
use crate::content::{Expected, to_the_end};
use crate::dav::DavError;
use crate::dav::asked::Announced;
use crate::dav::gate::Gate;
use crate::dav::put::{Described, written};
use crate::path::DavPath;
use crate::proto::conditions::EtagCondition;
use crate::storage::{StagePath, StorageNo};
use crate::tree::{Put, TreeError};
use crate::wire::{Reply, Request};

pub(super) async fn close(upload: &Upload<'_>, request: &Request) -> Result<Reply, DavError> {
    let to = upload.files(DavPath::root(), request)?.destination(request)?;
    // Conditions of this MOVE are about the destination, as the apps mean them.
    let files = upload.files(to.seen_at(), request)?;
    files.require_there().await?;
    let path = to.path;
    let described = Described::parse(request)?;
    let content = &upload.dav.content;
    let uid = &upload.principal.uid;
    let transfer = content.transfer(uid, &upload.key).await?;
    let auto_mkcol = request.header("x-nc-webdav-auto-mkcol") == Some("1");
    let length = transfer.size();
    let announced =
        Announced { path: &path, size: Some(length), chunked: true, described: &described };
    let path = files.before_upload(request, announced, auto_mkcol).await?;
    let mut conditions = files.conditions.clone();
    if !files.overwrite(request)? {
        if files.find_at(&files.spot_of(&path)).await.is_ok() {
            return Err(files.refused(TreeError::WouldOverwrite(path)));
        }
        // Nor what comes there until the commit.
        conditions.if_none_match.get_or_insert(EtagCondition::Any);
    }
    let length = Some(length);
    let (actor, owner) = (files.actor(), &files.owner);
    let foreseen =
        upload.dav.tree.foresee_put(actor, owner, path.clone(), length, conditions.clone());
    match foreseen.await {
        Ok(_) => {}
        Err(TreeError::ParentMissing(_)) if auto_mkcol => {
            files.foresee_quota(transfer.size()).await?;
        }
        Err(error) => return Err(files.refused(error)),
    }
    let elsewhere = |at: &StagePath| StorageNo::of_stage(at) != to.storage;
    if transfer.chunks.iter().any(|chunk| chunk.parked.is_some())
        || transfer.upload.file.as_ref().is_some_and(elsewhere)
    {
        // Only then are their bytes written once more.
        files.require_space(transfer.size()).await?;
    }
    let expected = Expected {
        length: total_length(request)?,
        checksum: described.checksum.clone(),
        mtime: described.mtime,
        room: upload.dav.settings.max_file_bytes,
    };
    let gate = Gate::of(&files, request, &path, true, described.mtime).await;
    let (committer, created) = (files.committer(), described.created);
    let (uid, name) = (uid.clone(), upload.key.clone());
    let closed = to_the_end(async move {
        let assembled = committer.content.assemble(&uid, &name, &expected).await?;
        if let Some(gate) = gate
            && let Err(error) = gate.ask(&assembled.received).await
        {
            committer.content.keep_transfer(&assembled).await;
            return Err(error);
        }
        let transfer = &assembled.transfer;
        let put = Put {
            path,
            staged: assembled.received.staged.clone(),
            checksums: assembled.received.checksums.clone(),
            mtime: assembled.received.mtime,
            created,
            conditions,
            upload: Some((transfer.upload.clone(), transfer.chunks.clone())),
        };
        Ok::<_, DavError>(committer.close(put, auto_mkcol, &assembled).await)
    });
    let done = closed.await??.map_err(|error| files.refused(error))?;
    Ok(described.accepted(written(&files, &done)))
}
