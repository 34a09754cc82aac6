//! `moon.crypto`: digests, tokens, encryption, signed tokens.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use mlua::{Lua, Result, Table};
use ring::rand::{SecureRandom, SystemRandom};
use ring::{digest, hmac};
use subtle::ConstantTimeEq;

use super::args::Args;
use super::build::{Builder, failed};
use super::{ItemDoc, Module};
use crate::site::Site;

mod jwt;
mod keys;
mod seal;

const DIGEST: &str = "(data: string | Secret, encoding: string?) -> string";

/// See [`Module`].
pub(super) const MODULE: Module = Module {
    name: "moon.crypto",
    doc: "Cryptography that is hard to use wrongly. Digests are hex unless an encoding is named: \"hex\", \"base64\", \
          \"base64url\" or \"raw\". What is taken as data or key may be a secret.",
    items: &[
        ItemDoc {
            name: "sha1",
            signature: DIGEST,
            doc: "SHA-1: for old formats, not for signatures.",
            grant: "",
        },
        ItemDoc { name: "sha256", signature: DIGEST, doc: "SHA-256.", grant: "" },
        ItemDoc { name: "sha512", signature: DIGEST, doc: "SHA-512.", grant: "" },
        ItemDoc {
            name: "hmac",
            signature: "(digest: string, key: string | Secret, data: string | Secret, encoding: string?) -> string",
            doc: "HMAC with \"sha1\", \"sha256\" or \"sha512\". Compare it with `equals`.",
            grant: "",
        },
        ItemDoc {
            name: "equals",
            signature: "(a: string | Secret, b: string | Secret) -> boolean",
            doc: "Whether two texts are equal, in a time that says nothing about where they differ.",
            grant: "",
        },
        ItemDoc {
            name: "random",
            signature: "(bytes: number) -> string",
            doc: "Random bytes, at most 1024.",
            grant: "",
        },
        ItemDoc {
            name: "token",
            signature: "(bytes: number?) -> string",
            doc: "A random token in base64url: 32 bytes if nothing is said, at least 16.",
            grant: "",
        },
        ItemDoc {
            name: "uuid",
            signature: "() -> string",
            doc: "A random UUID (version 4).",
            grant: "",
        },
        ItemDoc {
            name: "hex_encode",
            signature: "(data: string) -> string",
            doc: "In hexadecimal, lower case.",
            grant: "",
        },
        ItemDoc {
            name: "hex_decode",
            signature: "(text: string) -> (string?, string?)",
            doc: "Of hexadecimal; nil and why if it is none.",
            grant: "",
        },
        ItemDoc {
            name: "base64_encode",
            signature: "(data: string) -> string",
            doc: "In base64, padded.",
            grant: "",
        },
        ItemDoc {
            name: "base64_decode",
            signature: "(text: string) -> (string?, string?)",
            doc: "Of padded base64; nil and why if it is none.",
            grant: "",
        },
        ItemDoc {
            name: "base64url_encode",
            signature: "(data: string) -> string",
            doc: "In base64url, without padding.",
            grant: "",
        },
        ItemDoc {
            name: "base64url_decode",
            signature: "(text: string) -> (string?, string?)",
            doc: "Of base64url without padding; nil and why if it is none.",
            grant: "",
        },
        ItemDoc {
            name: "encrypt",
            signature: "(key: string | Secret, data: string | Secret, context: string?) -> string",
            doc: "AES-256-GCM with a random nonce in front. The key has 32 bytes: one that `random(32)` made, not a \
                  password. `decrypt` needs the same context.",
            grant: "",
        },
        ItemDoc {
            name: "decrypt",
            signature: "(key: string | Secret, sealed: string, context: string?) -> (string?, string?)",
            doc: "What `encrypt` was given; nil and why if anything was changed or the key is another.",
            grant: "",
        },
        ItemDoc {
            name: "jwt_verify",
            signature: "(token: string | Secret, options: { algorithms: string | { string }, jwks: { [string]: any }?, secret: (string | Secret)?, issuer: (string | { string })?, audience: (string | { string })?, leeway: (string | number)?, require_exp: boolean? }) -> ({ [string]: any }?, string?)",
            doc: "The claims of a signed token; nil and why if it is not to be believed. `algorithms` are those that \
                  may be used: RS256, ES256 and EdDSA with the keys of `jwks` (a decoded JWK set), HS256 with \
                  `secret`. A token with a `kid` is checked with that key alone. `exp` (which must be there \
                  unless `require_exp = false`) and `nbf` hold with `leeway` (60 s), `iss` and `aud` as given: \
                  a token that names an audience is refused if none is given here.",
            grant: "",
        },
    ],
    open,
};

fn open(lua: &Lua, site: &Site) -> Result<Table> {
    let mut builder = Builder::new(lua, site, MODULE.name)?;
    for (name, algorithm) in [
        ("sha1", &digest::SHA1_FOR_LEGACY_USE_ONLY),
        ("sha256", &digest::SHA256),
        ("sha512", &digest::SHA512),
    ] {
        builder = builder.function(name, move |lua, _, mut args| {
            let data = args.take("data").sensitive()?;
            encoded(lua, &mut args, digest::digest(algorithm, &data).as_ref())
        })?;
    }
    for (name, encode) in [
        ("hex_encode", (|data: &[u8]| hex::encode(data)) as fn(&[u8]) -> String),
        ("base64_encode", |data| STANDARD.encode(data)),
        ("base64url_encode", |data| URL_SAFE_NO_PAD.encode(data)),
    ] {
        builder = builder.function(name, move |_, _, mut args| {
            Ok(encode(&args.take("data").bytes()?.as_bytes()))
        })?;
    }
    for (name, what, decode) in [
        (
            "hex_decode",
            "hexadecimal",
            (|text: &[u8]| hex::decode(text).ok()) as fn(&[u8]) -> Option<Vec<u8>>,
        ),
        ("base64_decode", "base64", |text| STANDARD.decode(text).ok()),
        ("base64url_decode", "base64url without padding", |text| URL_SAFE_NO_PAD.decode(text).ok()),
    ] {
        builder = builder.function(name, move |lua, _, mut args| {
            match decode(&args.take("text").bytes()?.as_bytes()) {
                Some(data) => Ok((Some(lua.create_string(data)?), None)),
                None => failed::<(_, Option<String>)>(lua, format!("the text is no {what}")),
            }
        })?;
    }
    Ok(builder
        .function("hmac", |lua, _, mut args| {
            let algorithm = args.take("digest").word(&[
                ("sha1", hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY),
                ("sha256", hmac::HMAC_SHA256),
                ("sha512", hmac::HMAC_SHA512),
            ])?;
            let (key, data) = (args.take("key").sensitive()?, args.take("data").sensitive()?);
            let tag = hmac::sign(&hmac::Key::new(algorithm, &key), &data);
            encoded(lua, &mut args, tag.as_ref())
        })?
        .function("equals", |_, _, mut args| {
            let (a, b) = (args.take("a").sensitive()?, args.take("b").sensitive()?);
            Ok(bool::from(a.as_slice().ct_eq(b.as_slice())))
        })?
        .function("random", |lua, _, mut args| {
            let count = args.take("bytes").count(1024)?;
            lua.create_string(random(&args, count)?)
        })?
        .function("token", |_, _, mut args| {
            let count =
                args.take("bytes").or_none().map_or(Ok(32), |given| given.integer(16, 1024))?;
            Ok(URL_SAFE_NO_PAD.encode(random(&args, usize::try_from(count).unwrap_or(32))?))
        })?
        .function("uuid", |_, _, args| uuid(&args))?
        .function("encrypt", seal::encrypt)?
        .function("decrypt", seal::decrypt)?
        .function("jwt_verify", jwt::verify)?
        .table())
}

/// Bytes in the encoding that the next argument names.
fn encoded(lua: &Lua, args: &mut Args, bytes: &[u8]) -> Result<mlua::LuaString> {
    type Encode = fn(&[u8]) -> Vec<u8>;
    let encode = match args.take("encoding").or_none() {
        None => |bytes: &[u8]| hex::encode(bytes).into_bytes(),
        Some(given) => given.word::<Encode>(&[
            ("hex", |bytes| hex::encode(bytes).into_bytes()),
            ("base64", |bytes| STANDARD.encode(bytes).into_bytes()),
            ("base64url", |bytes| URL_SAFE_NO_PAD.encode(bytes).into_bytes()),
            ("raw", <[u8]>::to_vec),
        ])?,
    };
    lua.create_string(encode(bytes))
}

fn random(args: &Args, count: usize) -> Result<Vec<u8>> {
    let mut bytes = vec![0; count];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| args.error("the system gives no random bytes"))?;
    Ok(bytes)
}

fn uuid(args: &Args) -> Result<String> {
    let mut bytes = random(args, 16)?;
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let text = hex::encode(bytes);
    Ok([&text[..8], &text[8..12], &text[12..16], &text[16..20], &text[20..]].join("-"))
}

#[cfg(test)]
mod tests;
