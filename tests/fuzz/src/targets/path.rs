//! Paths (`threats` §2): what is let in is one path, spelt one way.

use moonsail::path::{DavPath, MAX_PATH_BYTES, MAX_SEGMENT_BYTES, encode_href};
use unicode_normalization::is_nfc;

use super::text;

pub(super) fn target(input: &[u8]) {
    let text = text(input);
    if let Ok(path) = DavPath::parse(&text) {
        check(&path);
    }
    let decoded = DavPath::from_decoded(&text);
    if let Ok(path) = &decoded {
        check(path);
    }
    assert_eq!(DavPath::parse(&encode_href(&text)), decoded, "the encoded text is another path");
}

fn check(path: &DavPath) {
    let text = path.as_str();
    assert!(text.len() <= MAX_PATH_BYTES && is_nfc(text));
    assert!(!text.starts_with('/') && !text.ends_with('/') && !text.contains("//"));
    for segment in path.segments() {
        assert!(segment.len() <= MAX_SEGMENT_BYTES && segment != "." && segment != "..");
        assert!(!segment.contains(|c: char| c == '\\' || c.is_ascii_control()));
    }
    let href = path.encode();
    assert!(href.bytes().all(|b| b.is_ascii_graphic() && !b"\"<>?#&'".contains(&b)), "{href}");
    assert_eq!(DavPath::parse(&href).as_ref(), Ok(path), "an href is another path");
    assert_eq!(DavPath::from_decoded(text).as_ref(), Ok(path), "a stored path is another one");
    assert!(path.is_in(&DavPath::root()) && path.is_in(path));
    match (path.parent(), path.name()) {
        (None, None) => assert!(path.is_root()),
        (Some(parent), Some(name)) => {
            assert_eq!(parent.join(name).as_ref(), Ok(path));
            assert!(path.is_in(&parent) && !parent.is_in(path));
        }
        odd => panic!("{odd:?}"),
    }
}
