//! What an entry says about an account.

use ldap3::SearchEntry;
use moonsail_sdk::auth::Identity;
use unicode_normalization::UnicodeNormalization;

use crate::config::LdapConfig;
use crate::ident;

/// Attributes by which directories mark an account that may not log in.
pub(crate) const MARKS: [&str; 3] = ["userAccountControl", "pwdAccountLockedTime", "nsAccountLock"];

/// The first value of an attribute, as bytes. Names of attributes have no case.
pub(crate) fn bytes(entry: &SearchEntry, name: &str) -> Option<Vec<u8>> {
    let text = entry.attrs.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
    if let Some((_, values)) = text
        && let Some(value) = values.first()
    {
        return Some(value.clone().into_bytes());
    }
    let binary = entry.bin_attrs.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
    binary.and_then(|(_, values)| values.first().cloned())
}

/// The values of an attribute that are text.
pub(crate) fn texts<'a>(entry: &'a SearchEntry, name: &str) -> impl Iterator<Item = &'a str> {
    let found = entry.attrs.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
    found.into_iter().flat_map(|(_, values)| values.iter().map(String::as_str))
}

/// The first value of an attribute that is text and not blank.
pub(crate) fn text<'a>(entry: &'a SearchEntry, name: &str) -> Option<&'a str> {
    texts(entry, name).map(str::trim).find(|text| !text.is_empty())
}

/// The attributes that [`identity`] and [`marked_enabled`] read.
pub(crate) fn wanted(config: &LdapConfig) -> Vec<String> {
    let mut names = config.login_attributes.clone();
    names.extend(ident::attributes(&config.id_attribute));
    let attributes = &config.attributes;
    names.extend([&attributes.display_name, &attributes.mail, &attributes.quota].map(Clone::clone));
    names.extend(MARKS.map(str::to_owned));
    names.retain(|name| !name.is_empty());
    names
}

/// The account of an entry, its groups left out.
///
/// # Errors
/// Which attribute is missing.
pub(crate) fn identity(entry: &SearchEntry, config: &LdapConfig) -> Result<Identity, String> {
    let dn = &entry.dn;
    let subject = ident::of(entry, &ident::attributes(&config.id_attribute))
        .ok_or_else(|| format!("{dn} has no {} to be kept by", config.id_attribute))?;
    let login = config
        .login_attributes
        .iter()
        .find_map(|name| text(entry, name))
        .ok_or_else(|| format!("{dn} has none of {}", config.login_attributes.join(", ")))?;
    let attributes = &config.attributes;
    let quota = text(entry, &attributes.quota);
    Ok(Identity {
        subject,
        login: login.to_owned(),
        display_name: text(entry, &attributes.display_name).map(str::to_owned),
        email: text(entry, &attributes.mail).map(str::to_owned),
        groups: None,
        quota: quota.and_then(|text| {
            let bytes = parse_quota(text);
            if bytes.is_none() {
                tracing::warn!(dn, quota = text, "this is not a quota, as 5 GB would be");
            }
            bytes
        }),
    })
}

/// Whether none of the known [`MARKS`] keeps the account out.
pub(crate) fn marked_enabled(entry: &SearchEntry) -> bool {
    /// ADS_UF_ACCOUNTDISABLE.
    const DISABLED: u32 = 2;
    /// Locked until an administrator unlocks it; a time means a while, which the bind judges.
    const FOR_GOOD: &str = "000001010000Z";
    let control = text(entry, "userAccountControl").and_then(|text| text.parse::<u32>().ok());
    let off = control.is_some_and(|bits| bits & DISABLED != 0)
        || text(entry, "pwdAccountLockedTime") == Some(FOR_GOOD)
        || text(entry, "nsAccountLock").is_some_and(|text| text.eq_ignore_ascii_case("true"));
    !off
}

/// Whether the entry has this very login, whatever rules the directory compares by: some of them
/// skip blanks, or accents.
pub(crate) fn answers_to(entry: &SearchEntry, login: &str, config: &LdapConfig) -> bool {
    let wanted = folded(login);
    config
        .login_attributes
        .iter()
        .flat_map(|name| texts(entry, name))
        .any(|value| folded(value) == wanted)
}

fn folded(text: &str) -> String {
    text.nfc().collect::<String>().to_lowercase().nfc().collect()
}

/// Bytes, or a number with a unit of 1024: `5 GB`, `500MiB`, `1.5 T`.
fn parse_quota(text: &str) -> Option<u64> {
    let text = text.trim();
    let split = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let power = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 0,
        "k" | "kb" | "kib" => 1,
        "m" | "mb" | "mib" => 2,
        "g" | "gb" | "gib" => 3,
        "t" | "tb" | "tib" => 4,
        "p" | "pb" | "pib" => 5,
        _ => return None,
    };
    let unit = 1u64 << (10 * power);
    let (whole, part) = number.split_once('.').unwrap_or((number, "0"));
    let bytes = whole.parse::<u64>().ok()?.checked_mul(unit)?;
    if part.is_empty() || part.len() > 6 {
        return None;
    }
    let scale = 10u64.pow(u32::try_from(part.len()).ok()?);
    let rest = u128::from(part.parse::<u64>().ok()?) * u128::from(unit) / u128::from(scale);
    bytes.checked_add(u64::try_from(rest).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(attributes: &[(&str, &[&str])]) -> SearchEntry {
        SearchEntry {
            dn: "uid=x,dc=x".to_owned(),
            attrs: attributes
                .iter()
                .map(|(name, values)| {
                    ((*name).to_owned(), values.iter().map(|value| (*value).to_owned()).collect())
                })
                .collect(),
            bin_attrs: Default::default(),
        }
    }

    #[test]
    fn quotas_are_read_with_their_units() {
        for (text, expected) in [
            ("0", Some(0)),
            ("1073741824", Some(1 << 30)),
            ("5 GB", Some(5 << 30)),
            ("5GiB", Some(5 << 30)),
            ("1.5 TB", Some(3 << 39)),
            (" 500 mb ", Some(500 << 20)),
            ("none", None),
            ("", None),
            ("-1", None),
            ("5 XB", None),
            ("1.", None),
            ("99999999999 PB", None),
        ] {
            assert_eq!(parse_quota(text), expected, "{text:?}");
        }
    }

    #[test]
    fn marks_of_many_directories_keep_an_account_out() {
        for (name, value, enabled) in [
            ("userAccountControl", "512", true),
            ("userAccountControl", "514", false),
            ("useraccountcontrol", "66050", false),
            ("pwdAccountLockedTime", "000001010000Z", false),
            ("pwdAccountLockedTime", "20260101000000Z", true),
            ("nsAccountLock", "TRUE", false),
            ("nsAccountLock", "false", true),
            ("cn", "nsAccountLock", true),
        ] {
            assert_eq!(marked_enabled(&entry(&[(name, &[value])])), enabled, "{name}={value}");
        }
    }

    #[test]
    fn a_login_is_compared_again() {
        let config = LdapConfig {
            login_attributes: vec!["uid".to_owned(), "mail".to_owned()],
            ..LdapConfig::default()
        };
        let entry = entry(&[("uid", &["alice", "J\u{f6}rg"]), ("mail", &["a@x"]), ("cn", &["x"])]);
        for (login, expected) in [
            ("alice", true),
            ("ALICE", true),
            ("a@X", true),
            ("jo\u{308}rg", true),
            (" alice", false),
            ("alice ", false),
            ("jorg", false),
            ("x", false),
        ] {
            assert_eq!(answers_to(&entry, login, &config), expected, "{login:?}");
        }
    }

    #[test]
    fn what_is_missing_is_named() {
        let config = LdapConfig::default();
        let got = |attributes: &[(&str, &[&str])]| identity(&entry(attributes), &config);
        assert!(got(&[("uid", &["x"])]).unwrap_err().contains("has no auto"));
        assert!(got(&[("entryUUID", &["u"])]).unwrap_err().contains("has none of uid"));
        let whole = got(&[("entryUUID", &["u"]), ("uid", &["x"]), ("cn", &[" ", " A B "])]);
        let whole = whole.expect("an account");
        assert_eq!((whole.subject.as_str(), whole.login.as_str()), ("u", "x"));
        assert_eq!(whole.display_name.as_deref(), Some("A B"));
    }
}
