//! Hashes of old systems, to be read and not to be made.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest as _, Md5};
use ring::digest;
use subtle::ConstantTimeEq;

use super::hashes::{DAMAGED, DEAR};

/// LDAP's `{SSHA}` and its kin: one digest of password and salt.
pub(super) struct Digest {
    algorithm: &'static digest::Algorithm,
    hash: Vec<u8>,
    salt: Vec<u8>,
}

impl Digest {
    /// `name` in capitals, as in the braces.
    pub(super) fn parse(name: &str, text: &str) -> Result<Self, &'static str> {
        let salted = name.starts_with("SSHA");
        let algorithm = match name.trim_start_matches('S') {
            "HA" => &digest::SHA1_FOR_LEGACY_USE_ONLY,
            "HA256" => &digest::SHA256,
            "HA384" => &digest::SHA384,
            "HA512" => &digest::SHA512,
            _ => return Err(DAMAGED),
        };
        let mut hash = STANDARD.decode(text).map_err(|_| DAMAGED)?;
        let length = algorithm.output_len();
        if hash.len() < length || (hash.len() > length) != salted || hash.len() > length + 64 {
            return Err(DAMAGED);
        }
        let salt = hash.split_off(length);
        Ok(Self { algorithm, hash, salt })
    }

    pub(super) fn scheme(&self) -> &'static str {
        if self.salt.is_empty() { "sha" } else { "ssha" }
    }

    pub(super) fn verify(&self, password: &[u8]) -> bool {
        let mut context = digest::Context::new(self.algorithm);
        context.update(password);
        context.update(&self.salt);
        context.finish().as_ref().ct_eq(&self.hash).into()
    }
}

/// phpass' portable hashes (WordPress, phpBB): MD5, many times.
pub(super) struct Phpass {
    rounds: u32,
    salt: [u8; 8],
    hash: String,
}

/// crypt's letters, by value.
const LETTERS: &[u8; 64] = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

impl Phpass {
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        let bytes = text.as_bytes();
        let good = bytes.len() == 34 && bytes[3..].iter().all(|it| LETTERS.contains(it));
        let cost = bytes.get(3).and_then(|it| LETTERS.iter().position(|letter| letter == it));
        match cost.filter(|_| good) {
            Some(cost @ 7..=20) => {
                let salt = bytes[4..12].try_into().map_err(|_| DAMAGED)?;
                Ok(Self { rounds: 1 << cost, salt, hash: text[12..].to_owned() })
            }
            Some(21..=30) => Err(DEAR),
            _ => Err(DAMAGED),
        }
    }

    pub(super) fn verify(&self, password: &[u8]) -> bool {
        let mut hash = Md5::new().chain_update(self.salt).chain_update(password).finalize();
        for _ in 0..self.rounds {
            hash = Md5::new().chain_update(hash).chain_update(password).finalize();
        }
        let mut text = Vec::with_capacity(22);
        for piece in hash.chunks(3) {
            let number =
                piece.iter().rev().fold(0usize, |number, byte| number << 8 | usize::from(*byte));
            // As many letters as the bits need: two for the byte that is left over.
            text.extend((0..=piece.len()).map(|at| LETTERS[number >> (6 * at) & 63]));
        }
        text.ct_eq(self.hash.as_bytes()).into()
    }
}
