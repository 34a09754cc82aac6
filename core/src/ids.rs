//! Identifiers: of nodes, of users, of this installation, and random ones.

use std::fmt;

/// The number of a node in the index: `oc:fileid`. Never reused, kept by overwrite, rename and move.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(pub i64);

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// The installation's id: `oc` and ten lower-case letters or digits, made once. It makes `oc:id`
/// unique over all servers of one app (iOS uses `oc:id` as a primary key over all accounts).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstanceId(pub String);

impl InstanceId {
    /// A new random one.
    pub fn random() -> Self {
        let mut text = random_token(10).to_ascii_lowercase();
        text.insert_str(0, "oc");
        Self(text)
    }

    /// `oc:id` and `OC-FileId` of a node: at least eight digits, then the instance id
    /// (Nextcloud `lib/public/Files/DavUtil.php`).
    pub fn file_id(&self, node: NodeId) -> String {
        format!("{:08}{}", node.0, self.0)
    }
}

/// A user id: chosen once, `A-Z a-z 0-9 _ . @ -`, at most 64 bytes. Compared exactly, but two users
/// that differ only in case cannot exist.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Uid(String);

impl Uid {
    /// Checks a user id. `.` and `..` and a leading dot are refused: the id names a folder.
    pub fn parse(text: &str) -> Option<Self> {
        let good = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'@' | b'-');
        let fits = !text.is_empty() && text.len() <= 64 && !text.starts_with('.');
        (fits && text.bytes().all(good)).then(|| Self(text.to_owned()))
    }

    /// What owns the tree of a mount: nobody, which a name says that no person can have. `root` is the
    /// root of its storage as a disk path, `:3`.
    pub fn of_mount(root: &str) -> Option<Self> {
        let number = root.strip_prefix(':')?;
        let fits = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
        fits.then(|| Self(root.to_owned()))
    }

    /// An owner of a tree as the index has it: a person, or what owns the tree of a mount. Not for
    /// what clients send.
    pub fn parse_owner(text: &str) -> Option<Self> {
        Self::parse(text).or_else(|| Self::of_mount(text))
    }

    /// Whether this can be a person's.
    pub fn is_person(&self) -> bool {
        !self.0.starts_with(':')
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// `length` random characters of `[A-Za-z0-9]` from the operating system; 43 hold 256 bits.
///
/// # Panics
/// If the operating system has no randomness, when nothing safe can be done.
pub fn random_token(length: usize) -> String {
    const ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let mut token = String::with_capacity(length);
    let mut pool = [0u8; 64];
    while token.len() < length {
        getrandom::fill(&mut pool).expect("the operating system gives random bytes");
        // Bytes from 248 up are thrown away: 248 is the largest multiple of 62, so no letter is likelier.
        for byte in pool.iter().filter(|byte| **byte < 248).take(length - token.len()) {
            token.push(char::from(ALPHABET[usize::from(byte % 62)]));
        }
    }
    token
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_ids_name_folders() {
        for (text, good) in [
            ("alice", true),
            ("a.b-c_d@e.org", true),
            ("", false),
            (".", false),
            ("..", false),
            (".hidden", false),
            ("a/b", false),
            ("a b", false),
            ("é", false),
        ] {
            assert_eq!(Uid::parse(text).is_some(), good, "{text:?}");
        }
    }

    #[test]
    fn nobody_can_be_called_as_a_mount() {
        for (text, mount) in
            [(":3", true), (":12", true), (":", false), (":x", false), ("3", false)]
        {
            assert_eq!(Uid::of_mount(text).is_some(), mount, "{text:?}");
        }
        assert_eq!(Uid::parse(":3"), None);
        assert!(Uid::parse_owner(":3").is_some_and(|owner| !owner.is_person()));
        assert!(Uid::parse_owner("alice").is_some_and(|owner| owner.is_person()));
    }

    #[test]
    fn file_ids_are_padded_and_carry_the_instance() {
        assert_eq!(InstanceId("ocabc".into()).file_id(NodeId(42)), "00000042ocabc");
        assert_eq!(random_token(43).len(), 43);
        assert_ne!(random_token(43), random_token(43));
    }
}
