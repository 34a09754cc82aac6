//! Directories, for scripts.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use zeroize::Zeroizing;

use super::Answer;

/// Where a directory is and how it is spoken to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct LdapSettings {
    /// `ldaps://host` or `ldap://host`, tried in order.
    pub urls: Vec<String>,
    /// Whether `ldap://` is to be encrypted before anything is said.
    pub starttls: bool,
    /// Certificates that may sign the directory's: PEM, or the path of a file; the system's if `None`.
    pub ca: Option<String>,
    /// Connections at the same time.
    pub size: usize,
    /// For each question, connecting included.
    pub timeout: Duration,
}

/// Who asks: an entry and its password, or nobody (`None`).
pub type Login = Option<(String, Zeroizing<Vec<u8>>)>;

/// How far below the base entries are searched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// The base alone.
    Base,
    /// Its children.
    One,
    /// All below, and the base.
    Sub,
}

/// A search.
#[derive(Debug, Clone)]
pub struct Question {
    /// The entry to begin with.
    pub base: String,
    /// How far.
    pub scope: Scope,
    /// RFC 4515; parses.
    pub filter: String,
    /// What is wanted of each; all if empty.
    pub attributes: Vec<String>,
    /// Entries at most. Further ones are dropped.
    pub limit: usize,
}

/// An entry.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub dn: String,
    /// Attributes and their values.
    pub attributes: Vec<(String, Vec<Vec<u8>>)>,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LdapError {
    /// The password is wrong, or the directory refuses the entry.
    Refused(String),
    /// The directory does not answer, or cannot now.
    Unreachable(String),
    /// The question cannot be answered as it was put.
    Failed(String),
}

impl fmt::Display for LdapError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(text) | Self::Unreachable(text) | Self::Failed(text) => f.write_str(text),
        }
    }
}

/// Makes pools.
pub trait Ldap: Send + Sync {
    /// The pool for these settings. Connects later; equal settings may share one.
    ///
    /// # Errors
    /// In a sentence, if they can never work.
    fn pool(&self, settings: &LdapSettings) -> Result<Arc<dyn LdapPool>, String>;
}

/// Connections to one directory. Referrals are ignored. Nobody hands in an empty password.
pub trait LdapPool: Send + Sync {
    /// Whether the directory takes the password now.
    fn check<'a>(&'a self, dn: &'a str, password: &'a [u8]) -> Answer<'a, Result<(), LdapError>>;

    /// The entries that `login` may see.
    fn search<'a>(
        &'a self,
        login: &'a Login,
        question: &'a Question,
    ) -> Answer<'a, Result<Vec<Entry>, LdapError>>;
}
