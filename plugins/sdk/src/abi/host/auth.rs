//! An [`AuthTable`] as an [`Authenticator`].

use std::sync::Arc;
use std::time::Duration;

use super::instance::{Callee, Instance};
use crate::BoxFuture;
use crate::abi::ask::{Failure, call_info, failure, succeeded};
use crate::abi::convert::{Malformed, read_struct};
use crate::abi::{
    self, AuthTable, CODE_DENIED, CODE_DISABLED, CODE_EXPIRED, CODE_NEXT, CODE_NOT_FOUND, CODE_OK,
    CallInfo, EXTENSION_AUTH, Outcome, Str,
};
use crate::auth::{
    Abilities, Account, Auth, AuthUnavailable, Authenticator, Call, Identity, Page, PasswordChange,
};
use crate::secret::Secret;

/// The authenticator of a plugin.
#[derive(Clone)]
pub struct PluginAuth(Callee<AuthTable>);

impl PluginAuth {
    /// That of an instance; `None` if it offers none.
    pub fn of(instance: &Arc<Instance>, timeout: Duration) -> Option<Self> {
        let callee: Callee<AuthTable> = Callee::new(instance, EXTENSION_AUTH, timeout)?;
        callee.table.check_password.is_some().then_some(Self(callee))
    }

    /// Runs `with` with the call's facts, while what they borrow is alive.
    fn facts<R>(&self, call: &Call, with: impl FnOnce(&CallInfo) -> R) -> R {
        let address = call.remote_ip.map(|address| address.to_string());
        with(&call_info(self.0.timeout, &call.request_id, None, address.as_deref()))
    }
}

impl Authenticator for PluginAuth {
    fn abilities(&self) -> Abilities {
        let table = &self.0.table;
        Abilities {
            tokens: table.check_token.is_some(),
            lookup: table.lookup.is_some() && table.find.is_some(),
            list: table.list.is_some(),
            set_password: table.set_password.is_some(),
            explain: table.explain.is_some(),
        }
    }

    fn check_password(
        &self,
        call: &Call,
        login: &str,
        password: &Secret,
    ) -> impl Future<Output = Result<Auth, AuthUnavailable>> + Send {
        let begun = self.0.table.check_password.map(|check| {
            let this = self.0.table.this;
            let (login, password) = (Str::of(login), Str::of(password.reveal()));
            self.facts(call, |info| {
                // SAFETY: what is borrowed lives until the call returns.
                self.0.ask(verdict, |done| unsafe { check(this, info, login, password, done) })
            })
        });
        answered(begun)
    }

    fn check_token(
        &self,
        call: &Call,
        kind: &str,
        token: &Secret,
    ) -> impl Future<Output = Result<Auth, AuthUnavailable>> + Send {
        let begun = self.0.table.check_token.map(|check| {
            let this = self.0.table.this;
            let (kind, token) = (Str::of(kind), Str::of(token.reveal()));
            self.facts(call, |info| {
                // SAFETY: what is borrowed lives until the call returns.
                self.0.ask(verdict, |done| unsafe { check(this, info, kind, token, done) })
            })
        });
        answered(begun)
    }

    fn lookup(
        &self,
        call: &Call,
        subject: &str,
    ) -> impl Future<Output = Result<Option<Account>, AuthUnavailable>> + Send {
        let begun = self.0.table.lookup.map(|lookup| {
            let (this, subject) = (self.0.table.this, Str::of(subject));
            self.facts(call, |info| {
                // SAFETY: what is borrowed lives until the call returns.
                self.0.ask(account, |done| unsafe { lookup(this, info, subject, done) })
            })
        });
        answered(begun)
    }

    fn find(
        &self,
        call: &Call,
        login: &str,
    ) -> impl Future<Output = Result<Option<Account>, AuthUnavailable>> + Send {
        let begun = self.0.table.find.map(|find| {
            let (this, login) = (self.0.table.this, Str::of(login));
            self.facts(call, |info| {
                // SAFETY: what is borrowed lives until the call returns.
                self.0.ask(account, |done| unsafe { find(this, info, login, done) })
            })
        });
        answered(begun)
    }

    fn list(
        &self,
        call: &Call,
        search: &str,
        limit: usize,
        cursor: Option<&str>,
    ) -> impl Future<Output = Result<Page, AuthUnavailable>> + Send {
        let begun = self.0.table.list.map(|list| {
            let (this, most) = (self.0.table.this, limit as u64);
            let (search, cursor) = (Str::of(search), Str::option(cursor));
            self.facts(call, |info| {
                // SAFETY: what is borrowed lives until the call returns.
                self.0.ask(page, |done| unsafe { list(this, info, search, most, cursor, done) })
            })
        });
        answered(begun)
    }

    fn set_password(
        &self,
        call: &Call,
        login: &str,
        old: Option<&Secret>,
        new: &Secret,
    ) -> impl Future<Output = Result<PasswordChange, AuthUnavailable>> + Send {
        let begun = self.0.table.set_password.map(|set| {
            let (this, login) = (self.0.table.this, Str::of(login));
            let (old, new) = (Str::option(old.map(Secret::reveal)), Str::of(new.reveal()));
            self.facts(call, |info| {
                // SAFETY: what is borrowed lives until the call returns.
                self.0.ask(changed, |done| unsafe { set(this, info, login, old, new, done) })
            })
        });
        answered(begun)
    }

    fn explain(
        &self,
        call: &Call,
        login: &str,
    ) -> impl Future<Output = Result<String, AuthUnavailable>> + Send {
        let begun = self.0.table.explain.map(|explain| {
            let (this, login) = (self.0.table.this, Str::of(login));
            self.facts(call, |info| {
                // SAFETY: what is borrowed lives until the call returns.
                self.0.ask(text, |done| unsafe { explain(this, info, login, done) })
            })
        });
        answered(begun)
    }
}

/// Waits for a call that was begun, if the plugin offers it.
async fn answered<T>(
    begun: Option<BoxFuture<'static, Result<T, Failure>>>,
) -> Result<T, AuthUnavailable> {
    let result = match begun {
        Some(answer) => answer.await,
        None => Err(Failure::not_offered()),
    };
    result.map_err(|failure| AuthUnavailable {
        message: failure.message,
        retry_after: failure.retry_after,
    })
}

fn verdict(outcome: &Outcome) -> Result<Auth, Failure> {
    match outcome.code {
        // SAFETY: alive while the outcome is read, and what the table says.
        CODE_OK => Ok(Auth::Ok(unsafe { identity(outcome.value.cast()) }?)),
        CODE_NEXT => Ok(Auth::Next),
        CODE_DENIED => Ok(Auth::Denied),
        CODE_DISABLED => Ok(Auth::Disabled),
        CODE_EXPIRED => Ok(Auth::Expired),
        _ => Err(failure(outcome)),
    }
}

fn account(outcome: &Outcome) -> Result<Option<Account>, Failure> {
    match outcome.code {
        CODE_OK => {
            // SAFETY: alive while the outcome is read, and what the table says.
            let read = unsafe { read_struct::<abi::Account>(outcome.value) }?;
            // SAFETY: the same.
            Ok(Some(unsafe { account_of(&read) }?))
        }
        CODE_NOT_FOUND => Ok(None),
        _ => Err(failure(outcome)),
    }
}

fn page(outcome: &Outcome) -> Result<Page, Failure> {
    succeeded(outcome)?;
    // SAFETY: alive while the outcome is read, and what the table says.
    unsafe {
        let page = read_struct::<abi::AccountPage>(outcome.value)?;
        let accounts = page.accounts.read::<abi::Account>()?;
        let accounts = accounts.iter().map(|account| account_of(account));
        let accounts = accounts.collect::<Result<_, Malformed>>()?;
        Ok(Page { accounts, next: page.next.option_owned()? })
    }
}

fn changed(outcome: &Outcome) -> Result<PasswordChange, Failure> {
    match outcome.code {
        CODE_OK => Ok(PasswordChange::Done),
        CODE_DENIED => Ok(PasswordChange::Refused(failure(outcome).message)),
        CODE_NEXT => Ok(PasswordChange::Next),
        _ => Err(failure(outcome)),
    }
}

/// The text that is the value.
pub(super) fn text(outcome: &Outcome) -> Result<String, Failure> {
    succeeded(outcome)?;
    if outcome.value.is_null() {
        return Err(Malformed::Missing.into());
    }
    // SAFETY: alive while the outcome is read, and a `Str` as the table says.
    Ok(unsafe { outcome.value.cast::<Str>().read_unaligned().owned() }?)
}

/// # Safety
/// All pointers are alive and as the table says.
unsafe fn account_of(account: &abi::Account) -> Result<Account, Malformed> {
    // SAFETY: as the caller promises.
    let identity = unsafe { identity(account.identity) }?;
    Ok(Account { identity, enabled: account.enabled != 0 })
}

/// # Safety
/// The pointer is null, or alive and as the table says.
unsafe fn identity(at: *const abi::Identity) -> Result<Identity, Malformed> {
    // SAFETY: as the caller promises.
    unsafe {
        let identity = read_struct::<abi::Identity>(at.cast())?;
        let login = identity.login.owned()?;
        let subject = identity.subject.owned()?;
        if subject.is_empty() || login.is_empty() {
            return Err(Malformed::Missing);
        }
        Ok(Identity {
            subject,
            login,
            display_name: identity.display_name.option_owned()?,
            email: identity.email.option_owned()?,
            groups: identity.groups.option_owned()?,
            quota: (identity.has_quota != 0).then_some(identity.quota),
        })
    }
}
