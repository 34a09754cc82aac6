//! App passwords for who is already in: `core/getapppassword`, its one-time form, `rotate` and
//! `DELETE core/apppassword`. The OCS room routes them here and writes the answers.

use moonsail_sdk::secret::Secret;

use super::credentials;
use super::tokens::{NewToken, generate, logins_of, token_and_owner};
use super::{Access, Auth, AuthError, By, Principal, audit};
use crate::proto::authorization::Credentials;
use crate::store::{self, StoreError};
use crate::wire::Request;

/// Why no app password was made or removed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AppPasswordError {
    /// Asked with an app password: one cannot make another. Android takes this 403 as "I have one".
    #[error("You cannot request an new apppassword with an apppassword")]
    HasToken,
    /// Asked in a session whose login was long ago.
    #[error("Password confirmation is required")]
    LoginTooOld,
    /// Asked without an app password.
    #[error("no app password in use")]
    NoToken,
    /// See [`AuthError`].
    #[error(transparent)]
    Auth(#[from] AuthError),
}

impl From<StoreError> for AppPasswordError {
    fn from(error: StoreError) -> Self {
        Self::Auth(error.into())
    }
}

impl Auth {
    /// `GET core/getapppassword`: an app password in place of the real one. `client` is the app's name.
    ///
    /// # Errors
    /// [`AppPasswordError`].
    pub async fn exchange_password(
        &self,
        request: &Request,
        principal: &Principal,
        client: &str,
    ) -> Result<Secret, AppPasswordError> {
        if principal.access.is_token() {
            return Err(AppPasswordError::HasToken);
        }
        if !self.is_fresh(principal) {
            return Err(AppPasswordError::LoginTooOld);
        }
        self.may_have_token(request, &principal.uid, client).await?;
        let new = NewToken::full(principal.uid.clone(), principal.login.clone(), client);
        Ok(self.create_token(new.made_by(By::of(request, principal))).await?)
    }

    /// `GET core/getapppassword-onetime`: exchanges the one-time token in the Basic field of a
    /// request for an app password. Not through [`Auth::authenticate`]: there, such a token is void.
    ///
    /// # Errors
    /// [`AppPasswordError::Auth`] with [`AuthError::BadCredentials`] for anything but a one-time
    /// token that is still good.
    pub async fn exchange_one_time(
        &self,
        request: &Request,
        client: &str,
    ) -> Result<Secret, AppPasswordError> {
        let found = credentials::of(&request.headers)?;
        let Some(Credentials::Basic { login, password }) = found else {
            return Err(AuthError::BadCredentials.into());
        };
        let hash = hex::encode(self.token_mac(password.reveal()));
        let wanted = hash.clone();
        let found = store::read(&self.store, move |tx| token_and_owner(tx, &wanted)).await?;
        // What is no such token is refused below, where nothing can come in between.
        if let Some((_, user)) = found.filter(|(token, _)| token.one_time) {
            self.may_have_token(request, &user.uid, client).await?;
        }
        let app_password = generate();
        let new_hash = hex::encode(self.token_mac(app_password.reveal()));
        let (client, now) = (client.to_owned(), self.clock.seconds());
        let (uid, id) = store::write(&self.store, move |tx| {
            let bad = AppPasswordError::Auth(AuthError::BadCredentials);
            let Some((token, user)) = token_and_owner(tx, &hash)? else {
                return Err(bad);
            };
            let over = token.expires.is_some_and(|end| end <= now);
            let named = logins_of(&token, &user).contains(&login.to_lowercase());
            if !token.one_time || token.wipe || over || !named || !user.may_enter() {
                return Err(bad);
            }
            // Removed in the transaction that makes its successor: of two racing exchanges one wins.
            if !tx.remove_token(token.id)? {
                return Err(bad);
            }
            let new = NewToken::full(user.uid.clone(), token.login, client);
            Ok((user.uid, tx.insert_token(&new.row(new_hash, now))?))
        })
        .await?;
        audit!(&By::holder(request, uid.as_str()), "app password made", %uid, token = id);
        Ok(app_password)
    }

    /// `POST core/apppassword/rotate`: a new secret for the app password in use, with its scopes.
    /// The old one is void when this returns, also for a rotation that was asked for at the same time:
    /// of two that show the same secret one wins, and the other is told that its secret is void.
    ///
    /// # Errors
    /// [`AppPasswordError`].
    pub async fn rotate_token(
        &self,
        request: &Request,
        principal: &Principal,
    ) -> Result<Secret, AppPasswordError> {
        let bad = || AppPasswordError::Auth(AuthError::BadCredentials);
        let Access::Token { id, .. } = principal.access else {
            return Err(AppPasswordError::NoToken);
        };
        let app_password = generate();
        let hash = hex::encode(self.token_mac(app_password.reveal()));
        let shown = match credentials::of(&request.headers)? {
            Some(Credentials::Basic { password: secret, .. } | Credentials::Bearer(secret)) => {
                hex::encode(self.token_mac(secret.reveal()))
            }
            None => return Err(bad()),
        };
        let uid = principal.uid.clone();
        store::write(&self.store, move |tx| {
            let mut tokens = tx.tokens_of(&uid)?.into_iter();
            let token = tokens.find(|token| token.id == id && token.hash == shown);
            let mut token = token.ok_or_else(bad)?;
            token.hash = hash;
            Ok::<_, AppPasswordError>(tx.update_token(&token)?)
        })
        .await?;
        self.forget(&principal.uid);
        let uid = &principal.uid;
        audit!(&By::of(request, principal), "app password rotated", %uid, token = id);
        Ok(app_password)
    }

    /// `DELETE core/apppassword`: revokes the app password in use.
    ///
    /// # Errors
    /// [`AppPasswordError`].
    pub async fn revoke_own_token(
        &self,
        request: &Request,
        principal: &Principal,
    ) -> Result<(), AppPasswordError> {
        let Access::Token { id, .. } = principal.access else {
            return Err(AppPasswordError::NoToken);
        };
        // Revoked by another request a moment ago is as good.
        let _existed = self.revoke_token(&By::of(request, principal), &principal.uid, id).await?;
        Ok(())
    }
}
