//! The password hashes that are accepted, and those that are not.

use argon2::password_hash::PasswordVerifier;
use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params};

/// bcrypt's logarithmic cost; below is refused by bcrypt, above takes minutes.
const BCRYPT_COST: std::ops::RangeInclusive<u32> = 4..=20;
/// Memory of argon2, in KiB: 1 GiB.
const ARGON2_KIB: u32 = 1 << 20;

/// A hash that [`Hash::verify`] can work with.
#[derive(Clone)]
pub(crate) enum Hash {
    /// `$2y$`, `$2a$` or `$2b$`, which differ by historic errors that none has any more.
    Bcrypt(String),
    /// A PHC string of argon2.
    Argon2(String),
}

impl Hash {
    /// Takes the second field of a line.
    ///
    /// # Errors
    /// What is wrong and what to do, without the hash itself.
    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        match text {
            _ if ["$2y$", "$2a$", "$2b$"].iter().any(|kind| text.starts_with(kind)) => bcrypt(text),
            _ if text.starts_with("$argon2") => argon2(text),
            "" => Err("there is no password; set one with `htpasswd -B`"),
            _ if text.starts_with("$apr1$") => {
                Err("apr1 (MD5) is too weak; set the password again with `htpasswd -B`")
            }
            _ if text.starts_with("{SHA}") => {
                Err("{SHA} has no salt and is too weak; set the password again with `htpasswd -B`")
            }
            _ if text.starts_with('$') || text.starts_with('{') => {
                Err("this kind of hash is not supported; set the password again with `htpasswd -B`")
            }
            _ => Err("crypt and plain text are too weak; set the password with `htpasswd -B`"),
        }
    }

    /// Whether the password is the one; takes as long as the hash is meant to take.
    ///
    /// An empty password and one with a NUL never are: to bcrypt, `a` and `a\0a` are the same.
    pub(crate) fn verify(&self, password: &str) -> bool {
        let matches = match self {
            Self::Bcrypt(hash) => bcrypt::verify(password, hash).unwrap_or(false),
            Self::Argon2(hash) => PasswordHash::new(hash).is_ok_and(|hash| {
                Argon2::default().verify_password(password.as_bytes(), &hash).is_ok()
            }),
        };
        matches && !password.is_empty() && !password.contains('\0')
    }
}

fn bcrypt(text: &str) -> Result<Hash, &'static str> {
    let parts: bcrypt::HashParts = text
        .parse()
        .map_err(|_| "this bcrypt hash is damaged; set the password again with `htpasswd -B`")?;
    if !BCRYPT_COST.contains(&parts.get_cost()) {
        return Err("the cost of this bcrypt hash is not 4 to 20; use `htpasswd -B -C 12`");
    }
    Ok(Hash::Bcrypt(text.to_owned()))
}

fn argon2(text: &str) -> Result<Hash, &'static str> {
    let damaged = "this argon2 hash is damaged; set the password again";
    let hash = PasswordHash::new(text).map_err(|_| damaged)?;
    let known = Algorithm::try_from(hash.algorithm.as_str()).is_ok();
    let version = hash.version.is_none_or(|version| argon2::Version::try_from(version).is_ok());
    if !known || !version || hash.salt.is_none() || hash.hash.is_none() {
        return Err(damaged);
    }
    let params = Params::try_from(&hash).map_err(|_| damaged)?;
    if params.m_cost() > ARGON2_KIB {
        return Err("this argon2 hash takes more than 1 GiB of memory; set the password again");
    }
    Ok(Hash::Argon2(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_strong_hashes_are_taken() {
        let bcrypt = bcrypt::hash("x", 4).unwrap();
        let rest = &bcrypt[4..];
        let argon2 = "$argon2id$v=19$m=16,t=2,p=1$c29tZXNhbHQ$vnt7xUJnp/x7hnTuyjJ0tw";
        for (text, expected) in [
            (format!("$2y${rest}"), ""),
            (format!("$2a${rest}"), ""),
            (format!("$2b${rest}"), ""),
            (argon2.to_owned(), ""),
            (format!("$2x${rest}"), "not supported"),
            (format!("$2y${}", &rest[1..]), "damaged"),
            (format!("$2y$31{}", &rest[2..]), "cost"),
            (format!("$2y$03{}", &rest[2..]), "cost"),
            (argon2.replace("argon2id", "argon2x"), "damaged"),
            (argon2.replace("v=19", "v=7"), "damaged"),
            (argon2.replace("m=16", "m=4000000"), "1 GiB"),
            (argon2.replace("t=2", "t=0"), "damaged"),
            ("$argon2id$v=19$m=16,t=2,p=1$c29tZXNhbHQ".to_owned(), "damaged"),
            ("$apr1$lZL6V/ci$eIMz/iKDkbtys/uU7LEK00".to_owned(), "apr1"),
            ("{SHA}VBPuJHI7uixaa6LQGWx4s+5GKNE=".to_owned(), "{SHA}"),
            ("{SSHA}VBPuJHI7uixaa6LQGWx4s+5GKNE=".to_owned(), "not supported"),
            ("$6$salt$hash".to_owned(), "not supported"),
            ("rqXexS6ZhobKA".to_owned(), "crypt"),
            ("secret".to_owned(), "plain text"),
            (String::new(), "no password"),
        ] {
            let refused = Hash::parse(&text).err().unwrap_or_default();
            assert!(refused.contains(expected), "{text}: {refused}");
            assert_eq!(refused.is_empty(), expected.is_empty(), "{text}: {refused}");
        }
    }

    #[test]
    fn what_bcrypt_confuses_is_told_apart() {
        let hash = Hash::parse(&bcrypt::hash("a", 4).unwrap()).ok().unwrap();
        for (password, expected) in [("a", true), ("a\0a", false), ("a\0", false), ("", false)] {
            assert_eq!(hash.verify(password), expected, "{password:?}");
        }
        let empty = Hash::parse(&bcrypt::hash("", 4).unwrap()).ok().unwrap();
        assert!(!empty.verify(""), "an empty password is no password");
    }
}
