//! The directory as the rest sees it: searches on shared connections, binds on their own.
//!
//! Searches of many logins share a few connections, since LDAP numbers its questions. A bind
//! changes whose a connection is, so it has the connection to itself; afterwards the next bind may
//! have it. A question that is broken off takes its connection with it.
//!
//! A restarted directory has closed our connections without our asking: what fails on a connection
//! that was open before is asked once more on a new one.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex as StdMutex, PoisonError};
use std::time::Duration;

use ldap3::{Ldap, LdapError, LdapResult, ResultEntry, Scope, SearchEntry, SearchOptions};
use moonsail_sdk::auth::AuthUnavailable;
use tokio::sync::{Mutex, Semaphore};
use tokio::time::Instant;

use crate::config::{ConfigError, LdapConfig};
use crate::connect::{Connector, reasons};
use crate::policy;

/// Result codes that mean that the directory cannot answer now (RFC 4511 §A.1):
/// operationsError (Active Directory's, for a bind that it forgot), busy, unavailable.
const PASSING: [u32; 3] = [1, 51, 52];

/// Connections to one directory.
pub(crate) struct Directory {
    connector: Connector,
    timeout: Duration,
    searches: Vec<Mutex<Slot>>,
    next: AtomicUsize,
    binds: Semaphore,
    idle: StdMutex<Vec<Ldap>>,
}

/// A place for a shared connection.
#[derive(Default)]
struct Slot {
    open: Option<Ldap>,
    number: u64,
    /// When the last try to connect ended without one, and why: those who waited for it need not
    /// each try again.
    failed: Option<(Instant, AuthUnavailable)>,
}

/// A search.
pub(crate) struct Question<'a> {
    pub(crate) base: &'a str,
    pub(crate) scope: Scope,
    pub(crate) filter: &'a str,
    pub(crate) attributes: &'a [String],
    /// Entries at most, as the directory counts them; 0 for all.
    pub(crate) limit: i32,
}

impl Directory {
    pub(crate) fn new(config: &LdapConfig) -> Result<Self, ConfigError> {
        Ok(Self {
            connector: Connector::new(config)?,
            timeout: config.timeout(),
            searches: (0..config.connections).map(|_| Mutex::default()).collect(),
            next: AtomicUsize::new(0),
            binds: Semaphore::new(config.logins_at_once),
            idle: StdMutex::default(),
        })
    }

    pub(crate) fn connector(&self) -> &Connector {
        &self.connector
    }

    pub(crate) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// The entries that match. References to other directories are ignored.
    ///
    /// # Errors
    /// [`AuthUnavailable`] if that cannot be known, also for lack of the base.
    pub(crate) async fn search(
        &self,
        question: &Question<'_>,
    ) -> Result<Vec<SearchEntry>, AuthUnavailable> {
        let deadline = Instant::now() + self.timeout;
        let slot = &self.searches[self.next.fetch_add(1, Ordering::Relaxed) % self.searches.len()];
        loop {
            let (mut ldap, number, was_open) = self.shared(slot, deadline).await?;
            let answer = tokio::time::timeout_at(deadline, ask(&mut ldap, question)).await;
            let problem = match answer {
                Ok(Ok((entries, result))) if !PASSING.contains(&result.rc) => {
                    return finished(question, entries, &result);
                }
                Ok(Ok((_, result))) => result.to_string(),
                Ok(Err(error)) => reasons(&error),
                Err(_) => {
                    forget(slot, number).await;
                    return Err(self.late());
                }
            };
            forget(slot, number).await;
            if !was_open {
                return Err(self.broken(&problem));
            }
        }
    }

    /// Whether `password` is that of `dn`, as the directory's result.
    ///
    /// # Errors
    /// [`AuthUnavailable`] if there was none.
    pub(crate) async fn bind(
        &self,
        dn: &str,
        password: &str,
    ) -> Result<LdapResult, AuthUnavailable> {
        let deadline = Instant::now() + self.timeout;
        let turn = tokio::time::timeout_at(deadline, self.binds.acquire()).await;
        let Ok(Ok(_turn)) = turn else { return Err(self.late()) };
        loop {
            let waiting = self.idle_open();
            let was_open = waiting.is_some();
            let mut ldap = match waiting {
                Some(ldap) => ldap,
                None => self.opened(deadline).await?,
            };
            let asked = ldap.with_controls(policy::request()).simple_bind(dn, password);
            let problem = match tokio::time::timeout_at(deadline, asked).await {
                Ok(Ok(result)) if !PASSING.contains(&result.rc) => {
                    self.idle().push(ldap);
                    return Ok(result);
                }
                Ok(Ok(result)) => result.to_string(),
                Ok(Err(error)) => reasons(&error),
                Err(_) => return Err(self.late()),
            };
            if !was_open {
                return Err(self.broken(&problem));
            }
        }
    }

    async fn opened(&self, deadline: Instant) -> Result<Ldap, AuthUnavailable> {
        let opened = tokio::time::timeout_at(deadline, self.connector.open()).await;
        opened.unwrap_or_else(|_| Err(self.late()))
    }

    /// The slot's connection, its number, and whether it was open before.
    async fn shared(
        &self,
        slot: &Mutex<Slot>,
        deadline: Instant,
    ) -> Result<(Ldap, u64, bool), AuthUnavailable> {
        let begun = Instant::now();
        let Ok(mut slot) = tokio::time::timeout_at(deadline, slot.lock()).await else {
            return Err(self.late());
        };
        if let Some(ldap) = &mut slot.open
            && !ldap.is_closed()
        {
            return Ok((ldap.clone(), slot.number, true));
        }
        if let Some((at, error)) = &slot.failed
            && *at >= begun
        {
            return Err(error.clone());
        }
        slot.open = None;
        let opened = tokio::time::timeout_at(deadline, self.connector.open_service()).await;
        match opened.unwrap_or_else(|_| Err(self.late())) {
            Ok(ldap) => {
                slot.open = Some(ldap.clone());
                slot.number += 1;
                Ok((ldap, slot.number, false))
            }
            Err(error) => {
                slot.failed = Some((Instant::now(), error.clone()));
                Err(error)
            }
        }
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Ldap>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A connection for the next bind that is not known to be closed.
    fn idle_open(&self) -> Option<Ldap> {
        let mut idle = self.idle();
        idle.retain_mut(|ldap| !ldap.is_closed());
        idle.pop()
    }

    pub(crate) fn late(&self) -> AuthUnavailable {
        self.broken(&format!("no answer within {} s", self.timeout.as_secs()))
    }

    pub(crate) fn broken(&self, problem: &str) -> AuthUnavailable {
        AuthUnavailable::new(format!("{}: {problem}", self.connector.url()))
    }
}

/// Closes a slot's connection, unless somebody has replaced it already.
async fn forget(slot: &Mutex<Slot>, number: u64) {
    let mut slot = slot.lock().await;
    if slot.number == number {
        slot.open = None;
    }
}

async fn ask(
    ldap: &mut Ldap,
    question: &Question<'_>,
) -> Result<(Vec<ResultEntry>, LdapResult), LdapError> {
    let options = SearchOptions::new().sizelimit(question.limit);
    let found = ldap
        .with_search_options(options)
        .search(question.base, question.scope, question.filter, question.attributes)
        .await?;
    Ok((found.0, found.1))
}

/// What was found, if the search went through. A limit that we set ourselves may be reached.
fn finished(
    question: &Question<'_>,
    entries: Vec<ResultEntry>,
    result: &LdapResult,
) -> Result<Vec<SearchEntry>, AuthUnavailable> {
    const SIZE_LIMIT_EXCEEDED: u32 = 4;
    const NO_SUCH_OBJECT: u32 = 32;
    let whole = result.rc == 0 || (result.rc == SIZE_LIMIT_EXCEEDED && question.limit > 0);
    let gone = result.rc == NO_SUCH_OBJECT && question.scope == Scope::Base;
    if !whole && !gone {
        let (base, filter) = (question.base, question.filter);
        return Err(AuthUnavailable::new(format!("search below {base} for {filter}: {result}")));
    }
    Ok(entries.into_iter().map(SearchEntry::construct).collect())
}
