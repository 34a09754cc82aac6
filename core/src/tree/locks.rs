//! Locks: RFC 4918 §6, §7 and the apps' file locks (`X-User-Lock`), persistent and enforced.
//!
//! A lock belongs to a node. It protects the node itself, with depth infinity all below, and on a
//! folder of any depth the set of its members (§7.4).

use super::change::Recorder;
use super::conditions::Conditions;
use super::walk::Walk;
use super::{Actor, Put, Tree, TreeError, put};
use crate::ids::{NodeId, Uid, random_token};
use crate::path::DavPath;
use crate::store::locks::{Lock, LockDepth, LockScope, LockType};
use crate::store::nodes::{ChangeKind, Node};
use crate::store::{self, ReadTx, WriteTx};

/// How much of the tree a change touches, which says the locks that stand in its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Bytes or properties of the target.
    Content,
    /// A new member of the folder above.
    Membership,
    /// The target with all below it, and the membership of the folder above.
    Tree,
}

/// What is asked of LOCK.
#[derive(Debug, Clone)]
pub struct LockRequest {
    /// Kind of holder.
    pub kind: LockType,
    /// Scope.
    pub scope: LockScope,
    /// Depth.
    pub depth: LockDepth,
    /// XML inside `d:owner`.
    pub owner: String,
    /// Seconds; 0 for ever.
    pub timeout: i64,
}

/// A lock that was granted or refreshed.
#[derive(Debug, Clone)]
pub struct LockGranted {
    /// The lock.
    pub lock: Lock,
    /// The locked node.
    pub node: Node,
    /// Path of the lock's root.
    pub path: DavPath,
    /// Whether the node was made for it.
    pub created: bool,
}

/// Which lock is given up.
#[derive(Debug, Clone)]
pub enum Unlock {
    /// That with this token (`Lock-Token`).
    Token(String),
    /// The actor's own file lock (`X-User-Lock`).
    Own,
}

impl Tree {
    /// Locks the node at `path`. Where nothing is, `empty` becomes a file in the same commit (§7.3):
    /// a file that came there meanwhile is locked as it is, and a refused lock leaves no file.
    ///
    /// # Errors
    /// [`TreeError::Locked`] if an existing lock does not go with it; [`TreeError::TooManyLocks`], and
    /// others. What was staged
    /// for `empty` is the caller's to discard, unless the answer says that a node was made.
    pub async fn lock(
        &self,
        actor: Actor,
        owner: &Uid,
        path: DavPath,
        request: LockRequest,
        empty: Option<Put>,
        conditions: Conditions,
    ) -> Result<LockGranted, TreeError> {
        let (owner, now, most) = (owner.clone(), self.clock.millis(), self.max_locks);
        store::write(&self.store, move |tx| {
            let recorder = Recorder { actor: &actor, now };
            let mut walk = Walk::to(tx, &owner, &path)?;
            conditions.check(tx, &walk, recorder.seconds())?;
            let empty = empty.filter(|_| walk.target().is_none());
            let created = empty.is_some();
            if let Some(empty) = empty {
                put::create(tx, &recorder, &walk, &empty)?;
                walk = Walk::to(tx, &owner, &path)?;
            }
            let node = walk.require()?.clone();
            tx.remove_expired_locks(recorder.seconds())?;
            if let Some(lock) = own_user_lock(tx, &walk, &actor, &request, recorder.seconds())? {
                // Asking again for a lock one holds is a refresh, not a conflict.
                return refresh(tx, &recorder, &walk, lock, request.timeout);
            }
            refuse_conflicts(tx, &walk, &request, recorder.seconds())?;
            if tx.count_locks(&actor.uid)? >= most {
                return Err(TreeError::TooManyLocks);
            }
            let seconds = recorder.seconds();
            let lock = Lock {
                token: format!("opaquelocktoken:{}", random_token(43)),
                node: node.id,
                user: actor.uid.clone(),
                kind: request.kind,
                scope: request.scope,
                depth: request.depth,
                owner: request.owner,
                created: seconds,
                expires: (request.timeout > 0).then(|| seconds.saturating_add(request.timeout)),
                timeout: request.timeout,
            };
            tx.put_lock(&lock)?;
            announce(tx, &recorder, &walk)?;
            Ok(LockGranted { lock, node, path, created })
        })
        .await
    }

    /// Refreshes the lock on `path` whose token the `If` header submits (§9.10.2).
    ///
    /// # Errors
    /// [`TreeError::PreconditionFailed`] if no submitted token is a lock here.
    pub async fn refresh_lock(
        &self,
        actor: Actor,
        owner: &Uid,
        path: DavPath,
        timeout: i64,
        conditions: Conditions,
    ) -> Result<LockGranted, TreeError> {
        let (owner, now) = (owner.clone(), self.clock.millis());
        store::write(&self.store, move |tx| {
            let recorder = Recorder { actor: &actor, now };
            let walk = Walk::to(tx, &owner, &path)?;
            walk.require()?;
            conditions.check(tx, &walk, recorder.seconds())?;
            let submitted: Vec<&str> = conditions.tokens().collect();
            let held = locks_covering(tx, &walk, recorder.seconds())?
                .into_iter()
                .map(|(_, lock)| lock)
                .find(|lock| submitted.contains(&lock.token.as_str()) && lock.user == actor.uid)
                .ok_or(TreeError::PreconditionFailed("If"))?;
            refresh(tx, &recorder, &walk, held, timeout)
        })
        .await
    }

    /// Gives a lock up (§9.11).
    ///
    /// # Errors
    /// [`TreeError::NoSuchLock`] if there is none; [`TreeError::Locked`] if it is another's.
    pub async fn unlock(
        &self,
        actor: Actor,
        owner: &Uid,
        path: DavPath,
        which: Unlock,
    ) -> Result<Node, TreeError> {
        let (owner, now) = (owner.clone(), self.clock.millis());
        store::write(&self.store, move |tx| {
            let recorder = Recorder { actor: &actor, now };
            let walk = Walk::to(tx, &owner, &path)?;
            let node = walk.require()?.clone();
            let covering = locks_covering(tx, &walk, recorder.seconds())?;
            let found = covering.into_iter().find(|(_, lock)| match &which {
                Unlock::Token(token) => lock.token == *token,
                Unlock::Own => lock.kind == LockType::User || lock.node == node.id,
            });
            let (root, lock) = found.ok_or_else(|| TreeError::NoSuchLock(path.clone()))?;
            if lock.user != actor.uid {
                return Err(TreeError::Locked { path: root, lock: Box::new(lock) });
            }
            tx.remove_lock(&lock.token)?;
            announce(tx, &recorder, &walk)?;
            Ok(node)
        })
        .await
    }
}

fn refresh(
    tx: &mut dyn WriteTx,
    recorder: &Recorder<'_>,
    walk: &Walk,
    mut lock: Lock,
    timeout: i64,
) -> Result<LockGranted, TreeError> {
    lock.timeout = timeout;
    lock.expires = (timeout > 0).then(|| recorder.seconds().saturating_add(timeout));
    tx.put_lock(&lock)?;
    let path = path_of_covering(walk, lock.node);
    Ok(LockGranted { lock, node: walk.require()?.clone(), path, created: false })
}

/// The path of one of the nodes that `walk` passed.
fn path_of_covering(walk: &Walk, node: NodeId) -> DavPath {
    let steps = walk.existing().iter().position(|passed| passed.id == node).unwrap_or(0);
    let text: Vec<&str> = walk.path.segments().take(steps).collect();
    DavPath::from_decoded(&text.join("/")).unwrap_or_default()
}

/// A lock or its end is a property of the node: the folders above change their etags.
fn announce(tx: &mut dyn WriteTx, recorder: &Recorder<'_>, walk: &Walk) -> Result<(), TreeError> {
    let node = walk.require()?.id;
    let stamp = tx.next_stamp()?;
    tx.raise(&[node], stamp, 0, None)?;
    recorder.raise_above(tx, walk, stamp, 0)?;
    recorder.log(tx, stamp, ChangeKind::Properties, node, walk, None)
}

fn own_user_lock(
    tx: &mut dyn WriteTx,
    walk: &Walk,
    actor: &Actor,
    request: &LockRequest,
    now: i64,
) -> Result<Option<Lock>, TreeError> {
    if request.kind != LockType::User {
        return Ok(None);
    }
    let node = walk.require()?.id;
    let locks = tx.locks_on(node)?.into_iter();
    Ok(locks
        .filter(|lock| alive(lock, now))
        .find(|lock| lock.kind == LockType::User && lock.user == actor.uid))
}

/// §6.1, §7: an exclusive lock goes with no other, shared ones with each other.
fn refuse_conflicts(
    tx: &mut dyn WriteTx,
    walk: &Walk,
    request: &LockRequest,
    now: i64,
) -> Result<(), TreeError> {
    let mut others = locks_covering(tx, walk, now)?;
    if request.depth == LockDepth::Infinity {
        others.extend(locks_below(tx, walk, now)?);
    }
    let conflict =
        |lock: &Lock| request.scope == LockScope::Exclusive || lock.scope == LockScope::Exclusive;
    match others.into_iter().find(|(_, lock)| conflict(lock)) {
        Some((path, lock)) => Err(TreeError::Locked { path, lock: Box::new(lock) }),
        None => Ok(()),
    }
}

fn alive(lock: &Lock, now: i64) -> bool {
    lock.expires.is_none_or(|expires| expires > now)
}

/// Locks that protect the target: its own, and those with depth infinity above it. With their roots.
pub(crate) fn locks_covering(
    tx: &mut dyn ReadTx,
    walk: &Walk,
    now: i64,
) -> Result<Vec<(DavPath, Lock)>, TreeError> {
    let mut found = Vec::new();
    if !tx.any_locks()? {
        return Ok(found);
    }
    let target = walk.target().map(|node| node.id);
    for node in walk.existing() {
        for lock in tx.locks_on(node.id)? {
            let reaches = Some(node.id) == target || lock.depth == LockDepth::Infinity;
            if reaches && alive(&lock, now) {
                found.push((path_of_covering(walk, node.id), lock));
            }
        }
    }
    Ok(found)
}

/// Locks on what lies below the target, with the paths of their roots.
fn locks_below(
    tx: &mut dyn ReadTx,
    walk: &Walk,
    now: i64,
) -> Result<Vec<(DavPath, Lock)>, TreeError> {
    let node = walk.require()?;
    let mut found = Vec::new();
    for lock in tx.locks_in(node.id)?.into_iter().filter(|lock| lock.node != node.id) {
        if alive(&lock, now) {
            found.push((path_below(tx, walk, node.id, lock.node)?, lock));
        }
    }
    Ok(found)
}

/// Path of `node`, which lies below `top`, where `walk` ended.
fn path_below(
    tx: &mut dyn ReadTx,
    walk: &Walk,
    top: NodeId,
    node: NodeId,
) -> Result<DavPath, TreeError> {
    let mut names = Vec::new();
    let mut at = node;
    while at != top {
        let Some(row) = tx.node(at)? else { break };
        names.push(row.name);
        match row.parent {
            Some(parent) => at = parent,
            None => break,
        }
    }
    let path = names.iter().rev().try_fold(walk.path.clone(), |path, name| path.join(name));
    Ok(path.unwrap_or_default())
}

/// Refuses a change that a lock forbids: one whose token is not submitted, or which is another
/// user's (§7.5: a token is of no use to strangers).
pub(crate) fn check_locks(
    tx: &mut dyn ReadTx,
    walk: &Walk,
    recorder: &Recorder<'_>,
    conditions: &Conditions,
    reach: Reach,
) -> Result<(), TreeError> {
    if !tx.any_locks()? {
        return Ok(());
    }
    let now = recorder.seconds();
    let mut standing = locks_covering(tx, walk, now)?;
    if reach != Reach::Content {
        standing.extend(membership_locks(tx, walk, now)?);
    }
    if reach == Reach::Tree {
        standing.extend(locks_below(tx, walk, now)?);
    }
    let submitted: Vec<&str> = conditions.tokens().collect();
    let opened = |lock: &Lock| {
        lock.user == recorder.actor.uid
            && (lock.kind == LockType::User || submitted.contains(&lock.token.as_str()))
    };
    for (path, lock) in &standing {
        // Of several shared locks on one node, the token of one is enough.
        let same_node = standing.iter().filter(|(_, other)| other.node == lock.node);
        if !same_node.map(|(_, other)| other).any(opened) {
            return Err(TreeError::Locked { path: path.clone(), lock: Box::new(lock.clone()) });
        }
    }
    Ok(())
}

/// Locks with depth 0 on the folder above: they protect its set of members (§7.4).
fn membership_locks(
    tx: &mut dyn ReadTx,
    walk: &Walk,
    now: i64,
) -> Result<Vec<(DavPath, Lock)>, TreeError> {
    let Some(parent) = walk.above().last() else { return Ok(Vec::new()) };
    let path = path_of_covering(walk, parent.id);
    let locks = tx.locks_on(parent.id)?.into_iter();
    let flat = locks.filter(|lock| lock.depth == LockDepth::Zero && alive(lock, now));
    Ok(flat.map(|lock| (path.clone(), lock)).collect())
}
