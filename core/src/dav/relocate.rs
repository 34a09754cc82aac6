//! `MOVE` (RFC 4918 §9.9): rename and move, of files and folders, keeping all ids.
//!
//! | Situation                          | Answer | Source                           |
//! |------------------------------------|--------|----------------------------------|
//! | destination was free               | 201    | §9.9.4; the desktop takes only this |
//! | destination replaced               | 204    | §9.9.4                           |
//! | destination's parent missing       | 409    | §9.9.4                           |
//! | `Overwrite: F` and it exists       | 412    | §9.9.4                           |
//! | source and destination the same    | 403    | §9.9.4                           |
//! | a folder into itself               | 409    | clients.md §16                   |
//! | destination on another server      | 502    | §9.9.4                           |
//! | destination in another's files     | 403    | threats §2                       |
//! | locked, either side                | 423    | §7, §9.9.4                       |

use http::StatusCode;

use super::DavError;
use super::context::Context;
use super::copy::carry;
use super::put::{Described, identified};
use crate::hooks::EventId;
use crate::proto::depth::Depth;
use crate::tree::{Carry, Destination, Relocated};
use crate::wire::{Reply, Request};

pub(super) async fn relocate(
    context: &Context<'_>,
    request: &mut Request,
) -> Result<Reply, DavError> {
    context.require_write(&context.spot())?;
    context.require_no_mounts(&context.spot())?;
    let to = context.destination(request)?;
    context.require_no_mounts(&to)?;
    let overwrite = context.overwrite(request)?;
    if let Some(Depth::Zero | Depth::One) = Depth::parse(request.header("depth"))?
        && context.find().await?.0.is_folder()
    {
        return Err(DavError::BadRequest("MOVE of a folder has Depth: infinity"));
    }
    let to = context.before_relocate(request, EventId::FileBeforeMove, to, overwrite).await?;
    context.require_no_mounts(&to)?;
    // COMPAT(rclone): sends the time with MOVE and COPY, and otherwise sets it by PROPPATCH.
    let described = Described::parse(request)?;
    let moved = if to.owner == context.owner {
        let moved = context.dav.tree.relocate(
            context.actor(),
            &context.owner,
            context.path.clone(),
            Destination { path: to.path, overwrite },
            described.mtime,
            context.conditions.clone(),
        );
        moved.await.map_err(|error| context.refused(error))?
    } else {
        carry(context, to, overwrite, Carry::Move(described.mtime), true).await?
    };
    let reply = relocated(context, &moved);
    Ok(match described.mtime {
        Some(_) if !moved.node.is_folder() => reply.header("x-oc-mtime", "accepted"),
        _ => reply,
    })
}

/// 201 or 204 with the id and, of a file, the etag.
pub(super) fn relocated(context: &Context<'_>, moved: &Relocated) -> Reply {
    let status = if moved.created { StatusCode::CREATED } else { StatusCode::NO_CONTENT };
    identified(context, Reply::empty(status), &moved.node)
}
