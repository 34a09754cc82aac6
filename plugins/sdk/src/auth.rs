//! `moonsail.auth/1`: deciding whether a login and a password belong to a user, and what is known
//! about that user.
//!
//! Only [`Authenticator::check_password`] must be written. The rest is offered by saying so in
//! [`Authenticator::abilities`]; what is not offered there is never called.

use std::time::Duration;

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
    /// The password is right and must be changed first. The server refuses the login as it refuses
    /// that of a disabled account, and says why; app passwords go on.
    Expired,
}

/// An account as its provider has it now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Account {
    /// Who it is.
    pub identity: Identity,
    /// Whether it may log in. An account that may not is locked out of everything, app passwords
    /// and sessions too, within a minute.
    pub enabled: bool,
}

/// Some of a provider's accounts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    /// At most as many as were asked for; fewer does not mean that it was the last page.
    pub accounts: Vec<Account>,
    /// Where the next page begins, as the provider likes to write it; `None` at the end.
    pub next: Option<String>,
}

/// What became of a new password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PasswordChange {
    /// It is set.
    Done,
    /// The provider does not take it (too short, used before, the old one is wrong), with a
    /// sentence for the user.
    Refused(String),
    /// This provider has never heard of the login.
    Next,
}

/// What a provider offers beside checking passwords. It never changes while a provider lives.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Abilities {
    /// [`Authenticator::check_token`].
    pub tokens: bool,
    /// [`Authenticator::lookup`] and [`Authenticator::find`]. Without it, a change at the provider
    /// is noticed at the next login.
    pub lookup: bool,
    /// [`Authenticator::list`].
    pub list: bool,
    /// [`Authenticator::set_password`].
    pub set_password: bool,
    /// [`Authenticator::explain`].
    pub explain: bool,
}

/// The question could not be answered now (directory unreachable, file unreadable).
/// The server answers 503, never 401: apps drop stored passwords on 401.
#[derive(Debug, Clone, Default, thiserror::Error)]
#[error("{message}")]
pub struct AuthUnavailable {
    /// For the log; not shown to clients.
    pub message: String,
    /// When it is worth asking again; the server chooses if `None`.
    pub retry_after: Option<Duration>,
}

impl AuthUnavailable {
    /// For a reason, with no idea how long it will last.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), retry_after: None }
    }

    fn not_offered(what: &str) -> Self {
        Self::new(format!("this provider does not offer `{what}`"))
    }
}

/// Decides whether a login and a password belong to a user.
///
/// `Err` always means that the question could not be answered; what is not known is an answer.
pub trait Authenticator: Send + Sync + 'static {
    /// What is offered beside [`Authenticator::check_password`].
    fn abilities(&self) -> Abilities {
        Abilities::default()
    }

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

    /// Checks a token of somebody else's making; `kind` names what it is (`bearer`).
    /// One that this provider cannot judge is [`Auth::Next`].
    ///
    /// # Errors
    /// [`AuthUnavailable`] if the question could not be answered.
    fn check_token(
        &self,
        _call: &Call,
        _kind: &str,
        _token: &Secret,
    ) -> impl Future<Output = Result<Auth, AuthUnavailable>> + Send {
        async { Ok(Auth::Next) }
    }

    /// The account of a [subject](Identity::subject); `None` if it is gone for good, which locks
    /// its owner out. In doubt, answer an error.
    ///
    /// # Errors
    /// [`AuthUnavailable`] if the question could not be answered.
    fn lookup(
        &self,
        _call: &Call,
        _subject: &str,
    ) -> impl Future<Output = Result<Option<Account>, AuthUnavailable>> + Send {
        async { Err(AuthUnavailable::not_offered("lookup")) }
    }

    /// The account that `login` would log in to.
    ///
    /// # Errors
    /// [`AuthUnavailable`] if the question could not be answered.
    fn find(
        &self,
        _call: &Call,
        _login: &str,
    ) -> impl Future<Output = Result<Option<Account>, AuthUnavailable>> + Send {
        async { Err(AuthUnavailable::not_offered("find")) }
    }

    /// Accounts whose login, name or mail address contains `search`, in an order that the provider
    /// keeps; all if it is empty. `cursor` is the [`Page::next`] of the page before.
    ///
    /// # Errors
    /// [`AuthUnavailable`] if the question could not be answered, or the cursor is not one.
    fn list(
        &self,
        _call: &Call,
        _search: &str,
        _limit: usize,
        _cursor: Option<&str>,
    ) -> impl Future<Output = Result<Page, AuthUnavailable>> + Send {
        async { Err(AuthUnavailable::not_offered("list")) }
    }

    /// Sets a new password: for the owner, who gives the old one, or without it for an
    /// administrator.
    ///
    /// # Errors
    /// [`AuthUnavailable`] if it could not be done; then the old one still holds.
    fn set_password(
        &self,
        _call: &Call,
        _login: &str,
        _old: Option<&Secret>,
        _new: &Secret,
    ) -> impl Future<Output = Result<PasswordChange, AuthUnavailable>> + Send {
        async { Ok(PasswordChange::Next) }
    }

    /// How this provider comes to its answer about `login`, as the text of a JSON object for the
    /// administrator: what was asked, what was found, what was made of it, how long it took. No
    /// secrets.
    ///
    /// # Errors
    /// [`AuthUnavailable`] if the question could not be answered.
    fn explain(
        &self,
        _call: &Call,
        _login: &str,
    ) -> impl Future<Output = Result<String, AuthUnavailable>> + Send {
        async { Err(AuthUnavailable::not_offered("explain")) }
    }
}

/// A future answer of a provider.
pub type Answer<'a, T> = BoxFuture<'a, Result<T, AuthUnavailable>>;

/// The object-safe twin of [`Authenticator`], implemented for each of them.
pub trait DynAuthenticator: Send + Sync + 'static {
    /// See [`Authenticator::abilities`].
    fn abilities(&self) -> Abilities;
    /// See [`Authenticator::check_password`].
    fn check_password<'a>(
        &'a self,
        call: &'a Call,
        login: &'a str,
        password: &'a Secret,
    ) -> Answer<'a, Auth>;
    /// See [`Authenticator::check_token`].
    fn check_token<'a>(
        &'a self,
        call: &'a Call,
        kind: &'a str,
        token: &'a Secret,
    ) -> Answer<'a, Auth>;
    /// See [`Authenticator::lookup`].
    fn lookup<'a>(&'a self, call: &'a Call, subject: &'a str) -> Answer<'a, Option<Account>>;
    /// See [`Authenticator::find`].
    fn find<'a>(&'a self, call: &'a Call, login: &'a str) -> Answer<'a, Option<Account>>;
    /// See [`Authenticator::list`].
    fn list<'a>(
        &'a self,
        call: &'a Call,
        search: &'a str,
        limit: usize,
        cursor: Option<&'a str>,
    ) -> Answer<'a, Page>;
    /// See [`Authenticator::set_password`].
    fn set_password<'a>(
        &'a self,
        call: &'a Call,
        login: &'a str,
        old: Option<&'a Secret>,
        new: &'a Secret,
    ) -> Answer<'a, PasswordChange>;
    /// See [`Authenticator::explain`].
    fn explain<'a>(&'a self, call: &'a Call, login: &'a str) -> Answer<'a, String>;
}

impl<A: Authenticator> DynAuthenticator for A {
    fn abilities(&self) -> Abilities {
        Authenticator::abilities(self)
    }

    fn check_password<'a>(
        &'a self,
        call: &'a Call,
        login: &'a str,
        password: &'a Secret,
    ) -> Answer<'a, Auth> {
        Box::pin(Authenticator::check_password(self, call, login, password))
    }

    fn check_token<'a>(
        &'a self,
        call: &'a Call,
        kind: &'a str,
        token: &'a Secret,
    ) -> Answer<'a, Auth> {
        Box::pin(Authenticator::check_token(self, call, kind, token))
    }

    fn lookup<'a>(&'a self, call: &'a Call, subject: &'a str) -> Answer<'a, Option<Account>> {
        Box::pin(Authenticator::lookup(self, call, subject))
    }

    fn find<'a>(&'a self, call: &'a Call, login: &'a str) -> Answer<'a, Option<Account>> {
        Box::pin(Authenticator::find(self, call, login))
    }

    fn list<'a>(
        &'a self,
        call: &'a Call,
        search: &'a str,
        limit: usize,
        cursor: Option<&'a str>,
    ) -> Answer<'a, Page> {
        Box::pin(Authenticator::list(self, call, search, limit, cursor))
    }

    fn set_password<'a>(
        &'a self,
        call: &'a Call,
        login: &'a str,
        old: Option<&'a Secret>,
        new: &'a Secret,
    ) -> Answer<'a, PasswordChange> {
        Box::pin(Authenticator::set_password(self, call, login, old, new))
    }

    fn explain<'a>(&'a self, call: &'a Call, login: &'a str) -> Answer<'a, String> {
        Box::pin(Authenticator::explain(self, call, login))
    }
}
