//! Signed tokens (RFC 7519, and what RFC 8725 warns of).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mlua::{Lua, Result, Table, Value};
use serde_json::Value as Json;

use super::keys::{ALGORITHMS, Algorithm, Key};
use crate::modules::args::{Args, Given, Options};
use crate::modules::build::failed;
use crate::modules::json::decode;
use crate::site::Site;

/// Bytes of a token.
const LONGEST: usize = 64 << 10;

/// What a token must be.
struct Rules {
    algorithms: Vec<Algorithm>,
    keys: Vec<Key>,
    issuers: Option<Vec<String>>,
    audiences: Option<Vec<String>>,
    leeway: f64,
    require_exp: bool,
    now: f64,
}

pub(super) fn verify(lua: &Lua, site: &Site, mut args: Args) -> Result<(Value, Option<String>)> {
    let token = args.take("token").sensitive()?;
    let options = args.take("options").options(&[
        "algorithms",
        "jwks",
        "secret",
        "issuer",
        "audience",
        "leeway",
        "require_exp",
    ])?;
    let rules = Rules::read(site, &args, &options)?;
    match rules.claims(&token) {
        Err(problem) => failed(lua, problem),
        Ok(claims) => match decode::decode(lua, &claims) {
            Ok(claims) => Ok((claims, None)),
            Err(problem) => failed(lua, problem),
        },
    }
}

impl Rules {
    fn read(site: &Site, args: &Args, options: &Options) -> Result<Self> {
        let given = options.take("algorithms")?;
        let mut algorithms = Vec::new();
        for name in given.texts()? {
            let found = ALGORITHMS.iter().find(|(it, _)| *it == name);
            let known = ALGORITHMS.map(|(name, _)| name).join(", ");
            algorithms.push(
                found.ok_or_else(|| given.bad(format!("has {name:?}; known are {known}")))?.1,
            );
        }
        let mut keys = Vec::new();
        if let Some(secret) = options.take("secret")?.or_none() {
            let text = secret.sensitive()?;
            if text.len() < 16 {
                return Err(secret.bad("has less than 16 bytes, which can be guessed"));
            }
            keys.push(Key::secret(text));
        }
        if let Some(jwks) = options.take("jwks")?.or_none() {
            let set: Value = jwks.table()?.raw_get("keys")?;
            let Value::Table(set) = set else { return Err(jwks.bad("has no list 'keys'")) };
            for jwk in set.sequence_values::<Table>() {
                let jwk = jwk.map_err(|_| jwks.bad("has a key that is no table"))?;
                keys.extend(Key::read(&jwk));
            }
        }
        if algorithms.is_empty() || keys.is_empty() {
            return Err(args.error("there is no algorithm, or no key for one: give jwks or secret"));
        }
        let leeway = options.maybe("leeway", Given::duration)?;
        Ok(Self {
            algorithms,
            keys,
            issuers: options.maybe("issuer", Given::texts)?,
            audiences: options.maybe("audience", Given::texts)?,
            leeway: leeway.map_or(60.0, |leeway| leeway.as_secs_f64()),
            require_exp: options.maybe("require_exp", Given::boolean)?.unwrap_or(true),
            now: site.services.clock.millis() as f64 / 1000.0,
        })
    }

    /// The claims as JSON, if the token is to be believed.
    fn claims(&self, token: &[u8]) -> std::result::Result<Vec<u8>, &'static str> {
        const FORM: &str = "the token is no signed JWT";
        if token.len() > LONGEST {
            return Err("the token is too long");
        }
        let token = std::str::from_utf8(token).map_err(|_| FORM)?;
        let (signed, signature) = token.rsplit_once('.').ok_or(FORM)?;
        let (header, claims) = signed.split_once('.').ok_or(FORM)?;
        let [header, claims, signature] =
            [header, claims, signature].map(|it| URL_SAFE_NO_PAD.decode(it));
        let (header, claims, signature) =
            (header.map_err(|_| FORM)?, claims.map_err(|_| FORM)?, signature.map_err(|_| FORM)?);
        let header: Json = serde_json::from_slice(&header).map_err(|_| FORM)?;
        let name = header["alg"].as_str().ok_or(FORM)?;
        let algorithm = ALGORITHMS.iter().find(|(it, _)| *it == name).map(|(_, it)| *it);
        let algorithm = algorithm.filter(|it| self.algorithms.contains(it));
        let algorithm =
            algorithm.ok_or("the token's algorithm is not one of those that may be used")?;
        // RFC 7515 §4.1.11: what is critical must be understood, and nothing is here.
        if header.get("crit").is_some() {
            return Err("the token has critical fields that are not understood");
        }
        let id = match &header["kid"] {
            Json::Null => None,
            Json::String(id) => Some(id),
            _ => return Err(FORM),
        };
        let fits = |key: &&Key| id.is_none() || key.id.is_none() || key.id.as_ref() == id;
        let mut keys = self.keys.iter().filter(fits);
        if !keys.any(|key| key.signed(algorithm, signed.as_bytes(), &signature)) {
            return Err("no key has signed the token");
        }
        let read: Json = serde_json::from_slice(&claims).map_err(|_| FORM)?;
        self.check(&read)?;
        Ok(claims)
    }

    fn check(&self, claims: &Json) -> std::result::Result<(), &'static str> {
        if !claims.is_object() {
            return Err("the token's claims are no object");
        }
        let moment = |name: &str| match &claims[name] {
            Json::Null => Ok(None),
            Json::Number(number) => Ok(number.as_f64()),
            _ => Err("the token has a time that is no number"),
        };
        match moment("exp")? {
            None if self.require_exp => return Err("the token has no exp"),
            Some(exp) if self.now >= exp + self.leeway => return Err("the token has expired"),
            _ => {}
        }
        if moment("nbf")?.is_some_and(|nbf| self.now < nbf - self.leeway) {
            return Err("the token is not valid yet");
        }
        if let Some(issuers) = &self.issuers {
            let issuer = claims["iss"].as_str();
            if !issuer.is_some_and(|issuer| issuers.iter().any(|it| it == issuer)) {
                return Err("the token is from another issuer");
            }
        }
        let named: Vec<&str> = match &claims["aud"] {
            Json::Null => Vec::new(),
            Json::String(one) => vec![one],
            Json::Array(several) => several.iter().filter_map(Json::as_str).collect(),
            _ => return Err("the token has an audience that is no text"),
        };
        // RFC 7519 §4.1.3: who does not find himself in it must refuse the token.
        match &self.audiences {
            None if claims["aud"].is_null() => Ok(()),
            Some(ours) if named.iter().any(|it| ours.iter().any(|our| our == it)) => Ok(()),
            _ => Err("the token is for another audience"),
        }
    }
}
