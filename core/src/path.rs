//! Paths inside one user's root: the only type in which the rest of the server holds a path.
//!
//! [`DavPath::parse`] is the one place where a URL path is percent-decoded (once), checked and split
//! (`threats` §0.5, §2); nothing else joins strings into file names.

use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use unicode_normalization::{UnicodeNormalization, is_nfc};

/// Longest segment, in bytes of UTF-8: what Linux file systems take.
pub const MAX_SEGMENT_BYTES: usize = 255;
/// Longest path below a user's root, in bytes of UTF-8: below Linux's `PATH_MAX`.
pub const MAX_PATH_BYTES: usize = 4000;

/// Bytes that stay as they are in `d:href`: the set of sabre's `encodePath`, on which Android's
/// prefix match depends (`@` is not encoded, `'` is `%27`).
const HREF: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~')
    .remove(b'(')
    .remove(b')')
    .remove(b'/')
    .remove(b':')
    .remove(b'@');

/// Why a path was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// Not UTF-8 after decoding.
    #[error("the path is not valid UTF-8")]
    NotUtf8,
    /// A percent sign without two hexadecimal digits behind it (RFC 3986 §2.1). Read leniently, two
    /// URLs would name one file.
    #[error("the path contains a broken percent escape")]
    BadEscape,
    /// A control character, NUL, backslash, or an encoded slash.
    #[error("the name contains a forbidden character")]
    ForbiddenCharacter,
    /// `.` or `..` as a whole segment.
    #[error("the path contains a dot segment")]
    DotSegment,
    /// A name that Windows cannot store, where the administrator wants none.
    #[error("the name is not allowed on this server, because Windows cannot store it")]
    NotForWindows,
    /// A segment over [`MAX_SEGMENT_BYTES`] or a path over [`MAX_PATH_BYTES`].
    #[error("the path is too long")]
    TooLong,
}

/// A path below some root, decoded, in NFC, without leading or trailing slash. The root is empty.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct DavPath(String);

impl DavPath {
    /// The root itself.
    pub fn root() -> Self {
        Self(String::new())
    }

    /// Decodes the part of a URL path below a root. Repeated slashes count as one, a trailing slash
    /// is dropped; `%2f` inside a segment is refused, never a separator.
    ///
    /// # Errors
    /// [`PathError`], always a 400.
    pub fn parse(encoded: &str) -> Result<Self, PathError> {
        let mut path = Self::root();
        for raw in encoded.split('/').filter(|segment| !segment.is_empty()) {
            if !is_well_escaped(raw) {
                return Err(PathError::BadEscape);
            }
            let decoded = percent_decode_str(raw).decode_utf8().map_err(|_| PathError::NotUtf8)?;
            path = path.join(&decoded)?;
        }
        Ok(path)
    }

    /// The same for a path that is not percent-encoded (database, JSON, command line).
    ///
    /// # Errors
    /// [`PathError`].
    pub fn from_decoded(text: &str) -> Result<Self, PathError> {
        let mut path = Self::root();
        for segment in text.split('/').filter(|segment| !segment.is_empty()) {
            path = path.join(segment)?;
        }
        Ok(path)
    }

    /// The member `name` of this collection, checked and brought to NFC.
    ///
    /// # Errors
    /// [`PathError`] if `name` is not one good segment.
    pub fn join(&self, name: &str) -> Result<Self, PathError> {
        let name = normalise(name)?;
        let length = self.0.len() + 1 + name.len();
        if length > MAX_PATH_BYTES {
            return Err(PathError::TooLong);
        }
        Ok(Self(if self.0.is_empty() { name } else { format!("{}/{name}", self.0) }))
    }

    /// Whether this is the root.
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// Last segment; `None` for the root.
    pub fn name(&self) -> Option<&str> {
        self.segments().next_back()
    }

    /// Path of the collection that holds this one; `None` for the root.
    pub fn parent(&self) -> Option<Self> {
        match self.0.rsplit_once('/') {
            Some((parent, _)) => Some(Self(parent.to_owned())),
            None if self.is_root() => None,
            None => Some(Self::root()),
        }
    }

    /// Segments from the root down.
    pub fn segments(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.0.split('/').filter(|segment| !segment.is_empty())
    }

    /// Whether `self` is `ancestor` or lies below it.
    pub fn is_in(&self, ancestor: &Self) -> bool {
        ancestor.is_root()
            || self.0 == ancestor.0
            || self.0.strip_prefix(&ancestor.0).is_some_and(|rest| rest.starts_with('/'))
    }

    /// The rest of this path below `ancestor`; `None` if it does not lie there.
    pub fn below(&self, ancestor: &Self) -> Option<Self> {
        let rest = match ancestor.is_root() {
            true => Some(self.0.as_str()),
            false => self.0.strip_prefix(&ancestor.0),
        }?;
        match rest.strip_prefix('/') {
            Some(rest) => Some(Self(rest.to_owned())),
            None => (rest.is_empty() || ancestor.is_root()).then(|| Self(rest.to_owned())),
        }
    }

    /// The path of `below`, a path below this one. It may be longer than any that a client can ask
    /// for.
    #[must_use]
    pub fn over(&self, below: &Self) -> Self {
        match (self.is_root(), below.is_root()) {
            (true, _) => below.clone(),
            (_, true) => self.clone(),
            _ => Self(format!("{}/{}", self.0, below.0)),
        }
    }

    /// The decoded text, `a/b/c`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Percent-encoded as it stands in `d:href`, without leading or trailing slash.
    pub fn encode(&self) -> String {
        encode_href(&self.0)
    }
}

impl fmt::Display for DavPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/{}", self.0)
    }
}

impl fmt::Debug for DavPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

/// Percent-encodes text for an href, slashes kept, with lower-case hex digits as sabre writes them.
pub fn encode_href(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    for piece in utf8_percent_encode(text, HREF) {
        match piece.as_bytes() {
            [b'%', _, _] => out.push_str(&piece.to_ascii_lowercase()),
            _ => out.push_str(piece),
        }
    }
    out
}

/// Whether each percent sign begins an escape.
fn is_well_escaped(segment: &str) -> bool {
    let mut bytes = segment.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let digits = [bytes.next(), bytes.next()];
            if !digits.iter().all(|digit| digit.is_some_and(|digit| digit.is_ascii_hexdigit())) {
                return false;
            }
        }
    }
    true
}

/// Checks one segment and brings it to NFC.
fn normalise(segment: &str) -> Result<String, PathError> {
    if segment == "." || segment == ".." {
        return Err(PathError::DotSegment);
    }
    if segment.is_empty()
        || segment.chars().any(|c| c.is_control() && c as u32 <= 0x7f || matches!(c, '/' | '\\'))
    {
        return Err(PathError::ForbiddenCharacter);
    }
    let name: String = if is_nfc(segment) { segment.to_owned() } else { segment.nfc().collect() };
    if name.len() > MAX_SEGMENT_BYTES {
        return Err(PathError::TooLong);
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_taken_apart_and_put_together() {
        let path = |text: &str| DavPath::from_decoded(text).unwrap();
        for (whole, ancestor, below) in [
            ("a/b/c", "a", Some("b/c")),
            ("a/b/c", "", Some("a/b/c")),
            ("a/b/c", "a/b/c", Some("")),
            ("", "", Some("")),
            ("ab", "a", None),
            ("a", "a/b", None),
            ("", "a", None),
        ] {
            let rest = path(whole).below(&path(ancestor));
            assert_eq!(rest, below.map(path), "{whole:?} below {ancestor:?}");
            if let Some(rest) = rest {
                assert_eq!(path(ancestor).over(&rest), path(whole));
            }
        }
    }

    #[test]
    fn paths_are_decoded_once_and_checked() {
        let long = "x".repeat(255);
        // 15 segments of 255 bytes and their slashes are 3,839.
        let deep = format!("{long}/").repeat(15) + &"x".repeat(160);
        for (input, expected) in [
            ("", Ok("")),
            ("/", Ok("")),
            ("a/b/", Ok("a/b")),
            ("//a//b", Ok("a/b")),
            ("a%20b+c", Ok("a b+c")),
            ("%2541", Ok("%41")),
            ("e%CC%81", Ok("é")),
            (long.as_str(), Ok(long.as_str())),
            ("a/%2e%2e/b", Err(PathError::DotSegment)),
            ("a/./b", Err(PathError::DotSegment)),
            ("%2e", Err(PathError::DotSegment)),
            ("..", Err(PathError::DotSegment)),
            ("...", Ok("...")),
            (".a", Ok(".a")),
            ("a%2fb", Err(PathError::ForbiddenCharacter)),
            ("a%5cb", Err(PathError::ForbiddenCharacter)),
            ("a%00", Err(PathError::ForbiddenCharacter)),
            ("a%7f", Err(PathError::ForbiddenCharacter)),
            ("a\\b", Err(PathError::ForbiddenCharacter)),
            ("a%01", Err(PathError::ForbiddenCharacter)),
            ("a%0d%0ab", Err(PathError::ForbiddenCharacter)),
            ("a%1b", Err(PathError::ForbiddenCharacter)),
            ("100%", Err(PathError::BadEscape)),
            ("%zz", Err(PathError::BadEscape)),
            ("%4", Err(PathError::BadEscape)),
            ("%ff", Err(PathError::NotUtf8)),
            ("%c0%ae%c0%ae", Err(PathError::NotUtf8)),
            ("%c0%af", Err(PathError::NotUtf8)),
            ("%e0%80%af", Err(PathError::NotUtf8)),
            ("%ed%a0%80", Err(PathError::NotUtf8)),
            ("%f4%90%80%80", Err(PathError::NotUtf8)),
            (deep.as_str(), Ok(deep.as_str())),
            (&format!("{deep}x"), Err(PathError::TooLong)),
            // 86 of three bytes are 258, and one that grows in NFC: 84 of three bytes and of six.
            (&"€".repeat(86), Err(PathError::TooLong)),
            (&"\u{958}".repeat(84), Err(PathError::TooLong)),
            (&"x".repeat(256), Err(PathError::TooLong)),
            (&"abcdefghi/".repeat(401), Err(PathError::TooLong)),
        ] {
            let got = DavPath::parse(input);
            assert_eq!(
                got.as_ref().map(DavPath::as_str),
                expected.as_ref().map(|s| *s),
                "{input:?}"
            );
        }
    }

    #[test]
    fn hrefs_keep_what_android_keeps() {
        let path = DavPath::from_decoded("a@b/it's (1) #ü+").expect("a good path");
        assert_eq!(path.encode(), "a@b/it%27s%20(1)%20%23%c3%bc%2b");
    }

    #[test]
    fn containment_is_by_segment() {
        let path = |s: &str| DavPath::from_decoded(s).expect("a good path");
        assert!(path("a/b").is_in(&path("a")));
        assert!(path("a").is_in(&path("a")));
        assert!(path("a").is_in(&DavPath::root()));
        assert!(!path("ab").is_in(&path("a")));
    }
}
