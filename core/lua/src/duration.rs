//! Spans of time as people write them: `250ms`, `5m`, `1h30m`, `2d`.

use std::time::Duration;

/// What a unit is in seconds. Months and years are not: they have no fixed length.
const UNITS: [(&str, f64); 6] =
    [("ms", 0.001), ("s", 1.0), ("m", 60.0), ("h", 3600.0), ("d", 86_400.0), ("w", 604_800.0)];

/// More than this is a mistake: a century.
const LONGEST: f64 = 100.0 * 366.0 * 86_400.0;

/// Numbers with units, one after the other; `None` for anything else, also for nothing.
pub(crate) fn parse(text: &str) -> Option<Duration> {
    let mut seconds = 0.0;
    let mut rest = text.trim();
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, after) = rest.split_at(digits);
        let unit = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len());
        let (unit, after) = after.split_at(unit);
        let (_, length) = UNITS.iter().find(|(name, _)| *name == unit)?;
        seconds += number.parse::<f64>().ok()? * length;
        rest = after.trim_start();
    }
    from_seconds(seconds)
}

/// Seconds, if they are some and not too many.
pub(crate) fn from_seconds(seconds: f64) -> Option<Duration> {
    (0.0..=LONGEST).contains(&seconds).then(|| Duration::from_secs_f64(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_have_numbers_with_units() {
        for (text, millis) in [
            ("250ms", Some(250)),
            ("5m", Some(300_000)),
            ("1h30m", Some(5_400_000)),
            ("1h 30m", Some(5_400_000)),
            ("1.5s", Some(1500)),
            ("0s", Some(0)),
            ("2w", Some(1_209_600_000)),
            ("", None),
            ("5", None),
            ("m", None),
            ("5 years", None),
            ("5M", None),
            ("-5m", None),
            ("1.2.3s", None),
            ("99999999999d", None),
            ("5mx", None),
        ] {
            assert_eq!(parse(text).map(|it| it.as_millis()), millis, "{text:?}");
        }
        assert_eq!(from_seconds(f64::NAN), None);
    }
}
