//! `DELETE` (RFC 4918 §9.6): a file, or a folder with all below it, at once.
//!
//! | Situation                   | Answer | Source                       |
//! |-----------------------------|--------|------------------------------|
//! | deleted                     | 204    | §9.6; the desktop needs it   |
//! | nothing there               | 404    | RFC 9110                     |
//! | `Depth` other than infinity | 400    | §9.6.1                       |
//! | the root                    | 403    | recorded server              |
//! | locked, at or below         | 423    | §7, §9.6                     |
//!
//! A fragment in the request's target is dropped by the HTTP library before anybody sees it.

use http::StatusCode;

use super::DavError;
use super::context::Context;
use crate::proto::depth::Depth;
use crate::wire::{Reply, Request};

pub(super) async fn delete(
    context: &Context<'_>,
    request: &mut Request,
) -> Result<Reply, DavError> {
    context.require_write(&context.spot())?;
    context.require_no_mounts(&context.spot())?;
    match Depth::parse(request.header("depth"))? {
        None | Some(Depth::Infinity) => {}
        // COMPAT(rclone and others): a file has no members, so its depth says nothing.
        Some(_) if !is_folder(context).await? => {}
        Some(_) => return Err(DavError::BadRequest("DELETE of a folder has Depth: infinity")),
    }
    context.before_delete(request).await?;
    let removed = context.dav.tree.remove(
        context.actor(),
        &context.owner,
        context.path.clone(),
        context.conditions.clone(),
    );
    removed.await.map_err(|error| context.refused(error))?;
    Ok(Reply::empty(StatusCode::NO_CONTENT))
}

async fn is_folder(context: &Context<'_>) -> Result<bool, DavError> {
    Ok(context.find().await?.0.is_folder())
}
