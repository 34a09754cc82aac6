//! `COPY` (RFC 4918 §9.8): a file, or a folder with all below it, as new resources.
//!
//! | Situation                       | Answer | Source   |
//! |---------------------------------|--------|----------|
//! | destination was free            | 201    | §9.8.5   |
//! | destination replaced            | 204    | §9.8.5   |
//! | destination's parent missing    | 409    | §9.8.5   |
//! | `Overwrite: F` and it exists    | 412    | §9.8.5   |
//! | source and destination the same | 403    | §9.8.5   |
//! | over the quota, disk full       | 507    | §9.8.5   |

use super::DavError;
use super::context::Context;
use super::relocate::relocated;
use crate::content::{Content, ContentError, to_the_end};
use crate::proto::depth::Depth;
use crate::storage::Staged;
use crate::tree::{CopyPlan, Destination, TreeError};
use crate::wire::{Reply, Request};

pub(super) async fn copy(context: &Context<'_>, request: &mut Request) -> Result<Reply, DavError> {
    let path = context.destination(request)?;
    let overwrite = context.overwrite(request)?;
    let deep = match Depth::parse(request.header("depth"))? {
        None | Some(Depth::Infinity) => true,
        Some(Depth::Zero) => false,
        Some(Depth::One) => return Err(DavError::BadRequest("COPY has Depth: 0 or infinity")),
    };
    let (uid, from) = (&context.principal.uid, &context.path);
    let tree = &context.dav.tree;
    let plan = tree.plan_copy(uid, from, &path, deep).await;
    let plan = plan.map_err(|error| context.refused(error))?;
    let replaced = match context.find_at(&path).await {
        Ok(_) if !overwrite => return Err(context.refused(TreeError::WouldOverwrite(path))),
        Ok((node, _)) => node.size,
        Err(_) => 0,
    };
    context.foresee_quota(plan.size.saturating_sub(replaced)).await?;
    context.dav.require_space(plan.size).await?;
    let (committer, from) = (context.committer(), from.clone());
    let (to, conditions) = (Destination { path, overwrite }, context.conditions.clone());
    let copied = to_the_end(async move {
        let made = stage(&committer.content, &plan).await?;
        let top = made.first().map(|staged| staged.at.clone());
        let (actor, uid, plan) = (committer.actor.clone(), &committer.uid, (plan, made));
        let copied = committer.tree.commit_copy(actor, uid, from, to, plan, conditions).await;
        Ok::<_, DavError>(match top {
            Some(top) => committer.tidy(copied, &top).await,
            None => copied,
        })
    });
    let copied = copied.await??.map_err(|error| context.refused(error))?;
    Ok(relocated(context, &copied))
}

/// Copies the bytes of a plan into the stage, as one tree. On an error nothing stays there.
async fn stage(content: &Content, plan: &CopyPlan) -> Result<Vec<Staged>, ContentError> {
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
                return Err(error);
            }
        }
    }
    Ok(made)
}
