//! Dates on the wire: RFC 1123 (RFC 9110 §5.6.7) and ISO 8601, as Unix seconds.

use std::time::{Duration, UNIX_EPOCH};

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;

use super::mtime::MAX_SECONDS;

/// Brings a time into what every client can read, 1970 to 2106 (clients.md trap 12: the desktop
/// refuses to sync an item whose time is 0 or less, or 2^32 or more).
pub fn clamp_seconds(seconds: i64) -> i64 {
    seconds.clamp(1, MAX_SECONDS)
}

/// `Fri, 21 Aug 2026 10:00:00 GMT`, clamped: `Last-Modified`, `d:getlastmodified`.
pub fn write_http_date(seconds: i64) -> String {
    httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(clamp_seconds(seconds).unsigned_abs()))
}

/// Reads one of the three forms of an HTTP date; `None` if it is none, or before 1970.
pub fn parse_http_date(value: &str) -> Option<i64> {
    let time = httpdate::parse_http_date(value.trim()).ok()?;
    i64::try_from(time.duration_since(UNIX_EPOCH).ok()?.as_secs()).ok()
}

/// `2026-08-21T10:00:00+00:00`, clamped: `d:creationdate` and OCS dates. iOS wants the offset in
/// digits (clients.md §2.4).
pub fn write_iso8601(seconds: i64) -> String {
    let time = Timestamp::from_second(clamp_seconds(seconds)).unwrap_or(Timestamp::UNIX_EPOCH);
    time.strftime("%Y-%m-%dT%H:%M:%S+00:00").to_string()
}

/// Reads ISO 8601: with an offset, without one (UTC), or a date alone (its midnight in UTC).
/// Fractions are cut off; `None` if it is none of them. Times before 1970 are negative.
pub fn parse_iso8601(value: &str) -> Option<i64> {
    let value = value.trim();
    if let Ok(time) = value.parse::<Timestamp>() {
        return Some(time.as_second());
    }
    let civil = match value.parse::<DateTime>() {
        Ok(civil) => civil,
        Err(_) => value.parse::<Date>().ok()?.at(0, 0, 0, 0),
    };
    Some(TimeZone::UTC.to_timestamp(civil).ok()?.as_second())
}

/// Reads a date literal of a SEARCH: ISO 8601, or Unix seconds as Nextcloud takes them too.
pub fn parse_search_date(value: &str) -> Option<i64> {
    value.trim().parse().ok().or_else(|| parse_iso8601(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn http_dates_have_three_forms() {
        for (value, expected, source) in [
            ("Sun, 13 Sep 2020 12:26:40 GMT", Some(1_600_000_000), "dav-range-and-conditional"),
            ("Sunday, 06-Nov-94 08:49:37 GMT", Some(784_111_777), "RFC 9110 §5.6.7"),
            ("Sun Nov  6 08:49:37 1994", Some(784_111_777), "RFC 9110 §5.6.7"),
            ("Sun, 13 Sep 1920 12:26:40 GMT", None, "before 1970"),
            ("yesterday", None, "no date"),
            ("", None, "no date"),
        ] {
            assert_eq!(parse_http_date(value), expected, "{value} ({source})");
        }
    }

    #[test]
    fn written_dates_are_ones_that_clients_sync() {
        for (seconds, http, iso, source) in [
            (
                1_600_000_000,
                "Sun, 13 Sep 2020 12:26:40 GMT",
                "2020-09-13T12:26:40+00:00",
                "dav-range-and-conditional",
            ),
            (0, "Thu, 01 Jan 1970 00:00:01 GMT", "1970-01-01T00:00:01+00:00", "trap 12"),
            (-5, "Thu, 01 Jan 1970 00:00:01 GMT", "1970-01-01T00:00:01+00:00", "trap 12"),
            (i64::MAX, "Sun, 07 Feb 2106 06:28:15 GMT", "2106-02-07T06:28:15+00:00", "trap 12"),
        ] {
            assert_eq!(write_http_date(seconds), http, "{source}");
            assert_eq!(write_iso8601(seconds), iso, "{source}");
        }
    }

    #[test]
    fn search_literals_are_iso_or_seconds() {
        for (value, expected, source) in [
            ("2020-09-13T12:26:40Z", Some(1_600_000_000), "RFC 3339"),
            ("2020-09-13T14:26:40+02:00", Some(1_600_000_000), "RFC 3339"),
            ("2020-09-13T14:26:40.5+0200", Some(1_600_000_000), "ISO 8601 basic offset"),
            ("2020-09-13T12:26:40", Some(1_600_000_000), "without offset: UTC"),
            ("2020-09-13", Some(1_599_955_200), "date alone"),
            ("1600000000", Some(1_600_000_000), "Unix seconds"),
            ("1960-01-01T00:00:00Z", Some(-315_619_200), "before 1970"),
            ("2020-13-01", None, "no month"),
            ("soon", None, "no date"),
            ("", None, "no date"),
        ] {
            assert_eq!(parse_search_date(value), expected, "{value} ({source})");
        }
    }
}
