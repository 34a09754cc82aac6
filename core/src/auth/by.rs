//! Who asks for a change of an account: for the audit log, and to be looked at again inside the
//! change itself.
//!
//! Between the check of a password or cookie and the commit of what it was shown for, the password
//! may be changed, the app password revoked, the account disabled or made an ordinary one. Then what was shown proves nothing any more, and the
//! commit must find out: [`By::require_current`].

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::{Access, AuthError, Caller, Principal};
use crate::hooks::Call;
use crate::ids::Uid;
use crate::store::ReadTx;
use crate::store::accounts::User;
use crate::wire::Request;

/// Tells one password of an account from the next. A hash of the stored hash, which has a salt.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct PasswordMark([u8; 32]);

impl PasswordMark {
    /// That of the password which `user` has now.
    pub(crate) fn of(user: &User) -> Self {
        Self(Sha256::digest(user.password.as_deref().unwrap_or_default()).into())
    }
}

impl fmt::Debug for PasswordMark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordMark(***)")
    }
}

/// Who asks, from where, in which request.
#[derive(Debug, Clone)]
pub struct By {
    actor: String,
    ip: Option<IpAddr>,
    request: Arc<str>,
    /// What was shown; `None` for what needs no proof.
    shown: Option<Shown>,
}

/// What somebody was let in by.
#[derive(Debug, Clone)]
struct Shown {
    uid: Uid,
    /// As an administrator.
    admin: bool,
    proof: Proof,
}

#[derive(Debug, Clone)]
enum Proof {
    /// The account's password, now or when the session began.
    Password(PasswordMark),
    /// An app password, by its row.
    Token(i64),
}

impl Default for By {
    fn default() -> Self {
        Self::console()
    }
}

impl By {
    /// The command line, or the server itself.
    pub fn console() -> Self {
        Self { actor: "console".to_owned(), ip: None, request: Arc::from("-"), shown: None }
    }

    /// A provider of accounts, in the background.
    pub(crate) fn provider(name: &str) -> Self {
        Self { actor: name.to_owned(), ..Self::console() }
    }

    /// `principal`, by `request`.
    pub fn of(request: &Request, principal: &Principal) -> Self {
        let proof = match principal.access {
            Access::Token { id, .. } => Proof::Token(id),
            Access::Password | Access::Session { .. } => Proof::Password(principal.mark),
        };
        let (uid, admin) = (principal.uid.clone(), principal.admin);
        let shown = Some(Shown { uid, admin, proof });
        let actor = principal.uid.to_string();
        Self { actor, ip: Some(request.remote_ip), request: Arc::clone(&request.id), shown }
    }

    /// Somebody who has shown nothing but a token of the matter itself: `actor` says whose it was.
    pub(crate) fn holder(request: &Request, actor: &str) -> Self {
        let (ip, request) = (Some(request.remote_ip), Arc::clone(&request.id));
        Self { actor: actor.to_owned(), ip, request, shown: None }
    }

    /// Refuses if what was shown is not good any more. To be called inside the change.
    ///
    /// # Errors
    /// [`AuthError::BadCredentials`], [`AuthError::Disabled`], [`AuthError::Unavailable`].
    pub(crate) fn require_current(&self, tx: &mut dyn ReadTx) -> Result<(), AuthError> {
        let Some(Shown { uid, admin, proof }) = &self.shown else { return Ok(()) };
        let Some(user) = tx.user(uid.as_str())? else { return Err(AuthError::BadCredentials) };
        if !user.may_enter() {
            return Err(AuthError::Disabled);
        }
        let holds = match proof {
            Proof::Password(mark) => PasswordMark::of(&user) == *mark,
            Proof::Token(id) => tx.tokens_of(uid)?.iter().any(|it| it.id == *id && !it.wipe),
        };
        // Who was an administrator when the request began may be none when its body has come.
        match holds && (user.admin || !admin) {
            true => Ok(()),
            false => Err(AuthError::BadCredentials),
        }
    }

    /// Somebody who tries a password for `login`.
    pub(crate) fn caller(caller: &Caller, login: &str) -> Self {
        let (ip, request) = (Some(caller.ip), Arc::from(caller.request_id.as_str()));
        Self { actor: login.to_owned(), ip, request, shown: None }
    }

    /// What hooks learn of it.
    pub(crate) fn call(&self) -> Call {
        Call { request_id: self.request.to_string(), remote_ip: self.ip }
    }

    /// Name for the log.
    pub(crate) fn actor(&self) -> &str {
        &self.actor
    }

    /// Address for the log; `-` for none.
    pub(crate) fn ip(&self) -> String {
        self.ip.map_or_else(|| "-".to_owned(), |ip| ip.to_string())
    }

    /// Request id for the log; `-` for none.
    pub(crate) fn request(&self) -> &str {
        &self.request
    }
}

/// One line of the audit log (`threats` §8): who, from where, in which request, what. To be written
/// after the commit, and never inside a job of the store: that may be undone with others.
macro_rules! audit {
    ($by:expr, $event:literal $(, $($field:tt)+)?) => {{
        let by: &$crate::auth::By = $by;
        tracing::info!(
            target: "audit",
            actor = ?by.actor(),
            ip = %by.ip(),
            request = by.request(),
            $($($field)+,)?
            $event,
        );
    }};
}
pub(crate) use audit;
