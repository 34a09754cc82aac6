//! `moonsail.auth/1`: deciding whether a login and a password belong to a user.

use crate::BoxFuture;
use crate::secret::Secret;

/// What is known about the request that asks.
#[derive(Debug, Clone, Default)]
pub struct Call {
    /// The request id, as in the access log.
    pub request_id: String,
    /// The address of the client, if known.
    pub remote_ip: Option<std::net::IpAddr>,
}

/// Who a provider says somebody is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Identity {
    /// The provider's immutable id of the account (LDAP entryUUID, a row id, or the login itself).
    /// The account is keyed by it, so a renamed login stays the same account.
    pub subject: String,
    /// The login name, from which the user id is chosen at the first login.
    pub login: String,
    /// The name that people see; the login if `None`.
    pub display_name: Option<String>,
    /// Mail address, if the provider knows one.
    pub email: Option<String>,
    /// Names of groups, or `None` if the provider does not say (groups stay as they are).
    pub groups: Option<Vec<String>>,
    /// Quota in bytes, or `None` if the provider does not say.
    pub quota: Option<u64>,
}

/// A provider's answer. A wrong password is an answer, not an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Auth {
    /// The password belongs to this user.
    Ok(Identity),
    /// This provider has never heard of the login: ask the next one.
    Next,
    /// The login is known and the password is wrong.
    Denied,
    /// The account exists and may not log in.
    Disabled,
}

/// The question could not be answered now (directory unreachable, file unreadable).
/// The server answers 503, never 401: apps drop stored passwords on 401.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct AuthUnavailable {
    /// For the log; not shown to clients.
    pub message: String,
}

/// Decides whether a login and a password belong to a user.
pub trait Authenticator: Send + Sync + 'static {
    /// Checks `password` for `login`.
    ///
    /// # Errors
    /// [`AuthUnavailable`] if the question could not be answered.
    fn check_password(
        &self,
        call: &Call,
        login: &str,
        password: &Secret,
    ) -> impl Future<Output = Result<Auth, AuthUnavailable>> + Send;
}

/// The object-safe twin of [`Authenticator`], implemented for each of them.
pub trait DynAuthenticator: Send + Sync + 'static {
    /// See [`Authenticator::check_password`].
    fn check_password<'a>(
        &'a self,
        call: &'a Call,
        login: &'a str,
        password: &'a Secret,
    ) -> BoxFuture<'a, Result<Auth, AuthUnavailable>>;
}

impl<A: Authenticator> DynAuthenticator for A {
    fn check_password<'a>(
        &'a self,
        call: &'a Call,
        login: &'a str,
        password: &'a Secret,
    ) -> BoxFuture<'a, Result<Auth, AuthUnavailable>> {
        Box::pin(Authenticator::check_password(self, call, login, password))
    }
}
