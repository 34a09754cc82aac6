//! Compares text that is exact but for named volatile values.

use std::collections::{HashMap, HashSet};

use anyhow::{Context, Result};

/// A class of volatile values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filter {
    /// `[ETAG]`: the letters of an entity tag, without quotes: hex digits and nothing else.
    Etag,
    /// `[FILEID]`: `oc:fileid`, a number from 1.
    FileId,
    /// `[OCID]`: `oc:id`, at least 8 digits and the instance id.
    OcId,
    /// `[DATE]`: an HTTP date, `Fri, 21 Aug 2026 10:00:00 GMT`.
    Date,
    /// `[ISODATE]`: `2026-08-21T10:00:00+00:00`.
    IsoDate,
    /// `[NUMBER]`: a decimal number, also negative.
    Number,
    /// `[MTIME]`: Unix seconds, ten digits.
    Mtime,
    /// `[TOKEN]`: 22 or more letters that cannot be guessed.
    Token,
    /// `[HEX]`: hex digits.
    Hex,
    /// `[REQUESTID]`: what names a request in the log.
    RequestId,
    /// `[MESSAGE]`: one sentence for people, without markup.
    Message,
    /// `[WORD]`: letters, digits, `.`, `_`, `-`.
    Word,
    /// `[ANY]` and `…`: anything, also nothing.
    Any,
}

impl Filter {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "ETAG" => Self::Etag,
            "FILEID" => Self::FileId,
            "OCID" => Self::OcId,
            "DATE" => Self::Date,
            "ISODATE" => Self::IsoDate,
            "NUMBER" => Self::Number,
            "MTIME" => Self::Mtime,
            "TOKEN" => Self::Token,
            "HEX" => Self::Hex,
            "REQUESTID" => Self::RequestId,
            "MESSAGE" => Self::Message,
            "WORD" => Self::Word,
            "ANY" => Self::Any,
            _ => return None,
        })
    }

    /// Whether a value could contain this byte.
    fn allows(self, byte: u8) -> bool {
        match self {
            Self::Etag | Self::Hex => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
            Self::FileId | Self::Mtime => byte.is_ascii_digit(),
            Self::Number => byte.is_ascii_digit() || byte == b'-',
            Self::OcId => byte.is_ascii_digit() || byte.is_ascii_lowercase(),
            Self::Date => byte.is_ascii_alphanumeric() || matches!(byte, b' ' | b',' | b':'),
            Self::IsoDate => byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b':'),
            Self::Token => byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'),
            Self::RequestId | Self::Word => {
                byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')
            }
            Self::Message => !matches!(byte, b'<' | b'>' | b'"' | b'\n'),
            Self::Any => true,
        }
    }

    /// Whether a value of allowed bytes is one.
    fn accepts(self, value: &[u8]) -> bool {
        let digits = || value.iter().take_while(|b| b.is_ascii_digit()).count();
        match self {
            Self::Any => true,
            Self::Etag => value.len() >= 8,
            Self::FileId => value.first().is_some_and(|first| *first != b'0'),
            Self::OcId => {
                digits() >= 8
                    && value[digits()..].starts_with(b"oc")
                    && value.len() == digits() + 12
            }
            Self::Date => value.len() == 29 && value.ends_with(b" GMT") && value[3] == b',',
            Self::IsoDate => value.len() >= 20 && value[10] == b'T',
            Self::Number => {
                value != b"-" && value.iter().skip(1).all(u8::is_ascii_digit) && !value.is_empty()
            }
            Self::Mtime => value.len() == 10,
            Self::Token => value.len() >= 22,
            Self::RequestId => value.len() >= 8,
            Self::Hex | Self::Message | Self::Word => !value.is_empty(),
        }
    }
}

#[derive(Debug)]
enum Part {
    Literal(Vec<u8>),
    Volatile(Filter, Option<String>),
}

/// An expectation, ready to be compared.
#[derive(Debug)]
pub struct Pattern(Vec<Part>);

/// Values kept by name.
pub type Captures = HashMap<String, String>;

/// Where a comparison failed.
#[derive(Debug)]
pub struct Mismatch {
    /// How many bytes of the answer are as expected.
    pub good: usize,
    /// What was expected next.
    pub wanted: String,
}

impl Pattern {
    /// Reads an expectation whose variables are filled in. `[…]` that names no filter is literal.
    pub fn parse(text: &str) -> Self {
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(next) = rest.chars().next() {
            let (volatile, length) = if next == '…' {
                (Some(Part::Volatile(Filter::Any, None)), next.len_utf8())
            } else if next == '[' {
                bracketed(rest).map_or((None, 1), |(part, length)| (Some(part), length))
            } else {
                (None, next.len_utf8())
            };
            match volatile {
                Some(part) => {
                    if !literal.is_empty() {
                        parts.push(Part::Literal(std::mem::take(&mut literal).into_bytes()));
                    }
                    parts.push(part);
                }
                None => literal.push_str(&rest[..length]),
            }
            rest = &rest[length..];
        }
        if !literal.is_empty() {
            parts.push(Part::Literal(literal.into_bytes()));
        }
        Self(parts)
    }

    /// Compares; gives the values to keep.
    ///
    /// # Errors
    /// The place up to which some reading of the pattern fits.
    pub fn compare(&self, actual: &[u8]) -> Result<Captures, Mismatch> {
        let mut search = Search { parts: &self.0, actual, dead: HashSet::new(), best: (0, 0) };
        let mut found = Vec::new();
        if search.fits(0, 0, &mut found) {
            return Ok(found.into_iter().collect());
        }
        let (good, part) = search.best;
        let wanted = match self.0.get(part) {
            Some(Part::Literal(bytes)) => String::from_utf8_lossy(bytes).into_owned(),
            Some(Part::Volatile(filter, _)) => format!("{filter:?}"),
            None => "the end".to_owned(),
        };
        Err(Mismatch { good, wanted })
    }
}

/// `[NAME]` or `[NAME:keep]` at the start of `text`, and its length.
fn bracketed(text: &str) -> Option<(Part, usize)> {
    let end = text.find(']')?;
    let (name, keep) = match text[1..end].split_once(':') {
        Some((name, keep)) => (name, Some(keep.to_owned())),
        None => (&text[1..end], None),
    };
    Some((Part::Volatile(Filter::named(name)?, keep), end + 1))
}

struct Search<'a> {
    parts: &'a [Part],
    actual: &'a [u8],
    /// Pairs of part and place that are known not to fit: keeps the search polynomial.
    dead: HashSet<(usize, usize)>,
    /// The furthest place reached, and the part that failed there.
    best: (usize, usize),
}

impl Search<'_> {
    fn fits(&mut self, part: usize, at: usize, found: &mut Vec<(String, String)>) -> bool {
        if self.dead.contains(&(part, at)) {
            return false;
        }
        let good = match self.parts.get(part) {
            None => at == self.actual.len(),
            Some(Part::Literal(bytes)) => {
                let rest = &self.actual[at..];
                let same = rest.iter().zip(bytes).take_while(|(a, b)| a == b).count();
                if at + same > self.best.0 {
                    self.best = (at + same, part);
                }
                same == bytes.len() && self.fits(part + 1, at + same, found)
            }
            Some(Part::Volatile(filter, keep)) => {
                self.volatile(*filter, keep.as_deref(), part, at, found)
            }
        };
        if !good {
            self.dead.insert((part, at));
            if at > self.best.0 {
                self.best = (at, part);
            }
        }
        good
    }

    fn volatile(
        &mut self,
        filter: Filter,
        keep: Option<&str>,
        part: usize,
        at: usize,
        found: &mut Vec<(String, String)>,
    ) -> bool {
        let longest = self.actual[at..].iter().take_while(|byte| filter.allows(**byte)).count();
        // Anything takes as little as it can, a value as much as it can.
        let lengths: Box<dyn Iterator<Item = usize>> = match filter {
            Filter::Any => Box::new(0..=longest),
            _ => Box::new((0..=longest).rev()),
        };
        for length in lengths {
            let value = &self.actual[at..at + length];
            if !filter.accepts(value) {
                continue;
            }
            // Anything before a literal goes on only where the literal begins.
            if let (Filter::Any, Some(Part::Literal(next))) = (filter, self.parts.get(part + 1))
                && self.actual.get(at + length) != next.first()
            {
                continue;
            }
            let before = found.len();
            if let Some(name) = keep {
                found.push((name.to_owned(), String::from_utf8_lossy(value).into_owned()));
            }
            if self.fits(part + 1, at + length, found) {
                return true;
            }
            found.truncate(before);
        }
        false
    }
}

/// Fills `{{name}}` and `{{text*times}}` in.
///
/// # Errors
/// When a variable is unknown.
pub fn fill(text: &str, values: &Captures) -> Result<String> {
    let mut filled = String::new();
    let mut rest = text;
    while let Some(start) = rest.find("{{") {
        filled.push_str(&rest[..start]);
        let end = rest[start..].find("}}").context("{{ without }}")? + start;
        let name = &rest[start + 2..end];
        match name.rsplit_once('*').map(|(text, times)| (text, times.parse::<usize>())) {
            Some((text, Ok(times))) => filled.push_str(&text.repeat(times)),
            _ => filled.push_str(
                values.get(name).with_context(|| format!("no value for {{{{{name}}}}}"))?,
            ),
        }
        rest = &rest[end + 2..];
    }
    filled.push_str(rest);
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn volatile_values_fit_and_wrong_ones_do_not() {
        for (pattern, actual, fits) in [
            ("a", "a", true),
            ("a", "ab", false),
            ("", "a", false),
            ("\"[ETAG]\"", "\"0123456789abcdef\"", true),
            ("\"[ETAG]\"", "W/\"0123456789abcdef\"", false),
            ("\"[ETAG]\"", "\"xyz\"", false),
            ("[OCID]", "00000042ocabcdefghij", true),
            ("[OCID]", "42ocabcdefghij", false),
            ("[OCID]", "00000042", false),
            ("[FILEID]", "042", false),
            ("[DATE]", "Fri, 21 Aug 2026 10:00:00 GMT", true),
            ("[DATE]", "2026-08-21", false),
            ("[NUMBER]", "-3", true),
            ("[NUMBER]", "none", false),
            ("<a>…</a><b>…", "<a>x</a><b>", true),
            ("<a>…</a><b>…", "<a>x</a><c>", false),
            ("…x…", "aaxbb", true),
            ("…x", "aaxbb", false),
            ("[not a filter]", "[not a filter]", true),
            ("[\"[WORD]\"]", "[\"a.b\"]", true),
            ("é…", "éa", true),
        ] {
            assert_eq!(
                Pattern::parse(pattern).compare(actual.as_bytes()).is_ok(),
                fits,
                "{pattern} {actual}"
            );
        }
    }

    #[test]
    fn kept_values_can_be_filled_in() {
        let kept =
            Pattern::parse("a \"[ETAG:e]\" [ANY:rest]!").compare(b"a \"00000000ff\" x y!").unwrap();
        assert_eq!(fill("<{{e}}> {{rest}} {{ab*3}}", &kept).unwrap(), "<00000000ff> x y ababab");
        assert!(fill("{{unknown}}", &kept).is_err());
    }

    #[test]
    fn a_mismatch_names_the_place() {
        let miss = Pattern::parse("<a>[NUMBER]</a>").compare(b"<a>12</b>").unwrap_err();
        assert_eq!((miss.good, miss.wanted.as_str()), (7, "</a>"));
    }
}
