//! The groups of an account, also through groups in groups.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use ldap3::Scope;
use moonsail_sdk::auth::AuthUnavailable;

use crate::config::{Groups, MemberIs};
use crate::directory::{Directory, Question};
use crate::entry;

/// Members that are asked about at once.
const AT_ONCE: usize = 50;
/// Groups that an account may be in.
const MOST: usize = 2000;

/// A group that somebody is in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Group {
    pub(crate) dn: String,
    pub(crate) name: String,
    /// Steps from the account: 1 for a group that names it.
    pub(crate) depth: usize,
}

/// The groups of the account `dn` with `login`, by name.
///
/// # Errors
/// [`AuthUnavailable`] if the directory does not answer, or the groups have no end.
pub(crate) async fn of(
    directory: &Directory,
    groups: &Groups,
    base: &str,
    dn: &str,
    login: &str,
) -> Result<Vec<Group>, AuthUnavailable> {
    let base = if groups.base.is_empty() { base } else { &groups.base };
    let wanted = [groups.name.clone()];
    let mut found: BTreeMap<String, Group> = BTreeMap::new();
    let first = match groups.member_is {
        MemberIs::Dn => dn,
        MemberIs::Login => login,
    };
    let mut members = vec![first.to_owned()];
    for depth in 1..=groups.max_depth {
        let mut new = Vec::new();
        for some in members.chunks(AT_ONCE) {
            let filter = filter(groups, some);
            let question = Question {
                base,
                scope: Scope::Subtree,
                filter: &filter,
                attributes: &wanted,
                limit: 0,
            };
            for group in directory.search(&question).await? {
                let Some(name) = entry::text(&group, &groups.name) else {
                    tracing::warn!(dn = group.dn, "a group has no {}", groups.name);
                    continue;
                };
                // Each group once: groups may contain each other.
                if let Entry::Vacant(free) = found.entry(group.dn.to_lowercase()) {
                    let (dn, name) = (group.dn.clone(), name.to_owned());
                    free.insert(Group { dn, name, depth });
                    new.push(group.dn);
                }
            }
        }
        if found.len() > MOST {
            return Err(AuthUnavailable::new(format!("{dn} is in more than {MOST} groups")));
        }
        // A posixGroup has logins in it, and no groups.
        if !groups.nested || groups.member_is == MemberIs::Login || new.is_empty() {
            break;
        }
        members = new;
    }
    let mut found: Vec<Group> = found.into_values().collect();
    found.sort_by(|a, b| (&a.name, a.depth).cmp(&(&b.name, b.depth)));
    Ok(found)
}

/// Groups that have any of these members.
fn filter(groups: &Groups, members: &[String]) -> String {
    let terms: String = members
        .iter()
        .map(|member| format!("({}={})", groups.member, ldap3::ldap_escape(member.as_str())))
        .collect();
    format!("(&{}(|{terms}))", groups.filter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_members_are_escaped() {
        let filter = filter(&Groups::default(), &["cn=a (b)*,dc=x".to_owned(), "cn=c".to_owned()]);
        assert!(filter.ends_with(r"(|(member=cn=a \28b\29\2a,dc=x)(member=cn=c)))"), "{filter}");
        assert!(ldap3::parse_filter(&filter).is_ok(), "{filter}");
    }
}
