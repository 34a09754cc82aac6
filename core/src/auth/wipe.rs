//! Remote wipe: a lost device that asks with its app password is told to delete its copy.
//!
//! The apps ask `core/wipe/check` after any 401, without credentials but with the token. The answer
//! is yes only for a token that its owner has marked; by no accident may it be yes for another.

use super::tokens::token_and_owner;
use super::{Auth, AuthError, By, audit};
use crate::ids::Uid;
use crate::store::{self, StoreError};
use crate::wire::Request;

impl Auth {
    /// Marks an app password of `uid`: it is void from now on, and its device will be told to wipe.
    /// `false` if there is none with this id.
    ///
    /// # Errors
    /// [`AuthError::Unavailable`] if the index fails.
    pub async fn mark_for_wipe(&self, by: &By, uid: &Uid, id: i64) -> Result<bool, AuthError> {
        let owner = uid.clone();
        let marked = store::write(&self.store, move |tx| -> Result<bool, StoreError> {
            let mut tokens = tx.tokens_of(&owner)?.into_iter();
            let Some(mut token) = tokens.find(|token| token.id == id) else { return Ok(false) };
            token.wipe = true;
            tx.update_token(&token)?;
            Ok(true)
        })
        .await?;
        self.forget(uid);
        if marked {
            audit!(by, "device marked for wipe", %uid, token = id);
        }
        Ok(marked)
    }

    /// `core/wipe/check`: whether the device that holds `token` is to wipe itself.
    ///
    /// # Errors
    /// [`AuthError::Unavailable`] if the index fails.
    pub async fn wipe_wanted(&self, token: &str) -> Result<bool, AuthError> {
        let hash = hex::encode(self.token_mac(token));
        let found = store::read(&self.store, move |tx| token_and_owner(tx, &hash)).await?;
        Ok(found.is_some_and(|(token, _)| token.wipe))
    }

    /// `core/wipe/success`: the device has wiped itself; its token goes. `false` if it was not
    /// marked, and then nothing happens.
    ///
    /// # Errors
    /// [`AuthError::Unavailable`] if the index fails.
    pub async fn wipe_done(&self, request: &Request, token: &str) -> Result<bool, AuthError> {
        let hash = hex::encode(self.token_mac(token));
        let wiped = store::write(&self.store, move |tx| -> Result<Option<Uid>, StoreError> {
            match token_and_owner(tx, &hash)? {
                Some((token, _)) if token.wipe => {
                    tx.remove_token(token.id)?;
                    Ok(Some(token.uid))
                }
                _ => Ok(None),
            }
        })
        .await?;
        if let Some(uid) = &wiped {
            self.forget(uid);
            audit!(&By::holder(request, uid.as_str()), "device has wiped itself", %uid);
        }
        Ok(wiped.is_some())
    }
}
