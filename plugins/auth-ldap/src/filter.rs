//! Search filters (RFC 4515): made from the settings once, filled in with escaped values.

use unicode_normalization::UnicodeNormalization;

use crate::config::{ConfigError, LdapConfig};
use crate::ident;

/// The filters of one configuration.
pub(crate) struct Filters {
    user: String,
    id_attributes: Vec<String>,
    searched: Vec<String>,
}

impl Filters {
    pub(crate) fn new(config: &LdapConfig) -> Result<Self, ConfigError> {
        for name in &config.login_attributes {
            require_attribute("login_attributes", name)?;
        }
        let user = match &config.user_filter {
            Some(filter) => filter.clone(),
            None => format!("(&(objectClass=person){})", any(&config.login_attributes, "%s")),
        };
        if !user.contains("%s") {
            return Err(ConfigError::new("user_filter", "has no %s where the login goes"));
        }
        require_filter("user_filter", &user.replace("%s", "x"))?;
        if let Some(filter) = &config.enabled_filter {
            require_filter("enabled_filter", filter)?;
        }
        if let Some(groups) = &config.groups {
            require_filter("groups.filter", &groups.filter)?;
            require_attribute("groups.name", &groups.name)?;
            require_attribute("groups.member", &groups.member)?;
        }
        let mut searched = config.login_attributes.clone();
        let attributes = &config.attributes;
        for (key, name) in [
            ("attributes.display_name", &attributes.display_name),
            ("attributes.mail", &attributes.mail),
            ("attributes.quota", &attributes.quota),
        ] {
            if !name.is_empty() {
                require_attribute(key, name)?;
                if key != "attributes.quota" && !searched.contains(name) {
                    searched.push(name.clone());
                }
            }
        }
        require_attribute("id_attribute", &config.id_attribute)?;
        let id_attributes = ident::attributes(&config.id_attribute);
        Ok(Self { user, id_attributes, searched })
    }

    /// The accounts that `login` logs in to.
    pub(crate) fn login(&self, login: &str) -> String {
        self.user.replace("%s", &escaped(login))
    }

    /// All accounts.
    pub(crate) fn all(&self) -> String {
        self.user.replace("%s", "*")
    }

    /// The account of a subject.
    pub(crate) fn subject(&self, subject: &str) -> String {
        let terms: String =
            self.id_attributes.iter().filter_map(|name| ident::filter(name, subject)).collect();
        format!("(&{}(|{terms}))", self.all())
    }

    /// Accounts with `text` in what people know them by; all if it is empty.
    pub(crate) fn search(&self, text: &str) -> String {
        match text.is_empty() {
            true => self.all(),
            false => {
                let value = format!("*{}*", escaped(text));
                format!("(&{}{})", self.all(), any(&self.searched, &value))
            }
        }
    }
}

/// A value for a filter, composed as directories have it: macOS sends letters and accents apart.
fn escaped(text: &str) -> String {
    ldap3::ldap_escape(text.nfc().collect::<String>()).into_owned()
}

/// A filter that finds `value` in any of the attributes.
fn any(attributes: &[String], value: &str) -> String {
    let terms: String = attributes.iter().map(|name| format!("({name}={value})")).collect();
    format!("(|{terms})")
}

fn require_filter(key: &'static str, filter: &str) -> Result<(), ConfigError> {
    match ldap3::parse_filter(filter) {
        Ok(_) => Ok(()),
        Err(()) => Err(ConfigError::new(key, format!("{filter} is not a filter (RFC 4515)"))),
    }
}

/// An attribute's name goes into filters as it is.
fn require_attribute(key: &'static str, name: &str) -> Result<(), ConfigError> {
    let good = |b: u8| b.is_ascii_alphanumeric() || b"-.;".contains(&b);
    match !name.is_empty() && name.bytes().all(good) {
        true => Ok(()),
        false => Err(ConfigError::new(key, format!("{name:?} is not the name of an attribute"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filters(user_filter: Option<&str>) -> Filters {
        let config = LdapConfig {
            user_filter: user_filter.map(str::to_owned),
            login_attributes: vec!["uid".to_owned(), "mail".to_owned()],
            ..LdapConfig::default()
        };
        Filters::new(&config).expect("good filters")
    }

    #[test]
    fn logins_are_escaped() {
        let filters = filters(Some("(uid=%s)"));
        for (login, expected) in [
            ("alice", "(uid=alice)"),
            ("*", r"(uid=\2a)"),
            ("x)(uid=*", r"(uid=x\29\28uid=\2a)"),
            ("a\\b\0", r"(uid=a\5cb\00)"),
            ("%s", "(uid=%s)"),
            ("j\u{f6}rg", "(uid=j\u{f6}rg)"),
            ("jo\u{308}rg", "(uid=j\u{f6}rg)"),
        ] {
            assert_eq!(filters.login(login), expected, "{login:?}");
            assert!(ldap3::parse_filter(filters.login(login)).is_ok(), "{login:?}");
        }
    }

    #[test]
    fn filters_are_made_from_the_settings() {
        let filters = filters(None);
        assert_eq!(filters.login("a"), "(&(objectClass=person)(|(uid=a)(mail=a)))");
        assert_eq!(filters.all(), "(&(objectClass=person)(|(uid=*)(mail=*)))");
        assert_eq!(
            filters.search("(a"),
            r"(&(&(objectClass=person)(|(uid=*)(mail=*)))(|(uid=*\28a*)(mail=*\28a*)(cn=*\28a*)))"
        );
        for (subject, expected) in [
            (
                "0a1b2c3d-0102-0304-0506-0708090a0b0c",
                r"(objectGUID=\3d\2c\1b\0a\02\01\04\03\05\06\07\08\09\0a\0b\0c)",
            ),
            ("x)(uid=*", r"(entryUUID=x\29\28uid=\2a)"),
        ] {
            let filter = filters.subject(subject);
            assert!(filter.contains(expected), "{filter}");
            assert!(ldap3::parse_filter(&filter).is_ok(), "{filter}");
        }
    }
}
