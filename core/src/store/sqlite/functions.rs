//! Functions that SQLite lacks: patterns without regard to case beyond ASCII, and media types.

use std::sync::Arc;

use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::{Connection, Error};
use unicode_normalization::UnicodeNormalization;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Adds `moon_like(pattern, text)` and `moon_media_type(name)` to a connection.
pub(super) fn register(conn: &Connection) -> rusqlite::Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8
        | FunctionFlags::SQLITE_DETERMINISTIC
        | FunctionFlags::SQLITE_DIRECTONLY;
    conn.create_scalar_function("moon_like", 2, flags, |ctx| {
        // SQLite keeps the compiled pattern from row to row.
        let pattern: Arc<Pattern> =
            ctx.get_or_create_aux(0, |value| Ok::<_, Failure>(Pattern::new(value.as_str()?)))?;
        Ok(pattern.matches(text(ctx, 1)?))
    })?;
    conn.create_scalar_function("moon_media_type", 1, flags, |ctx| {
        Ok(media_type(text(ctx, 0)?).to_owned())
    })
}

/// The media type of a file by its name.
pub(super) fn media_type(name: &str) -> &'static str {
    mime_guess::from_path(name).first_raw().unwrap_or("application/octet-stream")
}

/// The pattern that finds `text` anywhere.
pub(super) fn contains(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len() + 2);
    pattern.push('%');
    for c in text.chars() {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}

fn text<'c>(ctx: &'c Context<'_>, argument: usize) -> rusqlite::Result<&'c str> {
    ctx.get_raw(argument).as_str().map_err(|error| Error::UserFunctionError(error.into()))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    /// `%`: any number of characters.
    Any,
    /// `_`: one character.
    One,
    /// This character, in lower case.
    Just(char),
}

/// A pattern of `%`, `_` and `\` before a character that stands for itself.
struct Pattern(Vec<Part>);

impl Pattern {
    fn new(pattern: &str) -> Self {
        let mut parts = Vec::new();
        // Names are stored in NFC; a client that types NFD means the same.
        let mut chars = pattern.nfc();
        while let Some(c) = chars.next() {
            match c {
                '%' if parts.last() == Some(&Part::Any) => {}
                '%' => parts.push(Part::Any),
                '_' => parts.push(Part::One),
                '\\' => parts.extend(chars.next().unwrap_or('\\').to_lowercase().map(Part::Just)),
                c => parts.extend(c.to_lowercase().map(Part::Just)),
            }
        }
        Self(parts)
    }

    /// Whether all of `text` matches. On a mismatch only the last `%` takes one more character, so
    /// the time is at most length times length, never exponential.
    fn matches(&self, text: &str) -> bool {
        let text: Vec<char> = text.chars().flat_map(char::to_lowercase).collect();
        let (mut part, mut at) = (0, 0);
        let mut retry: Option<(usize, usize)> = None;
        while at < text.len() {
            match self.0.get(part) {
                Some(Part::Any) => {
                    part += 1;
                    retry = Some((part, at));
                }
                Some(Part::One) => (part, at) = (part + 1, at + 1),
                Some(Part::Just(c)) if *c == text[at] => (part, at) = (part + 1, at + 1),
                _ => {
                    let Some((after_any, start)) = retry else { return false };
                    (part, at) = (after_any, start + 1);
                    retry = Some((part, at));
                }
            }
        }
        self.0[part..].iter().all(|part| *part == Part::Any)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_without_regard_to_case() {
        for (pattern, text, expected) in [
            ("", "", true),
            ("", "a", false),
            ("%", "", true),
            ("a%", "ABC", true),
            ("%b%", "abc", true),
            ("%c", "abcabc", true),
            ("%ca", "abcabc", false),
            ("a_c", "abc", true),
            ("a_c", "ac", false),
            ("_", "ü", true),
            ("%ÜBER%", "darüber", true),
            ("%straße", "STRASSE", false),
            ("u\u{308}%", "Übung", true),
            ("100\\%", "100%", true),
            ("100\\%", "1000", false),
            ("a\\_b", "a_b", true),
            ("a\\_b", "axb", false),
            ("a\\\\b", "a\\b", true),
            ("a\\", "a\\", true),
            ("%a%a%a%b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaac", false),
        ] {
            assert_eq!(Pattern::new(pattern).matches(text), expected, "{pattern:?} {text:?}");
        }
    }

    #[test]
    fn what_is_looked_for_is_taken_literally() {
        for (needle, text, expected) in
            [("50%", "only 50% off", true), ("50%", "500", false), ("a_b", "axb", false)]
        {
            assert_eq!(Pattern::new(&contains(needle)).matches(text), expected, "{needle:?}");
        }
    }

    #[test]
    fn media_types_come_from_the_extension() {
        for (name, expected) in [
            ("a.JPG", "image/jpeg"),
            ("a.tar.gz", "application/gzip"),
            ("README", "application/octet-stream"),
            (".png", "application/octet-stream"),
            ("a.unknown-thing", "application/octet-stream"),
        ] {
            assert_eq!(media_type(name), expected, "{name:?}");
        }
    }
}
