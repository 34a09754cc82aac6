//! Entity tags and the stamps they are made of.
//!
//! A stamp is the server's sequence number of a change, with the era in its high bits: a restored
//! server starts a new era, so it never shows one etag for two contents (design: one sequence).

use std::fmt;

use crate::ids::NodeId;

/// Bits of a stamp that hold the sequence number: 2^40 changes, a thousand a second for 34 years.
const SEQ_BITS: u32 = 40;

/// Era and sequence number of a change, in one number that the index stores.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Stamp(pub i64);

impl Stamp {
    /// Greatest sequence number that fits.
    pub const MAX_SEQ: u64 = (1 << SEQ_BITS) - 1;

    /// Stamp of change `seq` in `era` (below 2^22).
    pub fn new(era: u32, seq: u64) -> Self {
        let era = i64::from(era & 0x3f_ffff);
        let seq = i64::try_from(seq & ((1 << SEQ_BITS) - 1)).expect("masked to 40 bits");
        Self((era << SEQ_BITS) | seq)
    }

    /// The sequence number, which orders changes over all eras.
    pub fn seq(self) -> u64 {
        u64::try_from(self.0).unwrap_or(0) & Self::MAX_SEQ
    }

    /// The entity tag of `node` in this state. The node is in it, because one change stamps several
    /// nodes, and a move may bring one of them to the path of another.
    pub fn etag(self, node: NodeId) -> Etag {
        Etag(format!("{:016x}{:x}", self.0, node.0))
    }
}

/// An entity tag without its quotes: lower-case hex, always strong (RFC 9110 §8.8.3). Weak tags and
/// compressors' suffixes confuse the apps, so there are none.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Etag(pub String);

impl Etag {
    /// With quotes, as in headers and `d:getetag`.
    pub fn quoted(&self) -> String {
        format!("\"{}\"", self.0)
    }
}

impl fmt::Display for Etag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_of_two_eras_differ_and_order_by_sequence_inside_one() {
        assert!(Stamp::new(7, 1) < Stamp::new(7, 2));
        let node = NodeId(42);
        assert_ne!(Stamp::new(7, 1).etag(node), Stamp::new(8, 1).etag(node));
        assert_ne!(Stamp::new(7, 1).etag(node), Stamp::new(7, 1).etag(NodeId(43)));
        assert_eq!(Stamp::new(0x3f_ffff, 41).seq(), 41);
        assert_eq!(Stamp::new(1, 255).etag(node).quoted(), "\"00000100000000ff2a\"");
    }
}
