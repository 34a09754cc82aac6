//! Moonsail authenticator: an LDAP directory (OpenLDAP, 389, FreeIPA, Active Directory).
//!
//! A login is searched for, and its password tried by a bind as the entry that was found. The
//! account is kept by an id that the directory never changes, so that an entry may be renamed and
//! moved. A directory that does not answer is an error, never a wrong password.
//!
//! | file           | what it does                                                |
//! |----------------|-------------------------------------------------------------|
//! | `config.rs`    | the settings, and what is refused in them                   |
//! | `connect.rs`   | addresses, encryption, certificates                         |
//! | `directory.rs` | searches and binds on pooled connections                    |
//! | `list.rs`      | long searches by pages                                      |
//! | `filter.rs`    | search filters, escaped                                     |
//! | `entry.rs`     | from an entry to an account                                 |
//! | `ident.rs`     | the id that never changes                                   |
//! | `groups.rs`    | groups, and groups in groups                                |
//! | `policy.rs`    | what a bind's result means                                  |
//! | `explain.rs`   | how an answer comes about                                   |

mod config;
mod connect;
mod directory;
mod entry;
mod explain;
mod filter;
mod groups;
mod ident;
mod list;
mod policy;

use futures_util::StreamExt;
use ldap3::{Scope, SearchEntry};
use std::sync::Arc;

use moonsail_sdk::BoxFuture;
use moonsail_sdk::abi::guest::{Host, Offers, Plugin, PluginError};
use moonsail_sdk::auth::{
    Abilities, Account, Auth, AuthUnavailable, Authenticator, Call, Identity, Page,
};
use moonsail_sdk::secret::Secret;

pub use config::{Attributes, ConfigError, Groups, LdapConfig, MemberIs, Urls};
use directory::{Directory, Question};
use filter::Filters;
use list::Listings;
use policy::Bound;

/// Longest login in bytes that the directory is asked about.
const MAX_LOGIN: usize = 256;
/// Entries that a login may find: more than one is refused, and a few of them are told.
const ENTRIES: i32 = 10;
/// Accounts of a page whose groups are looked up at once.
const AT_ONCE: usize = 16;

/// An [`Authenticator`] that asks an LDAP directory.
pub struct AuthLdap {
    config: LdapConfig,
    filters: Filters,
    wanted: Vec<String>,
    directory: Directory,
    listings: Listings,
}

impl AuthLdap {
    /// Checks the settings. Connects to nothing yet: a directory that is down when the server starts
    /// is one that is down for a while.
    ///
    /// # Errors
    /// [`ConfigError`] with the key, what is wrong, and what to do.
    pub fn new(config: LdapConfig) -> Result<Self, ConfigError> {
        config.check()?;
        Ok(Self {
            filters: Filters::new(&config)?,
            wanted: entry::wanted(&config),
            directory: Directory::new(&config)?,
            listings: Listings::default(),
            config,
        })
    }

    async fn entries(&self, filter: &str) -> Result<Vec<SearchEntry>, AuthUnavailable> {
        let question = Question {
            base: &self.config.base,
            scope: Scope::Subtree,
            filter,
            attributes: &self.wanted,
            limit: ENTRIES,
        };
        self.directory.search(&question).await
    }

    /// The one entry that has this very login.
    async fn entry_of(&self, login: &str) -> Result<Found, AuthUnavailable> {
        // Such a login is nobody's, and could only confuse.
        if login.is_empty() || login.len() > MAX_LOGIN || login.chars().any(char::is_control) {
            return Ok(Found::Nobody);
        }
        let mut found = self.entries(&self.filters.login(login)).await?;
        found.retain(|entry| entry::answers_to(entry, login, &self.config));
        match found.len() {
            0 => Ok(Found::Nobody),
            1 => Ok(found.pop().map_or(Found::Nobody, |entry| Found::One(Box::new(entry)))),
            _ => {
                let entries: Vec<&str> = found.iter().map(|entry| entry.dn.as_str()).collect();
                tracing::warn!(login, ?entries, "a login is refused: several entries have it");
                Ok(Found::Several)
            }
        }
    }

    /// Which of the entries may log in.
    async fn enabled(&self, entries: &[&SearchEntry]) -> Result<Vec<bool>, AuthUnavailable> {
        let mut enabled = Vec::with_capacity(entries.len());
        for entry in entries {
            let asked = match &self.config.enabled_filter {
                Some(filter) if entry::marked_enabled(entry) => {
                    let question = Question {
                        base: &entry.dn,
                        scope: Scope::Base,
                        filter,
                        attributes: &["1.1".to_owned()],
                        limit: 0,
                    };
                    !self.directory.search(&question).await?.is_empty()
                }
                Some(_) => false,
                None => entry::marked_enabled(entry),
            };
            enabled.push(asked);
        }
        Ok(enabled)
    }

    async fn identity(&self, entry: &SearchEntry) -> Result<Identity, AuthUnavailable> {
        let identity = entry::identity(entry, &self.config).map_err(AuthUnavailable::new)?;
        let Some(settings) = &self.config.groups else { return Ok(identity) };
        let base = &self.config.base;
        let found = groups::of(&self.directory, settings, base, &entry.dn, &identity.login).await?;
        let mut names: Vec<String> = found.into_iter().map(|group| group.name).collect();
        names.dedup();
        Ok(Identity { groups: Some(names), ..identity })
    }

    async fn account(&self, entry: &SearchEntry) -> Result<Account, AuthUnavailable> {
        let enabled = self.enabled(&[entry]).await?[0];
        Ok(Account { identity: self.identity(entry).await?, enabled })
    }
}

impl Plugin for AuthLdap {
    type Config = LdapConfig;

    fn create(config: LdapConfig, _host: Host) -> Result<Self, PluginError> {
        Self::new(config).map_err(|error| PluginError::new(error.to_string()))
    }

    fn offer(self: &Arc<Self>, offers: &mut Offers) {
        offers.auth(Arc::clone(self));
    }
}

moonsail_sdk::export_plugin!(AuthLdap);

/// The entries of a login.
enum Found {
    Nobody,
    One(Box<SearchEntry>),
    Several,
}

impl Authenticator for AuthLdap {
    fn abilities(&self) -> Abilities {
        Abilities { lookup: true, list: true, explain: true, ..Abilities::default() }
    }

    async fn check_password(
        &self,
        _call: &Call,
        login: &str,
        password: &Secret,
    ) -> Result<Auth, AuthUnavailable> {
        let password = password.reveal();
        // A bind without a password succeeds, for nobody (RFC 4513 §5.1.2); and some directories
        // read no further than a NUL.
        let hopeless = password.is_empty() || password.contains('\0');
        let entry = match self.entry_of(login).await? {
            Found::One(_) | Found::Several if hopeless => return Ok(Auth::Denied),
            Found::One(entry) => entry,
            Found::Several => return Ok(Auth::Denied),
            Found::Nobody => {
                // As many questions as for somebody, so that the time does not tell who is known.
                if !hopeless && !login.is_empty() {
                    let nobody = format!("cn=moonsail-nobody,{}", self.config.base);
                    self.directory.bind(&nobody, password).await?;
                }
                return Ok(Auth::Next);
            }
        };
        let result = self.directory.bind(&entry.dn, password).await?;
        match policy::meaning(&result) {
            Some(Bound::Right) => {
                let account = self.account(&entry).await?;
                Ok(if account.enabled { Auth::Ok(account.identity) } else { Auth::Disabled })
            }
            Some(Bound::Wrong) => Ok(Auth::Denied),
            Some(Bound::Disabled) => Ok(Auth::Disabled),
            Some(Bound::Expired) => Ok(Auth::Expired),
            None => Err(self.directory.broken(&format!("bind as {}: {result}", entry.dn))),
        }
    }

    async fn lookup(
        &self,
        _call: &Call,
        subject: &str,
    ) -> Result<Option<Account>, AuthUnavailable> {
        if subject.is_empty() || subject.len() > MAX_LOGIN || subject.chars().any(char::is_control)
        {
            return Ok(None);
        }
        let found = self.entries(&self.filters.subject(subject)).await?;
        match found.as_slice() {
            [] => Ok(None),
            [entry] => {
                let account = self.account(entry).await?;
                // Directories compare without regard to case; accounts are kept exactly.
                Ok(Some(account).filter(|account| account.identity.subject == subject))
            }
            _ => Err(AuthUnavailable::new(format!("several entries have the id {subject:?}"))),
        }
    }

    async fn find(&self, _call: &Call, login: &str) -> Result<Option<Account>, AuthUnavailable> {
        match self.entry_of(login).await? {
            Found::One(entry) => self.account(&entry).await.map(Some),
            Found::Nobody | Found::Several => Ok(None),
        }
    }

    async fn list(
        &self,
        _call: &Call,
        search: &str,
        limit: usize,
        cursor: Option<&str>,
    ) -> Result<Page, AuthUnavailable> {
        // In nobody's name; some directories leave such characters out and find everybody.
        if search.chars().any(char::is_control) {
            return Ok(Page::default());
        }
        let limit = limit.clamp(1, self.config.page_size);
        let filter = self.filters.search(search);
        let question = (self.config.base.as_str(), filter.as_str(), self.wanted.as_slice());
        let (entries, next) = self.listings.page(&self.directory, question, limit, cursor).await?;
        let mut asked: Vec<BoxFuture<'_, Result<Account, AuthUnavailable>>> = Vec::new();
        for entry in &entries {
            match entry::identity(entry, &self.config) {
                Ok(_) => asked.push(Box::pin(self.account(entry))),
                Err(problem) => tracing::warn!(problem, "an entry is not listed"),
            }
        }
        let answers = futures_util::stream::iter(asked).buffered(AT_ONCE);
        let accounts: Vec<Result<Account, AuthUnavailable>> = answers.collect().await;
        let accounts = accounts.into_iter().collect::<Result<_, _>>()?;
        Ok(Page { accounts, next })
    }

    async fn explain(&self, _call: &Call, login: &str) -> Result<String, AuthUnavailable> {
        explain::explain(self, login).await.map(|told| told.to_string())
    }
}
