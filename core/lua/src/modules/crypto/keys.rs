//! Keys that signatures are checked with (RFC 7517), each for the one algorithm that its type has: a
//! public key never serves as a secret.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mlua::{Table, Value};
use ring::hmac;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents,
    UnparsedPublicKey,
};
use zeroize::Zeroizing;

/// How a token is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Algorithm {
    Rs256,
    Es256,
    EdDsa,
    Hs256,
}

/// By their names in a token. "none" is not one.
pub(super) const ALGORITHMS: [(&str, Algorithm); 4] = [
    ("RS256", Algorithm::Rs256),
    ("ES256", Algorithm::Es256),
    ("EdDSA", Algorithm::EdDsa),
    ("HS256", Algorithm::Hs256),
];

/// A key.
pub(super) struct Key {
    pub(super) id: Option<String>,
    kind: Kind,
}

enum Kind {
    Rsa { n: Vec<u8>, e: Vec<u8> },
    P256(Vec<u8>),
    Ed25519(Vec<u8>),
    Secret(Zeroizing<Vec<u8>>),
}

impl Key {
    pub(super) fn secret(secret: Zeroizing<Vec<u8>>) -> Self {
        Self { id: None, kind: Kind::Secret(secret) }
    }

    /// The public key of a JWK; `None` for one that is not for this, which a set may hold.
    pub(super) fn read(jwk: &Table) -> Option<Self> {
        let text = |name: &str| match jwk.raw_get::<Value>(name) {
            Ok(Value::String(text)) => Some(text.to_string_lossy()),
            _ => None,
        };
        let bytes = |name: &str| URL_SAFE_NO_PAD.decode(text(name)?).ok();
        if text("use").is_some_and(|it| it != "sig") {
            return None;
        }
        let (kind, algorithm) = match (text("kty")?.as_str(), text("crv").as_deref()) {
            ("RSA", _) => (Kind::Rsa { n: bytes("n")?, e: bytes("e")? }, "RS256"),
            ("EC", Some("P-256")) => {
                let (x, y) = (bytes("x")?, bytes("y")?);
                (Kind::P256([&[4], x.as_slice(), &y].concat()), "ES256")
            }
            ("OKP", Some("Ed25519")) => (Kind::Ed25519(bytes("x")?), "EdDSA"),
            _ => return None,
        };
        let fits = text("alg").is_none_or(|it| it == algorithm);
        fits.then(|| Self { id: text("kid"), kind })
    }

    /// Whether the key is one for this algorithm, and the signature its own.
    pub(super) fn signed(&self, algorithm: Algorithm, text: &[u8], signature: &[u8]) -> bool {
        match (algorithm, &self.kind) {
            (Algorithm::Rs256, Kind::Rsa { n, e }) => RsaPublicKeyComponents { n, e }
                .verify(&RSA_PKCS1_2048_8192_SHA256, text, signature)
                .is_ok(),
            (Algorithm::Es256, Kind::P256(point)) => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)
                    .verify(text, signature)
                    .is_ok()
            }
            (Algorithm::EdDsa, Kind::Ed25519(point)) => {
                UnparsedPublicKey::new(&ED25519, point).verify(text, signature).is_ok()
            }
            (Algorithm::Hs256, Kind::Secret(secret)) => {
                hmac::verify(&hmac::Key::new(hmac::HMAC_SHA256, secret), text, signature).is_ok()
            }
            _ => false,
        }
    }
}
