//! `Range`, `If-Range`, `Content-Range` (RFC 9110 §13.1.5, §14), and SabreDAV's `X-Update-Range`
//! (clients.md §41).

use std::ops::Range;

use super::conditions::EntityTag;
use super::error::HeaderError;

/// What a `Range` field asks of a representation of known size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RangeSet {
    /// All of it, as if there were no field: 200.
    Whole,
    /// These bytes: 206. Never empty, ascending, with gaps between them, none of them empty.
    Satisfiable(Vec<Range<u64>>),
    /// Nothing that exists: 416 with [`unsatisfied_range`].
    Unsatisfiable,
}

/// Reads a `Range` field for a representation of `size` bytes.
///
/// A field that is not `bytes`, breaks the syntax or holds over `most` ranges (`threats` §6) is
/// ignored, as §14.2 allows: there is no error.
pub fn parse_range(value: &str, size: u64, most: usize) -> RangeSet {
    let Some(specs) = specs(value, most) else { return RangeSet::Whole };
    let wanted_suffix = specs.iter().any(|spec| matches!(spec, Spec::Last(1..)));
    let mut ranges: Vec<_> = specs.into_iter().filter_map(|spec| spec.resolve(size)).collect();
    if ranges.is_empty() {
        // The end of an empty file is satisfiable (§14.1.2) but has no `Content-Range`.
        return if size == 0 && wanted_suffix { RangeSet::Whole } else { RangeSet::Unsatisfiable };
    }
    ranges.sort_unstable_by_key(|range| range.start);
    ranges.dedup_by(|next, merged| {
        let touches = next.start <= merged.end;
        if touches {
            merged.end = merged.end.max(next.end);
        }
        touches
    });
    RangeSet::Satisfiable(ranges)
}

/// One range as written.
enum Spec {
    /// `first-last`, both included; without `last` up to the end.
    From(u64, Option<u64>),
    /// `-length`.
    Last(u64),
}

impl Spec {
    /// The bytes it means; `None` if there are none.
    fn resolve(&self, size: u64) -> Option<Range<u64>> {
        let range = match *self {
            Self::From(first, last) => {
                first..last.map_or(size, |last| last.saturating_add(1).min(size))
            }
            Self::Last(length) => size.saturating_sub(length)..size,
        };
        (!range.is_empty()).then_some(range)
    }
}

/// The parts of `bytes=…`; `None` if the field is to be ignored.
fn specs(value: &str, most: usize) -> Option<Vec<Spec>> {
    let (unit, list) = value.trim().split_once('=')?;
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return None;
    }
    let mut specs = Vec::new();
    for item in list.split(',').map(str::trim).filter(|item| !item.is_empty()) {
        if specs.len() == most {
            return None;
        }
        specs.push(match item.split_once('-')? {
            ("", length) => Spec::Last(number(length)?),
            (first, "") => Spec::From(number(first)?, None),
            (first, last) => {
                let (first, last) = (number(first)?, number(last)?);
                if last < first {
                    return None;
                }
                Spec::From(first, Some(last))
            }
        });
    }
    (!specs.is_empty()).then_some(specs)
}

/// Digits only; too many of them are the greatest number.
fn number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(u64::MAX))
}

/// Whether an `If-Range` field lets the `Range` count: its entity tag is `etag` by strong
/// comparison. A date never does: clients set times, so two contents can have one, and only a
/// strong validator may join parts of a file (§13.1.5). Nor does anything unreadable.
pub fn if_range_holds(value: &str, etag: Option<&str>) -> bool {
    match EntityTag::parse(value.trim(), "If-Range") {
        Ok(tag) => etag.is_some_and(|etag| tag.equals_strong(etag)),
        Err(_) => false,
    }
}

/// `Content-Range` of a 206 part: `bytes 0-4/37`. `range` must not be empty.
pub fn content_range(range: &Range<u64>, size: u64) -> String {
    format!("bytes {}-{}/{size}", range.start, range.end.saturating_sub(1))
}

/// `Content-Range` of a 416: `bytes */37`.
pub fn unsatisfied_range(size: u64) -> String {
    format!("bytes */{size}")
}

/// Where a SabreDAV PATCH writes (sabre `lib/DAV/PartialUpdate/Plugin.php`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UpdateRange {
    /// At the end.
    Append,
    /// From the first byte on; `last`, if given, is the last one, included.
    From {
        /// First byte.
        first: u64,
        /// Last byte; fixes the length of the body.
        last: Option<u64>,
    },
    /// From this many bytes before the end.
    BeforeEnd(u64),
}

impl UpdateRange {
    /// Reads `X-Update-Range`: `append`, `bytes=S-E`, `bytes=S-` or `bytes=-N`.
    ///
    /// # Errors
    /// [`HeaderError`] for anything else.
    pub fn parse(value: &str) -> Result<Self, HeaderError> {
        let bad = HeaderError::new("X-Update-Range", "not append or one range of bytes");
        let value = value.trim();
        if value.eq_ignore_ascii_case("append") {
            return Ok(Self::Append);
        }
        let (unit, range) = value.split_once('=').ok_or(bad)?;
        if !unit.eq_ignore_ascii_case("bytes") {
            return Err(bad);
        }
        match range.split_once('-').ok_or(bad)? {
            ("", length) => Ok(Self::BeforeEnd(number(length).ok_or(bad)?)),
            (first, "") => Ok(Self::From { first: number(first).ok_or(bad)?, last: None }),
            (first, last) => Ok(Self::From {
                first: number(first).ok_or(bad)?,
                last: Some(number(last).ok_or(bad)?),
            }),
        }
    }

    /// The offset at which a body of `length` bytes goes into a file of `size` bytes; `None` is a
    /// 416: the end before the start, a length that does not fit `S-E`, a start outside the file.
    pub fn offset(self, size: u64, length: u64) -> Option<u64> {
        match self {
            Self::Append => Some(size),
            Self::BeforeEnd(back) => size.checked_sub(back),
            Self::From { first, last } => {
                let fits = last.is_none_or(|last| {
                    last.checked_sub(first).and_then(|n| n.checked_add(1)) == Some(length)
                });
                (fits && first <= size).then_some(first)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_follow_rfc9110() {
        let some = |ranges: &[(u64, u64)]| {
            RangeSet::Satisfiable(ranges.iter().map(|&(start, end)| start..end).collect())
        };
        let seventeen = format!("bytes={}", "0-0,".repeat(17));
        let sixteen = format!("bytes={}", "0-0,".repeat(16));
        let apart = |count: u64| (0..count).map(|at| (2 * at, 2 * at + 1)).collect::<Vec<_>>();
        let wanted = |count| {
            let specs = apart(count).into_iter().map(|(start, _)| format!("{start}-{start}"));
            format!("bytes={}", specs.collect::<Vec<_>>().join(","))
        };
        let whole_often = format!("bytes={}", ["0-", "-37", "0-36"].repeat(5).join(","));
        for (value, size, expected, source) in [
            ("bytes=0-4", 37, some(&[(0, 5)]), "dav-range-and-conditional [2]"),
            ("bytes=30-", 37, some(&[(30, 37)]), "[3]"),
            ("bytes=-5", 37, some(&[(32, 37)]), "[4]"),
            ("bytes=10-1000", 37, some(&[(10, 37)]), "[5]"),
            ("bytes=1000-2000", 37, RangeSet::Unsatisfiable, "[6]"),
            ("bytes=0-1,5-6", 37, some(&[(0, 2), (5, 7)]), "RFC 9110 §14.1.2"),
            ("bytes=5-6, 0-4,-1", 37, some(&[(0, 7), (36, 37)]), "§15.3.7.2: coalesced"),
            ("bytes=0-0,100-", 37, some(&[(0, 1)]), "§14.1.2: one is enough"),
            ("bytes=-100", 37, some(&[(0, 37)]), "§14.1.2: shorter than the suffix"),
            ("bytes=-0", 37, RangeSet::Unsatisfiable, "§14.1.2"),
            ("bytes=0-", 0, RangeSet::Unsatisfiable, "§14.1.2"),
            ("bytes=-1", 0, RangeSet::Whole, "no Content-Range can say it"),
            ("Bytes=0-0", 37, some(&[(0, 1)]), "§14.1: any case"),
            ("bytes=0-99999999999999999999999", 37, some(&[(0, 37)]), "no overflow"),
            ("bytes=99999999999999999999999-", 37, RangeSet::Unsatisfiable, "no overflow"),
            ("bytes=4-0", 37, RangeSet::Whole, "§14.1.1: invalid, ignored"),
            ("bytes=a-b", 37, RangeSet::Whole, "§14.2"),
            ("bytes=", 37, RangeSet::Whole, "§14.2"),
            ("bytes=--5", 37, RangeSet::Whole, "§14.2"),
            ("lines=0-4", 37, RangeSet::Whole, "§14.2: unknown unit"),
            ("0-4", 37, RangeSet::Whole, "§14.2"),
            (&sixteen, 37, some(&[(0, 1)]), "threats §6"),
            (&seventeen, 37, RangeSet::Whole, "threats §6"),
            (&wanted(16), 37, some(&apart(16)), "threats §6: the most"),
            (&wanted(17), 37, RangeSet::Whole, "threats §6: one more"),
            (&whole_often, 37, some(&[(0, 37)]), "threats §6: no answer larger than the file"),
        ] {
            assert_eq!(parse_range(value, size, 16), expected, "{value} of {size} ({source})");
        }
        assert_eq!(content_range(&(0..5), 37), "bytes 0-4/37"); // dav-range-and-conditional [2]
        assert_eq!(unsatisfied_range(37), "bytes */37"); // RFC 9110 §14.4
    }

    #[test]
    fn if_range_wants_a_strong_match() {
        let date = "Sun, 13 Sep 2020 12:26:40 GMT";
        for (value, expected, source) in [
            ("\"a\"", true, "dav-range-and-conditional [8]"),
            ("\"nope\"", false, "[9]"),
            ("W/\"a\"", false, "RFC 9110 §13.1.5"),
            (date, false, "§13.1.5: a date that clients set is not strong"),
            ("", false, "unreadable"),
        ] {
            assert_eq!(if_range_holds(value, Some("a")), expected, "{value} ({source})");
        }
    }

    #[test]
    fn update_ranges_follow_sabre() {
        // value, file size, body length, offset
        for (value, size, length, expected, source) in [
            ("append", 10, 5, Some(10), "clients.md §41"),
            ("bytes=2-6", 10, 5, Some(2), "§41"),
            ("bytes=2-6", 10, 4, None, "§41: the length must be E-S+1"),
            ("bytes=6-2", 10, 5, None, "§41: E >= S"),
            ("bytes=3-", 10, 99, Some(3), "§41"),
            ("bytes=10-", 10, 1, Some(10), "at the end"),
            ("bytes=11-", 10, 1, None, "§41: behind the end is our choice: 416"),
            ("bytes=-4", 10, 1, Some(6), "§41"),
            ("bytes=-11", 10, 1, None, "before the start"),
            ("bytes=0-18446744073709551615", 10, 0, None, "no overflow"),
        ] {
            let range = UpdateRange::parse(value).expect(source);
            assert_eq!(range.offset(size, length), expected, "{value} ({source})");
        }
        for bad in ["", "bytes", "bytes=", "bytes=-", "bytes=a-", "lines=1-2", "bytes=1-2,3-4"] {
            assert!(UpdateRange::parse(bad).is_err(), "{bad:?}");
        }
    }
}
