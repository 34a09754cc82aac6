//! `LOCK` and `UNLOCK`: write locks (RFC 4918 §9.10, §9.11) and the apps' file locks (`X-User-Lock`,
//! clients.md §17).
//!
//! | Situation                                    | Answer | Source          |
//! |----------------------------------------------|--------|-----------------|
//! | locked                                       | 200    | §9.10.1         |
//! | locked where nothing was: an empty file made | 201    | §9.10.4         |
//! | refreshed                                    | 200    | §9.10.2         |
//! | locked by another                            | 423    | §9.10.6; with the holder for the apps |
//! | refresh without a matching token             | 412    | §9.10.6         |
//! | parent missing                               | 409    | §9.10.6         |
//! | unlocked                                     | 204 (200 for the apps) | §9.11.1 |
//! | token of another resource                    | 409    | §9.11.1         |
//! | apps: not locked                             | 412    | clients.md §17  |

use http::StatusCode;

use super::DavError;
use super::context::Context;
use super::error::XML;
use super::gate::Gate;
use super::lock_view::{WireLock, wire_locks};
use super::put::{Described, identified};

use crate::content::{Expected, to_the_end};
use crate::proto::dav::{self as codec, LockInfo, UserLock, lock_body, user_lock_body};
use crate::proto::depth::Depth;
use crate::proto::lock_token::{parse_lock_token, write_lock_token};
use crate::proto::timeout::Timeout;
use crate::store::locks::{Lock, LockDepth, LockScope, LockType};
use crate::store::nodes::Node;
use crate::tree::{LockGranted, LockRequest, Put, TreeError, Unlock};
use crate::wire::{Body, Reply, Request};

/// Longest lock in seconds: a week, so that a client that is gone does not lock for ever.
const LONGEST: i64 = 7 * 24 * 3600;
/// What is granted if the client does not say.
const DEFAULT: i64 = 1800;
/// Longest `d:owner` in bytes.
const LONGEST_OWNER: usize = 4096;

pub(super) async fn lock(context: &Context<'_>, request: &mut Request) -> Result<Reply, DavError> {
    context.require_write(&context.spot())?;
    if is_app_lock(request) {
        return user_lock(context, request).await;
    }
    let timeout = match Timeout::parse(request.header("timeout")) {
        Some(Timeout::Seconds(seconds)) => i64::from(seconds).clamp(1, LONGEST),
        Some(Timeout::Infinite) => LONGEST,
        None => DEFAULT,
    };
    let body = context.read_xml(request).await?;
    if body.iter().all(u8::is_ascii_whitespace) {
        return refresh(context, timeout).await;
    }
    let info = LockInfo::parse(&body, &context.dav.settings.xml)?;
    if info.owner_xml.len() > LONGEST_OWNER {
        return Err(DavError::TooLarge);
    }
    let depth = match Depth::parse(request.header("depth"))? {
        None | Some(Depth::Infinity) => LockDepth::Infinity,
        Some(Depth::Zero) => LockDepth::Zero,
        Some(Depth::One) => return Err(DavError::BadRequest("LOCK has Depth: 0 or infinity")),
    };
    let scope = match info.scope {
        codec::LockScope::Exclusive => LockScope::Exclusive,
        codec::LockScope::Shared => LockScope::Shared,
    };
    let kind = LockType::Token;
    let wanted = LockRequest { kind, scope, depth, owner: info.owner_xml, timeout };
    let empty = match context.find().await {
        Ok(_) => None,
        Err(DavError::Tree(TreeError::NotFound(_), _)) => {
            Some(stage_empty(context, request).await?)
        }
        Err(error) => return Err(error),
    };
    let granted = grant(context, wanted, empty).await.map_err(|error| context.refused(error))?;
    let status = if granted.created { StatusCode::CREATED } else { StatusCode::OK };
    let reply = granted_reply(context, &granted, status);
    Ok(reply.header("lock-token", write_lock_token(&granted.lock.token)))
}

pub(super) async fn unlock(
    context: &Context<'_>,
    request: &mut Request,
) -> Result<Reply, DavError> {
    context.require_write(&context.spot())?;
    if is_app_lock(request) {
        return user_unlock(context).await;
    }
    let token = request.header("lock-token").ok_or(DavError::HeaderMissing("Lock-Token"))?;
    let token = parse_lock_token(token)?.to_owned();
    give_up(context, Unlock::Token(token)).await.map_err(|error| context.refused(error))?;
    Ok(Reply::empty(StatusCode::NO_CONTENT))
}

/// The apps' LOCK: by user, on files, without a body.
async fn user_lock(context: &Context<'_>, request: &Request) -> Result<Reply, DavError> {
    let kind = match request.header("x-user-lock-type") {
        None | Some("0") => LockType::User,
        Some("2") => LockType::Token,
        Some(_) => return Err(DavError::BadRequest("X-User-Lock-Type is 0 or 2")),
    };
    let wanted = LockRequest {
        kind,
        scope: LockScope::Exclusive,
        depth: LockDepth::Zero,
        owner: String::new(),
        timeout: DEFAULT,
    };
    match grant(context, wanted, None).await {
        Ok(granted) => {
            let etag = granted.node.etag().0;
            let view = app_view(context, &granted.lock);
            let body = user_lock_body(Some(&view), Some(&etag));
            Ok(Reply::with_body(StatusCode::OK, XML, body))
        }
        Err(TreeError::Locked { lock, .. }) => Ok(held_by(context, &lock)),
        Err(error) => Err(context.refused(error)),
    }
}

async fn user_unlock(context: &Context<'_>) -> Result<Reply, DavError> {
    match give_up(context, Unlock::Own).await {
        Ok(node) => {
            let etag = node.etag().0;
            let body = user_lock_body(None, Some(&etag));
            Ok(Reply::with_body(StatusCode::OK, XML, body))
        }
        Err(TreeError::NoSuchLock(_)) => {
            let body = user_lock_body(None, None);
            Ok(Reply::with_body(StatusCode::PRECONDITION_FAILED, XML, body))
        }
        Err(TreeError::Locked { lock, .. }) => Ok(held_by(context, &lock)),
        Err(error) => Err(context.refused(error)),
    }
}

/// 423 with who holds the lock: the desktop shows the name.
fn held_by(context: &Context<'_>, lock: &Lock) -> Reply {
    let view = app_view(context, lock);
    let body = user_lock_body(Some(&view), None);
    Reply::with_body(StatusCode::LOCKED, XML, body)
}

fn is_app_lock(request: &Request) -> bool {
    request.header("x-user-lock") == Some("1")
}

async fn grant(
    context: &Context<'_>,
    wanted: LockRequest,
    empty: Option<Put>,
) -> Result<LockGranted, TreeError> {
    let (committer, path) = (context.committer(), context.path.clone());
    let conditions = context.conditions.clone();
    to_the_end(async move {
        let staged = empty.as_ref().map(|empty| empty.staged.at.clone());
        let (actor, uid) = (committer.actor.clone(), &committer.owner);
        let granted = committer.tree.lock(actor, uid, path, wanted, empty, conditions).await;
        let Some(staged) = staged else { return granted };
        match granted {
            Ok(granted) if !granted.created => {
                committer.content.discard(&staged).await;
                Ok(granted)
            }
            granted => committer.tidy(granted, &staged).await,
        }
    })
    .await?
}

async fn give_up(context: &Context<'_>, which: Unlock) -> Result<Node, TreeError> {
    let (uid, path) = (&context.owner, context.path.clone());
    context.dav.tree.unlock(context.actor(), uid, path, which).await
}

async fn refresh(context: &Context<'_>, timeout: i64) -> Result<Reply, DavError> {
    let (uid, path) = (&context.owner, context.path.clone());
    let refreshed = context.dav.tree.refresh_lock(
        context.actor(),
        uid,
        path,
        timeout,
        context.conditions.clone(),
    );
    let granted = refreshed.await.map_err(|error| context.refused(error))?;
    Ok(granted_reply(context, &granted, StatusCode::OK))
}

/// §7.3: locking an unmapped URL makes an empty resource.
async fn stage_empty(context: &Context<'_>, request: &Request) -> Result<Put, DavError> {
    context.require_new(&context.spot())?;
    context.require_space(0).await?;
    let described = Described::parse(request)?;
    context.before_upload_here(request, 0, &described).await?;
    let expected = Expected { mtime: described.mtime, ..Expected::default() };
    let received = context.content.receive(&mut Body::from_bytes(""), &expected).await?;
    let gate = Gate::of(context, request, &context.path, false, described.mtime).await;
    let received = Gate::pass(gate, received).await?;
    Ok(Put {
        path: context.path.clone(),
        staged: received.staged,
        checksums: received.checksums,
        mtime: received.mtime,
        created: described.created,
        conditions: context.conditions.clone(),
        upload: None,
    })
}

fn granted_reply(context: &Context<'_>, granted: &LockGranted, status: StatusCode) -> Reply {
    let held = vec![(granted.path.clone(), granted.lock.clone())];
    let now = context.dav.clock.seconds();
    let locks = wire_locks(&held, &context.base, context.principal.uid.as_str(), now);
    let views: Vec<_> = locks.iter().map(WireLock::view).collect();
    let reply = Reply::with_body(status, XML, lock_body(&views));
    identified(context, reply, &granted.node)
}

/// The apps' view of a lock.
fn app_view<'a>(context: &'a Context<'_>, lock: &'a Lock) -> UserLock<'a> {
    let mine = lock.user == context.principal.uid;
    UserLock {
        owner_type: if lock.kind == LockType::User { 0 } else { 2 },
        owner: lock.user.as_str(),
        owner_displayname: match mine {
            true => &context.principal.display_name,
            false => lock.user.as_str(),
        },
        owner_editor: "",
        time: lock.created,
        timeout: lock.timeout,
        // Another user's token is never shown.
        token: if mine { &lock.token } else { "" },
    }
}
