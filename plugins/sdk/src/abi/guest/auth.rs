//! [`AuthTable`] around an [`DynAuthenticator`].

use std::ffi::c_void;
use std::ptr;
use std::sync::Arc;

use super::offers::begin;
use crate::abi::convert::{borrowed, size_of};
use crate::abi::token::Token;
use crate::abi::{
    Account, AccountPage, AuthTable, CODE_DENIED, CODE_DISABLED, CODE_EXPIRED, CODE_NEXT,
    CODE_NOT_FOUND, CODE_UNAVAILABLE, CallInfo, Done, Identity, List, Op, Str, StrList,
};
use crate::auth::{self, Auth, AuthUnavailable, DynAuthenticator, PasswordChange};
use crate::secret::Secret;

type Provider = dyn DynAuthenticator;

pub(super) fn table(provider: &Arc<Provider>, this: *mut c_void) -> AuthTable {
    let can = provider.abilities();
    AuthTable {
        size: size_of::<AuthTable>(),
        reserved: 0,
        this,
        check_password: Some(check_password),
        check_token: can.tokens.then_some(check_token as _),
        lookup: can.lookup.then_some(lookup as _),
        find: can.lookup.then_some(find as _),
        list: can.list.then_some(list as _),
        set_password: can.set_password.then_some(set_password as _),
        explain: can.explain.then_some(explain as _),
    }
}

unsafe extern "C" fn check_password(
    this: *mut c_void,
    call: *const CallInfo,
    login: Str,
    password: Str,
    done: Done,
) -> *mut Op {
    // SAFETY: the host calls it as the table says.
    unsafe {
        let prepare = |provider: Arc<Provider>, call| {
            let (login, password) = (login.owned()?, Secret::new(password.text()?));
            Ok(async move { provider.check_password(&call, &login, &password).await })
        };
        begin(this, call, done, prepare, answer)
    }
}

unsafe extern "C" fn check_token(
    this: *mut c_void,
    call: *const CallInfo,
    kind: Str,
    token: Str,
    done: Done,
) -> *mut Op {
    // SAFETY: the host calls it as the table says.
    unsafe {
        let prepare = |provider: Arc<Provider>, call| {
            let (kind, token) = (kind.owned()?, Secret::new(token.text()?));
            Ok(async move { provider.check_token(&call, &kind, &token).await })
        };
        begin(this, call, done, prepare, answer)
    }
}

unsafe extern "C" fn lookup(
    this: *mut c_void,
    call: *const CallInfo,
    subject: Str,
    done: Done,
) -> *mut Op {
    // SAFETY: the host calls it as the table says.
    unsafe {
        let prepare = |provider: Arc<Provider>, call| {
            let subject = subject.owned()?;
            Ok(async move { provider.lookup(&call, &subject).await })
        };
        begin(this, call, done, prepare, account)
    }
}

unsafe extern "C" fn find(
    this: *mut c_void,
    call: *const CallInfo,
    login: Str,
    done: Done,
) -> *mut Op {
    // SAFETY: the host calls it as the table says.
    unsafe {
        let prepare = |provider: Arc<Provider>, call| {
            let login = login.owned()?;
            Ok(async move { provider.find(&call, &login).await })
        };
        begin(this, call, done, prepare, account)
    }
}

unsafe extern "C" fn list(
    this: *mut c_void,
    call: *const CallInfo,
    search: Str,
    limit: u64,
    cursor: Str,
    done: Done,
) -> *mut Op {
    // SAFETY: the host calls it as the table says.
    unsafe {
        let prepare = |provider: Arc<Provider>, call| {
            let (search, cursor) = (search.owned()?, cursor.option_owned()?);
            let limit = usize::try_from(limit).unwrap_or(usize::MAX);
            Ok(async move { provider.list(&call, &search, limit, cursor.as_deref()).await })
        };
        begin(this, call, done, prepare, page)
    }
}

unsafe extern "C" fn set_password(
    this: *mut c_void,
    call: *const CallInfo,
    login: Str,
    old_password: Str,
    new_password: Str,
    done: Done,
) -> *mut Op {
    // SAFETY: the host calls it as the table says.
    unsafe {
        let prepare = |provider: Arc<Provider>, call| {
            let login = login.owned()?;
            let old = old_password.option_text()?.map(Secret::new);
            let new = Secret::new(new_password.text()?);
            Ok(async move { provider.set_password(&call, &login, old.as_ref(), &new).await })
        };
        begin(this, call, done, prepare, |result, token: Token| match result {
            Ok(PasswordChange::Done) => token.done(),
            Ok(PasswordChange::Refused(why)) => token.code(CODE_DENIED, &why),
            Ok(PasswordChange::Next) => token.code(CODE_NEXT, ""),
            Err(error) => unavailable(error, token),
        })
    }
}

unsafe extern "C" fn explain(
    this: *mut c_void,
    call: *const CallInfo,
    login: Str,
    done: Done,
) -> *mut Op {
    // SAFETY: the host calls it as the table says.
    unsafe {
        let prepare = |provider: Arc<Provider>, call| {
            let login = login.owned()?;
            Ok(async move { provider.explain(&call, &login).await })
        };
        begin(this, call, done, prepare, |result, token: Token| match result {
            Ok(text) => token.ok(&Str::of(&text)),
            Err(error) => unavailable(error, token),
        })
    }
}

fn answer(result: Result<Auth, AuthUnavailable>, token: Token) {
    match result {
        Ok(Auth::Ok(identity)) => with_identity(&identity, |identity| token.ok(identity)),
        Ok(Auth::Next) => token.code(CODE_NEXT, ""),
        Ok(Auth::Denied) => token.code(CODE_DENIED, ""),
        Ok(Auth::Disabled) => token.code(CODE_DISABLED, ""),
        Ok(Auth::Expired) => token.code(CODE_EXPIRED, ""),
        Err(error) => unavailable(error, token),
    }
}

fn account(result: Result<Option<auth::Account>, AuthUnavailable>, token: Token) {
    match result {
        Ok(Some(account)) => with_identity(&account.identity, |identity| {
            token.ok(&c_account(&account, identity));
        }),
        Ok(None) => token.code(CODE_NOT_FOUND, ""),
        Err(error) => unavailable(error, token),
    }
}

fn page(result: Result<auth::Page, AuthUnavailable>, token: Token) {
    let page = match result {
        Ok(page) => page,
        Err(error) => return unavailable(error, token),
    };
    let groups: Vec<Vec<Str>> =
        page.accounts.iter().map(|account| group_texts(&account.identity)).collect();
    let identities: Vec<Identity> = page
        .accounts
        .iter()
        .zip(&groups)
        .map(|(account, groups)| c_identity(&account.identity, groups))
        .collect();
    let accounts: Vec<Account> = page
        .accounts
        .iter()
        .zip(&identities)
        .map(|(account, identity)| c_account(account, identity))
        .collect();
    token.ok(&AccountPage {
        size: size_of::<AccountPage>(),
        reserved: 0,
        accounts: List::of(&accounts),
        next: Str::option(page.next.as_deref()),
    });
}

fn unavailable(error: AuthUnavailable, token: Token) {
    token.later(CODE_UNAVAILABLE, &error.message, error.retry_after);
}

fn with_identity(identity: &auth::Identity, give: impl FnOnce(&Identity)) {
    give(&c_identity(identity, &group_texts(identity)));
}

fn group_texts(identity: &auth::Identity) -> Vec<Str> {
    identity.groups.as_deref().map(borrowed).unwrap_or_default()
}

fn c_identity(identity: &auth::Identity, groups: &[Str]) -> Identity {
    Identity {
        size: size_of::<Identity>(),
        has_quota: u32::from(identity.quota.is_some()),
        quota: identity.quota.unwrap_or(0),
        subject: Str::of(&identity.subject),
        login: Str::of(&identity.login),
        display_name: Str::option(identity.display_name.as_deref()),
        email: Str::option(identity.email.as_deref()),
        groups: if identity.groups.is_some() { StrList::of(groups) } else { StrList::NONE },
    }
}

fn c_account(account: &auth::Account, identity: &Identity) -> Account {
    Account {
        size: size_of::<Account>(),
        enabled: u32::from(account.enabled),
        identity: ptr::from_ref(identity),
    }
}
