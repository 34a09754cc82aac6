//! The script that a module is opened for: its name, what it may do, and what it reaches.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use crate::services::Services;

/// What `allow = […]` in `server.toml` grants a script, as it is written there: `kv`, `ldap`,
/// `http:idp.example.com`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Grants(Vec<String>);

impl Grants {
    /// These grants.
    pub fn new(grants: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self(grants.into_iter().map(Into::into).collect())
    }

    /// Whether `grant` is there, word for word.
    pub fn has(&self, grant: &str) -> bool {
        self.0.iter().any(|it| it == grant)
    }

    /// What follows `kind:` in each grant of that kind (`http` gives the hosts).
    pub fn of<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter_map(move |it| it.strip_prefix(kind)?.strip_prefix(':'))
    }

    /// All, in order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

/// Where a module is opened.
#[derive(Clone)]
pub struct Site {
    /// The script's name, as in `[[script]]`; also its namespace in the key-value store.
    pub script: Arc<str>,
    /// What it may do.
    pub grants: Arc<Grants>,
    /// What it reaches outside of the VM.
    pub services: Arc<Services>,
    /// What has been said once and need not be said again before the next load.
    said: Arc<Mutex<HashSet<String>>>,
}

impl Site {
    /// A load of a script. Its clones are the same load, so all VMs get clones of one.
    pub fn new(script: &str, grants: Grants, services: Arc<Services>) -> Self {
        Self { script: script.into(), grants: Arc::new(grants), services, said: Arc::default() }
    }

    /// Whether `what` is to be said for the first time in this load.
    pub fn once(&self, what: &str) -> bool {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        said.insert(what.to_owned())
    }

    /// Nothing, if `grant` is there, word for word.
    ///
    /// # Errors
    /// [`Site::not_granted`], where it is missing.
    pub fn require(&self, what: &str, grant: &str) -> mlua::Result<()> {
        match self.grants.has(grant) {
            true => Ok(()),
            false => Err(self.not_granted(what, grant)),
        }
    }

    /// The error of a call that is not granted; names the line to add.
    pub fn not_granted(&self, what: &str, grant: &str) -> mlua::Error {
        mlua::Error::runtime(format!(
            "{what} is not granted to script \"{}\": add \"{grant}\" to its allow = [...] in server.toml",
            self.script
        ))
    }
}
