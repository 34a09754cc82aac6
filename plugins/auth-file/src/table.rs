//! The lines of an htpasswd file.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::ops::Bound;

use crate::hash::Hash;

/// All accounts of a file.
#[derive(Default)]
pub(crate) struct Table {
    accounts: BTreeMap<String, (usize, Hash)>,
    first: Option<Hash>,
}

impl Table {
    /// Reads `login:hash` lines; blank ones and those that start with `#` are skipped.
    ///
    /// # Errors
    /// The line number, what is wrong there and what to do. No hash is repeated.
    pub(crate) fn parse(content: &[u8]) -> Result<Self, String> {
        let mut table = Self::default();
        let content = content.strip_prefix(b"\xef\xbb\xbf").unwrap_or(content);
        for (line, number) in content.split(|byte| *byte == b'\n').zip(1..) {
            let add = |line| table.add(line, number);
            let added = str::from_utf8(line).map_err(|_| "not UTF-8; save it as UTF-8".to_owned());
            added.and_then(add).map_err(|problem| format!("line {number}: {problem}"))?;
        }
        Ok(table)
    }

    fn add(&mut self, line: &str, number: usize) -> Result<(), String> {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            return Ok(());
        }
        let (login, rest) = line.split_once(':').ok_or("no colon; lines read `login:hash`")?;
        // Some tools write further fields, which mean nothing here.
        let hash = rest.split(':').next().unwrap_or(rest).trim();
        if login.trim() != login || login.is_empty() || login.contains(char::is_control) {
            return Err(
                "the login is empty or has blanks around it; lines read `login:hash`".into()
            );
        }
        let hash = Hash::parse(hash).map_err(|problem| format!("{login}: {problem}"))?;
        self.first.get_or_insert_with(|| hash.clone());
        match self.accounts.entry(login.to_owned()) {
            Entry::Vacant(free) => drop(free.insert((number, hash))),
            Entry::Occupied(taken) => {
                return Err(format!(
                    "{login} is in line {} already; remove one of the two",
                    taken.get().0
                ));
            }
        }
        Ok(())
    }

    /// The hash of a login.
    pub(crate) fn find(&self, login: &str) -> Option<&Hash> {
        self.accounts.get(login).map(|(_, hash)| hash)
    }

    /// The next `limit` logins after `last` that contain `text` in any case, in byte order, and
    /// whether there are more.
    pub(crate) fn after(&self, last: Option<&str>, text: &str, limit: usize) -> (Vec<&str>, bool) {
        let wanted = text.to_lowercase();
        let from = last.map_or(Bound::Unbounded, Bound::Excluded);
        let mut found = self
            .accounts
            .range::<str, _>((from, Bound::Unbounded))
            .map(|(login, _)| login.as_str())
            .filter(|login| login.to_lowercase().contains(&wanted));
        let logins = found.by_ref().take(limit).collect();
        (logins, found.next().is_some())
    }

    /// A hash to be busy with for a login that is not there.
    pub(crate) fn any(&self) -> Option<&Hash> {
        self.first.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logins_are_listed_by_pages() {
        let hash = bcrypt::hash("x", 4).unwrap();
        let lines: String =
            ["bob", "Alice", "alina", "carol"].map(|login| format!("{login}:{hash}\n")).concat();
        let table = Table::parse(lines.as_bytes()).ok().unwrap();
        for (last, text, limit, expected, more) in [
            (None, "", 2, vec!["Alice", "alina"], true),
            (Some("alina"), "", 2, vec!["bob", "carol"], false),
            (Some("carol"), "", 2, vec![], false),
            (None, "ALI", 5, vec!["Alice", "alina"], false),
            (None, "ali", 1, vec!["Alice"], true),
            (None, "*", 5, vec![], false),
        ] {
            assert_eq!(table.after(last, text, limit), (expected, more), "{last:?} {text}");
        }
    }

    #[test]
    fn lines_are_taken_or_refused_with_their_number() {
        let hash = bcrypt::hash("x", 4).unwrap();
        for (content, expected) in [
            (String::new(), Ok(0)),
            (format!("alice:{hash}"), Ok(1)),
            (format!("\u{feff}# who\r\n\r\n  \nalice:{hash}\r\nbob:{hash}:comment\n"), Ok(2)),
            (format!("ä b:{hash}\n#alice:plain"), Ok(1)),
            (format!("alice:{hash}\nbob"), Err("line 2: no colon")),
            (format!("\n:{hash}"), Err("line 2: the login is empty")),
            (format!("alice :{hash}"), Err("line 1: the login")),
            (format!("alice:{hash}\n\nalice:{hash}"), Err("line 3: alice is in line 1 already")),
            ("alice:$apr1$x$y".into(), Err("line 1: alice: apr1")),
            ("alice:".into(), Err("line 1: alice: there is no password")),
        ] {
            match (Table::parse(content.as_bytes()), expected) {
                (Ok(table), Ok(count)) => assert_eq!(table.accounts.len(), count, "{content}"),
                (Err(text), Err(words)) => assert!(text.starts_with(words), "{text}"),
                (Ok(_), Err(words)) => panic!("{content} was taken, not {words}"),
                (Err(text), Ok(_)) => panic!("{content}: {text}"),
            }
        }
        let latin1 = Table::parse(b"# ok\n\xe4:x").err().unwrap();
        assert!(latin1.starts_with("line 2: not UTF-8"), "{latin1}");
    }
}
