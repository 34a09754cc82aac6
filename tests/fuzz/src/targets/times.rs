//! Times: `X-OC-MTime`, HTTP dates, ISO 8601, `Timeout`, and `Depth`, which is as small.

use moonsail::proto::dates::{
    clamp_seconds, parse_http_date, parse_iso8601, parse_search_date, write_http_date,
    write_iso8601,
};
use moonsail::proto::depth::Depth;
use moonsail::proto::mtime::{MAX_SECONDS, parse_mtime};
use moonsail::proto::timeout::Timeout;

use super::{cut, text};

pub(super) fn target(input: &[u8]) {
    let text = text(input);
    let _any = (Depth::parse(Some(&text)), Timeout::parse(Some(&text)));
    if let Ok(seconds) = parse_mtime("X-OC-MTime", &text) {
        assert!((1..=MAX_SECONDS).contains(&seconds));
        assert!(!text.contains(['-', '+', 'e', 'x']), "{text}");
        assert_eq!(parse_mtime("X-OC-MTime", &seconds.to_string()), Ok(seconds));
    }
    let parsers = [parse_http_date, parse_iso8601, parse_search_date];
    let read = parsers.into_iter().filter_map(|parse| parse(&text));
    let (any, _) = cut::<8>(input);
    for seconds in read.chain([i64::from_le_bytes(any)]) {
        let shown = clamp_seconds(seconds);
        assert!((1..=MAX_SECONDS).contains(&shown));
        assert_eq!(parse_http_date(&write_http_date(seconds)), Some(shown));
        assert_eq!(parse_iso8601(&write_iso8601(seconds)), Some(shown));
        assert_eq!(parse_search_date(&seconds.to_string()), Some(seconds));
    }
}
