//! `PATCH`: recalculated checksums, and SabreDAV partial updates (clients.md §41, §42).
//!
//! | Situation                                   | Answer | Source                           |
//! |---------------------------------------------|--------|----------------------------------|
//! | `X-Recalculate-Hash: TYPE`                  | 204 with `OC-Checksum` | recorded server; rclone needs it |
//! | an unknown type                             | 400    | recorded server                  |
//! | partial update done                         | 204 with the new etag | sabre `PartialUpdate`  |
//! | nothing there                               | 404    | same                             |
//! | a folder                                    | 405    | same                             |
//! | another media type                          | 415    | same                             |
//! | `X-Update-Range` missing or unreadable      | 400    | same                             |
//! | no `Content-Length`                         | 411    | same                             |
//! | range and length do not fit                 | 416    | same                             |

use http::StatusCode;

use super::DavError;
use super::context::Context;
use super::gate::Gate;
use super::methods::ALLOW_FILES;
use super::put::{Described, written};
use crate::proto::checksum::ChecksumKind;
use crate::proto::conditions::EtagCondition;
use crate::proto::range::UpdateRange;
use crate::store::nodes::Node;
use crate::tree::{Conditions, Put, TreeError};
use crate::wire::{Reply, Request};

pub(super) async fn patch(context: &Context<'_>, request: &mut Request) -> Result<Reply, DavError> {
    context.require_write(&context.spot())?;
    let (node, disk_path) = context.find().await?;
    if node.is_folder() {
        return Err(DavError::MethodNotAllowed(ALLOW_FILES));
    }
    match request.header("x-recalculate-hash").map(str::to_owned) {
        Some(kind) => recalculate(context, node, disk_path, &kind).await,
        None => update(context, request, node, disk_path).await,
    }
}

async fn recalculate(
    context: &Context<'_>,
    node: Node,
    disk_path: String,
    kind: &str,
) -> Result<Reply, DavError> {
    let bad = DavError::BadRequest("X-Recalculate-Hash names no known checksum");
    let kind = ChecksumKind::find(kind.trim()).ok_or(bad)?;
    let content = &context.content;
    let open = content.open(node, disk_path).await?;
    let mut kinds = vec![ChecksumKind::Sha1];
    if kind != ChecksumKind::Sha1 {
        kinds.push(kind);
    }
    let checksums = content.checksums(&open, &kinds).await?;
    let answer = checksums.split(' ').find(|sum| sum.starts_with(&format!("{}:", kind.name())));
    let answer = answer.unwrap_or_default().to_owned();
    if open.node.checksums != checksums {
        let kept = context.dav.tree.set_checksums(
            context.actor(),
            &context.owner,
            context.path.clone(),
            open.node.content,
            checksums,
        );
        match kept.await {
            // Replaced meanwhile: the checksum is still that of what was read.
            Ok(_) | Err(TreeError::Changed(_)) => {}
            Err(error) => return Err(context.refused(error)),
        }
    }
    Ok(Reply::empty(StatusCode::NO_CONTENT).header("oc-checksum", answer))
}

async fn update(
    context: &Context<'_>,
    request: &mut Request,
    node: Node,
    disk_path: String,
) -> Result<Reply, DavError> {
    let media_type = request.header("content-type").map(str::to_ascii_lowercase);
    if media_type.as_deref() != Some("application/x-sabredav-partialupdate") {
        return Err(DavError::UnsupportedMediaType);
    }
    let range = request.header("x-update-range");
    let range = UpdateRange::parse(range.ok_or(DavError::HeaderMissing("X-Update-Range"))?)?;
    let length = request.content_length().ok_or(DavError::LengthRequired)?;
    let offset = range.offset(node.size, length).ok_or(DavError::Unsatisfiable(node.size))?;
    let size = node.size.max(offset.saturating_add(length));
    if context.dav.settings.max_file_bytes.is_some_and(|max| size > max) {
        return Err(DavError::TooLarge);
    }
    let described = Described::parse(request)?;
    context.before_upload_here(request, size, &described).await?;
    let foreseen = context.dav.tree.foresee_put(
        context.actor(),
        &context.owner,
        context.path.clone(),
        Some(size),
        context.conditions.clone(),
    );
    foreseen.await.map_err(|error| context.refused(error))?;
    // The new file stands beside the old one for a while.
    context.require_space(size).await?;
    let content = &context.content;
    // Only over the bytes that were read: a write in between is a failed condition.
    let id = node.id;
    let (received, stamp) =
        content.receive_over(&mut request.body, node, disk_path, offset, length).await?;
    let gate = Gate::of(context, request, &context.path, false, described.mtime).await;
    let received = Gate::pass(gate, received).await?;
    let unchanged = EtagCondition::parse(&stamp.etag(id).quoted())?;
    let conditions = Conditions { if_match: Some(unchanged), ..context.conditions.clone() };
    let put = Put {
        path: context.path.clone(),
        staged: received.staged,
        checksums: received.checksums,
        mtime: received.mtime,
        created: None,
        conditions,
        upload: None,
    };
    let done = context.committer().put(put, false).await;
    Ok(written(context, &done.map_err(|error| context.refused(error))?))
}
