//! `COPY` (RFC 4918 §9.8): a file, or a folder with all below it, as new resources.
//!
//! | Situation                       | Answer | Source   |
//! |---------------------------------|--------|----------|
//! | destination was free            | 201    | §9.8.5   |
//! | destination replaced            | 204    | §9.8.5   |
//! | destination's parent missing    | 409    | §9.8.5   |
//! | `Overwrite: F` and it exists    | 412    | §9.8.5   |
//! | source and destination the same | 403    | §9.8.5   |
//! | over the quota                  | 507    | §9.8.5   |

use super::DavError;
use super::context::Context;
use super::put::Described;
use super::relocate::relocated;
use crate::proto::depth::Depth;
use crate::storage::Staged;
use crate::tree::{CopyPlan, Destination};
use crate::wire::{Reply, Request};

pub(super) async fn copy(context: &Context<'_>, request: &mut Request) -> Result<Reply, DavError> {
    let path = context.destination(request)?;
    let overwrite = context.overwrite(request)?;
    let deep = match Depth::parse(request.header("depth"))? {
        None | Some(Depth::Infinity) => true,
        Some(Depth::Zero) => false,
        Some(Depth::One) => return Err(DavError::BadRequest("COPY has Depth: 0 or infinity")),
    };
    let described = Described::parse(request)?;
    let (uid, from) = (&context.principal.uid, &context.path);
    let tree = &context.dav.tree;
    let plan = tree.plan_copy(uid, from, &path, deep).await;
    let plan = plan.map_err(|error| context.refused(error))?;
    if !overwrite && context.find_at(&path).await.is_ok() {
        return Err(context.refused(crate::tree::TreeError::WouldOverwrite(path)));
    }
    context.foresee_quota(plan.size).await?;
    let made = stage(context, &plan).await?;
    let top = made.first().map(|staged| staged.at.clone());
    let copied = tree.commit_copy(
        context.actor(),
        uid,
        from.clone(),
        Destination { path, overwrite },
        (plan, made),
        context.conditions.clone(),
    );
    match copied.await {
        Ok(copied) => Ok(described.accepted(relocated(context, &copied))),
        Err(error) => {
            if let Some(top) = top {
                context.dav.content.discard(&top).await;
            }
            Err(context.refused(error))
        }
    }
}

/// Copies the bytes of a plan into the stage, as one tree. On an error nothing stays there.
async fn stage(context: &Context<'_>, plan: &CopyPlan) -> Result<Vec<Staged>, DavError> {
    let content = &context.dav.content;
    let mut made: Vec<Staged> = Vec::with_capacity(plan.sources.len());
    for source in &plan.sources {
        // The first is the top, with a key of its own; all others lie below it.
        let at = made
            .first()
            .map(|top| source.below.segments().fold(top.at.clone(), |at, name| at.join(name)));
        let staged = match source.node.is_folder() {
            true => content.stage_folder_at(at).await,
            false => content.stage_copy(&source.node, &source.disk_path, at).await,
        };
        match staged {
            Ok(staged) => made.push(staged),
            Err(error) => {
                if let Some(top) = made.first() {
                    content.discard(&top.at).await;
                }
                return Err(error.into());
            }
        }
    }
    Ok(made)
}
