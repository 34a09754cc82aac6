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
use super::commit::Committer;
use super::context::Context;
use super::relocate::relocated;
use super::visit::Spot;
use crate::content::{Content, ContentError, to_the_end};
use crate::hooks::EventId;
use crate::proto::depth::Depth;
use crate::storage::Staged;
use crate::tree::{Carry, CopyPlan, Destination, Relocated, TreeError};
use crate::wire::{Reply, Request};

/// How often what changes while it is carried to another storage is begun anew.
const TRIES: usize = 3;

pub(super) async fn copy(context: &Context<'_>, request: &mut Request) -> Result<Reply, DavError> {
    let to = context.destination(request)?;
    context.require_no_mounts(&to)?;
    let overwrite = context.overwrite(request)?;
    let deep = match Depth::parse(request.header("depth"))? {
        None | Some(Depth::Infinity) => true,
        Some(Depth::Zero) => false,
        Some(Depth::One) => return Err(DavError::BadRequest("COPY has Depth: 0 or infinity")),
    };
    let to = context.before_relocate(request, EventId::FileBeforeCopy, to, overwrite).await?;
    context.require_no_mounts(&to)?;
    if to.owner != context.owner {
        let copied = carry(context, to, overwrite, Carry::Copy, deep).await?;
        return Ok(relocated(context, &copied));
    }
    let (uid, from) = (&context.owner, &context.path);
    let tree = &context.dav.tree;
    let plan = tree.plan_copy(uid, from, &to.path, deep).await;
    let plan = plan.map_err(|error| context.refused(error))?;
    foresee(context, &to, overwrite, &plan).await?;
    context.require_space(plan.size).await?;
    let (committer, from) = (context.committer(), from.clone());
    let (to, conditions) = (Destination { path: to.path, overwrite }, context.conditions.clone());
    let copied = to_the_end(async move {
        let made = stage(&committer.content, &plan).await?;
        let top = made.first().map(|staged| staged.at.clone());
        let (actor, uid, plan) = (committer.actor.clone(), &committer.owner, (plan, made));
        let copied = committer.tree.commit_copy(actor, uid, from, to, plan, conditions).await;
        Ok::<_, DavError>(match top {
            Some(top) => committer.tidy(copied, &top).await,
            None => copied,
        })
    });
    let copied = copied.await??.map_err(|error| context.refused(error))?;
    Ok(relocated(context, &copied))
}

/// Refuses what would be refused at the commit as things are now.
async fn foresee(
    context: &Context<'_>,
    to: &Spot,
    overwrite: bool,
    plan: &CopyPlan,
) -> Result<(), DavError> {
    let replaced = match context.find_at(to).await {
        Ok(_) if !overwrite => {
            return Err(context.refused_at(to, TreeError::WouldOverwrite(to.path.clone())));
        }
        Ok((node, _)) => node.size,
        Err(_) => 0,
    };
    context.foresee_quota_at(to, plan.size.saturating_sub(replaced)).await
}

/// Copies or moves into another tree: out of a mount, into one, from one into another. The bytes go
/// to the other storage first. What changes on its way is carried once more.
pub(super) async fn carry(
    context: &Context<'_>,
    to: Spot,
    overwrite: bool,
    carry: Carry,
    deep: bool,
) -> Result<Relocated, DavError> {
    if let Some(mount) = &to.mount {
        context.dav.require_mount(mount).await?;
    }
    let from = (context.owner.clone(), context.path.clone());
    let target = (to.owner.clone(), to.path.clone());
    let mut tried = 0;
    loop {
        tried += 1;
        let plan = context.dav.tree.plan_carry(from.clone(), target.clone(), carry, deep).await;
        let plan = plan.map_err(|error| context.refused(error))?;
        foresee(context, &to, overwrite, &plan).await?;
        let there = context.dav.content.on(to.storage);
        context.dav.require_space(&there, plan.size).await?;
        let committer = Committer {
            content: there,
            actor: context.actor_at(&to),
            owner: to.owner.clone(),
            ..context.committer()
        };
        let destination = Destination { path: to.path.clone(), overwrite };
        let (from, conditions) = (from.clone(), context.conditions.clone());
        let carried = to_the_end(async move {
            let made = stage(&committer.content, &plan).await?;
            let top = made.first().map(|staged| staged.at.clone());
            let (actor, owner) = (committer.actor.clone(), committer.owner.clone());
            let tree = &committer.tree;
            let carried = tree
                .commit_carry(actor, from, (owner, destination), (plan, made), carry, conditions)
                .await;
            Ok::<_, DavError>(match top {
                Some(top) => committer.tidy(carried, &top).await,
                None => carried,
            })
        });
        match carried.await? {
            Ok(Ok(carried)) => return Ok(carried),
            Ok(Err(TreeError::Changed(_))) | Err(DavError::Content(ContentError::Changed))
                if tried < TRIES => {}
            Ok(Err(error)) => return Err(context.refused(error)),
            Err(error) => return Err(error),
        }
    }
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
