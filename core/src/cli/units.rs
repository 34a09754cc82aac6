//! Sizes and times as people write them on a command line.

use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// A quota: bytes, or unlimited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota(pub Option<u64>);

/// When something ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expiry {
    /// So long after now.
    After(Duration),
    /// At this Unix second.
    At(i64),
}

impl Expiry {
    /// The Unix second, counted from `now` (Unix seconds).
    pub fn seconds(self, now: i64) -> i64 {
        match self {
            Self::At(second) => second,
            Self::After(time) => {
                now.saturating_add(i64::try_from(time.as_secs()).unwrap_or(i64::MAX))
            }
        }
    }
}

/// `unlimited`, or a size as [`size`] takes it.
///
/// # Errors
/// What is wrong with the text, for people.
pub fn quota(text: &str) -> Result<Quota, String> {
    if text.eq_ignore_ascii_case("unlimited") {
        return Ok(Quota(None));
    }
    size(text).map(|bytes| Quota(Some(bytes)))
}

/// A number of bytes: `500000`, `10GB` (decimal), `512MiB` (binary), `1.5 TB`. At most 2^63 - 1.
///
/// # Errors
/// What is wrong with the text, for people.
pub fn size(text: &str) -> Result<u64, String> {
    let wrong = || format!("expected a size as in 500000, 10GB, 512MiB or 1.5TB, found {text:?}");
    let text_end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(text_end);
    let factor: u64 = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kb" => 1000,
        "m" | "mb" => 1_000_000,
        "g" | "gb" => 1_000_000_000,
        "t" | "tb" => 1_000_000_000_000,
        "kib" => 1 << 10,
        "mib" => 1 << 20,
        "gib" => 1 << 30,
        "tib" => 1 << 40,
        _ => return Err(wrong()),
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    if whole.is_empty() || fraction.is_empty() || fraction.len() > 9 {
        return Err(wrong());
    }
    let whole: u64 = whole.parse().map_err(|_| wrong())?;
    let parts: u64 = fraction.parse().map_err(|_| wrong())?;
    // At most nine digits times 2^40 fits in 128 bits with room to spare.
    let scale = 10u128.pow(fraction.len().try_into().map_err(|_| wrong())?);
    let bytes =
        u128::from(whole) * u128::from(factor) + u128::from(parts) * u128::from(factor) / scale;
    let too_large = |_| format!("{text:?} is more than a server can hold");
    i64::try_from(bytes).map(i64::unsigned_abs).map_err(too_large)
}

/// A time: `45s`, `30m`, `12h`, `90d`, `2w`.
///
/// # Errors
/// What is wrong with the text, for people.
pub fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("expected a time as in 45s, 30m, 12h, 90d or 2w, found {text:?}");
    let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    let number: u64 = digits.parse().map_err(|_| wrong())?;
    let factor = match &text[digits.len()..] {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        "w" => 604_800,
        _ => return Err(wrong()),
    };
    number.checked_mul(factor).map(Duration::from_secs).ok_or_else(wrong)
}

/// A time from now ([`duration`]), a date (`2027-01-31`: the end of that day, UTC) or a point in
/// time (`2027-01-31T12:00:00Z`).
///
/// # Errors
/// What is wrong with the text, for people.
pub fn expiry(text: &str) -> Result<Expiry, String> {
    if let Ok(time) = duration(text) {
        return Ok(Expiry::After(time));
    }
    if let Ok(point) = text.parse::<Timestamp>() {
        return Ok(Expiry::At(point.as_second()));
    }
    let wrong = || {
        format!("expected a time as in 12h, 90d or 2w, or a date as in 2027-01-31, found {text:?}")
    };
    // `Date` would take a date with a time of day and drop the time.
    if text.len() != "2027-01-31".len() {
        return Err(wrong());
    }
    let date: Date = text.parse().map_err(|_| wrong())?;
    let next = date.tomorrow().map_err(|_| wrong())?;
    let end = TimeZone::UTC.to_timestamp(next.into()).map_err(|_| wrong())?;
    Ok(Expiry::At(end.as_second()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_decimal_or_binary_as_written() {
        for (text, expected) in [
            ("0", Some(0)),
            ("500000", Some(500_000)),
            ("10GB", Some(10_000_000_000)),
            ("10gb", Some(10_000_000_000)),
            ("512MiB", Some(512 << 20)),
            ("1.5TB", Some(1_500_000_000_000)),
            ("1.5 GiB", Some(3 << 29)),
            ("9223372036854775807", Some(i64::MAX.unsigned_abs())),
            ("9223372036854775808", None),
            ("99999999TiB", None),
            ("", None),
            ("GB", None),
            (".5GB", None),
            ("1.GB", None),
            ("1.5.5GB", None),
            ("-1", None),
            ("+1", None),
            ("10XB", None),
            ("1e3", None),
        ] {
            assert_eq!(size(text).ok(), expected, "{text:?}");
        }
        assert_eq!(quota("unlimited"), Ok(Quota(None)));
        assert_eq!(quota("1k"), Ok(Quota(Some(1000))));
        assert!(quota("none").is_err());
    }

    #[test]
    fn expiry_is_a_time_from_now_or_a_date() {
        for (text, expected) in [
            ("90d", Some(1000 + 90 * 86_400)),
            ("45s", Some(1045)),
            ("2w", Some(1000 + 14 * 86_400)),
            ("1970-01-01", Some(86_400)),
            ("2027-01-31", Some(1_801_440_000)),
            ("1970-01-02T00:00:10Z", Some(86_410)),
            ("1970-01-02T00:00:10", None),
            ("2027-02-30", None),
            ("d", None),
            ("-1d", None),
            ("90", None),
            ("", None),
            ("tomorrow", None),
            ("99999999999999999999d", None),
        ] {
            assert_eq!(expiry(text).ok().map(|e| e.seconds(1000)), expected, "{text:?}");
        }
    }
}
