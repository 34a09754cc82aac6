//! Who are you: users, app passwords, sessions, throttling.
//!
//! [`Auth::authenticate`] is the only way from a request to a [`Principal`]; rooms ask it and never
//! look at credentials themselves. The order (`design.md` §7): an app password is looked up by its
//! hash and asks nobody; a password goes through cache, throttle and the chain of providers; a
//! browser's cookie comes last, and its changes need proof that the user meant them.
//!
//! Nothing here knows a protocol: the rooms choose the bytes of a refusal.

mod accounts;
mod asked;
mod blocks;
mod builtin;
mod by;
mod cache;
mod caller;
mod chain;
mod credentials;
mod csrf;
mod error;
mod flows;
mod groups;
mod keyed;
mod login_cache;
mod mail;
mod onetime;
mod password;
mod principal;
mod refresh;
mod sessions;
mod throttle;
mod tokens;
mod wipe;

use std::collections::HashMap;
use std::sync::atomic::AtomicI64;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arc_swap::ArcSwap;
use moonsail_sdk::auth::{Call, DynAuthenticator};
use moonsail_sdk::secret::Secret;

use crate::clock::Clock;
use crate::hooks::Bus;
use crate::ids::Uid;
use crate::proto::authorization::Credentials;
use crate::store::accounts::User;
use crate::store::{self, Store};
use crate::wire::Request;

pub use accounts::{AccountError, NewUser, UserChange};
pub use builtin::{BUILTIN, BuiltinUsers};
pub use by::By;
pub use caller::Caller;
pub use error::AuthError;
pub use flows::{FlowError, GrantedFlow, StartedFlow};
pub use onetime::AppPasswordError;
pub use password::{MAX_PASSWORD_BYTES, PasswordError, Passwords};
pub use principal::{Access, Principal};
pub use sessions::{cookie_name, find_cookie, set_cookie};
pub use tokens::NewToken;

pub(crate) use by::{PasswordMark, audit};
pub(crate) use keyed::same;

/// Limits: keys of `server.toml`, but for the shortest password.
#[derive(Debug, Clone)]
pub struct AuthSettings {
    /// Failed logins in `throttle_window` after which the next waits. Default 10.
    pub throttle_failures: usize,
    /// Default 30 minutes.
    pub throttle_window: Duration,
    /// How long a right password is taken from memory. Default 5 minutes.
    pub login_cache: Duration,
    /// How long a browser's session lasts without a request. Default 1 hour.
    pub session_idle: Duration,
    /// How long a browser's session lasts at most. Default 24 hours.
    pub session_lifetime: Duration,
    /// How long a login flow may take. Default 20 minutes.
    pub flow_lifetime: Duration,
    /// Longest password, in bytes; above it [`AuthError::TooLong`] before hashing. Default, and at
    /// most, [`MAX_PASSWORD_BYTES`].
    pub max_password_bytes: usize,
    /// Quota in bytes of accounts made by a first login, whose provider gives none; `None` for
    /// unlimited. Default `None`.
    pub default_quota: Option<u64>,
    /// Shortest new password, in characters. Default 8.
    pub min_password_chars: usize,
    /// The pool that hashes passwords; the same as that of [`BuiltinUsers`].
    pub passwords: Passwords,
}

impl Default for AuthSettings {
    fn default() -> Self {
        Self {
            throttle_failures: 10,
            throttle_window: Duration::from_secs(30 * 60),
            login_cache: Duration::from_secs(5 * 60),
            session_idle: Duration::from_secs(60 * 60),
            session_lifetime: Duration::from_secs(24 * 60 * 60),
            flow_lifetime: Duration::from_secs(20 * 60),
            max_password_bytes: MAX_PASSWORD_BYTES,
            default_quota: None,
            min_password_chars: 8,
            passwords: Passwords::default(),
        }
    }
}

/// Decides who a request is from. One for the whole server, shared behind an [`Arc`].
pub struct Auth {
    store: Arc<dyn Store>,
    chain: Vec<(String, Arc<dyn DynAuthenticator>)>,
    settings: AuthSettings,
    clock: Clock,
    keys: keyed::Keys,
    tokens: cache::Cache,
    logins: login_cache::LoginCache,
    failures: throttle::Throttle,
    flow_starts: throttle::Throttle,
    blocks: blocks::Blocks,
    used: Mutex<HashMap<keyed::Mac, i64>>,
    watch: refresh::Watch,
    default_quota: ArcSwap<Option<u64>>,
    bus: Bus,
}

/// Longest login, in bytes: no user id or mail address is longer.
const MAX_LOGIN_BYTES: usize = 1024;
/// Login flows that one address may start during the lifetime of a flow: a whole office behind one
/// address can set up its phones, and nobody can fill the index.
const FLOW_STARTS: usize = 200;

impl Auth {
    /// Asks `chain` for passwords, in order; the built-in users are one of its entries
    /// ([`BuiltinUsers`] under the name [`BUILTIN`]).
    pub fn new(
        store: Arc<dyn Store>,
        chain: Vec<(String, Arc<dyn DynAuthenticator>)>,
        settings: AuthSettings,
        clock: Clock,
    ) -> Self {
        let keys = keyed::Keys::new(store.installation().secret.as_bytes());
        Self {
            chain,
            clock,
            keys,
            tokens: cache::Cache::default(),
            logins: login_cache::LoginCache::default(),
            failures: throttle::Throttle::new(settings.throttle_failures, settings.throttle_window),
            flow_starts: throttle::Throttle::new(FLOW_STARTS, settings.flow_lifetime),
            blocks: blocks::Blocks::default(),
            used: Mutex::default(),
            watch: refresh::Watch::default(),
            default_quota: ArcSwap::from_pointee(settings.default_quota),
            settings,
            store,
            bus: Bus::default(),
        }
    }

    /// Quota in bytes of new accounts that are given none; `None` for unlimited.
    pub fn default_quota(&self) -> Option<u64> {
        **self.default_quota.load()
    }

    /// Sets [`Auth::default_quota`] anew. Accounts that there are keep theirs.
    pub fn set_default_quota(&self, bytes: Option<u64>) {
        self.default_quota.store(Arc::new(bytes));
    }

    /// How long a login flow may take.
    pub fn flow_lifetime(&self) -> Duration {
        self.settings.flow_lifetime
    }

    /// Who `request` is from; `None` if it brings no credentials.
    ///
    /// # Errors
    /// [`AuthError`] if it brings credentials that are not taken.
    pub async fn authenticate(&self, request: &Request) -> Result<Option<Principal>, AuthError> {
        match credentials::of(&request.headers)? {
            None => self.session_of_api(request).await,
            Some(Credentials::Bearer(token)) => {
                self.token(request, token.reveal(), None).await.map(Some)
            }
            Some(Credentials::Basic { login, password }) if tokens::is_token(password.reveal()) => {
                self.token(request, password.reveal(), Some(&login)).await.map(Some)
            }
            Some(Credentials::Basic { login, password }) => {
                self.login(&Caller::of(request), &login, &password).await.map(Some)
            }
        }
    }

    /// Checks a real password, for Basic and for the login form.
    ///
    /// # Errors
    /// [`AuthError`]. App passwords are wrong here.
    pub async fn login(
        &self,
        caller: &Caller,
        login: &str,
        password: &Secret,
    ) -> Result<Principal, AuthError> {
        if password.reveal().len() > self.settings.max_password_bytes
            || login.len() > MAX_LOGIN_BYTES
        {
            return Err(AuthError::TooLong);
        }
        // An empty password must not reach a directory: an unauthenticated LDAP bind succeeds.
        if login.is_empty() || password.reveal().is_empty() || login.contains('\0') {
            return Err(AuthError::BadCredentials);
        }
        let address = throttle::address_key(&self.keys, "login", caller.ip);
        let now = self.clock.millis();
        let blocked = self.failures.blocked(&address, now);
        if let Some(retry_after) = blocked.or_else(|| self.blocks.left(&address, now)) {
            return Err(throttle::throttled(caller, login, retry_after));
        }
        let key = login_cache::LoginCache::key(&self.keys, login, password.reveal(), caller.ip);
        if let Some(known) = self.known_login(&key, login) {
            return Ok(known);
        }
        let _turn = self.logins.turn(key).await;
        if let Some(known) = self.known_login(&key, login) {
            return Ok(known);
        }
        let wanted = login.to_owned();
        let user = store::read(&self.store, move |tx| accounts::find_account(tx, &wanted)).await?;
        let account = self.account_key(caller, login, user.as_ref());
        let before = user.map(|user| (PasswordMark::of(&user), user.uid));
        let attempt = self
            .failures
            .count_settled(&[address, account], &self.clock)
            .await
            .map_err(|retry_after| throttle::throttled(caller, login, retry_after))?;
        let began = self.logins.known.begin();
        let checked = self.check_password(caller, login, password, before).await;
        let forgiven = match &checked {
            Ok(_) => true,
            Err(error) => matches!(
                error,
                AuthError::Unavailable { .. }
                    | AuthError::Disabled
                    | AuthError::Expired
                    | AuthError::Refused(_)
            ),
        };
        if forgiven {
            attempt.forgive();
        }
        let by = By::caller(caller, login);
        match &checked {
            Ok(principal) => {
                audit!(&by, "login", uid = %principal.uid);
                self.remember_login(began, key, principal);
            }
            Err(error) => {
                audit!(&by, "login refused", %error);
                match error {
                    AuthError::BadCredentials => {
                        self.tell_failed(caller, login, "wrong", address).await;
                    }
                    AuthError::Disabled | AuthError::Expired => {
                        self.tell_failed(caller, login, "disabled", address).await;
                    }
                    _ => {}
                }
            }
        }
        checked
    }

    async fn check_password(
        &self,
        caller: &Caller,
        login: &str,
        password: &Secret,
        before: Option<(PasswordMark, Uid)>,
    ) -> Result<Principal, AuthError> {
        let call = Call { request_id: caller.request_id.clone(), remote_ip: Some(caller.ip) };
        match chain::ask(&self.chain, &call, login, password).await? {
            chain::Verdict::Wrong { unasked } => {
                // Somebody whom no provider knows costs a hash at each of them.
                for _ in 0..unasked {
                    let _never = self.settings.passwords.verify(None, password).await;
                }
                Err(AuthError::BadCredentials)
            }
            chain::Verdict::Disabled => Err(AuthError::Disabled),
            chain::Verdict::Expired => Err(AuthError::Expired),
            chain::Verdict::Known(provider, identity) => {
                let by = By::caller(caller, login);
                let user = self.account_of(&by, provider.clone(), identity).await?;
                if !user.may_enter() {
                    return Err(AuthError::Disabled);
                }
                // The password may have been changed while it was checked.
                let now = (PasswordMark::of(&user), user.uid.clone());
                if user.password.is_some() && before != Some(now) {
                    return Err(AuthError::BadCredentials);
                }
                self.may_log_in(caller, login, &user, &provider).await?;
                let user = self.loaded(|| caller.clone(), user).await?;
                Ok(Principal::new(&user, Access::Password, login))
            }
        }
    }

    /// By what failures of this login are counted: the device, if its browser has logged in to this
    /// account before, so that guesses from elsewhere do not keep the owner out; else the account,
    /// the same one for all its names.
    fn account_key(&self, caller: &Caller, login: &str, user: Option<&User>) -> throttle::Key {
        let name = user.map_or(login, |user| user.uid.as_str());
        let device = caller.device.as_deref().filter(|device| self.device_knows(device, name));
        match device {
            Some(device) => throttle::name_key(&self.keys, "device", device),
            None => throttle::name_key(&self.keys, "account", name),
        }
    }

    /// A mark for a browser that has logged in to `uid`; it comes back in [`Caller::device`].
    pub fn device_mark(&self, uid: &Uid) -> String {
        let random = crate::ids::random_token(22);
        let mac = self.device_mac(&random, uid.as_str());
        format!("{random}.{mac}")
    }

    fn device_knows(&self, mark: &str, name: &str) -> bool {
        mark.split_once('.')
            .is_some_and(|(random, mac)| keyed::same(mac, &self.device_mac(random, name)))
    }

    fn device_mac(&self, random: &str, name: &str) -> String {
        self.keys.hex("device", &[random.as_bytes(), name.to_lowercase().as_bytes()])
    }

    /// A login from memory; the login itself in the case in which it came this time.
    fn known_login(&self, key: &keyed::Mac, login: &str) -> Option<Principal> {
        let known = self.logins.known.find(key, self.clock.millis())?;
        Some(Principal { login: login.to_owned(), ..known.principal.clone() })
    }

    fn remember_login(&self, began: cache::Began, key: keyed::Mac, principal: &Principal) {
        let lifetime = i64::try_from(self.settings.login_cache.as_millis()).unwrap_or(i64::MAX);
        let known = cache::Known {
            principal: principal.clone(),
            logins: Vec::new(),
            until: self.clock.millis().saturating_add(lifetime),
            noted: AtomicI64::new(0),
        };
        self.logins.known.insert(began, key, Arc::new(known));
    }

    /// Drops what is remembered of `uid`, after a change to it was committed.
    fn forget(&self, uid: &Uid) {
        self.tokens.forget(uid);
        self.logins.known.forget(uid);
    }

    /// Drops all passwords that are believed without asking: who is asked has changed.
    pub fn forget_logins(&self) {
        self.logins.known.clear();
    }

    /// A keyed hash for forms and other rooms' small secrets, in hex. `label` names the purpose.
    pub fn sign(&self, label: &str, parts: &[&str]) -> String {
        let mut all: Vec<&[u8]> = vec![label.as_bytes()];
        all.extend(parts.iter().map(|part| part.as_bytes()));
        self.keys.hex("sign", &all)
    }

    /// Whether `signature` is [`Auth::sign`] of the rest, compared in constant time.
    pub fn is_signed(&self, signature: &str, label: &str, parts: &[&str]) -> bool {
        keyed::same(signature, &self.sign(label, parts))
    }

    /// Writes noted uses and removes what is over. To be called every minute, and at the end.
    ///
    /// # Errors
    /// [`AuthError::Unavailable`] if the index fails; the next call makes up for it.
    pub async fn tidy(&self) -> Result<(), AuthError> {
        self.flush_uses().await?;
        let now = self.clock.seconds();
        let before =
            |age: Duration| now.saturating_sub(i64::try_from(age.as_secs()).unwrap_or(i64::MAX));
        let flows = before(self.settings.flow_lifetime);
        let idle = before(self.settings.session_idle);
        let oldest = before(self.settings.session_lifetime);
        Ok(store::write(&self.store, move |tx| tx.remove_stale_logins(flows, idle, oldest)).await?)
    }
}

#[cfg(test)]
mod tests;
