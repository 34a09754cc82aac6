//! Hashes that are made to take long.

use std::num::NonZeroU32;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params};
use base64::Engine;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use ring::pbkdf2;
use sha_crypt::ShaCrypt;
use subtle::ConstantTimeEq;

use super::hashes::{DAMAGED, DEAR};

/// Memory of one hash, in KiB: 256 MiB.
const MEMORY_KIB: u32 = 256 << 10;

/// A new Argon2id hash with the crate's defaults: 19 MiB, t = 2, p = 1 (tested below).
pub(super) fn argon2id(password: &[u8]) -> Result<String, String> {
    let hash = Argon2::default().hash_password(password).map_err(|error| error.to_string())?;
    Ok(hash.to_string())
}

pub(super) fn argon2(text: &str) -> Result<String, &'static str> {
    let hash = PasswordHash::new(text).map_err(|_| DAMAGED)?;
    let known = Algorithm::try_from(hash.algorithm.as_str()).is_ok();
    let version = hash.version.is_none_or(|version| argon2::Version::try_from(version).is_ok());
    let params = Params::try_from(&hash).map_err(|_| DAMAGED)?;
    if !known || !version || hash.salt.is_none() || hash.hash.is_none() {
        return Err(DAMAGED);
    }
    let work = u64::from(params.m_cost()) * u64::from(params.t_cost());
    match params.m_cost() <= MEMORY_KIB && work <= 8 * u64::from(MEMORY_KIB) {
        true => Ok(text.to_owned()),
        false => Err(DEAR),
    }
}

pub(super) fn argon2_fits(text: &str, password: &[u8]) -> bool {
    PasswordHash::new(text)
        .is_ok_and(|hash| Argon2::default().verify_password(password, &hash).is_ok())
}

pub(super) fn bcrypt(text: &str) -> Result<String, &'static str> {
    let parts: ::bcrypt::HashParts = text.parse().map_err(|_| DAMAGED)?;
    match parts.get_cost() {
        4..=16 => Ok(text.to_owned()),
        17.. => Err(DEAR),
        _ => Err(DAMAGED),
    }
}

pub(super) fn sha_crypt(text: &str) -> Result<String, &'static str> {
    let fields: Vec<&str> = text.split('$').collect();
    let rounds = fields.get(2).and_then(|it| it.strip_prefix("rounds="));
    let rounds = rounds.map_or(Ok(5000), str::parse::<u32>).map_err(|_| DAMAGED)?;
    let length = fields.last().map_or(0, |it| it.len());
    match (rounds, length) {
        (1_000_001.., _) => Err(DEAR),
        (1000.., 43 | 86) => Ok(text.to_owned()),
        _ => Err(DAMAGED),
    }
}

pub(super) fn sha_crypt_fits(text: &str, password: &[u8]) -> bool {
    ShaCrypt::default().verify_password(password, text).is_ok()
}

/// Standard base64, with or without padding.
fn base64(text: &str) -> Result<Vec<u8>, &'static str> {
    let config =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    GeneralPurpose::new(&base64::alphabet::STANDARD, config).decode(text).map_err(|_| DAMAGED)
}

/// passlib's "adapted" base64, with `.` for `+`; plain base64 is read, too.
fn adapted(text: &str) -> Result<Vec<u8>, &'static str> {
    base64(&text.replace('.', "+"))
}

/// PBKDF2 with HMAC.
pub(super) struct Pbkdf2 {
    algorithm: pbkdf2::Algorithm,
    iterations: NonZeroU32,
    salt: Vec<u8>,
    hash: Vec<u8>,
}

impl Pbkdf2 {
    fn new(
        digest: &str,
        iterations: &str,
        salt: Vec<u8>,
        hash: Vec<u8>,
    ) -> Result<Self, &'static str> {
        let algorithm = match digest {
            "sha1" => pbkdf2::PBKDF2_HMAC_SHA1,
            "sha256" => pbkdf2::PBKDF2_HMAC_SHA256,
            "sha512" => pbkdf2::PBKDF2_HMAC_SHA512,
            _ => return Err("is of a PBKDF2 with another digest than sha1, sha256 and sha512"),
        };
        let iterations: NonZeroU32 = iterations.parse().map_err(|_| DAMAGED)?;
        if iterations.get() > 5_000_000 {
            return Err(DEAR);
        }
        match (16..=64).contains(&hash.len()) {
            true => Ok(Self { algorithm, iterations, salt, hash }),
            false => Err(DAMAGED),
        }
    }

    /// `$pbkdf2-sha256$i=600000,l=32$salt$hash`, or passlib's with a number instead.
    pub(super) fn parse(digest: &str, rest: &str) -> Result<Self, &'static str> {
        let Some(parameters) = rest.strip_prefix("i=") else { return Self::passlib(digest, rest) };
        let (parameters, rest) = parameters.split_once('$').ok_or(DAMAGED)?;
        let (salt, hash) = rest.split_once('$').ok_or(DAMAGED)?;
        let iterations = parameters.split(',').next().unwrap_or_default();
        Self::new(digest, iterations, base64(salt)?, base64(hash)?)
    }

    /// `29000$salt$hash`, as passlib and OpenLDAP write it.
    pub(super) fn passlib(digest: &str, rest: &str) -> Result<Self, &'static str> {
        let [iterations, salt, hash] = three(rest)?;
        Self::new(digest, iterations, adapted(salt)?, adapted(hash)?)
    }

    /// `pbkdf2_sha256$600000$salt$hash`, where the salt is a text.
    pub(super) fn django(digest: &str, rest: &str) -> Result<Self, &'static str> {
        let [iterations, salt, hash] = three(rest)?;
        Self::new(digest, iterations, salt.as_bytes().to_vec(), base64(hash)?)
    }

    pub(super) fn verify(&self, password: &[u8]) -> bool {
        pbkdf2::verify(self.algorithm, self.iterations, &self.salt, password, &self.hash).is_ok()
    }
}

fn three(rest: &str) -> Result<[&str; 3], &'static str> {
    let fields: Vec<&str> = rest.split('$').collect();
    fields.try_into().map_err(|_| DAMAGED)
}

/// scrypt.
pub(super) struct Scrypt {
    params: scrypt::Params,
    salt: Vec<u8>,
    hash: Vec<u8>,
}

impl Scrypt {
    /// `ln=17,r=8,p=1$salt$hash`.
    pub(super) fn parse(rest: &str) -> Result<Self, &'static str> {
        let [parameters, salt, hash] = three(rest)?;
        let mut numbers = [None; 3];
        for parameter in parameters.split(',') {
            let (name, number) = parameter.split_once('=').ok_or(DAMAGED)?;
            let at = ["ln", "r", "p"].iter().position(|it| *it == name).ok_or(DAMAGED)?;
            numbers[at] = Some(number.parse::<u32>().map_err(|_| DAMAGED)?);
        }
        let [Some(log_n), Some(r), Some(p)] = numbers else { return Err(DAMAGED) };
        if log_n > 30 || r > 1024 || p > 16 {
            return Err(DEAR);
        }
        let memory = (1u64 << log_n) * u64::from(r) * 128;
        if memory > u64::from(MEMORY_KIB) << 10 || memory * u64::from(p) > 8 << 28 {
            return Err(DEAR);
        }
        let log_n = u8::try_from(log_n).map_err(|_| DAMAGED)?;
        let params = scrypt::Params::new(log_n, r, p).map_err(|_| DAMAGED)?;
        let (salt, hash) = (adapted(salt)?, adapted(hash)?);
        match (16..=64).contains(&hash.len()) {
            true => Ok(Self { params, salt, hash }),
            false => Err(DAMAGED),
        }
    }

    pub(super) fn verify(&self, password: &[u8]) -> bool {
        let mut out = vec![0; self.hash.len()];
        let made = scrypt::scrypt(password, &self.salt, &self.params, &mut out);
        made.is_ok() && bool::from(out.ct_eq(&self.hash))
    }
}
