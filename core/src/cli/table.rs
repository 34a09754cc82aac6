//! Results as people read them: columns, sizes, times.

use jiff::Timestamp;
use serde_json::Value;

use super::out;

/// Prints rows in columns as wide as their widest cell. The first row is the head.
pub(super) fn print(rows: &[Vec<String>]) {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    for row in rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            let pad = width - cell.chars().count() + 2;
            line.push_str(cell);
            line.extend(std::iter::repeat_n(' ', pad));
        }
        out::line(line.trim_end());
    }
}

/// A text of a result; `-` if there is none.
pub(super) fn text(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) if text.is_empty() => "-".to_owned(),
        // What a client chose must not move the cursor.
        Value::String(text) => text.chars().filter(|c| !c.is_control()).collect(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        other => other.to_string(),
    }
}

/// A Unix second of a result, in UTC; `-` if there is none.
pub(super) fn time(value: &Value) -> String {
    let second = value.as_i64().and_then(|second| Timestamp::from_second(second).ok());
    second.map_or_else(|| "-".to_owned(), |time| time.strftime("%Y-%m-%d %H:%M").to_string())
}

/// A quota of a result.
pub(super) fn quota(value: &Value) -> String {
    value.as_u64().map_or_else(|| "unlimited".to_owned(), size)
}

/// Bytes as people read them, in decimal units as the flags take them: `1.5GB`.
pub(super) fn size(bytes: u64) -> String {
    let units = [(1_000_000_000_000, "TB"), (1_000_000_000, "GB"), (1_000_000, "MB"), (1000, "kB")];
    let Some((unit, name)) = units.into_iter().find(|(unit, _)| bytes >= *unit) else {
        return format!("{bytes}B");
    };
    let tenths = bytes / (unit / 10);
    match tenths % 10 {
        0 => format!("{}{name}", tenths / 10),
        tenth => format!("{}.{tenth}{name}", tenths / 10),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::units;

    #[test]
    fn sizes_are_short_and_read_back() {
        for (bytes, expected) in [
            (0, "0B"),
            (999, "999B"),
            (1000, "1kB"),
            (1_560_000, "1.5MB"),
            (10_000_000_000, "10GB"),
            (u64::MAX, "18446744TB"),
        ] {
            assert_eq!(size(bytes), expected);
        }
        assert_eq!(units::size(&size(10_000_000_000)), Ok(10_000_000_000));
    }

    #[test]
    fn cells_never_hold_control_characters() {
        assert_eq!(text(&"a\u{1b}[2Jb".into()), "a[2Jb");
        assert_eq!(text(&Value::Null), "-");
        assert_eq!(time(&0.into()), "1970-01-01 00:00");
    }
}
