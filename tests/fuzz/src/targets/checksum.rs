//! `OC-Checksum`, and sums that do not depend on how the bytes came.

use moonsail::proto::checksum::{Checksum, ChecksumKind, Digester};

use super::{cut, text};

const KINDS: [ChecksumKind; 5] = [
    ChecksumKind::Sha3_256,
    ChecksumKind::Sha256,
    ChecksumKind::Sha1,
    ChecksumKind::Md5,
    ChecksumKind::Adler32,
];

pub(super) fn target(input: &[u8]) {
    if let Ok(Some(sum)) = Checksum::parse(&text(input)) {
        assert_eq!(sum.hex.len(), sum.kind.hex_len());
        assert!(sum.hex.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)));
        assert_eq!(Checksum::parse(&sum.to_string()), Ok(Some(sum)));
    }
    let ([at], bytes) = cut::<1>(input);
    let (head, tail) = bytes.split_at(usize::from(at).min(bytes.len()));
    let mut parts = Digester::new(&KINDS);
    parts.update(head);
    let mut resumed = parts.clone();
    resumed.update(tail);
    let mut whole = Digester::new(&KINDS);
    whole.update(bytes);
    let sums = whole.finish();
    assert_eq!(resumed.finish(), sums);
    for sum in sums {
        assert_eq!(Checksum::parse(&sum.to_string()), Ok(Some(sum)));
    }
}
