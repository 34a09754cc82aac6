//! No input makes a parser of a field panic or run away (`threats` §8), and what is parsed keeps
//! the promises that callers rely on.

use proptest::prelude::*;

use super::authorization::Credentials;
use super::checksum::Checksum;
use super::chunk_name::{ChunkName, sort_chunks};
use super::conditions::{EtagCondition, IfHeader, MAX_CONDITIONS};
use super::cookie::find_cookie;
use super::destination::Destination;
use super::disposition::Disposition;
use super::form::Fields;
use super::forwarded::{Network, client_address};
use super::range::{RangeSet, UpdateRange, parse_range};
use super::user_agent::device_name;
use super::{dates, depth, host, lock_token, media_type, mtime, overwrite, timeout};

/// Text made of the pieces that these grammars are made of, so that it gets past their doors.
fn field() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => "[\\x20-\\x7e]{0,4}",
        1 => "\\PC{0,3}",
        4 => proptest::sample::select(vec![
            "(", ")", "<", ">", "[", "]", "\"", "W/", "Not ", ",", ";", "=", "-", "bytes=", "%3A",
            "%2f", "%", "https://", "http%3A//", "/", "a", "7", "18446744073709551615", " ", ":",
            "SHA1:", "Basic ", "Bearer ", "for=", "::1", "10.0.0.1", "/8", "2020-01-01", "T", "Z",
            "+00:00", "Second-", "&", "+", "-gzip", "{", "}", ".",
        ])
        .prop_map(str::to_owned),
    ];
    proptest::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

/// Mostly good `If` fields: [`field`] seldom gets a whole list right.
fn if_field() -> impl Strategy<Value = String> {
    let piece = proptest::sample::select(vec![
        "(<a:b>)",
        "(<a:b>)",
        "([\"e\"] Not<c:d>)",
        "(not [W/\"]\"])",
        "</x>",
        " ",
        "(",
        "[",
        ">",
        "()",
    ]);
    proptest::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
}

/// Mostly good `Range` fields near the sizes below.
fn range_field() -> impl Strategy<Value = String> {
    proptest::collection::vec("[0-9]{0,2}-[0-9]{0,2}", 1..4)
        .prop_map(|specs| format!("bytes={}", specs.join(",")))
}

proptest! {
    #[test]
    fn parsers_take_anything(text in field(), bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
        let _ = Checksum::parse(&text);
        let _ = EtagCondition::parse(&text);
        let _ = find_cookie(&text, "a");
        let _ = dates::parse_http_date(&text);
        let _ = dates::parse_search_date(&text);
        let _ = depth::Depth::parse(Some(&text));
        let _ = host::parse_host(&text);
        let _ = lock_token::parse_lock_token(&text);
        let _ = media_type::parse_essence(&text);
        let _ = media_type::media_type_of(&text);
        let _ = mtime::parse_mtime("X-OC-MTime", &text);
        let _ = overwrite::Overwrite::parse(Some(&text));
        let _ = timeout::Timeout::parse(Some(&text));
        let _ = ChunkName::parse(&text);
        for input in [text.as_bytes(), &bytes] {
            let _ = Credentials::parse(input);
            let _ = Destination::parse(input);
            let _ = Fields::parse_form(input);
            let _ = Fields::parse_json(input);
        }
        if let Some(network) = Network::parse(&text) {
            let peer = "10.0.0.1".parse().expect("an address");
            let _ = client_address(peer, Some(&text), Some(&text), &[network]);
        }
        prop_assert!(!device_name(&text).is_empty());
    }

    #[test]
    fn an_if_field_is_bounded_and_has_no_empty_list(text in prop_oneof![field(), if_field()]) {
        if let Ok(header) = IfHeader::parse(&text) {
            prop_assert!(!header.lists.is_empty());
            prop_assert!(header.lists.iter().all(|list| !list.conditions.is_empty()));
            let all: usize = header.lists.iter().map(|list| list.conditions.len()).sum();
            prop_assert!(all <= MAX_CONDITIONS);
        }
    }

    #[test]
    fn ranges_stay_inside_and_apart(text in prop_oneof![field(), range_field()], size in 0u64..40) {
        if let RangeSet::Satisfiable(ranges) = parse_range(&text, size, 16) {
            prop_assert!(!ranges.is_empty());
            prop_assert!(ranges.iter().all(|range| range.start < range.end && range.end <= size));
            prop_assert!(ranges.windows(2).all(|pair| pair[0].end < pair[1].start));
        }
    }

    #[test]
    fn an_update_starts_inside_the_file_or_at_its_end(
        text in prop_oneof![Just("append".to_owned()), range_field(), field()],
        size in 0u64..40,
    ) {
        if let Ok(range) = UpdateRange::parse(&text) {
            prop_assert!(range.offset(size, 1).is_none_or(|offset| offset <= size));
        }
    }

    #[test]
    fn a_destination_is_an_ascii_path(text in field()) {
        if let Ok(destination) = Destination::parse(text.as_bytes()) {
            prop_assert!(destination.path.starts_with('/'));
            prop_assert!(destination.path.bytes().all(|b| b.is_ascii_graphic()));
            prop_assert!(!destination.path.contains(['?', '#']));
        }
    }

    #[test]
    fn a_disposition_is_one_line_of_ascii(name in any::<String>()) {
        let value = Disposition::Attachment.write(&name);
        prop_assert!(value.bytes().all(|b| (b' '..=b'~').contains(&b)));
        prop_assert_eq!(value.matches('"').count(), 2);
    }

    #[test]
    fn sorting_keeps_all_chunks(names in proptest::collection::vec("[0-9a-]{0,4}", 0..8)) {
        let mut sorted = names.clone();
        sort_chunks(&mut sorted, |name| name);
        let (mut before, mut after) = (names, sorted);
        before.sort();
        after.sort();
        prop_assert_eq!(before, after);
    }
}
