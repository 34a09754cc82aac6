//! App passwords: 256 random bits, shown once, stored as a keyed hash, looked up by it.
//!
//! They never reach a provider, are never throttled, and are checked against the account's state on
//! each request (from memory, see `cache.rs`).

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, PoisonError};

use moonsail_sdk::secret::Secret;

use super::cache::Known;
use super::keyed::Mac;
use super::{Access, Auth, AuthError, By, Caller, Principal, audit};
use crate::ids::{Uid, random_token};
use crate::path::DavPath;
use crate::store::accounts::{Token, User};
use crate::store::{self, ReadTx, StoreError};
use crate::wire::Request;

/// Groups of letters in a token, and letters in a group: 45 of 62 letters hold 267 bits.
const GROUPS: usize = 5;
const GROUP_LETTERS: usize = 9;
/// How long a lookup is used without asking the index again, in milliseconds. Changes made by this
/// process are seen at once; this is for those made to the data folder by another.
const FRESH_MILLIS: i64 = 60_000;
/// How often, in seconds, the last use of a token is noted.
const NOTE_EVERY: i64 = 60;
/// Longest name of a token, in characters.
const MAX_NAME_CHARS: usize = 120;

/// An app password to be made.
#[derive(Debug, Clone)]
pub struct NewToken {
    /// Whose.
    pub uid: Uid,
    /// The login that the client will send with it, beside the user id and mail address.
    pub login: String,
    /// What the user sees ("Pixel 8").
    pub name: String,
    /// Unix seconds after which it is void.
    pub expires: Option<i64>,
    /// Reads only.
    pub read_only: bool,
    /// The one folder it may touch.
    pub folder: Option<DavPath>,
    /// Good for one exchange only (`onetime.rs`).
    pub one_time: bool,
    /// Who makes it.
    pub by: By,
}

impl NewToken {
    /// A token for everything, that does not expire.
    pub fn full(uid: Uid, login: impl Into<String>, name: impl Into<String>) -> Self {
        Self {
            uid,
            login: login.into(),
            name: name.into(),
            expires: None,
            read_only: false,
            folder: None,
            one_time: false,
            by: By::console(),
        }
    }

    /// The same, made by somebody.
    #[must_use]
    pub fn made_by(self, by: By) -> Self {
        Self { by, ..self }
    }

    /// The row of this token.
    pub(crate) fn row(self, hash: String, now: i64) -> Token {
        Token {
            id: 0,
            uid: self.uid,
            login: self.login,
            hash,
            name: shown_name(&self.name),
            created: now,
            last_used: None,
            expires: self.expires,
            read_only: self.read_only,
            folder: self.folder.map(|folder| folder.as_str().to_owned()),
            wipe: false,
            one_time: self.one_time,
        }
    }
}

/// A client's name for itself, fit to be shown: one line, not too long, never empty.
pub(crate) fn shown_name(text: &str) -> String {
    let line: String = text.chars().filter(|c| !c.is_control()).take(MAX_NAME_CHARS).collect();
    let line = line.trim();
    if line.is_empty() { "Unnamed app".to_owned() } else { line.to_owned() }
}

/// A new token in clear.
pub(crate) fn generate() -> Secret {
    let groups: Vec<String> = (0..GROUPS).map(|_| random_token(GROUP_LETTERS)).collect();
    Secret::new(groups.join("-"))
}

/// Whether a text has the form of our tokens.
///
/// Such a text that we do not know was revoked, or is nobody's: it is refused without asking a
/// provider and without being counted. A guess at 267 bits needs no throttle, and a phone that does
/// not know yet that it was revoked must not lock its owner out.
pub(crate) fn is_token(text: &str) -> bool {
    let mut groups = 0;
    text.split('-').all(|group| {
        groups += 1;
        group.len() == GROUP_LETTERS && group.bytes().all(|b| b.is_ascii_alphanumeric())
    }) && groups == GROUPS
}

impl Auth {
    /// Makes an app password and gives it in clear, the only time.
    ///
    /// # Errors
    /// [`AuthError::Unavailable`] if the index fails; [`AuthError::BadCredentials`] if what its maker
    /// has shown is not good any more.
    pub async fn create_token(&self, new: NewToken) -> Result<Secret, AuthError> {
        Ok(self.add_token(new).await?.1)
    }

    /// As [`Auth::create_token`], with the id by which it is revoked.
    ///
    /// # Errors
    /// As there.
    pub async fn add_token(&self, new: NewToken) -> Result<(i64, Secret), AuthError> {
        let (token, by) = (generate(), new.by.clone());
        let row = new.row(hex::encode(self.token_mac(token.reveal())), self.clock.seconds());
        let (uid, asked) = (row.uid.clone(), by.clone());
        let id = store::write(&self.store, move |tx| -> Result<i64, AuthError> {
            asked.require_current(tx)?;
            Ok(tx.insert_token(&row)?)
        })
        .await?;
        audit!(&by, "app password made", %uid, token = id);
        Ok((id, token))
    }

    /// App passwords of a user.
    ///
    /// # Errors
    /// [`AuthError::Unavailable`] if the index fails.
    pub async fn tokens_of(&self, uid: &Uid) -> Result<Vec<Token>, AuthError> {
        let uid = uid.clone();
        Ok(store::read(&self.store, move |tx| tx.tokens_of(&uid)).await?)
    }

    /// Revokes an app password of `uid`; `false` if it has none with this id. When this returns, no
    /// request gets in with it any more.
    ///
    /// # Errors
    /// [`AuthError::Unavailable`] if the index fails.
    pub async fn revoke_token(&self, by: &By, uid: &Uid, id: i64) -> Result<bool, AuthError> {
        let owner = uid.clone();
        let removed = store::write(&self.store, move |tx| -> Result<bool, StoreError> {
            // An id of somebody else's token is answered like one that does not exist.
            if !tx.tokens_of(&owner)?.iter().any(|token| token.id == id) {
                return Ok(false);
            }
            tx.remove_token(id)
        })
        .await?;
        self.forget(uid);
        if removed {
            audit!(by, "app password revoked", %uid, token = id);
        }
        Ok(removed)
    }

    /// Who the token `text` proves, if it may be used with `login` (any login if `None`).
    pub(crate) async fn token(
        &self,
        request: &Request,
        text: &str,
        login: Option<&str>,
    ) -> Result<Principal, AuthError> {
        let hash = self.token_mac(text);
        let now = self.clock.millis();
        let known = match self.tokens.find(&hash, now) {
            Some(known) => known,
            None => self.look_up(request, hash, now).await?,
        };
        if login.is_some_and(|login| !known.answers_to(login)) {
            return Err(AuthError::BadCredentials);
        }
        self.note_use(hash, &known, now.div_euclid(1000));
        Ok(known.principal.clone())
    }

    async fn look_up(
        &self,
        request: &Request,
        hash: Mac,
        now: i64,
    ) -> Result<Arc<Known>, AuthError> {
        let began = self.tokens.begin();
        let text = hex::encode(hash);
        let found = store::read(&self.store, move |tx| token_and_owner(tx, &text)).await?;
        let (token, user) = found.ok_or(AuthError::BadCredentials)?;
        self.note_account(&user);
        let seconds = now.div_euclid(1000);
        if token.wipe || token.one_time || token.expires.is_some_and(|end| end <= seconds) {
            return Err(AuthError::BadCredentials);
        }
        if !user.may_enter() {
            return Err(AuthError::Disabled);
        }
        let folder = match token.folder.as_deref().map(DavPath::from_decoded).transpose() {
            Ok(folder) => folder,
            Err(error) => {
                // A scope that cannot be read must not become no scope.
                tracing::error!(token = token.id, %error, "app password with a broken folder");
                return Err(AuthError::BadCredentials);
            }
        };
        let user = self.loaded(|| Caller::of(request), user).await?;
        let access = Access::Token { id: token.id, read_only: token.read_only, folder };
        let expires = token.expires.map_or(i64::MAX, |end| end.saturating_mul(1000));
        let known = Arc::new(Known {
            principal: Principal::new(&user, access, token.login.clone()),
            logins: logins_of(&token, &user),
            until: expires.min(now.saturating_add(FRESH_MILLIS)),
            noted: AtomicI64::new(token.last_used.unwrap_or(0)),
        });
        self.tokens.insert(began, hash, Arc::clone(&known));
        Ok(known)
    }

    /// Remembers that a token was used, for the next [`Auth::flush_uses`].
    fn note_use(&self, hash: Mac, known: &Known, now: i64) {
        if now - known.noted.load(Ordering::Relaxed) < NOTE_EVERY {
            return;
        }
        known.noted.store(now, Ordering::Relaxed);
        self.used.lock().unwrap_or_else(PoisonError::into_inner).insert(hash, now);
    }

    /// Writes the noted uses. Called every minute and before the server ends.
    ///
    /// # Errors
    /// [`AuthError::Unavailable`] if the index fails; the notes are lost, which costs a minute.
    pub async fn flush_uses(&self) -> Result<(), AuthError> {
        let used: HashMap<Mac, i64> =
            std::mem::take(&mut *self.used.lock().unwrap_or_else(PoisonError::into_inner));
        if used.is_empty() {
            return Ok(());
        }
        let used: Vec<(String, i64)> =
            used.into_iter().map(|(hash, at)| (hex::encode(hash), at)).collect();
        Ok(store::write(&self.store, move |tx| tx.touch_tokens(&used)).await?)
    }

    /// The hash by which a token is found.
    pub(crate) fn token_mac(&self, text: &str) -> Mac {
        self.keys.mac("token", &[text.as_bytes()])
    }
}

/// A token by its hash, with its owner.
pub(crate) fn token_and_owner(
    tx: &mut dyn ReadTx,
    hash: &str,
) -> Result<Option<(Token, User)>, StoreError> {
    let Some(token) = tx.token(hash)? else { return Ok(None) };
    Ok(tx.user(token.uid.as_str())?.map(|user| (token, user)))
}

/// Logins with which a token may be used, in lower case.
pub(crate) fn logins_of(token: &Token, user: &User) -> Vec<String> {
    let mut logins = vec![user.uid.as_str().to_lowercase(), token.login.to_lowercase()];
    logins.extend(user.email.iter().map(|email| email.to_lowercase()));
    logins.retain(|login| !login.is_empty());
    logins
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_have_a_form_of_their_own() {
        let token = generate();
        assert!(is_token(token.reveal()), "{}", token.reveal());
        assert_ne!(token.reveal(), generate().reveal());
        for text in ["", "Al1ce-passw0rd", "aaaaaaaaa-bbbbbbbbb-ccccccccc-ddddddddd", "----"] {
            assert!(!is_token(text), "{text:?}");
        }
        assert!(!is_token(&format!("{}-", token.reveal())));
    }

    #[test]
    fn names_of_apps_are_one_short_line() {
        for (name, shown) in [
            ("Pixel 8", "Pixel 8"),
            ("a\r\nb\u{1b}[31m", "ab[31m"),
            ("  ", "Unnamed app"),
            ("", "Unnamed app"),
        ] {
            assert_eq!(shown_name(name), shown, "{name:?}");
        }
        assert_eq!(shown_name(&"é".repeat(500)).chars().count(), MAX_NAME_CHARS);
    }
}
