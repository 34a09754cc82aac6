//! AES-256-GCM with the nonce in front.

use mlua::{Lua, LuaString, Result};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};

use super::random;
use crate::modules::args::Args;
use crate::modules::build::failed;
use crate::site::Site;

fn key(args: &mut Args) -> Result<LessSafeKey> {
    let given = args.take("key");
    let key = given.sensitive()?;
    let key = UnboundKey::new(&AES_256_GCM, &key);
    Ok(LessSafeKey::new(key.map_err(|_| given.bad("must have 32 bytes"))?))
}

fn context(args: &mut Args) -> Result<Vec<u8>> {
    let given = args.take("context").or_none();
    given.map_or(Ok(Vec::new()), |given| Ok(given.bytes()?.as_bytes().to_vec()))
}

pub(super) fn encrypt(lua: &Lua, _: &Site, mut args: Args) -> Result<LuaString> {
    let key = key(&mut args)?;
    let mut data = args.take("data").sensitive()?;
    let context = context(&mut args)?;
    // Random nonces are good for 2^32 texts with one key.
    let nonce = random(&args, NONCE_LEN)?;
    let unique = Nonce::try_assume_unique_for_key(&nonce).map_err(|_| args.error("no nonce"))?;
    let tag = key.seal_in_place_separate_tag(unique, Aad::from(context), &mut data);
    let tag = tag.map_err(|_| args.error("the data is too long"))?;
    lua.create_string([nonce.as_slice(), &data, tag.as_ref()].concat())
}

pub(super) fn decrypt(
    lua: &Lua,
    _: &Site,
    mut args: Args,
) -> Result<(Option<LuaString>, Option<String>)> {
    let key = key(&mut args)?;
    let sealed = args.take("sealed").bytes()?.as_bytes().to_vec();
    let context = context(&mut args)?;
    let opened = sealed.split_at_checked(NONCE_LEN).and_then(|(nonce, rest)| {
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut rest = rest.to_vec();
        let length = key.open_in_place(nonce, Aad::from(context), &mut rest).ok()?.len();
        rest.truncate(length);
        Some(rest)
    });
    match opened {
        Some(data) => Ok((Some(lua.create_string(data)?), None)),
        None => failed(lua, "the text was not made with this key and context"),
    }
}
