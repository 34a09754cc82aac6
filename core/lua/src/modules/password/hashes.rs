//! Which hash it is.

use super::{kdf, old};

/// A hash, read and found to be affordable.
pub(super) enum Hash {
    Argon2(String),
    Bcrypt(String),
    Scrypt(kdf::Scrypt),
    Pbkdf2(kdf::Pbkdf2),
    ShaCrypt(String),
    Digest(old::Digest),
    Phpass(old::Phpass),
}

/// The words of an unreadable one.
pub(super) const DAMAGED: &str = "is a damaged hash";
/// The words of one that is too dear.
pub(super) const DEAR: &str = "is a hash that costs too much time or memory";

impl Hash {
    /// Reads a hash.
    ///
    /// # Errors
    /// Words about it, without it.
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        let text = text.trim();
        // Nextcloud's: 1 is PHP's bcrypt, 2 argon2i, 3 argon2id. What follows says so itself.
        for (prefix, begins) in [("1|", "$2"), ("2|", "$argon2i$"), ("3|", "$argon2id$")] {
            if let Some(rest) = text.strip_prefix(prefix) {
                return if rest.starts_with(begins) { Self::parse(rest) } else { Err(DAMAGED) };
            }
        }
        if let Some((name, rest)) = text.strip_prefix('{').and_then(|text| text.split_once('}')) {
            return match name.to_ascii_uppercase().as_str() {
                "CRYPT" | "ARGON2" | "BCRYPT" if !rest.starts_with('{') => Self::parse(rest),
                "SHA" | "SSHA" | "SSHA256" | "SHA256" | "SSHA512" | "SHA512" | "SSHA384"
                | "SHA384" => {
                    old::Digest::parse(&name.to_ascii_uppercase(), rest).map(Self::Digest)
                }
                "PBKDF2" | "PBKDF2-SHA1" => kdf::Pbkdf2::passlib("sha1", rest).map(Self::Pbkdf2),
                "PBKDF2-SHA256" => kdf::Pbkdf2::passlib("sha256", rest).map(Self::Pbkdf2),
                "PBKDF2-SHA512" => kdf::Pbkdf2::passlib("sha512", rest).map(Self::Pbkdf2),
                _ => Err("is no hash that is known here"),
            };
        }
        if ["$2a$", "$2b$", "$2y$"].iter().any(|it| text.starts_with(it)) {
            return kdf::bcrypt(text).map(Self::Bcrypt);
        }
        if text.starts_with("$argon2") {
            return kdf::argon2(text).map(Self::Argon2);
        }
        if text.starts_with("$5$") || text.starts_with("$6$") {
            return kdf::sha_crypt(text).map(Self::ShaCrypt);
        }
        if text.starts_with("$P$") || text.starts_with("$H$") {
            return old::Phpass::parse(text).map(Self::Phpass);
        }
        if let Some(rest) = text.strip_prefix("$scrypt$") {
            return kdf::Scrypt::parse(rest).map(Self::Scrypt);
        }
        if let Some((digest, rest)) = text.strip_prefix("$pbkdf2").and_then(|it| it.split_once('$'))
        {
            let digest = digest.strip_prefix('-').unwrap_or("sha1");
            return kdf::Pbkdf2::parse(digest, rest).map(Self::Pbkdf2);
        }
        if let Some((digest, rest)) = text.strip_prefix("pbkdf2_").and_then(|it| it.split_once('$'))
        {
            return kdf::Pbkdf2::django(digest, rest).map(Self::Pbkdf2);
        }
        Err("is no hash that is known here")
    }

    pub(super) fn scheme(&self) -> &'static str {
        match self {
            Self::Argon2(_) => "argon2",
            Self::Bcrypt(_) => "bcrypt",
            Self::Scrypt(_) => "scrypt",
            Self::Pbkdf2(_) => "pbkdf2",
            Self::ShaCrypt(text) if text.starts_with("$5$") => "sha256-crypt",
            Self::ShaCrypt(_) => "sha512-crypt",
            Self::Digest(digest) => digest.scheme(),
            Self::Phpass(_) => "phpass",
        }
    }

    /// Takes as long as the hash is meant to take.
    pub(super) fn verify(&self, password: &[u8]) -> bool {
        match self {
            Self::Argon2(text) => kdf::argon2_fits(text, password),
            Self::Bcrypt(text) => ::bcrypt::verify(password, text).unwrap_or(false),
            Self::Scrypt(hash) => hash.verify(password),
            Self::Pbkdf2(hash) => hash.verify(password),
            Self::ShaCrypt(text) => kdf::sha_crypt_fits(text, password),
            Self::Digest(hash) => hash.verify(password),
            Self::Phpass(hash) => hash.verify(password),
        }
    }
}
