//! `Range` and `X-Update-Range`: inside the file, apart, few, and never more than the file.

use moonsail::proto::range::{RangeSet, UpdateRange, content_range, parse_range};

use super::{cut, text};

/// Most ranges in a field.
const MOST: usize = 16;

pub(super) fn target(input: &[u8]) {
    let (size, rest) = cut::<8>(input);
    let size = u64::from_le_bytes(size);
    let text = text(rest);
    if let RangeSet::Satisfiable(ranges) = parse_range(&text, size, MOST) {
        assert!((1..=MOST).contains(&ranges.len()));
        assert!(ranges.iter().all(|range| range.start < range.end && range.end <= size));
        assert!(ranges.windows(2).all(|pair| pair[0].end < pair[1].start));
        assert!(ranges.iter().map(|range| range.end - range.start).sum::<u64>() <= size);
        for range in &ranges {
            let header = content_range(range, size);
            let (span, total) = header.strip_prefix("bytes ").unwrap().split_once('/').unwrap();
            assert_eq!(total, size.to_string());
            let whole = parse_range(&format!("bytes={span}"), size, MOST);
            assert_eq!(whole, RangeSet::Satisfiable(vec![range.clone()]));
        }
    }
    if let Ok(range) = UpdateRange::parse(&text) {
        for length in [0, 1, size, u64::MAX] {
            assert!(range.offset(size, length).is_none_or(|offset| offset <= size));
        }
    }
}
