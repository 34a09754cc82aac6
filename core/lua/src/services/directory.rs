//! Directories over the network, by ldap3.
//!
//! A connection belongs to whoever was bound on it last, so connections wait for their next question
//! under their login. A question that is broken off takes its connection with it. What fails on a
//! connection that has waited is asked once more on a new one: a directory that was restarted has closed
//! ours without our asking.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use ldap3::adapters::{Adapter, EntriesOnly, PagedResults};
use ldap3::{
    Ldap as Connection, LdapConnAsync, LdapConnSettings, LdapError as Broken, SearchEntry,
};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use subtle::ConstantTimeEq;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

use super::{Answer, Entry, Ldap, LdapError, LdapPool, LdapSettings, Login, Question, Scope};

/// Result codes that mean that the directory cannot answer now (RFC 4511 §A.1): operationsError (Active
/// Directory's, for a bind that it forgot), timeLimitExceeded, busy, unavailable.
const PASSING: [u32; 4] = [1, 3, 51, 52];
/// Those of a bind that mean that the password or the entry is refused: inappropriateAuthentication,
/// invalidCredentials, insufficientAccessRights, noSuchObject, invalidDNSyntax, unwillingToPerform.
const REFUSING: [u32; 6] = [48, 49, 50, 32, 34, 53];
/// Entries of a page: every directory allows so many.
const PAGE: i32 = 500;

/// Directories over the network. Equal settings share a pool, whichever VM asks.
#[derive(Default)]
pub struct Directories(Mutex<HashMap<LdapSettings, Weak<Pool>>>);

impl Ldap for Directories {
    fn pool(&self, settings: &LdapSettings) -> Result<Arc<dyn LdapPool>, String> {
        let mut pools = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pool) = pools.get(settings).and_then(Weak::upgrade) {
            return Ok(pool);
        }
        let pool = Arc::new(Pool {
            tls: settings.ca.as_deref().map(trusting).transpose()?,
            turns: Semaphore::new(settings.size),
            idle: Mutex::default(),
            settings: settings.clone(),
        });
        pools.retain(|_, pool| pool.strong_count() > 0);
        pools.insert(settings.clone(), Arc::downgrade(&pool));
        Ok(pool)
    }
}

struct Pool {
    settings: LdapSettings,
    tls: Option<Arc<ClientConfig>>,
    turns: Semaphore,
    /// Connections that wait, and whose they are. `Err` was bound for a check and may be anybody's.
    idle: Mutex<Vec<(Result<Login, ()>, Connection)>>,
}

fn same(a: &Login, b: &Login) -> bool {
    match (a, b) {
        (None, None) => true,
        (Some((dn, password)), Some((other, others))) => {
            dn == other && bool::from(password.as_slice().ct_eq(others.as_slice()))
        }
        _ => false,
    }
}

impl Pool {
    fn idle(&self) -> MutexGuard<'_, Vec<(Result<Login, ()>, Connection)>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A waiting connection of this kind that is not known to be closed.
    fn waiting(&self, fits: impl Fn(&Result<Login, ()>) -> bool) -> Option<Connection> {
        let mut idle = self.idle();
        idle.retain_mut(|(_, connection)| !connection.is_closed());
        let at = idle.iter().rposition(|(whose, _)| fits(whose))?;
        Some(idle.swap_remove(at).1)
    }

    /// Lets a connection wait; the one that has waited longest makes room.
    fn put_back(&self, whose: Result<Login, ()>, connection: Connection) {
        let mut idle = self.idle();
        if idle.len() >= self.settings.size {
            drop(idle.remove(0));
        }
        idle.push((whose, connection));
    }

    fn late(&self) -> LdapError {
        let (urls, span) = (self.settings.urls.join(", "), self.settings.timeout.as_secs_f64());
        LdapError::Unreachable(format!("{urls}: no answer within {span} s"))
    }

    fn broken(&self, problem: impl std::fmt::Display) -> LdapError {
        LdapError::Unreachable(format!("{}: {problem}", self.settings.urls.join(", ")))
    }

    /// A connection that is nobody's yet, to the first address that answers.
    async fn open(&self, deadline: Instant) -> Result<Connection, LdapError> {
        let mut problems = Vec::new();
        for (at, url) in self.settings.urls.iter().enumerate() {
            let mut settings = LdapConnSettings::new().set_starttls(self.settings.starttls);
            if let Some(tls) = &self.tls {
                settings = settings.set_config(Arc::clone(tls));
            }
            // One address that swallows packets leaves time for the others.
            let left = deadline.saturating_duration_since(Instant::now());
            let others = u32::try_from(self.settings.urls.len() - at).unwrap_or(1);
            let until = Instant::now() + left / others;
            match timeout_at(until, LdapConnAsync::with_settings(settings, url)).await {
                Ok(Ok((driver, connection))) => {
                    // Ends when the last handle is dropped, or the directory closes it.
                    tokio::spawn(async move {
                        if let Err(error) = driver.drive().await {
                            tracing::debug!(
                                error = reasons(&error),
                                "a connection to a directory broke"
                            );
                        }
                    });
                    return Ok(connection);
                }
                Ok(Err(error)) => problems.push(format!("{url}: {}", reasons(&error))),
                Err(_) => problems.push(format!("{url}: no answer in time")),
            }
        }
        Err(LdapError::Unreachable(problems.join("; ")))
    }

    /// Binds; the connection is usable for another bind whatever comes out.
    async fn bind(
        &self,
        connection: &mut Connection,
        dn: &str,
        password: &[u8],
    ) -> Result<Result<(), LdapError>, Broken> {
        let Ok(password) = std::str::from_utf8(password) else {
            return Ok(Err(LdapError::Refused("the password is not UTF-8".to_owned())));
        };
        let result = connection.simple_bind(dn, password).await?;
        Ok(match result.rc {
            0 => Ok(()),
            code if REFUSING.contains(&code) => {
                Err(LdapError::Refused(format!("{dn} is refused: {result}")))
            }
            code if PASSING.contains(&code) => Err(self.broken(&result)),
            _ => Err(LdapError::Failed(format!("{dn}: {result}"))),
        })
    }

    async fn checked(&self, dn: &str, password: &[u8]) -> Result<(), LdapError> {
        let deadline = Instant::now() + self.settings.timeout;
        let work = async {
            let _turn = self.turns.acquire().await.map_err(|error| self.broken(error))?;
            loop {
                let waiting = self.waiting(Result::is_err);
                let was_open = waiting.is_some();
                let mut connection = match waiting {
                    Some(connection) => connection,
                    None => self.open(deadline).await?,
                };
                match self.bind(&mut connection, dn, password).await {
                    Ok(Err(LdapError::Unreachable(_))) | Err(_) if was_open => {}
                    Ok(answer) => {
                        if !matches!(answer, Err(LdapError::Unreachable(_))) {
                            self.put_back(Err(()), connection);
                        }
                        return answer;
                    }
                    Err(error) => return Err(self.broken(reasons(&error))),
                }
            }
        };
        timeout_at(deadline, work).await.unwrap_or_else(|_| Err(self.late()))
    }

    async fn found(&self, login: &Login, question: &Question) -> Result<Vec<Entry>, LdapError> {
        let deadline = Instant::now() + self.settings.timeout;
        let work = async {
            let _turn = self.turns.acquire().await.map_err(|error| self.broken(error))?;
            loop {
                let waiting = self.waiting(|it| it.as_ref().is_ok_and(|it| same(it, login)));
                let was_open = waiting.is_some();
                let mut connection = match waiting {
                    Some(connection) => connection,
                    None => {
                        let mut connection = self.open(deadline).await?;
                        if let Some((dn, password)) = login {
                            let bound = self.bind(&mut connection, dn, password).await;
                            bound.map_err(|error| self.broken(reasons(&error)))??;
                        }
                        connection
                    }
                };
                match self.ask(&mut connection, question).await {
                    Ok(Err(LdapError::Unreachable(_))) | Err(_) if was_open => {}
                    Ok(answer) => {
                        if !matches!(answer, Err(LdapError::Unreachable(_))) {
                            self.put_back(Ok(login.clone()), connection);
                        }
                        return answer;
                    }
                    Err(error) => return Err(self.broken(reasons(&error))),
                }
            }
        };
        timeout_at(deadline, work).await.unwrap_or_else(|_| Err(self.late()))
    }

    async fn ask(
        &self,
        connection: &mut Connection,
        question: &Question,
    ) -> Result<Result<Vec<Entry>, LdapError>, Broken> {
        const NO_SUCH_OBJECT: u32 = 32;
        const SIZE_LIMIT_EXCEEDED: u32 = 4;
        let scope = match question.scope {
            Scope::Base => ldap3::Scope::Base,
            Scope::One => ldap3::Scope::OneLevel,
            Scope::Sub => ldap3::Scope::Subtree,
        };
        // Referrals are no entries; nobody follows them.
        let adapters: Vec<Box<dyn Adapter<_, _>>> =
            vec![Box::new(EntriesOnly::new()), Box::new(PagedResults::new(PAGE))];
        let (base, filter) = (question.base.as_str(), question.filter.as_str());
        let attributes = question.attributes.clone();
        let mut stream =
            connection.streaming_search_with(adapters, base, scope, filter, attributes).await?;
        let mut entries = Vec::new();
        while let Some(entry) = stream.next().await? {
            if entries.len() == question.limit {
                break;
            }
            entries.push(read(SearchEntry::construct(entry)));
        }
        let full = entries.len() == question.limit;
        let result = stream.finish().await;
        Ok(match result.rc {
            0 | SIZE_LIMIT_EXCEEDED if full => Ok(entries),
            // ldap3's code for a stream that was not read to its end.
            88 if full => Ok(entries),
            0 => Ok(entries),
            NO_SUCH_OBJECT if question.scope == Scope::Base => Ok(Vec::new()),
            code if PASSING.contains(&code) => Err(self.broken(&result)),
            _ => Err(LdapError::Failed(format!("search below {base} for {filter}: {result}"))),
        })
    }
}

impl LdapPool for Pool {
    fn check<'a>(&'a self, dn: &'a str, password: &'a [u8]) -> Answer<'a, Result<(), LdapError>> {
        Box::pin(self.checked(dn, password))
    }

    fn search<'a>(
        &'a self,
        login: &'a Login,
        question: &'a Question,
    ) -> Answer<'a, Result<Vec<Entry>, LdapError>> {
        Box::pin(self.found(login, question))
    }
}

fn read(entry: SearchEntry) -> Entry {
    let mut values: HashMap<String, Vec<Vec<u8>>> = entry.bin_attrs;
    for (name, texts) in entry.attrs {
        values.entry(name).or_default().extend(texts.into_iter().map(String::into_bytes));
    }
    let mut attributes: Vec<_> =
        values.into_iter().filter(|(_, values)| !values.is_empty()).collect();
    attributes.sort();
    Entry { dn: entry.dn, attributes }
}

/// TLS that believes these certificates and no others: PEM, or a file of them.
fn trusting(ca: &str) -> Result<Arc<ClientConfig>, String> {
    let found: Result<Vec<_>, _> = match ca.contains("-----BEGIN") {
        true => CertificateDer::pem_slice_iter(ca.as_bytes()).collect(),
        false => CertificateDer::pem_file_iter(ca).and_then(Iterator::collect),
    };
    let mut roots = RootCertStore::empty();
    for certificate in found.map_err(|error| format!("ca: {error}"))? {
        roots.add(certificate).map_err(|error| format!("ca: {error}"))?;
    }
    if roots.is_empty() {
        return Err("ca: there is no certificate in PEM form".to_owned());
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| format!("ca: {error}"))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(tls))
}

/// An error with what it came from: the outermost text alone often says nothing.
fn reasons(error: &Broken) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        let more = inner.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        source = inner.source();
    }
    text
}
