//! Where the directory is and how it is to be read.

use std::path::PathBuf;
use std::time::Duration;

use moonsail_sdk::secret::Secret;
use serde::{Deserialize, Deserializer};

/// The settings of an [`AuthLdap`](crate::AuthLdap), as `[plugin.config]` has them.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LdapConfig {
    /// `ldaps://host`, or `ldap://host` with `starttls`; several are tried in order.
    pub url: Urls,
    /// Whether `ldap://` is to be encrypted before anything is said. Default `false`.
    pub starttls: bool,
    /// Whether passwords may travel unencrypted, as `ldap://` without `starttls` sends them.
    /// Default `false`.
    pub allow_plaintext: bool,
    /// Certificates in PEM form that may sign the directory's; those of the system if `None`.
    pub ca_file: Option<PathBuf>,
    /// The entry that searches; empty for an anonymous search.
    pub bind_dn: String,
    /// Its password.
    #[serde(deserialize_with = "secret")]
    pub bind_password: Secret,
    /// The entry below which accounts are searched.
    pub base: String,
    /// The attributes that log in. The first is the login from which the user id is chosen.
    /// Default `uid`.
    pub login_attributes: Vec<String>,
    /// Which entries are accounts, with `%s` where the login goes. Default: any
    /// `objectClass=person` that has the login in one of `login_attributes`.
    pub user_filter: Option<String>,
    /// A filter that an entry must match to log in, beside the marks that directories are known to
    /// set (`userAccountControl`, `pwdAccountLockedTime`, `nsAccountLock`).
    pub enabled_filter: Option<String>,
    /// The attribute that never changes; `auto` takes `entryUUID`, `objectGUID`, `nsUniqueId` or
    /// `ipaUniqueID`. Default `auto`.
    pub id_attribute: String,
    /// What is read from an entry.
    pub attributes: Attributes,
    /// How groups are found; if `None`, the directory says nothing about groups.
    pub groups: Option<Groups>,
    /// Connections that searches share. Default 4.
    pub connections: usize,
    /// Passwords that are checked at the same time, each on a connection of its own. Default 64.
    pub logins_at_once: usize,
    /// Longest time for connecting, encryption included. Default 5.
    pub connect_timeout_secs: u64,
    /// Longest time for an answer. Default 10.
    pub timeout_secs: u64,
    /// Entries of a page in long searches. Default 500, which every directory allows.
    pub page_size: usize,
}

/// Attributes of an account's entry. An empty name reads none.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Attributes {
    /// The name that people see. Default `cn`.
    pub display_name: String,
    /// The mail address. Default `mail`.
    pub mail: String,
    /// The quota, in bytes or as `5 GB`. Default none.
    pub quota: String,
}

/// How the groups of an account are found.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Groups {
    /// The entry below which they are; the `base` of accounts if empty.
    pub base: String,
    /// Which entries are groups.
    pub filter: String,
    /// The attribute with the group's name. Default `cn`.
    pub name: String,
    /// The attribute with the members. Default `member`.
    pub member: String,
    /// What is in it: whole DNs, or logins as in `memberUid`. Default `dn`.
    pub member_is: MemberIs,
    /// Whether a member of a group in a group is a member of both. Default `true`.
    pub nested: bool,
    /// How deep groups may be nested. Default 10.
    pub max_depth: usize,
}

/// What names a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MemberIs {
    /// The DN of its entry.
    Dn,
    /// The value of its first login attribute.
    Login,
}

/// One address or several.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(untagged)]
pub enum Urls {
    /// Not given.
    #[default]
    None,
    /// One.
    One(String),
    /// Several, tried in order.
    Many(Vec<String>),
}

/// Why the settings cannot be used: the key, what is wrong, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {problem}")]
pub struct ConfigError {
    key: &'static str,
    problem: String,
}

impl ConfigError {
    pub(crate) fn new(key: &'static str, problem: impl Into<String>) -> Self {
        Self { key, problem: problem.into() }
    }
}

impl Default for LdapConfig {
    fn default() -> Self {
        Self {
            url: Urls::None,
            starttls: false,
            allow_plaintext: false,
            ca_file: None,
            bind_dn: String::new(),
            bind_password: Secret::new(""),
            base: String::new(),
            login_attributes: vec!["uid".to_owned()],
            user_filter: None,
            enabled_filter: None,
            id_attribute: "auto".to_owned(),
            attributes: Attributes::default(),
            groups: None,
            connections: 4,
            logins_at_once: 64,
            connect_timeout_secs: 5,
            timeout_secs: 10,
            page_size: 500,
        }
    }
}

impl Default for Attributes {
    fn default() -> Self {
        Self { display_name: "cn".to_owned(), mail: "mail".to_owned(), quota: String::new() }
    }
}

impl Default for Groups {
    fn default() -> Self {
        Self {
            base: String::new(),
            filter: "(|(objectClass=groupOfNames)(objectClass=group)(objectClass=posixGroup))"
                .to_owned(),
            name: "cn".to_owned(),
            member: "member".to_owned(),
            member_is: MemberIs::Dn,
            nested: true,
            max_depth: 10,
        }
    }
}

impl LdapConfig {
    /// Reads the settings from the JSON that the server hands over.
    ///
    /// # Errors
    /// [`ConfigError`] with serde's text, which names the key.
    pub fn from_json(json: &str) -> Result<Self, ConfigError> {
        serde_json::from_str(json).map_err(|error| ConfigError::new("config", error.to_string()))
    }

    pub(crate) fn urls(&self) -> Vec<String> {
        match &self.url {
            Urls::None => Vec::new(),
            Urls::One(url) => vec![url.clone()],
            Urls::Many(urls) => urls.clone(),
        }
    }

    pub(crate) fn connect_timeout(&self) -> Duration {
        Duration::from_secs(self.connect_timeout_secs)
    }

    pub(crate) fn timeout(&self) -> Duration {
        Duration::from_secs(self.timeout_secs)
    }

    /// Refuses what could never work, and what sends passwords unencrypted without being told to.
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        let urls = self.urls();
        if urls.is_empty() {
            return Err(ConfigError::new("url", "is missing; write \"ldaps://ldap.example.org\""));
        }
        for url in &urls {
            let plain = url.starts_with("ldap://");
            if !plain && !url.starts_with("ldaps://") {
                let problem = format!("{url:?} does not begin with ldaps:// or ldap://");
                return Err(ConfigError::new("url", problem));
            }
            if plain && !self.starttls && !self.allow_plaintext {
                let problem = format!(
                    "{url} would send passwords unencrypted; use ldaps://, or set starttls = true \
                     (or allow_plaintext = true if nobody can listen on the way)"
                );
                return Err(ConfigError::new("url", problem));
            }
        }
        if self.base.is_empty() {
            return Err(ConfigError::new("base", "is missing; write \"dc=example,dc=org\""));
        }
        // An unauthenticated bind succeeds, and then finds nothing or too much.
        if !self.bind_dn.is_empty() && self.bind_password.reveal().is_empty() {
            return Err(ConfigError::new("bind_password", "is missing for this bind_dn"));
        }
        if self.login_attributes.is_empty() {
            return Err(ConfigError::new("login_attributes", "names none; write [\"uid\"]"));
        }
        for (key, value) in [
            ("connections", self.connections),
            ("logins_at_once", self.logins_at_once),
            ("page_size", self.page_size),
            ("groups.max_depth", self.groups.as_ref().map_or(1, |groups| groups.max_depth)),
        ] {
            if !(1..=10_000).contains(&value) {
                return Err(ConfigError::new(key, "is not between 1 and 10000"));
            }
        }
        for (key, secs) in [
            ("connect_timeout_secs", self.connect_timeout_secs),
            ("timeout_secs", self.timeout_secs),
        ] {
            if !(1..=60).contains(&secs) {
                return Err(ConfigError::new(key, "is not between 1 and 60"));
            }
        }
        Ok(())
    }
}

fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Secret, D::Error> {
    String::deserialize(deserializer).map(Secret::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_refused_with_the_key() {
        let good = r#""url": "ldaps://x", "base": "dc=x""#;
        for (json, expected) in [
            (good.to_owned(), ""),
            (r#""url": ["ldaps://x", "ldaps://y"], "base": "dc=x""#.to_owned(), ""),
            (r#""url": "ldap://x", "starttls": true, "base": "dc=x""#.to_owned(), ""),
            (r#""url": "ldap://x", "allow_plaintext": true, "base": "dc=x""#.to_owned(), ""),
            (r#""url": "ldap://x", "base": "dc=x""#.to_owned(), "url: ldap://x would send"),
            (r#""url": "http://x", "base": "dc=x""#.to_owned(), "url: \"http://x\""),
            (r#""base": "dc=x""#.to_owned(), "url: is missing"),
            (r#""url": "ldaps://x""#.to_owned(), "base: is missing"),
            (format!(r#"{good}, "bind_dn": "cn=a""#), "bind_password: is missing"),
            (format!(r#"{good}, "user_filter": "(uid=%s""#), "user_filter: "),
            (format!(r#"{good}, "user_filter": "(uid=x)""#), "user_filter: "),
            (format!(r#"{good}, "enabled_filter": "x)""#), "enabled_filter: "),
            (format!(r#"{good}, "groups": {{"filter": "(("}}"#), "groups.filter: "),
            (format!(r#"{good}, "login_attributes": []"#), "login_attributes: "),
            (format!(r#"{good}, "login_attributes": ["u=x)("]"#), "login_attributes: "),
            (format!(r#"{good}, "page_size": 0"#), "page_size: "),
            (format!(r#"{good}, "timeout_secs": 600"#), "timeout_secs: "),
            (format!(r#"{good}, "ca_file": "/no/such/file""#), "ca_file: /no/such/file"),
            (format!(r#"{good}, "filter": "x""#), "config: unknown field `filter`"),
            (format!(r#"{good}, "groups": {{"depth": 3}}"#), "config: unknown field `depth`"),
        ] {
            let made = LdapConfig::from_json(&format!("{{{json}}}")).and_then(crate::AuthLdap::new);
            let refused = made.err().map(|error| error.to_string()).unwrap_or_default();
            assert!(refused.starts_with(expected), "{json}: {refused}");
            assert_eq!(refused.is_empty(), expected.is_empty(), "{json}: {refused}");
        }
    }

    #[test]
    fn the_password_is_not_printed() {
        let json = r#"{"url": "ldaps://x", "base": "dc=x", "bind_password": "hunter2"}"#;
        let config = LdapConfig::from_json(json).expect("good settings");
        assert!(!format!("{config:?}").contains("hunter2"));
        let wrong = LdapConfig::from_json(r#"{"bind_password": 2}"#).expect_err("not a text");
        assert!(wrong.to_string().contains("expected a string"), "{wrong}");
    }
}
