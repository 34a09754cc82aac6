//! Quotas: as the record shows them (clients.md §9) and as an administrator writes them.

use serde_json::{Number, Value, json};

/// How a quota without limit is shown: a number, since the apps read a number.
const UNLIMITED: i64 = -3;

/// The `quota` of a record. All values are numbers of bytes but `relative`, in percent of the total.
pub(super) fn shown(used: u64, quota: Option<u64>) -> Value {
    match quota {
        None => json!({
            "free": UNLIMITED, "used": used, "total": UNLIMITED, "relative": 0, "quota": UNLIMITED
        }),
        Some(quota) => json!({
            "free": quota.saturating_sub(used),
            "used": used,
            "total": quota,
            "relative": percent(used, quota),
            "quota": quota
        }),
    }
}

/// With two decimals, and none where none are needed, as PHP writes a rounded float.
fn percent(used: u64, total: u64) -> Number {
    if total == 0 {
        return if used == 0 { 0.into() } else { 100.into() };
    }
    let hundredths = u128::from(used) * 10_000 / u128::from(total)
        + u128::from(u128::from(used) * 10_000 % u128::from(total) * 2 >= u128::from(total));
    let hundredths = u64::try_from(hundredths).unwrap_or(u64::MAX);
    if hundredths % 100 == 0 {
        return (hundredths / 100).into();
    }
    let percent = hundredths as f64 / 100.0;
    Number::from_f64(percent).unwrap_or_else(|| 0.into())
}

/// Reads a quota: `none` (also `-1` and `-3`), `default`, bytes, or a number with a unit of 1024
/// (`5 GB`, `1.5g`). `None` if it is none of these; `Some(None)` is unlimited.
pub(super) fn parse(text: &str, default: Option<u64>) -> Option<Option<u64>> {
    let text = text.trim().to_ascii_lowercase();
    match text.as_str() {
        "none" | "-1" | "-3" => return Some(None),
        "default" => return Some(default),
        _ => {}
    }
    let letters = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let (number, unit) = (text[..letters].trim_end(), &text[letters..]);
    let exponent = match unit {
        "" | "b" => 0,
        "k" | "kb" | "kib" => 1,
        "m" | "mb" | "mib" => 2,
        "g" | "gb" | "gib" => 3,
        "t" | "tb" | "tib" => 4,
        "p" | "pb" | "pib" => 5,
        _ => return None,
    };
    bytes(number, 1u128 << (10 * exponent)).map(Some)
}

/// A decimal number of units in bytes, exactly, rounded down.
fn bytes(number: &str, unit: u128) -> Option<u64> {
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    let digits = |text: &str| text.len() <= 18 && text.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(part) {
        return None;
    }
    let scale = 10u128.pow(u32::try_from(part.len()).ok()?);
    let part = if part.is_empty() { 0 } else { part.parse::<u128>().ok()? };
    let total = whole.parse::<u128>().ok()?.checked_mul(unit)? + part * unit / scale;
    // The index keeps signed numbers.
    u64::try_from(total).ok().filter(|total| i64::try_from(*total).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotas_are_shown_as_numbers() {
        for (used, quota, expected, source) in [
            (
                26_949_140,
                None,
                r#"{"free":-3,"used":26949140,"total":-3,"relative":0,"quota":-3}"#,
                "ocs-user-core-and-app-apis [1]",
            ),
            (
                24,
                Some(1024),
                r#"{"free":1000,"used":24,"total":1024,"relative":2.34,"quota":1024}"#,
                "clients.md §9",
            ),
            (
                0,
                Some(10),
                r#"{"free":10,"used":0,"total":10,"relative":0,"quota":10}"#,
                "nothing used",
            ),
            (
                20,
                Some(10),
                r#"{"free":0,"used":20,"total":10,"relative":200,"quota":10}"#,
                "the quota was lowered",
            ),
            (0, Some(0), r#"{"free":0,"used":0,"total":0,"relative":0,"quota":0}"#, "nothing"),
        ] {
            assert_eq!(shown(used, quota).to_string(), expected, "{source}");
        }
        assert_eq!(percent(u64::MAX, u64::MAX), Number::from(100));
        assert_eq!(percent(1, 1), Number::from(100));
        assert_eq!(percent(1, 0), Number::from(100));
    }

    #[test]
    fn quotas_are_read_as_people_write_them() {
        for (text, expected) in [
            ("none", Some(None)),
            ("-1", Some(None)),
            ("-3", Some(None)),
            ("default", Some(Some(7))),
            ("0", Some(Some(0))),
            ("1048576", Some(Some(1_048_576))),
            ("5 GB", Some(Some(5 << 30))),
            ("5gb", Some(Some(5 << 30))),
            ("1.5 G", Some(Some(3 << 29))),
            ("0.5 KB", Some(Some(512))),
            ("100 B", Some(Some(100))),
            ("2 TiB", Some(Some(2 << 40))),
            ("", None),
            ("GB", None),
            ("-5 GB", None),
            ("5 XB", None),
            ("1e9", None),
            ("5..5 GB", None),
            (".5 GB", None),
            ("999999999999999999 PB", None),
            ("9223372036854775808", None),
            ("5 GB 5 GB", None),
        ] {
            assert_eq!(parse(text, Some(7)), expected, "{text:?}");
        }
    }
}
