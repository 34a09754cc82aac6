//! `OC-Checksum` and `oc:checksums`: `SHA1:da39a3ee…` (clients.md §11, §12, §41).
//!
//! ownCloud's format: a kind, a colon, lower-case hex; several kinds are separated by blanks.

use std::fmt;

use sha1::Digest;

use super::error::HeaderError;

/// Algorithms that the desktop knows. The order is its preference, best first (clients.md §11).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ChecksumKind {
    /// SHA3-256, FIPS 202.
    Sha3_256,
    /// SHA-256, FIPS 180-4.
    Sha256,
    /// SHA-1: the default of the desktop and of rclone.
    Sha1,
    /// MD5, RFC 1321.
    Md5,
    /// Adler-32, RFC 1950 §8.2.
    Adler32,
}

impl ChecksumKind {
    /// All of them, best first.
    pub const ALL: [Self; 5] = [Self::Sha3_256, Self::Sha256, Self::Sha1, Self::Md5, Self::Adler32];

    /// Finds a kind by its name on the wire, in any case (rclone writes `sha1`, clients.md §42).
    pub fn find(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name().eq_ignore_ascii_case(name))
    }

    /// Name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sha3_256 => "SHA3-256",
            Self::Sha256 => "SHA256",
            Self::Sha1 => "SHA1",
            Self::Md5 => "MD5",
            Self::Adler32 => "ADLER32",
        }
    }

    /// Length of the value in hex digits.
    pub const fn hex_len(self) -> usize {
        match self {
            Self::Sha3_256 | Self::Sha256 => 64,
            Self::Sha1 => 40,
            Self::Md5 => 32,
            Self::Adler32 => 8,
        }
    }
}

impl fmt::Display for ChecksumKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A checksum of a file's content. Displays as on the wire, `SHA1:da39a3ee…`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Checksum {
    /// Algorithm.
    pub kind: ChecksumKind,
    /// Value in lower-case hex, of [`ChecksumKind::hex_len`] digits.
    pub hex: String,
}

impl Checksum {
    /// Reads a field's value: one checksum or several separated by blanks, of which the best known
    /// one counts. `None` if none is of a known kind: there is nothing to verify then.
    ///
    /// # Errors
    /// [`HeaderError`] if an entry is not `KIND:value`, or a known kind's value is not hex of its
    /// length.
    pub fn parse(value: &str) -> Result<Option<Self>, HeaderError> {
        let mut best: Option<Self> = None;
        for entry in value.split_ascii_whitespace() {
            let (name, hex) = entry.split_once(':').ok_or(BAD)?;
            let Some(kind) = ChecksumKind::find(name) else { continue };
            if hex.len() != kind.hex_len() || !hex.bytes().all(|b| b.is_ascii_hexdigit()) {
                return Err(BAD);
            }
            if best.as_ref().is_none_or(|best| kind < best.kind) {
                best = Some(Self { kind, hex: hex.to_ascii_lowercase() });
            }
        }
        Ok(best)
    }
}

const BAD: HeaderError = HeaderError::new("OC-Checksum", "not `KIND:hex`");

impl fmt::Display for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind, self.hex)
    }
}

/// Computes several checksums in one pass. Cloning keeps the state so far, so that a resumed upload
/// goes on where it was.
#[derive(Clone, Default)]
pub struct Digester(Vec<State>);

/// State of one algorithm.
#[derive(Clone)]
enum State {
    Sha3_256(sha3::Sha3_256),
    Sha256(sha2::Sha256),
    Sha1(sha1::Sha1),
    Md5(md5::Md5),
    Adler32(adler2::Adler32),
}

impl Digester {
    /// For these kinds; a kind named twice is computed once. None is fine and costs nothing.
    pub fn new(kinds: &[ChecksumKind]) -> Self {
        let mut kinds = kinds.to_vec();
        kinds.sort_unstable();
        kinds.dedup();
        Self(kinds.into_iter().map(State::new).collect())
    }

    /// Takes the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        for state in &mut self.0 {
            match state {
                State::Sha3_256(state) => state.update(bytes),
                State::Sha256(state) => state.update(bytes),
                State::Sha1(state) => state.update(bytes),
                State::Md5(state) => state.update(bytes),
                State::Adler32(state) => state.write_slice(bytes),
            }
        }
    }

    /// The checksums of all bytes taken, best kind first.
    pub fn finish(self) -> Vec<Checksum> {
        self.0.into_iter().map(State::finish).collect()
    }
}

impl fmt::Debug for Digester {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(State::kind)).finish()
    }
}

impl State {
    fn new(kind: ChecksumKind) -> Self {
        match kind {
            ChecksumKind::Sha3_256 => Self::Sha3_256(sha3::Sha3_256::new()),
            ChecksumKind::Sha256 => Self::Sha256(sha2::Sha256::new()),
            ChecksumKind::Sha1 => Self::Sha1(sha1::Sha1::new()),
            ChecksumKind::Md5 => Self::Md5(md5::Md5::new()),
            ChecksumKind::Adler32 => Self::Adler32(adler2::Adler32::new()),
        }
    }

    fn kind(&self) -> ChecksumKind {
        match self {
            Self::Sha3_256(_) => ChecksumKind::Sha3_256,
            Self::Sha256(_) => ChecksumKind::Sha256,
            Self::Sha1(_) => ChecksumKind::Sha1,
            Self::Md5(_) => ChecksumKind::Md5,
            Self::Adler32(_) => ChecksumKind::Adler32,
        }
    }

    fn finish(self) -> Checksum {
        let kind = self.kind();
        let hex = match self {
            Self::Sha3_256(state) => hex::encode(state.finalize()),
            Self::Sha256(state) => hex::encode(state.finalize()),
            Self::Sha1(state) => hex::encode(state.finalize()),
            Self::Md5(state) => hex::encode(state.finalize()),
            Self::Adler32(state) => format!("{:08x}", state.checksum()),
        };
        Checksum { kind, hex }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_parsed_as_the_clients_write_them() {
        let sha1 = "a9993e364706816aba3e25717850c26c9cd0d89d";
        let (upper, md5) = (sha1.to_ascii_uppercase(), "900150983cd24fb0d6963f7d28e17f72");
        for (value, expected, source) in [
            (format!("SHA1:{sha1}"), Some(format!("SHA1:{sha1}")), "desktop, clients.md §12"),
            (format!("sha1:{upper}"), Some(format!("SHA1:{sha1}")), "rclone, clients.md §42"),
            (
                format!("MD5:{md5} SHA1:{sha1} ADLER32:024d0127"),
                Some(format!("SHA1:{sha1}")),
                "clients.md §11: the preference",
            ),
            (format!("CRC32:1 MD5:{md5}"), Some(format!("MD5:{md5}")), "unknown kinds are skipped"),
            ("CRC32:00".to_owned(), None, "unknown"),
            (String::new(), None, "nothing to verify"),
        ] {
            let got = Checksum::parse(&value).expect(source);
            assert_eq!(got.map(|sum| sum.to_string()), expected, "{value} ({source})");
        }
        for bad in ["SHA1", "SHA1:", "SHA1:abc", &format!("SHA1:{}g", &sha1[1..]), "MD5: x"] {
            assert!(Checksum::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn all_kinds_are_computed_in_one_pass() {
        let mut digester = Digester::new(&[
            ChecksumKind::Adler32,
            ChecksumKind::Md5,
            ChecksumKind::Sha1,
            ChecksumKind::Sha256,
            ChecksumKind::Sha3_256,
            ChecksumKind::Sha1,
        ]);
        digester.update(b"a");
        let mut resumed = digester.clone();
        digester.update(b"something else");
        resumed.update(b"bc");
        let sums: Vec<_> = resumed.finish().iter().map(ToString::to_string).collect();
        assert_eq!(
            sums,
            [
                // NIST examples for "abc" (FIPS 202, FIPS 180-4), RFC 1321 §A.5, RFC 1950 by hand
                "SHA3-256:3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532",
                "SHA256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
                "SHA1:a9993e364706816aba3e25717850c26c9cd0d89d",
                "MD5:900150983cd24fb0d6963f7d28e17f72",
                "ADLER32:024d0127",
            ]
        );
        assert_ne!(digester.finish()[2].to_string(), sums[2]);
    }
}
