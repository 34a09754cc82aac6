//! The script that a module is opened for: its name, what it may do, and what it reaches.

use std::sync::Arc;

/// What `allow = […]` in `server.toml` grants a script, as it is written there: `kv`, `ldap`,
/// `http:idp.example.com`, `files:read`.
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
}

impl Site {
    /// The error of a call that is not granted; names the line to add.
    pub fn not_granted(&self, what: &str, grant: &str) -> mlua::Error {
        mlua::Error::runtime(format!(
            "{what} is not granted to script \"{}\": add \"{grant}\" to its allow = [...] in server.toml",
            self.script
        ))
    }
}
