//! The built-in users as a provider: the chain cannot tell it from a plugin.

use std::sync::Arc;

use moonsail_sdk::auth::{Auth as Answer, AuthUnavailable, Authenticator, Call, Identity};
use moonsail_sdk::secret::Secret;

use super::accounts::find_account;
use super::password::{PasswordError, Passwords};
use crate::store::{self, Store, StoreError};

/// The name under which built-in users stand in the chain and in [`User::provider`].
///
/// [`User::provider`]: crate::store::accounts::User::provider
pub const BUILTIN: &str = "builtin:users";

/// Checks passwords against the hashes in the index.
pub struct BuiltinUsers {
    store: Arc<dyn Store>,
    passwords: Passwords,
}

impl BuiltinUsers {
    /// The users of `store`; their hashes are verified in `passwords`.
    pub fn new(store: Arc<dyn Store>, passwords: Passwords) -> Self {
        Self { store, passwords }
    }
}

impl Authenticator for BuiltinUsers {
    async fn check_password(
        &self,
        _call: &Call,
        login: &str,
        password: &Secret,
    ) -> Result<Answer, AuthUnavailable> {
        let wanted = login.to_owned();
        let user = store::read(&self.store, move |tx| find_account(tx, &wanted))
            .await
            .map_err(|error: StoreError| AuthUnavailable::new(error.to_string()))?
            .filter(|user| user.provider == BUILTIN);
        // Somebody unknown costs the same hash as somebody known.
        let hash = user.as_ref().and_then(|user| user.password.clone());
        let right = match self.passwords.verify(hash, password).await {
            Ok(right) => right,
            Err(PasswordError::TooLong) => false,
            Err(error) => return Err(AuthUnavailable::new(error.to_string())),
        };
        Ok(match user {
            None => Answer::Next,
            // Anybody can write an address into the own record; it must not close the way to the
            // account of that name at the next provider.
            Some(user) if !right && !user.uid.as_str().eq_ignore_ascii_case(login) => Answer::Next,
            Some(_) if !right => Answer::Denied,
            Some(user) if !user.may_enter() => Answer::Disabled,
            Some(user) => {
                let (subject, login) = (user.subject, user.uid.to_string());
                Answer::Ok(Identity { subject, login, ..Identity::default() })
            }
        })
    }
}
