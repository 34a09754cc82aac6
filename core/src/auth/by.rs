//! Who asks for a change of an account: for the audit log, and to be looked at again inside the
//! change itself.
//!
//! Between the check of a password or cookie and the commit of what it was shown for, the password
//! may be changed or the account disabled. Then what was shown proves nothing any more, and the
//! commit must find out: [`By::require_current`].

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::{Access, AuthError, Caller, Principal};
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
    /// What was shown, unless it was an app password, which is no worse after a change.
    shown: Option<(Uid, PasswordMark)>,
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

    /// `principal`, by `request`.
    pub fn of(request: &Request, principal: &Principal) -> Self {
        let shown = match principal.access {
            Access::Token { .. } => None,
            Access::Password | Access::Session { .. } => {
                Some((principal.uid.clone(), principal.mark))
            }
        };
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
        let Some((uid, mark)) = &self.shown else { return Ok(()) };
        match tx.user(uid.as_str())? {
            Some(user) if !user.enabled => Err(AuthError::Disabled),
            Some(user) if PasswordMark::of(&user) == *mark => Ok(()),
            _ => Err(AuthError::BadCredentials),
        }
    }

    /// Somebody who tries a password for `login`.
    pub(crate) fn caller(caller: &Caller, login: &str) -> Self {
        let (ip, request) = (Some(caller.ip), Arc::from(caller.request_id.as_str()));
        Self { actor: login.to_owned(), ip, request, shown: None }
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
