//! `Content-Disposition` of files (RFC 6266, RFC 8187; `threats` §5).

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// All but RFC 8187's `attr-char`.
const EXT_VALUE: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'!')
    .remove(b'#')
    .remove(b'$')
    .remove(b'&')
    .remove(b'+')
    .remove(b'-')
    .remove(b'.')
    .remove(b'^')
    .remove(b'_')
    .remove(b'`')
    .remove(b'|')
    .remove(b'~');

/// What a browser shall do with a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disposition {
    /// Save it.
    Attachment,
    /// Show it: only for the media types of `threats` §5.
    Inline,
}

impl Disposition {
    /// The field's value for a file called `name`. Whatever the name holds, the value is visible
    /// ASCII on one line: quotes, backslashes, `%` and all that is not printable ASCII are `_` in
    /// `filename` (RFC 6266 §D), and escapes in `filename*`, which wins where it is known.
    pub fn write(self, name: &str) -> String {
        let plain: String = name
            .chars()
            .map(|c| match c {
                '"' | '\\' | '%' | '/' => '_',
                ' '..='~' => c,
                _ => '_',
            })
            .collect();
        let kind = match self {
            Self::Attachment => "attachment",
            Self::Inline => "inline",
        };
        let full = utf8_percent_encode(name, EXT_VALUE);
        format!("{kind}; filename=\"{plain}\"; filename*=UTF-8''{full}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_break_out() {
        for (name, expected, source) in [
            ("b.txt", "attachment; filename=\"b.txt\"; filename*=UTF-8''b.txt", "the traces"),
            (
                "€ rates.txt",
                "attachment; filename=\"_ rates.txt\"; filename*=UTF-8''%E2%82%AC%20rates.txt",
                "RFC 6266 §5",
            ),
            (
                "a\"; x=\"\r\nSet-Cookie: 1",
                "attachment; filename=\"a_; x=___Set-Cookie: 1\"; \
                 filename*=UTF-8''a%22%3B%20x%3D%22%0D%0ASet-Cookie%3A%201",
                "threats §5",
            ),
            (
                "50%'.\\",
                "attachment; filename=\"50_'._\"; filename*=UTF-8''50%25%27.%5C",
                "RFC 6266 §D",
            ),
        ] {
            assert_eq!(Disposition::Attachment.write(name), expected, "{name:?} ({source})");
        }
        assert!(Disposition::Inline.write("a").starts_with("inline; "));
    }
}
