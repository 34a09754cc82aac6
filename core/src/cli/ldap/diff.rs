//! Two lists of accounts, compared by what they are kept by.

use std::collections::BTreeMap;

use moonsail_sdk::auth::Account;
use serde_json::{Value, json};

use super::text::shown;

/// What is different in a second list.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Difference {
    /// Logins that are only in the second.
    appear: Vec<String>,
    /// Logins that are only in the first.
    disappear: Vec<String>,
    /// Logins that are in both with different subjects: they lose what they have.
    replaced: Vec<String>,
    /// The same account with other values, by its first login.
    changed: Vec<(String, Vec<Change>)>,
    /// How many are the same.
    same: usize,
}

/// One value: its name, before, after.
type Change = (&'static str, Value, Value);

/// Compares `old` with `new`.
pub(super) fn of(old: Vec<Account>, new: Vec<Account>) -> Difference {
    let mut difference = Difference::default();
    let mut new: BTreeMap<String, Account> = by_subject(new);
    let mut gone: Vec<Account> = Vec::new();
    for (subject, before) in by_subject(old) {
        match new.remove(&subject) {
            None => gone.push(before),
            Some(after) => match changes(&before, &after) {
                changes if changes.is_empty() => difference.same += 1,
                changes => difference.changed.push((before.identity.login, changes)),
            },
        }
    }
    let mut appear: Vec<String> = new.into_values().map(|account| account.identity.login).collect();
    for account in gone {
        let login = account.identity.login;
        match appear.iter().position(|other| other.eq_ignore_ascii_case(&login)) {
            Some(at) => {
                appear.remove(at);
                difference.replaced.push(login);
            }
            None => difference.disappear.push(login),
        }
    }
    difference.appear = appear;
    for logins in [&mut difference.appear, &mut difference.disappear, &mut difference.replaced] {
        logins.sort();
    }
    difference.changed.sort_by(|(a, _), (b, _)| a.cmp(b));
    difference
}

fn by_subject(accounts: Vec<Account>) -> BTreeMap<String, Account> {
    accounts.into_iter().map(|account| (account.identity.subject.clone(), account)).collect()
}

fn changes(before: &Account, after: &Account) -> Vec<Change> {
    let values = |account: &Account| {
        let identity = &account.identity;
        let mut groups = identity.groups.clone();
        if let Some(groups) = &mut groups {
            groups.sort();
        }
        [
            ("login", json!(identity.login)),
            ("display_name", json!(identity.display_name)),
            ("email", json!(identity.email)),
            ("quota", json!(identity.quota)),
            ("groups", json!(groups)),
            ("enabled", json!(account.enabled)),
        ]
    };
    let pairs = values(before).into_iter().zip(values(after));
    let different = pairs.filter(|((_, before), (_, after))| before != after);
    different.map(|((name, before), (_, after))| (name, before, after)).collect()
}

impl Difference {
    /// For scripts.
    pub(super) fn json(&self, provider: &str) -> Value {
        let changed: Vec<Value> = self
            .changed
            .iter()
            .map(|(login, changes)| {
                let changes: serde_json::Map<String, Value> = changes
                    .iter()
                    .map(|(name, old, new)| ((*name).to_owned(), json!({ "old": old, "new": new })))
                    .collect();
                json!({ "login": login, "changes": changes })
            })
            .collect();
        json!({
            "provider": provider,
            "same": self.same,
            "changed": changed,
            "appear": self.appear,
            "disappear": self.disappear,
            "replaced": self.replaced,
        })
    }

    /// For people.
    pub(super) fn lines(&self, provider: &str) -> Vec<String> {
        let mut lines = vec![format!(
            "{provider}: {} stay as they are, {} change, {} appear, {} disappear, {} become \
             another account.",
            self.same,
            self.changed.len(),
            self.appear.len(),
            self.disappear.len(),
            self.replaced.len()
        )];
        for (login, changes) in &self.changed {
            lines.push(format!("  ~ {}", shown(login)));
            for (name, old, new) in changes {
                let name = name.replace('_', " ");
                lines.push(format!("      {name}: {} -> {}", short(old), short(new)));
            }
        }
        for (sign, logins, note) in [
            ("+", &self.appear, ""),
            ("-", &self.disappear, ""),
            ("!", &self.replaced, "  becomes another account"),
        ] {
            lines.extend(logins.iter().map(|login| format!("  {sign} {}{note}", shown(login))));
        }
        lines
    }
}

fn short(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => shown(text),
        other => shown(&other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use moonsail_sdk::auth::Identity;

    use super::*;

    fn account(subject: &str, login: &str, email: Option<&str>, groups: &[&str]) -> Account {
        let groups = Some(groups.iter().map(|group| (*group).to_owned()).collect());
        let (subject, login) = (subject.to_owned(), login.to_owned());
        let email = email.map(str::to_owned);
        let identity = Identity { subject, login, email, groups, ..Identity::default() };
        Account { identity, enabled: true }
    }

    #[test]
    fn each_account_is_told_once() {
        let old = vec![
            account("1", "same", None, &["b", "a"]),
            account("2", "mail", Some("old@x"), &[]),
            account("3", "gone", None, &[]),
            account("4", "Kept", None, &[]),
        ];
        let mut disabled = account("2", "mail", None, &["a"]);
        disabled.enabled = false;
        let new = vec![
            account("1", "same", None, &["a", "b"]),
            disabled,
            account("5", "kept", None, &[]),
            account("6", "new\u{7}", None, &[]),
        ];
        let difference = of(old, new);
        assert_eq!(
            difference.lines("plugin:ldap"),
            [
                "plugin:ldap: 1 stay as they are, 1 change, 1 appear, 1 disappear, 1 become \
                 another account.",
                "  ~ mail",
                "      email: old@x -> -",
                "      groups: [] -> [\"a\"]",
                "      enabled: true -> false",
                "  + new\\u{7}",
                "  - gone",
                "  ! Kept  becomes another account",
            ]
        );
        let json = difference.json("plugin:ldap");
        assert_eq!(json["changed"][0]["changes"]["email"], json!({ "old": "old@x", "new": null }));
        assert_eq!(json["replaced"], json!(["Kept"]));
        assert_eq!(of(Vec::new(), Vec::new()), Difference::default());
    }
}
