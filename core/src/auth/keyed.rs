//! Keyed hashes (HMAC-SHA256, RFC 2104) under the installation's secret.
//!
//! What the index stores of tokens, sessions and flows is such a hash: a stolen database holds
//! nothing that a client could send. The secret lies in the same database: it keeps the hashes of two
//! installations apart, and tokens are safe by their 256 random bits, not by it.

use std::fmt;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// Block size of SHA-256 in bytes (FIPS 180-4).
const BLOCK: usize = 64;

/// A keyed hash.
pub(crate) type Mac = [u8; 32];

/// Hashes under one secret. The keyed states are prepared once.
#[derive(Clone)]
pub(crate) struct Keys {
    inner: Sha256,
    outer: Sha256,
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keys(***)")
    }
}

impl Keys {
    /// Prepares the key `secret`.
    pub(crate) fn new(secret: &[u8]) -> Self {
        let mut key = [0u8; BLOCK];
        if secret.len() > BLOCK {
            key[..32].copy_from_slice(&Sha256::digest(secret));
        } else {
            key[..secret.len()].copy_from_slice(secret);
        }
        let state = |pad: u8| Sha256::new_with_prefix(key.map(|byte| byte ^ pad));
        Self { inner: state(0x36), outer: state(0x5c) }
    }

    /// The hash of `parts` for the purpose `label`. Parts are length-prefixed, so that two lists
    /// with the same bytes in other places differ, and no purpose can stand in for another.
    pub(crate) fn mac(&self, label: &str, parts: &[&[u8]]) -> Mac {
        let mut inner = self.inner.clone();
        for part in std::iter::once(&label.as_bytes()).chain(parts) {
            inner.update((part.len() as u64).to_be_bytes());
            inner.update(part);
        }
        self.finish(inner)
    }

    /// The same as hexadecimal text, as the index stores it.
    pub(crate) fn hex(&self, label: &str, parts: &[&[u8]]) -> String {
        hex::encode(self.mac(label, parts))
    }

    fn finish(&self, inner: Sha256) -> Mac {
        let mut outer = self.outer.clone();
        outer.update(inner.finalize());
        outer.finalize().into()
    }
}

/// Compares two secrets or hashes in constant time.
pub(crate) fn same(left: &str, right: &str) -> bool {
    left.as_bytes().ct_eq(right.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_construction_is_hmac_sha256() {
        // RFC 4231 §4.3 (short key) and §4.7 (key longer than a block).
        for (key, message, expected) in [
            (
                b"Jefe".to_vec(),
                b"what do ya want for nothing?".to_vec(),
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            ),
            (
                vec![0xaa; 131],
                b"Test Using Larger Than Block-Size Key - Hash Key First".to_vec(),
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
            ),
        ] {
            let keys = Keys::new(&key);
            let mut inner = keys.inner.clone();
            inner.update(&message);
            assert_eq!(hex::encode(keys.finish(inner)), expected);
        }
    }

    #[test]
    fn labels_and_borders_of_parts_matter() {
        let keys = Keys::new(b"secret");
        assert_ne!(keys.mac("a", &[b"bc"]), keys.mac("ab", &[b"c"]));
        assert_ne!(keys.mac("a", &[b"b", b"c"]), keys.mac("a", &[b"bc"]));
        assert_ne!(keys.mac("a", &[b"b"]), Keys::new(b"other").mac("a", &[b"b"]));
        assert!(same("x", "x") && !same("x", "y") && !same("x", "xx"));
    }
}
