//! `moon.ldap`: directories.

use std::sync::Arc;

use mlua::{Lua, Result, Table};

use super::args::{Args, Given};
use super::build::Builder;
use super::{ItemDoc, Module};
use crate::services::LdapSettings;
use crate::site::Site;

mod pool;
mod text;

/// See [`Module`].
pub(super) const MODULE: Module = Module {
    name: "moon.ldap",
    doc: "Directories by LDAP. Values are escaped by `filter`, `escape_filter` and `escape_dn`; an empty password \
          is refused before the directory sees it, since a bind with one succeeds for everybody; referrals are \
          ignored; certificates are checked. A directory that does not answer is nil and why from `bind`; \
          `search`, `search_one` and `check` raise an error then, since nil and false mean something else there: \
          in a login, an error is a temporary failure.",
    items: &[
        ItemDoc {
            name: "pool",
            signature: "(options: { url: string | { string }, starttls: boolean?, ca: string?, plaintext: boolean?, size: number?, timeout: (string | number)? }) -> LdapPool",
            doc: "Connections to a directory, opened when they are needed: `ldaps://host`, or `ldap://host` with \
                  `starttls`; several addresses are tried in order. `ca` is a PEM text or the path of a PEM file; \
                  the system's if it is missing. `ldap://` without `starttls` needs `plaintext = true`. At most \
                  `size` (8) at a time; `timeout` (5 s) for each question.",
            grant: "ldap",
        },
        ItemDoc {
            name: "filter",
            signature: "(template: string, ...string) -> string",
            doc: "A filter (RFC 4515) with each `%s` replaced by an escaped value; `%%` is a percent sign.",
            grant: "",
        },
        ItemDoc {
            name: "escape_filter",
            signature: "(value: string) -> string",
            doc: "A value inside a filter.",
            grant: "",
        },
        ItemDoc {
            name: "escape_dn",
            signature: "(value: string) -> string",
            doc: "A value inside a DN (RFC 4514).",
            grant: "",
        },
        ItemDoc {
            name: "cn_of",
            signature: "(dns: (string | { string })?) -> { string }",
            doc: "The first value of each DN: the groups' names of a `memberOf`. Empty for nil.",
            grant: "",
        },
        ItemDoc {
            name: "all",
            signature: "(value: (string | { string })?) -> { string }",
            doc: "An attribute's values as a list, however many there are.",
            grant: "",
        },
        ItemDoc {
            name: "first",
            signature: "(value: (string | { string })?) -> string?",
            doc: "An attribute's first value; nil if it has none.",
            grant: "",
        },
        ItemDoc {
            name: "pool:bind",
            signature: "(dn: string?, password: (string | Secret)?) -> (LdapConnection?, string?)",
            doc: "Who searches: an entry, or nobody if nothing is given. nil and why if the directory refuses it or \
                  does not answer.",
            grant: "ldap",
        },
        ItemDoc {
            name: "pool:check",
            signature: "(dn: string, password: string | Secret) -> boolean",
            doc: "Whether the password is that of the entry. False for an empty one.",
            grant: "ldap",
        },
        ItemDoc {
            name: "connection:search",
            signature: "(question: { base: string, filter: string?, scope: string?, attrs: { string }?, limit: number? }) -> { { [string]: any } }",
            doc: "The entries, each with `dn` and its attributes: a string, or a list if there are several values \
                  (`ldap.all` and `ldap.first` even that out), spelled as in `attrs`. `scope` is \"sub\" (the \
                  default), \"one\" or \"base\"; `limit` 1000, at most 10,000.",
            grant: "ldap",
        },
        ItemDoc {
            name: "connection:search_one",
            signature: "(question: { base: string, filter: string?, scope: string?, attrs: { string }? }) -> { [string]: any }?",
            doc: "The one entry; nil if there is none. Several are an error: whose password it is would not be certain.",
            grant: "ldap",
        },
    ],
    open,
};

fn open(lua: &Lua, site: &Site) -> Result<Table> {
    Ok(Builder::new(lua, site, MODULE.name)?
        .function("pool", |_, site, args| make(site, args))?
        .function("filter", |_, _, args| text::filter(args))?
        .function("escape_filter", |_, _, mut args| {
            Ok(text::escape_filter(&args.take("value").text()?))
        })?
        .function("escape_dn", |_, _, mut args| Ok(text::escape_dn(&args.take("value").text()?)))?
        .function("cn_of", |_, _, mut args| {
            let dns = all(&args.take("dns"))?;
            Ok(dns
                .iter()
                .filter_map(|dn| text::first_value(&dn.to_string_lossy()))
                .collect::<Vec<_>>())
        })?
        .function("all", |_, _, mut args| all(&args.take("value")))?
        .function("first", |_, _, mut args| Ok(all(&args.take("value"))?.into_iter().next()))?
        .table())
}

/// The values of an attribute, which may be binary.
fn all(given: &Given) -> Result<Vec<mlua::LuaString>> {
    match given.value() {
        mlua::Value::Nil => Ok(Vec::new()),
        mlua::Value::String(one) => Ok(vec![one.clone()]),
        mlua::Value::Table(list) => list
            .sequence_values()
            .enumerate()
            .map(|(at, value)| given.field(&(at + 1).to_string(), value?).bytes())
            .collect(),
        _ => Err(given.wrong("a string, a list of strings or nil")),
    }
}

fn make(site: &Site, mut args: Args) -> Result<pool::Pool> {
    site.require(args.call(), "ldap")?;
    let options =
        args.take("options").options(&["url", "starttls", "ca", "plaintext", "size", "timeout"])?;
    let flag =
        |name: &str| Ok::<_, mlua::Error>(options.maybe(name, Given::boolean)?.unwrap_or(false));
    let given = options.take("url")?;
    let (urls, starttls, plaintext) = (given.texts()?, flag("starttls")?, flag("plaintext")?);
    if urls.is_empty() {
        return Err(given.bad("names no directory"));
    }
    for url in &urls {
        let plain = url.starts_with("ldap://");
        if !plain && !url.starts_with("ldaps://") {
            return Err(
                given.bad(format!("is {url:?}, which does not begin with ldaps:// or ldap://"))
            );
        }
        if plain && !starttls && !plaintext {
            return Err(given.bad(format!(
                "is {url}, which would send passwords unencrypted: use ldaps://, or starttls = true (or \
                 plaintext = true if nobody can listen on the way)"
            )));
        }
    }
    let span = options.take("timeout")?;
    let timeout = match span.value().is_nil() {
        true => std::time::Duration::from_secs(5),
        false => span.duration()?,
    };
    if timeout.is_zero() || timeout.as_secs() > 60 {
        return Err(span.bad("must be more than 0 and at most 60 s"));
    }
    let settings = LdapSettings {
        urls,
        starttls,
        ca: options.maybe("ca", Given::text)?,
        size: options.maybe("size", |given| given.count(256))?.unwrap_or(8),
        timeout,
    };
    let pool = site.services.ldap.pool(&settings).map_err(|problem| args.error(problem))?;
    Ok(pool::Pool(Arc::clone(&pool)))
}

#[cfg(test)]
mod tests;
