//! `moon.password`: passwords and their hashes, also those of other systems.

use std::sync::Arc;

use mlua::{Lua, Result, Table};
use zeroize::Zeroizing;

use super::args::Args;
use super::build::Builder;
use super::{ItemDoc, Module};
use crate::site::Site;

mod hashes;
mod kdf;
mod old;

/// See [`Module`].
pub(super) const MODULE: Module = Module {
    name: "moon.password",
    doc: "Hashes of passwords. `verify` knows argon2, bcrypt, scrypt and PBKDF2 (as PHC texts, and as passlib, \
          Django and OpenLDAP write them), crypt's SHA-256 and SHA-512, `{SSHA}` and its kin, phpass, and \
          Nextcloud's `1|`, `2|` and `3|`. Both take a core for a while, elsewhere, and wait for their turn.",
    items: &[
        ItemDoc {
            name: "verify",
            signature: "(password: string | Secret, hash: string | Secret) -> boolean",
            doc: "Whether a hash was made from the password. A hash that is damaged, unknown or costs too much (over \
                  256 MiB or some seconds) is an error, without the hash in it. An empty password is never right.",
            grant: "",
        },
        ItemDoc {
            name: "hash",
            signature: "(password: string | Secret) -> string",
            doc: "A new hash: Argon2id with 19 MiB, t = 2, p = 1, as the server's own accounts have.",
            grant: "",
        },
        ItemDoc {
            name: "scheme",
            signature: "(hash: string | Secret) -> string?",
            doc: "How a hash was made: \"argon2\", \"bcrypt\", \"scrypt\", \"pbkdf2\", \"sha256-crypt\", \
                  \"sha512-crypt\", \"sha\", \"ssha\" or \"phpass\"; nil if it is none of these.",
            grant: "",
        },
    ],
    open,
};

fn open(lua: &Lua, site: &Site) -> Result<Table> {
    Ok(Builder::new(lua, site, MODULE.name)?
        .waiting("verify", verify)?
        .waiting("hash", hash)?
        .function("scheme", |_, _, mut args| {
            let hash = args.take("hash").sensitive()?;
            let text = std::str::from_utf8(&hash).ok();
            Ok(text.and_then(|text| hashes::Hash::parse(text).ok()).map(|hash| hash.scheme()))
        })?
        .table())
}

/// Longest password: some schemes take it apart once for each of its bytes.
const LONGEST: usize = 1024;

/// Does work that takes a core elsewhere, when it is its turn.
async fn elsewhere<T: Send + 'static>(
    site: &Site,
    args: &Args,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T> {
    let turns = Arc::clone(&site.services.passwords);
    let turn = turns.acquire_owned().await.map_err(|error| args.error(error))?;
    let task = tokio::task::spawn_blocking(move || {
        // Held until the work is done, also when nobody waits for it any more.
        let _turn = turn;
        work()
    });
    task.await.map_err(|error| args.error(error))
}

fn password(args: &mut Args) -> Result<Zeroizing<Vec<u8>>> {
    let given = args.take("password");
    let password = given.sensitive()?;
    match password.len() <= LONGEST {
        true => Ok(password),
        false => Err(given.bad(format!("has more than {LONGEST} bytes"))),
    }
}

async fn verify(_: Lua, site: Site, mut args: Args) -> Result<bool> {
    let password = password(&mut args)?;
    let given = args.take("hash");
    let text = given.sensitive()?;
    let text = std::str::from_utf8(&text).map_err(|_| given.bad("is not UTF-8"))?;
    let hash = hashes::Hash::parse(text).map_err(|problem| given.bad(problem))?;
    // bcrypt and crypt end at a NUL: "a" and "a\0b" would be one password.
    if password.is_empty() || password.contains(&0) {
        return Ok(false);
    }
    elsewhere(&site, &args, move || hash.verify(&password)).await
}

async fn hash(_: Lua, site: Site, mut args: Args) -> Result<String> {
    let password = password(&mut args)?;
    if password.is_empty() {
        return Err(args.error("the password is empty"));
    }
    let hashed = elsewhere(&site, &args, move || kdf::argon2id(&password)).await?;
    hashed.map_err(|problem| args.error(problem))
}

#[cfg(test)]
mod tests;
