//! `X-OC-MTime` and `X-OC-CTime`: times that clients set (clients.md §12, trap 17).

use super::error::HeaderError;

/// Greatest time: 7 February 2106. The desktop never syncs an item beyond (clients.md trap 12).
pub const MAX_SECONDS: i64 = u32::MAX as i64;

/// Reads a time in Unix seconds, `1..=`[`MAX_SECONDS`]. A decimal fraction, as iOS sends it, is cut
/// off. `field` is the name for the error.
///
/// # Errors
/// [`HeaderError`] for anything else, also hex, exponents, signs and NaN: the caller answers 400
/// before anything changes (`threats` §1).
pub fn parse_mtime(field: &'static str, value: &str) -> Result<i64, HeaderError> {
    let (whole, fraction) = value.trim().split_once('.').unwrap_or((value.trim(), "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    match whole.parse::<i64>() {
        Ok(seconds)
            if digits(whole) && digits(fraction) && (1..=MAX_SECONDS).contains(&seconds) =>
        {
            Ok(seconds)
        }
        _ => Err(HeaderError::new(field, "not Unix seconds between 1 and 4294967295")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_plain_seconds() {
        for (value, expected, source) in [
            ("1717171717", Some(1_717_171_717), "desktop, Android"),
            ("1717171717.123", Some(1_717_171_717), "iOS, trap 17"),
            (" 1 ", Some(1), "threats §1: lowest"),
            ("4294967295", Some(4_294_967_295), "threats §1: greatest"),
            ("4294967296", None, "threats §1"),
            ("0", None, "threats §1"),
            ("0.9", None, "threats §1: cut off, it is 0"),
            ("-5", None, "threats §1"),
            ("+5", None, "not digits"),
            ("0x5f", None, "clients.md §12: hex is refused"),
            ("1e9", None, "not digits"),
            ("NaN", None, "not digits"),
            ("inf", None, "not digits"),
            ("1.", None, "no digits behind the point"),
            (".5", None, "no digits before the point"),
            ("1.2.3", None, "two points"),
            ("١٢٣", None, "digits of another script"),
            ("", None, "empty"),
            ("99999999999999999999999", None, "overflow"),
        ] {
            assert_eq!(parse_mtime("X-OC-MTime", value).ok(), expected, "{value:?} ({source})");
        }
    }
}
