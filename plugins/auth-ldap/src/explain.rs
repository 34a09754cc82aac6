//! How an answer comes about, for the administrator: `moonsail ldap explain`.

use std::time::Instant;

use ldap3::SearchEntry;
use moonsail_sdk::auth::AuthUnavailable;
use serde_json::{Value, json};

use crate::{AuthLdap, entry, groups, ident};

/// What [`AuthLdap`] finds out about `login`, and how long each question takes.
pub(crate) async fn explain(ldap: &AuthLdap, login: &str) -> Result<Value, AuthUnavailable> {
    let begun = Instant::now();
    let filter = ldap.filters.login(login);
    let found = ldap.entries(&filter).await?;
    let search = millis(begun);
    let matching: Vec<&SearchEntry> =
        found.iter().filter(|entry| entry::answers_to(entry, login, &ldap.config)).collect();
    let mut told = json!({
        "provider": "ldap",
        "url": ldap.directory.connector().url(),
        "login": login,
        "base": ldap.config.base,
        "filter": filter,
        "found": found.iter().map(|entry| found_as(entry, ldap)).collect::<Vec<_>>(),
    });
    let (answer, entry) = match matching.as_slice() {
        [] if found.is_empty() => ("nobody: no entry matches; the next provider is asked", None),
        [] => {
            ("nobody: the entries do not have exactly this login; the next provider is asked", None)
        }
        [entry] => ("one entry: its password is checked", Some(*entry)),
        _ => ("several entries: refused, since the account is not certain", None),
    };
    told["answer"] = answer.into();
    let mut times = json!({ "search_ms": search });
    if let Some(entry) = entry {
        told["entry"] = json!({ "dn": entry.dn, "attributes": attributes(entry) });
        let begun = Instant::now();
        let enabled = ldap.enabled(&[entry]).await?;
        times["enabled_ms"] = millis(begun).into();
        told["enabled"] = enabled[0].into();
        match entry::identity(entry, &ldap.config) {
            Err(problem) => told["problem"] = problem.into(),
            Ok(identity) => {
                let begun = Instant::now();
                told["groups"] = match &ldap.config.groups {
                    None => Value::Null,
                    Some(settings) => {
                        let base = &ldap.config.base;
                        let dn = &entry.dn;
                        groups::of(&ldap.directory, settings, base, dn, &identity.login)
                            .await?
                            .into_iter()
                            .map(|group| {
                                json!({ "name": group.name, "dn": group.dn, "depth": group.depth })
                            })
                            .collect()
                    }
                };
                times["groups_ms"] = millis(begun).into();
                told["mapped"] = json!({
                    "subject": identity.subject,
                    "login": identity.login,
                    "display_name": identity.display_name,
                    "email": identity.email,
                    "quota": identity.quota,
                });
            }
        }
    }
    told["times"] = times;
    Ok(told)
}

/// An entry with the values that could log in.
fn found_as(entry: &SearchEntry, ldap: &AuthLdap) -> Value {
    let names = ldap.config.login_attributes.iter();
    let logins: Vec<&str> = names.flat_map(|name| entry::texts(entry, name)).collect();
    json!({ "dn": entry.dn, "logins": logins })
}

/// The values that were read; ids in the form in which accounts are kept by them.
fn attributes(entry: &SearchEntry) -> Value {
    let mut names: Vec<&String> = entry.attrs.keys().chain(entry.bin_attrs.keys()).collect();
    names.sort();
    names.dedup();
    let shown = |name: &String| {
        let id = ident::of(entry, std::slice::from_ref(name));
        let texts = || entry::texts(entry, name).collect::<Vec<_>>();
        let value = match id {
            Some(id) if entry.bin_attrs.contains_key(name) => json!([id]),
            _ if entry.bin_attrs.contains_key(name) => json!(["(not text)"]),
            _ => json!(texts()),
        };
        (name.clone(), value)
    };
    Value::Object(names.into_iter().map(shown).collect())
}

/// Milliseconds since then, with three digits behind the point.
fn millis(begun: Instant) -> f64 {
    (begun.elapsed().as_secs_f64() * 1e6).round() / 1e3
}
