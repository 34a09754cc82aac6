//! Accounts of a directory while nobody logs in: app passwords and sessions never ask it, so it is
//! asked in the background.
//!
//! | Account                     | Looked up                                                   |
//! |-----------------------------|-------------------------------------------------------------|
//! | in use                      | each half minute, and at once when it comes into use        |
//! | not in use                  | now and then, so that what others see of it is not too old  |
//! | of a provider without this  | never: its next login tells                                 |
//!
//! One that is disabled or gone there loses everything here, until it is back. A provider that does
//! not answer changes nothing: tokens and sessions go on with what is known.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::StreamExt;
use moonsail_sdk::auth::{Account, Call, DynAuthenticator};
use tokio::sync::Notify;

use super::chain::{self, adopt};
use super::{Auth, BUILTIN, By, audit};
use crate::ids::Uid;
use crate::store::accounts::User;
use crate::store::{self, ReadTx, StoreError};

/// How old, in milliseconds, what is known of an account in use may be. A minute is promised, and
/// the answer may take a while.
const EVERY: i64 = 30_000;
/// How long after its last look at the index, in milliseconds, an account counts as in use.
const IN_USE: i64 = 10 * 60_000;
/// Pause between two looks at what is due.
const TICK: Duration = Duration::from_secs(5);
/// Accounts that are looked up at the same time.
const AT_ONCE: usize = 8;
/// Accounts not in use that are looked up in one tick: 14,400 an hour.
const OTHERS: usize = 20;
/// How long, in milliseconds, a provider that did not answer is left alone.
const REST: i64 = 10_000;
/// Longest time for one answer; a provider that has no limit of its own must not stop the rest.
const LONGEST: Duration = Duration::from_secs(20);

/// What is due.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    in_use: Mutex<HashMap<Uid, Times>>,
    /// Where the walk through the others is, in user ids.
    walked: Mutex<usize>,
    /// Providers that did not answer, and until when they are left alone.
    resting: Mutex<HashMap<String, i64>>,
    wake: Notify,
}

/// Unix milliseconds.
#[derive(Debug, Clone, Copy)]
struct Times {
    used: i64,
    /// Of the last look-up, or of the login; 0 if there was none.
    asked: i64,
}

impl Watch {
    fn in_use(&self) -> MutexGuard<'_, HashMap<Uid, Times>> {
        self.in_use.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn resting(&self) -> MutexGuard<'_, HashMap<String, i64>> {
        self.resting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An account was used. The first use after a while is looked at without waiting.
    fn used(&self, uid: &Uid, now: i64) {
        let mut in_use = self.in_use();
        let times = in_use.entry(uid.clone()).or_insert(Times { used: now, asked: 0 });
        times.used = now;
        if now - times.asked >= EVERY {
            drop(in_use);
            self.wake.notify_one();
        }
    }

    fn asked(&self, uid: &Uid, now: i64) {
        if let Some(times) = self.in_use().get_mut(uid) {
            times.asked = now;
        }
    }

    /// Accounts in use that have to be looked up, the oldest news first.
    fn due(&self, now: i64) -> Vec<Uid> {
        let mut in_use = self.in_use();
        in_use.retain(|_, times| now - times.used < IN_USE);
        let mut due: Vec<(i64, Uid)> = in_use
            .iter()
            .filter(|(_, times)| now - times.asked >= EVERY)
            .map(|(uid, times)| (times.asked, uid.clone()))
            .collect();
        due.sort_by_key(|(asked, _)| *asked);
        due.into_iter().map(|(_, uid)| uid).collect()
    }
}

impl Auth {
    /// Looks accounts up at their providers for as long as the server runs.
    pub async fn keep_refreshed(self: Arc<Self>) {
        if !self.chain.iter().any(|(name, _)| self.asks(name).is_some()) {
            return;
        }
        loop {
            tokio::select! {
                () = tokio::time::sleep(TICK) => self.refresh_others().await,
                () = self.watch.wake.notified() => {}
            }
            self.refresh_due().await;
        }
    }

    /// Looks up the accounts in use whose news are old.
    pub async fn refresh_due(&self) {
        let due = self.watch.due(self.clock.millis());
        futures_util::stream::iter(due)
            .for_each_concurrent(AT_ONCE, |uid| async move { self.refresh(&uid).await })
            .await;
    }

    /// Looks up the next few of all accounts.
    pub async fn refresh_others(&self) {
        let from = *self.watch.walked.lock().unwrap_or_else(PoisonError::into_inner);
        let page = store::read(&self.store, move |tx| tx.users("", OTHERS, from)).await;
        let Ok(page) = page.map_err(|error: StoreError| {
            tracing::warn!(%error, "accounts cannot be read to be looked up");
        }) else {
            return;
        };
        let next = if page.len() < OTHERS { 0 } else { from + OTHERS };
        *self.watch.walked.lock().unwrap_or_else(PoisonError::into_inner) = next;
        for user in page {
            self.refresh(&user.uid).await;
        }
    }

    /// Notes that an account is used by a token or session, whose index row was read for it.
    pub(crate) fn note_account(&self, user: &User) {
        if self.asks(&user.provider).is_some() {
            self.watch.used(&user.uid, self.clock.millis());
        }
    }

    /// Notes that an account has just come from its provider.
    pub(crate) fn note_login(&self, user: &User) {
        let now = self.clock.millis();
        if self.asks(&user.provider).is_some() {
            self.watch.in_use().insert(user.uid.clone(), Times { used: now, asked: now });
        }
    }

    /// The provider of that name, if it can look accounts up. What the index knows about its own
    /// users needs no looking up.
    fn asks(&self, provider: &str) -> Option<&Arc<dyn DynAuthenticator>> {
        let found = self.chain.iter().find(|(name, _)| name == provider && name != BUILTIN);
        found.map(|(_, provider)| provider).filter(|provider| provider.abilities().lookup)
    }

    async fn refresh(&self, uid: &Uid) {
        let wanted = uid.clone();
        let read = store::read(&self.store, move |tx| tx.user(wanted.as_str())).await;
        let user = match read {
            Ok(Some(user)) => user,
            Ok(None) => {
                self.watch.in_use().remove(uid);
                return;
            }
            Err(error) => {
                let error: StoreError = error;
                return tracing::warn!(%error, %uid, "an account cannot be read to be looked up");
            }
        };
        let Some(provider) = self.asks(&user.provider) else { return };
        let now = self.clock.millis();
        if self.watch.resting().get(&user.provider).is_some_and(|until| now < *until) {
            return;
        }
        let call = Call { request_id: "refresh".to_owned(), remote_ip: None };
        let asked = provider.lookup(&call, &user.subject);
        let problem = match tokio::time::timeout(LONGEST, asked).await {
            Ok(Ok(account)) => {
                self.watch.resting().remove(&user.provider);
                match self.apply(&user, account).await {
                    Ok(()) => return self.watch.asked(uid, now),
                    Err(error) => {
                        return tracing::warn!(%error, %uid, "a looked up account is not written");
                    }
                }
            }
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("no answer within {} s", LONGEST.as_secs()),
        };
        let before = self.watch.resting().insert(user.provider.clone(), now + REST);
        if before.is_none() {
            let provider = user.provider;
            tracing::warn!(provider, problem, "accounts go on with what is known of them");
        }
    }

    /// Makes the account what its provider says; `None` if it is gone there.
    async fn apply(&self, user: &User, account: Option<Account>) -> Result<(), StoreError> {
        let refused = account.as_ref().is_none_or(|account| !account.enabled);
        let (known, news) = (user.clone(), account.clone());
        let same = store::read(&self.store, move |tx| is_same(tx, &known, news.as_ref())).await?;
        if same && user.refused == refused {
            return Ok(());
        }
        let uid = user.uid.clone();
        let (provider, subject) = (user.provider.clone(), user.subject.clone());
        let was_refused = store::write(&self.store, move |tx| -> Result<_, StoreError> {
            let Some(mut user) = tx.user(uid.as_str())? else { return Ok(None) };
            if user.provider != provider || user.subject != subject {
                return Ok(None);
            }
            let before = std::mem::replace(&mut user.refused, refused);
            if let Some(account) = &account {
                adopt(&mut user, &account.identity);
            }
            tx.update_user(&user)?;
            if let Some(groups) = account.as_ref().and_then(|it| it.identity.groups.as_ref()) {
                chain::set_groups(tx, &user.uid, &chain::good_groups(groups))?;
            }
            if refused {
                tx.remove_sessions_of(&user.uid)?;
            }
            Ok(Some(before))
        })
        .await?;
        self.forget(&user.uid);
        let by = By::provider(&user.provider);
        match was_refused {
            Some(false) if refused => {
                audit!(&by, "account refused by its provider", uid = %user.uid);
            }
            Some(true) if !refused => {
                audit!(&by, "account let in by its provider again", uid = %user.uid);
            }
            _ => {}
        }
        Ok(())
    }
}

/// Whether the index already says what the provider says; `None` says nothing.
fn is_same(
    tx: &mut dyn ReadTx,
    user: &User,
    account: Option<&Account>,
) -> Result<bool, StoreError> {
    let Some(Account { identity, .. }) = account else { return Ok(true) };
    let mut news = user.clone();
    adopt(&mut news, identity);
    if news != *user {
        return Ok(false);
    }
    let Some(groups) = &identity.groups else { return Ok(true) };
    let (mut wanted, mut had) = (chain::good_groups(groups), tx.groups_of(&user.uid)?);
    wanted.sort();
    wanted.dedup();
    had.sort();
    Ok(wanted == had)
}
