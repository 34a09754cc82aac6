//! Parameters: form bodies and queries, and JSON objects.

use moonsail::proto::form::{Fields, MAX_FIELDS};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

pub(super) fn target(input: &[u8]) {
    for fields in [Fields::parse_form(input).ok(), Fields::parse_json(input).ok()] {
        let Some(fields) = fields else { continue };
        assert!(fields.iter().count() <= MAX_FIELDS);
        for (name, _) in fields.iter() {
            assert_eq!(fields.get(name), fields.get_all(name).last());
        }
        let encode = |text| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let pairs =
            fields.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value)));
        let written = pairs.collect::<Vec<_>>().join("&");
        assert_eq!(Fields::parse_form(written.as_bytes()).as_ref(), Ok(&fields), "{written}");
        let count = fields.iter().count();
        let merged = fields.clone().merge(fields.clone());
        assert_eq!(merged.is_ok(), 2 * count <= MAX_FIELDS);
    }
}
