//! A directory of a few entries, with the filters that scripts use.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use super::super::{
    Answer, Entry, Ldap, LdapError, LdapPool, LdapSettings, Login, Question, Scope,
};
use super::locked;

/// A directory that a test fills. Everybody who is bound sees everything, and nobody else anything.
#[derive(Clone, Default)]
pub struct FakeLdap(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    entries: Vec<Entry>,
    passwords: BTreeMap<String, Vec<u8>>,
    down: bool,
}

impl FakeLdap {
    /// Adds an entry, with a password if it can log in.
    pub fn add(&self, entry: Entry, password: Option<&[u8]>) {
        let mut state = locked(&self.0);
        if let Some(password) = password {
            state.passwords.insert(entry.dn.to_lowercase(), password.to_owned());
        }
        state.entries.push(entry);
    }

    /// Whether it answers.
    pub fn set_down(&self, down: bool) {
        locked(&self.0).down = down;
    }
}

impl State {
    fn check(&self, dn: &str, password: &[u8]) -> Result<(), LdapError> {
        if self.down {
            return Err(LdapError::Unreachable("the directory is down".to_owned()));
        }
        match self.passwords.get(&dn.to_lowercase()) {
            Some(right) if right == password => Ok(()),
            _ => Err(LdapError::Refused("invalidCredentials".to_owned())),
        }
    }

    fn search(&self, login: &Login, question: &Question) -> Result<Vec<Entry>, LdapError> {
        match login {
            Some((dn, password)) => self.check(dn, password)?,
            None => return Err(LdapError::Failed("nobody sees nothing here".to_owned())),
        }
        let filter = Filter::parse(&question.filter).ok_or_else(|| {
            LdapError::Failed(format!("the fake has no filter {}", question.filter))
        })?;
        let base = question.base.to_lowercase();
        let inside = |entry: &&Entry| {
            let dn = entry.dn.to_lowercase();
            let below = dn.strip_suffix(&base).and_then(|rest| rest.strip_suffix(','));
            match question.scope {
                Scope::Base => dn == base,
                Scope::One => below.is_some_and(|rest| !rest.contains(',')),
                Scope::Sub => dn == base || below.is_some(),
            }
        };
        let found = self.entries.iter().filter(inside).filter(|entry| filter.matches(entry));
        let wanted = |name: &str| {
            question.attributes.is_empty()
                || question.attributes.iter().any(|it| it.eq_ignore_ascii_case(name))
        };
        let shown = |entry: &Entry| Entry {
            dn: entry.dn.clone(),
            attributes: entry.attributes.iter().filter(|(name, _)| wanted(name)).cloned().collect(),
        };
        Ok(found.take(question.limit).map(shown).collect())
    }
}

impl Ldap for FakeLdap {
    fn pool(&self, _settings: &LdapSettings) -> Result<Arc<dyn LdapPool>, String> {
        Ok(Arc::new(self.clone()))
    }
}

impl LdapPool for FakeLdap {
    fn check<'a>(&'a self, dn: &'a str, password: &'a [u8]) -> Answer<'a, Result<(), LdapError>> {
        Box::pin(std::future::ready(locked(&self.0).check(dn, password)))
    }

    fn search<'a>(
        &'a self,
        login: &'a Login,
        question: &'a Question,
    ) -> Answer<'a, Result<Vec<Entry>, LdapError>> {
        Box::pin(std::future::ready(locked(&self.0).search(login, question)))
    }
}

/// What RFC 4515 has without orders and extended matches.
enum Filter {
    And(Vec<Filter>),
    Or(Vec<Filter>),
    Not(Box<Filter>),
    /// An attribute, and the pieces of its value between asterisks, in lower case.
    Is(String, Vec<Vec<u8>>),
}

impl Filter {
    fn parse(text: &str) -> Option<Self> {
        let (filter, rest) = Self::one(text)?;
        rest.is_empty().then_some(filter)
    }

    fn one(text: &str) -> Option<(Self, &str)> {
        let inner = text.strip_prefix('(')?;
        let (filter, rest) = match inner.as_bytes().first()? {
            b'&' => Self::some(&inner[1..]).map(|(some, rest)| (Self::And(some), rest))?,
            b'|' => Self::some(&inner[1..]).map(|(some, rest)| (Self::Or(some), rest))?,
            b'!' => Self::one(&inner[1..]).map(|(one, rest)| (Self::Not(Box::new(one)), rest))?,
            _ => {
                let (name, rest) = inner.split_once('=')?;
                let (value, _) = rest.split_once(')')?;
                let pieces: Option<Vec<_>> = value.split('*').map(unescaped).collect();
                (Self::Is(name.to_owned(), pieces?), &rest[value.len()..])
            }
        };
        Some((filter, rest.strip_prefix(')')?))
    }

    fn some(mut text: &str) -> Option<(Vec<Self>, &str)> {
        let mut some = Vec::new();
        while text.starts_with('(') {
            let (one, rest) = Self::one(text)?;
            some.push(one);
            text = rest;
        }
        Some((some, text))
    }

    fn matches(&self, entry: &Entry) -> bool {
        match self {
            Self::And(all) => all.iter().all(|it| it.matches(entry)),
            Self::Or(some) => some.iter().any(|it| it.matches(entry)),
            Self::Not(one) => !one.matches(entry),
            Self::Is(name, pieces) => {
                let is = |(it, _): &&(String, Vec<Vec<u8>>)| it.eq_ignore_ascii_case(name);
                let mut values = entry.attributes.iter().filter(is).flat_map(|(_, values)| values);
                values.any(|value| has_pieces(&value.to_ascii_lowercase(), pieces))
            }
        }
    }
}

/// A piece of a value in lower case, with `\2a` as what it stands for.
fn unescaped(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        match first {
            b'\\' => {
                bytes.extend(hex::decode(after.get(..2)?).ok()?);
                rest = &after[2..];
            }
            _ => bytes.push(*first),
        }
    }
    Some(bytes.to_ascii_lowercase())
}

fn has_pieces(value: &[u8], pieces: &[Vec<u8>]) -> bool {
    let [first, middle @ .., last] = pieces else {
        return pieces.first().is_some_and(|only| only == value);
    };
    let Some(mut rest) = value.strip_prefix(first.as_slice()) else { return false };
    for piece in middle.iter().filter(|piece| !piece.is_empty()) {
        match rest.windows(piece.len()).position(|window| window == piece.as_slice()) {
            Some(at) => rest = &rest[at + piece.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_match_as_a_directory_would() {
        let entry = Entry {
            dn: "uid=a,dc=x".to_owned(),
            attributes: vec![
                ("uid".to_owned(), vec![b"Alice".to_vec()]),
                ("cn".to_owned(), vec![b"A*x".to_vec(), b"Alice Example".to_vec()]),
            ],
        };
        for (filter, expected) in [
            ("(uid=alice)", Some(true)),
            ("(UID=bob)", Some(false)),
            ("(uid=*)", Some(true)),
            ("(mail=*)", Some(false)),
            ("(cn=al*ex*le)", Some(true)),
            ("(cn=al*xe*le)", Some(false)),
            (r"(cn=a\2ax)", Some(true)),
            (r"(uid=a\2a)", Some(false)),
            ("(&(uid=alice)(!(mail=*)))", Some(true)),
            ("(|(uid=bob)(cn=alice*))", Some(true)),
            ("(uid=alice", None),
            ("uid=alice", None),
            ("(uid=a)(uid=b)", None),
        ] {
            let matched = Filter::parse(filter).map(|it| it.matches(&entry));
            assert_eq!(matched, expected, "{filter}");
        }
    }
}
