//! A value that must not be printed.

use std::fmt;

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// A password or token. Prints as `***`, is wiped when dropped, and has no `PartialEq`:
/// [`Secret::same_as`] compares.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Wraps a secret text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// The secret itself, for the call that verifies it. Never log what this returns.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Whether both are the same text. How long it takes tells their lengths and nothing else.
    pub fn same_as(&self, other: &Self) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_the_same_to_the_last_byte() {
        for (one, other, expected) in [
            ("word", "word", true),
            ("", "", true),
            ("word", "Word", false),
            ("word", "words", false),
            ("words", "word", false),
            ("", "word", false),
            ("é", "e\u{301}", false),
        ] {
            assert_eq!(Secret::new(one).same_as(&Secret::new(other)), expected, "{one} {other}");
        }
    }
}
