//! A plugin that decides about logins.

use moonsail_sdk::auth::{
    Abilities, Account, Answer, Auth, AuthUnavailable, Call, DynAuthenticator, Page, PasswordChange,
};
use moonsail_sdk::secret::Secret;

use super::{CLOSED, Slot};

/// Asks the authenticator of the moment.
macro_rules! ask_auth {
    ($slot:expr, $auth:ident => $call:expr) => {{
        let auth = $slot.part(|offered| &offered.auth);
        Box::pin(async move {
            match &auth {
                Some($auth) => $call.await,
                None => Err(AuthUnavailable::new(CLOSED)),
            }
        })
    }};
}

impl DynAuthenticator for Slot {
    fn abilities(&self) -> Abilities {
        let auth = self.part(|offered| &offered.auth);
        auth.map(|auth| auth.abilities()).unwrap_or_default()
    }

    fn check_password<'a>(
        &'a self,
        call: &'a Call,
        login: &'a str,
        password: &'a Secret,
    ) -> Answer<'a, Auth> {
        ask_auth!(self, auth => auth.check_password(call, login, password))
    }

    fn check_token<'a>(
        &'a self,
        call: &'a Call,
        kind: &'a str,
        token: &'a Secret,
    ) -> Answer<'a, Auth> {
        ask_auth!(self, auth => auth.check_token(call, kind, token))
    }

    fn lookup<'a>(&'a self, call: &'a Call, subject: &'a str) -> Answer<'a, Option<Account>> {
        ask_auth!(self, auth => auth.lookup(call, subject))
    }

    fn find<'a>(&'a self, call: &'a Call, login: &'a str) -> Answer<'a, Option<Account>> {
        ask_auth!(self, auth => auth.find(call, login))
    }

    fn list<'a>(
        &'a self,
        call: &'a Call,
        search: &'a str,
        limit: usize,
        cursor: Option<&'a str>,
    ) -> Answer<'a, Page> {
        ask_auth!(self, auth => auth.list(call, search, limit, cursor))
    }

    fn set_password<'a>(
        &'a self,
        call: &'a Call,
        login: &'a str,
        old: Option<&'a Secret>,
        new: &'a Secret,
    ) -> Answer<'a, PasswordChange> {
        ask_auth!(self, auth => auth.set_password(call, login, old, new))
    }

    fn explain<'a>(&'a self, call: &'a Call, login: &'a str) -> Answer<'a, String> {
        ask_auth!(self, auth => auth.explain(call, login))
    }
}
