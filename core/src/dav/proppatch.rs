//! `PROPPATCH` (RFC 4918 §9.2): all instructions or none.
//!
//! | Property                                    | Answer in the 207 | Source                     |
//! |---------------------------------------------|-------------------|----------------------------|
//! | `oc:favorite`                               | 200               | clients.md §23             |
//! | `d:lastmodified`, `d:getlastmodified`       | 200               | rclone, clients.md §42     |
//! | `nc:creation_time`                          | 200               | recorded server            |
//! | other live properties                       | 403, others 424   | §9.2.1, threats §6         |
//! | any other, as a dead property               | 200               | §4.1                       |
//! | a dead value or number over the limits      | 507               | threats §6                 |

use http::StatusCode;

use super::DavError;
use super::context::Context;
use super::propfind::multistatus;
use super::props::{Live, live};
use crate::proto::dates::parse_http_date;
use crate::proto::dav::{
    Condition, MkcolBody, Multistatus, PropName, PropOp, Proppatch, PropstatGroup,
};
use crate::proto::mtime::parse_mtime;
use crate::store::props::DeadProp;
use crate::tree::{PropChange, TreeError};
use crate::wire::{Reply, ReplyBody, Request};

pub(super) async fn proppatch(
    context: &Context<'_>,
    request: &mut Request,
) -> Result<Reply, DavError> {
    context.require_write(&context.spot())?;
    let body = context.read_xml(request).await?;
    let ops = Proppatch::parse(&body, &context.dav.settings.xml)?.ops;
    let is_folder = context.find().await?.0.is_folder();
    let named = |sets: bool| {
        let of = move |op: &&PropOp| matches!(op, PropOp::Set { .. }) == sets;
        ops.iter().filter(of).map(PropOp::name)
    };
    context.before_proppatch(request, named(true), named(false)).await?;
    let mut changes = Vec::with_capacity(ops.len());
    let mut refused = Vec::new();
    for op in &ops {
        match change(op, context.dav.settings.dead_property_bytes) {
            Ok(change) => changes.push(change),
            Err(refusal) => refused.push((op.name().clone(), refusal)),
        }
    }
    let names: Vec<PropName> = ops.iter().map(|op| op.name().clone()).collect();
    let groups = if refused.is_empty() {
        match patch(context, changes).await {
            Ok(()) => vec![group(StatusCode::OK, names, None)],
            Err(TreeError::TooManyProperties) => {
                vec![group(StatusCode::INSUFFICIENT_STORAGE, names, None)]
            }
            Err(error) => return Err(context.refused(error)),
        }
    } else {
        failures(names, refused)
    };
    let mut out = Multistatus::begin();
    out.propstats(&context.href(&context.path, is_folder), &groups);
    Ok(multistatus(ReplyBody::Full(out.finish())))
}

/// The changes that an extended MKCOL makes (RFC 5689 §3).
pub(super) fn changes_for_new(
    context: &Context<'_>,
    body: &MkcolBody,
) -> Result<Vec<PropChange>, DavError> {
    let mut changes = Vec::new();
    for op in &body.set {
        match live(op.name()) {
            Some(Live::ResourceType) => {}
            _ => {
                changes.push(change(op, context.dav.settings.dead_property_bytes).map_err(
                    |_| DavError::BadRequest("A property of the new folder cannot be set"),
                )?)
            }
        }
    }
    Ok(changes)
}

async fn patch(context: &Context<'_>, changes: Vec<PropChange>) -> Result<(), TreeError> {
    let patched = context.dav.tree.patch_props(
        context.actor(),
        &context.owner,
        context.path.clone(),
        changes,
        context.dav.settings.dead_properties,
        context.conditions.clone(),
    );
    patched.await.map(|_| ())
}

/// Why one instruction was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refusal {
    Protected,
    BadValue,
    TooLong,
}

fn change(op: &PropOp, longest: usize) -> Result<PropChange, Refusal> {
    let name = op.name();
    let text = match op {
        PropOp::Set { element, .. } => Some(element.text().trim().to_owned()),
        PropOp::Remove(_) => None,
    };
    match (live(name), op) {
        (Some(Live::Favorite), _) => match text.as_deref() {
            Some("1" | "true" | "yes") => Ok(PropChange::Favorite(true)),
            None | Some("0" | "false" | "no" | "") => Ok(PropChange::Favorite(false)),
            Some(_) => Err(Refusal::BadValue),
        },
        (Some(Live::SetLastModified | Live::LastModified), PropOp::Set { .. }) => {
            seconds(&text.unwrap_or_default()).map(PropChange::Mtime)
        }
        (Some(Live::CreationTime), PropOp::Set { .. }) => {
            seconds(&text.unwrap_or_default()).map(PropChange::Created)
        }
        (Some(_), _) => Err(Refusal::Protected),
        (None, PropOp::Remove(name)) => {
            Ok(PropChange::Remove(name.namespace.clone(), name.local.clone()))
        }
        (None, PropOp::Set { name, element }) => {
            let value = element.inner_xml();
            if value.len() > longest {
                return Err(Refusal::TooLong);
            }
            let (namespace, name) = (name.namespace.clone(), name.local.clone());
            Ok(PropChange::Set(DeadProp { namespace, name, value }))
        }
    }
}

/// Unix seconds, or an HTTP date.
fn seconds(text: &str) -> Result<i64, Refusal> {
    parse_mtime("lastmodified", text)
        .ok()
        .or_else(|| parse_http_date(text).filter(|seconds| *seconds > 0))
        .ok_or(Refusal::BadValue)
}

/// §9.2.1: what failed says why, all else failed with it.
fn failures(names: Vec<PropName>, refused: Vec<(PropName, Refusal)>) -> Vec<PropstatGroup> {
    let of = |wanted: Refusal| -> Vec<PropName> {
        let matching = refused.iter().filter(|(_, refusal)| *refusal == wanted);
        matching.map(|(name, _)| name.clone()).collect()
    };
    let protected = Some(Condition::CannotModifyProtectedProperty);
    let dependent = names
        .iter()
        .filter(|name| !refused.iter().any(|(failed, _)| failed == *name))
        .cloned()
        .collect();
    let groups = [
        group(StatusCode::FORBIDDEN, of(Refusal::Protected), protected),
        group(StatusCode::CONFLICT, of(Refusal::BadValue), None),
        group(StatusCode::INSUFFICIENT_STORAGE, of(Refusal::TooLong), None),
        group(StatusCode::FAILED_DEPENDENCY, dependent, None),
    ];
    groups.into_iter().filter(|group| !group.names.is_empty()).collect()
}

fn group(status: StatusCode, names: Vec<PropName>, condition: Option<Condition>) -> PropstatGroup {
    PropstatGroup { status, names, condition }
}
