//! Conditional requests, evaluated where the write happens: RFC 9110 §13, RFC 4918 §10.4.

use super::TreeError;
use super::locks::locks_covering;
use super::mounts::{self, Graft, Mounts};
use super::walk::Walk;
use crate::ids::Uid;
use crate::path::DavPath;
use crate::proto::conditions::{EtagCondition, IfCondition, IfState};
use crate::store::ReadTx;

/// What a request demands of the state it meets.
#[derive(Debug, Clone, Default)]
pub struct Conditions {
    /// `If-Match`.
    pub if_match: Option<EtagCondition>,
    /// `If-None-Match`.
    pub if_none_match: Option<EtagCondition>,
    /// `If-Unmodified-Since`, Unix seconds. Ignored where `If-Match` is given (RFC 9110 §13.1.4).
    pub if_unmodified_since: Option<i64>,
    /// Lists of the `If` header: one of them must hold. Empty if there was no such header.
    pub if_clauses: Vec<IfClause>,
    /// Lock tokens submitted beside those in `if_clauses`.
    pub submitted: Vec<String>,
    /// What the client sees grafted into its home, and so in the etags of folders.
    pub mounts: Mounts,
}

/// One list of the `If` header.
#[derive(Debug, Clone)]
pub struct IfClause {
    /// What it is about.
    pub target: IfTarget,
    /// All of these must hold.
    pub conditions: Vec<IfCondition>,
}

/// The resource of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IfTarget {
    /// The request's own.
    Request,
    /// A tagged one: whose tree it is in, and where.
    Path(Uid, DavPath),
    /// One that this server does not know: it has neither etag nor lock.
    Foreign,
}

impl Conditions {
    /// Lock tokens that the request submits, in whatever list they stand.
    pub(crate) fn tokens(&self) -> impl Iterator<Item = &str> {
        let states = self.if_clauses.iter().flat_map(|clause| &clause.conditions);
        states
            .filter_map(|condition| match &condition.state {
                IfState::Token(token) => Some(token.as_str()),
                IfState::Etag(_) => None,
            })
            .chain(self.submitted.iter().map(String::as_str))
    }

    /// No condition, but the same lock tokens: for what a request does beside its main change.
    pub fn tokens_only(&self) -> Self {
        let submitted = self.tokens().map(str::to_owned).collect();
        Self { submitted, mounts: self.mounts.clone(), ..Self::default() }
    }

    /// Refuses if the target of `walk` is not in the demanded state.
    pub(crate) fn check(
        &self,
        tx: &mut dyn ReadTx,
        walk: &Walk,
        now: i64,
    ) -> Result<(), TreeError> {
        let target = walk.target();
        let asked = self.if_match.is_some() || self.if_none_match.is_some();
        let etag = if asked { self.seen_etag(tx, walk)? } else { None };
        if self.if_match.as_ref().is_some_and(|wanted| !wanted.matches_strong(etag.as_deref())) {
            return Err(TreeError::PreconditionFailed("If-Match"));
        }
        if self.if_none_match.as_ref().is_some_and(|not| not.matches_weak(etag.as_deref())) {
            return Err(TreeError::PreconditionFailed("If-None-Match"));
        }
        if let (None, Some(since), Some(node)) = (&self.if_match, self.if_unmodified_since, target)
            && node.mtime > since
        {
            return Err(TreeError::PreconditionFailed("If-Unmodified-Since"));
        }
        if self.if_clauses.is_empty() {
            return Ok(());
        }
        for clause in &self.if_clauses {
            if self.holds(clause, tx, walk, now)? {
                return Ok(());
            }
        }
        Err(TreeError::PreconditionFailed("If"))
    }

    /// The entity tag that the client knows of what is there.
    fn seen_etag(&self, tx: &mut dyn ReadTx, walk: &Walk) -> Result<Option<String>, TreeError> {
        let Some(node) = walk.target() else { return Ok(None) };
        let grafted = match walk.home.owner.is_person() {
            true => mounts::above(tx, &self.mounts, &walk.path, node)?,
            false => None,
        };
        Ok(Some(match grafted {
            Some(Graft::Above(etag)) => etag.0,
            _ => node.etag().0,
        }))
    }

    fn holds(
        &self,
        clause: &IfClause,
        tx: &mut dyn ReadTx,
        walk: &Walk,
        now: i64,
    ) -> Result<bool, TreeError> {
        let other;
        let walk = match &clause.target {
            IfTarget::Request => Some(walk),
            IfTarget::Path(owner, path) => {
                other = Walk::to(tx, owner, path)?;
                Some(&other)
            }
            IfTarget::Foreign => None,
        };
        let etag = match walk {
            Some(walk) => self.seen_etag(tx, walk)?,
            None => None,
        };
        let tokens: Vec<String> = match walk {
            Some(walk) => {
                locks_covering(tx, walk, now)?.into_iter().map(|(_, lock)| lock.token).collect()
            }
            None => Vec::new(),
        };
        Ok(clause.conditions.iter().all(|condition| {
            let holds = match &condition.state {
                IfState::Token(token) => tokens.contains(token),
                IfState::Etag(wanted) => {
                    !wanted.weak && etag.as_deref() == Some(wanted.tag.as_str())
                }
            };
            holds != condition.negated
        }))
    }
}
