//! A plugin in service, whichever generation that is: the traits, over the generation of the moment.
//!
//! A call takes the generation with it, so that a reload ends no call; what a call gives (a stream, a
//! file) keeps it as well.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use moonsail_sdk::BoxFuture;
use moonsail_sdk::auth::{
    Abilities, Account, Answer, Auth, AuthUnavailable, Call, DynAuthenticator, Page, PasswordChange,
};
use moonsail_sdk::capabilities::{DynCapabilityProvider, Patch, UserView};
use moonsail_sdk::error::Error;
use moonsail_sdk::secret::Secret;

use super::generation::Generation;

/// One `[[plugin]]`, loaded. Clones of its [`Arc`] are handed to whoever asks plugins.
pub struct Slot {
    name: String,
    current: ArcSwapOption<Generation>,
}

impl Slot {
    pub(super) fn new(name: &str, generation: Generation) -> Self {
        let current = ArcSwapOption::from_pointee(generation);
        Self { name: name.to_owned(), current }
    }

    /// Name of the instance.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn current(&self) -> Option<Arc<Generation>> {
        self.current.load_full()
    }

    /// Puts another generation into service, or none; gives the old one.
    pub(super) fn swap(&self, generation: Option<Generation>) -> Option<Arc<Generation>> {
        self.current.swap(generation.map(Arc::new))
    }

    /// Whether it decides about logins.
    pub fn has_auth(&self) -> bool {
        self.current().is_some_and(|generation| generation.auth.is_some())
    }

    /// Whether it patches capabilities.
    pub fn has_capabilities(&self) -> bool {
        self.current().is_some_and(|generation| generation.capabilities.is_some())
    }
}

const CLOSED: &str = "the plugin is not in service";

/// Asks the authenticator of the moment.
macro_rules! ask_auth {
    ($slot:expr, $auth:ident => $call:expr) => {{
        let generation = $slot.current();
        Box::pin(async move {
            let auth = generation.as_ref().and_then(|generation| generation.auth.as_ref());
            match auth {
                Some($auth) => $call.await,
                None => Err(AuthUnavailable::new(CLOSED)),
            }
        })
    }};
}

impl DynAuthenticator for Slot {
    fn abilities(&self) -> Abilities {
        let generation = self.current();
        let auth = generation.as_ref().and_then(|generation| generation.auth.as_ref());
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

impl DynCapabilityProvider for Slot {
    fn contribute<'a>(
        &'a self,
        call: &'a Call,
        user: Option<&'a UserView>,
        base_json: &'a str,
    ) -> BoxFuture<'a, Result<Patch, Error>> {
        let generation = self.current();
        Box::pin(async move {
            match generation.as_ref().and_then(|generation| generation.capabilities.as_ref()) {
                Some(provider) => provider.contribute(call, user, base_json).await,
                None => Err(Error::unavailable(CLOSED)),
            }
        })
    }
}
