//! Browser sessions: a 256-bit id in a cookie, its keyed hash in the index.
//!
//! A session ends when it was idle or alive for too long, at logout, when the password changes and
//! when the account is disabled. Each login makes a new one.

use std::time::Duration;

use http::HeaderMap;

use super::credentials::cookie;
use super::{Access, Auth, AuthError, By, Caller, Principal, audit, csrf};
use crate::ids::random_token;
use crate::store::accounts::Session;
use crate::store::{self, StoreError};
use crate::wire::Request;

/// How long after a login its password need not be given again.
const FRESH_LOGIN: Duration = Duration::from_secs(15 * 60);
/// How often, in seconds, the index is told that a session is in use.
const NOTE_EVERY: i64 = 60;

/// Name of a cookie of ours: over TLS with the prefix that binds it to this host, `Secure` and `/`.
pub fn cookie_name(name: &str, base_url: &str) -> String {
    let prefix = if is_tls(base_url) { "__Host-" } else { "" };
    format!("{prefix}moonsail_{name}")
}

/// A `Set-Cookie` value. `max_age` zero removes the cookie; `None` lasts as long as the browser.
pub fn set_cookie(name: &str, value: &str, base_url: &str, max_age: Option<Duration>) -> String {
    let name = cookie_name(name, base_url);
    let secure = if is_tls(base_url) { "; Secure" } else { "" };
    let age = max_age.map(|age| format!("; Max-Age={}", age.as_secs())).unwrap_or_default();
    // Lax, not Strict: the app opens the login page from outside, and must find its session.
    format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax{secure}{age}")
}

/// The value of our cookie `name`.
pub fn find_cookie<'a>(headers: &'a HeaderMap, name: &str, base_url: &str) -> Option<&'a str> {
    cookie(headers, &cookie_name(name, base_url)).filter(|value| !value.is_empty())
}

fn is_tls(base_url: &str) -> bool {
    base_url.starts_with("https://")
}

impl Auth {
    /// Opens a session for who has just logged in, and gives the `Set-Cookie` value that carries it.
    /// The session that `request` came with ends: an id from before a login is never good after it.
    ///
    /// # Errors
    /// [`AuthError::BadCredentials`], [`AuthError::Disabled`] if the account changed since its password
    /// was checked; [`AuthError::Unavailable`] if the index fails.
    pub async fn open_session(
        &self,
        request: &Request,
        principal: &Principal,
    ) -> Result<String, AuthError> {
        let id = random_token(43);
        let now = self.clock.seconds();
        let hash = self.session_hash(&id);
        let uid = principal.uid.clone();
        let session = Session { hash, uid, created: now, last_seen: now };
        let by = By::of(request, principal);
        let asked = by.clone();
        let old = self.session_cookie(request).map(|old| self.session_hash(old));
        store::write(&self.store, move |tx| -> Result<(), AuthError> {
            asked.require_current(tx)?;
            if let Some(old) = old {
                tx.remove_session(&old)?;
            }
            Ok(tx.put_session(&session)?)
        })
        .await?;
        audit!(&by, "session opened", uid = %principal.uid);
        Ok(set_cookie("session", &id, &request.base_url, None))
    }

    /// Ends `principal`'s session of `request` and gives the `Set-Cookie` value that removes its
    /// cookie. The caller has checked the CSRF token.
    ///
    /// # Errors
    /// [`AuthError::Unavailable`] if the index fails.
    pub async fn close_session(
        &self,
        request: &Request,
        principal: &Principal,
    ) -> Result<String, AuthError> {
        if let Some(id) = self.session_cookie(request) {
            let hash = self.session_hash(id);
            store::write(&self.store, move |tx| -> Result<(), StoreError> {
                tx.remove_session(&hash)
            })
            .await?;
            audit!(&By::of(request, principal), "session closed", uid = %principal.uid);
        }
        Ok(set_cookie("session", "", &request.base_url, Some(Duration::ZERO)))
    }

    /// Whose session the request's cookie is; `None` for no cookie, or for one that is over: clients
    /// that keep cookies send old ones for ever, and that must not keep them out.
    ///
    /// Says nothing about CSRF: forms carry their own token.
    ///
    /// # Errors
    /// [`AuthError::Unavailable`] if the index fails.
    pub async fn session(&self, request: &Request) -> Result<Option<Principal>, AuthError> {
        let Some(id) = self.session_cookie(request) else { return Ok(None) };
        let hash = self.session_hash(id);
        let found = store::read(&self.store, move |tx| -> Result<_, StoreError> {
            let Some(session) = tx.session(&hash)? else { return Ok(None) };
            Ok(tx.user(session.uid.as_str())?.map(|user| (session, user)))
        })
        .await?;
        let Some((session, user)) = found else { return Ok(None) };
        self.note_account(&user);
        let now = self.clock.seconds();
        if !user.may_enter() || self.session_is_over(&session, now) {
            return Ok(None);
        }
        let csrf = self.session_csrf(id);
        let since = session.created;
        if now - session.last_seen >= NOTE_EVERY {
            let seen = Session { last_seen: now, ..session };
            store::write(&self.store, move |tx| -> Result<(), StoreError> {
                // A logout may have come first; it must not be undone.
                match tx.session(&seen.hash)? {
                    Some(_) => tx.put_session(&seen),
                    None => Ok(()),
                }
            })
            .await?;
        }
        let login = user.uid.to_string();
        let user = self.loaded(|| Caller::of(request), user).await?;
        Ok(Some(Principal::new(&user, Access::Session { csrf, since }, login)))
    }

    /// [`Auth::session`] for the APIs, where a change needs proof that the user meant it.
    pub(crate) async fn session_of_api(
        &self,
        request: &Request,
    ) -> Result<Option<Principal>, AuthError> {
        let principal = self.session(request).await?;
        if let Some(Principal { access: Access::Session { csrf, .. }, .. }) = &principal
            && !csrf::is_meant(request, csrf)
        {
            return Err(AuthError::CsrfFailed);
        }
        Ok(principal)
    }

    /// Whether `principal` has shown the password a short while ago. What hands out new secrets asks
    /// for it again after that, so that a browser left open gives nobody the account for good.
    pub fn is_fresh(&self, principal: &Principal) -> bool {
        match principal.access {
            Access::Password => true,
            Access::Token { .. } => false,
            Access::Session { since, .. } => {
                let age = u64::try_from(self.clock.seconds().saturating_sub(since));
                age.is_ok_and(|age| age < FRESH_LOGIN.as_secs())
            }
        }
    }

    fn session_is_over(&self, session: &Session, now: i64) -> bool {
        let seconds = |time: Duration| i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
        now - session.last_seen >= seconds(self.settings.session_idle)
            || now - session.created >= seconds(self.settings.session_lifetime)
    }

    fn session_cookie<'a>(&self, request: &'a Request) -> Option<&'a str> {
        find_cookie(&request.headers, "session", &request.base_url)
    }

    fn session_hash(&self, id: &str) -> String {
        self.keys.hex("session", &[id.as_bytes()])
    }

    fn session_csrf(&self, id: &str) -> String {
        self.keys.hex("csrf", &[id.as_bytes()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_are_bound_to_the_host_over_tls() {
        assert_eq!(
            set_cookie("session", "x", "https://a.test", None),
            "__Host-moonsail_session=x; Path=/; HttpOnly; SameSite=Lax; Secure"
        );
        assert_eq!(
            set_cookie("session", "", "http://a.test", Some(Duration::ZERO)),
            "moonsail_session=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0"
        );
    }
}
