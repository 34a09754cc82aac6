//! `moon.url`: addresses, and what is escaped in them.

use mlua::{Lua, Result, Table, Value};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode, percent_encode};
use url::Url;

use super::args::{Args, Given};
use super::build::{Builder, failed};
use super::{ItemDoc, Module};
use crate::site::Site;

/// Everything but RFC 3986's unreserved characters.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// See [`Module`].
pub(super) const MODULE: Module = Module {
    name: "moon.url",
    doc: "URLs by the rules that browsers and `moon.http` follow.",
    items: &[
        ItemDoc {
            name: "parse",
            signature: "(url: string, base: string?) -> ({ url: string, scheme: string, host: string?, port: number?, path: string, query: string?, fragment: string?, user: string? }?, string?)",
            doc: "The parts of a URL, or of one relative to a base. `port` is the scheme's if none is written; path, \
                  query and fragment stay escaped; a password is dropped. nil and why if it is none.",
            grant: "",
        },
        ItemDoc {
            name: "escape",
            signature: "(text: string) -> string",
            doc: "A text as one segment of a path or one value of a query: everything but letters, digits and \
                  `-._~` as `%XX`.",
            grant: "",
        },
        ItemDoc {
            name: "unescape",
            signature: "(text: string) -> string",
            doc: "`%XX` as the byte; `+` stays.",
            grant: "",
        },
        ItemDoc {
            name: "query",
            signature: "(values: { [string]: string | number | boolean | { string } }) -> string",
            doc: "A query or form of names and values, in order of the names; a list is its name repeated.",
            grant: "",
        },
        ItemDoc {
            name: "parse_query",
            signature: "(query: string) -> { [string]: { string } }",
            doc: "The values of a query or form by name, each a list, in order. `+` is a space.",
            grant: "",
        },
    ],
    open,
};

fn open(lua: &Lua, site: &Site) -> Result<Table> {
    Ok(Builder::new(lua, site, MODULE.name)?
        .function("parse", |lua, _, args| parse(lua, args))?
        .function("escape", |_, _, mut args| {
            Ok(percent_encode(&args.take("text").bytes()?.as_bytes(), RESERVED).to_string())
        })?
        .function("unescape", |lua, _, mut args| {
            let text = args.take("text").bytes()?;
            lua.create_string(percent_decode(&text.as_bytes()).collect::<Vec<u8>>())
        })?
        .function("query", |_, _, mut args| query(&args.take("values")))?
        .function("parse_query", |lua, _, mut args| {
            let text = args.take("query").bytes()?;
            let table = lua.create_table()?;
            for (name, value) in url::form_urlencoded::parse(&text.as_bytes()) {
                match table.raw_get::<Option<Table>>(&*name)? {
                    Some(list) => list.raw_push(value)?,
                    None => table.raw_set(name, vec![value])?,
                }
            }
            Ok(table)
        })?
        .table())
}

fn parse(lua: &Lua, mut args: Args) -> Result<(Option<Table>, Option<String>)> {
    let text = args.take("url").text()?;
    let base = args.take("base").or_none().map(|given| given.text()).transpose()?;
    let url = match base {
        None => Url::parse(&text),
        Some(base) => Url::parse(&base).and_then(|base| base.join(&text)),
    };
    let mut url = match url {
        Ok(url) => url,
        Err(error) => return failed(lua, error.to_string()),
    };
    // Fails where there can be no password anyway.
    let _ = url.set_password(None);
    let table = lua.create_table()?;
    table.raw_set("url", url.as_str())?;
    table.raw_set("scheme", url.scheme())?;
    table.raw_set("host", url.host_str())?;
    table.raw_set("port", url.port_or_known_default())?;
    table.raw_set("path", url.path())?;
    table.raw_set("query", url.query())?;
    table.raw_set("fragment", url.fragment())?;
    let user = percent_decode(url.username().as_bytes()).decode_utf8_lossy().into_owned();
    table.raw_set("user", (!user.is_empty()).then_some(user))?;
    Ok((Some(table), None))
}

/// A query or form of a table's names and values.
pub(super) fn query(given: &Given) -> Result<String> {
    let mut pairs: Vec<(String, String)> = Vec::new();
    for pair in given.table()?.pairs::<Value, Value>() {
        let (Value::String(name), value) = pair? else {
            return Err(given.wrong("a table with named fields"));
        };
        let name = name.to_str().map_err(|_| given.bad("has a name that is not UTF-8"))?.to_owned();
        let mut push = |value: &Value| {
            let text = match value {
                Value::String(it) => match it.to_str() {
                    Ok(it) => it.to_owned(),
                    Err(_) => return Err(given.bad(format!("is not UTF-8 at '{name}'"))),
                },
                Value::Integer(it) => it.to_string(),
                Value::Number(it) if it.is_finite() => it.to_string(),
                Value::Boolean(it) => it.to_string(),
                other => {
                    let kind = super::args::kind(other);
                    return Err(given.bad(format!(
                        "must hold texts, numbers, booleans and lists; '{name}' is {kind}"
                    )));
                }
            };
            pairs.push((name.clone(), text));
            Ok(())
        };
        match &value {
            Value::Table(list) => {
                list.sequence_values::<Value>().try_for_each(|value| push(&value?))?
            }
            value => push(value)?,
        }
    }
    // Stable: the values of one name keep their order.
    pairs.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish())
}

#[cfg(test)]
mod tests {
    use crate::modules::testing::Bench;

    #[tokio::test]
    async fn urls_are_taken_apart_and_put_together() {
        Bench::new(&[])
            .check(
                "moon.url",
                &[
                    ("local u = url.parse('HTTPS://u:p@Example.org/a%20b?q=1#f') return u.url, u.scheme, u.host, u.port, u.path, u.query, u.fragment, u.user", "https://u@example.org/a%20b?q=1#f, https, example.org, 443, /a%20b, q=1, f, u"),
                    ("return url.parse('../c', 'http://x/a/b/').url", "http://x/a/c"),
                    ("return url.parse('http://0x7f.1/').host", "127.0.0.1"),
                    ("return url.parse('/a')", "nil, relative URL without a base"),
                    ("return url.parse('http://exa mple/')", "nil, invalid international domain name"),
                    ("return url.escape('a b/ä&-._~')", "a%20b%2F%C3%A4%26-._~"),
                    ("return url.unescape('a%20b+%C3%A4%zz')", "a b+ä%zz"),
                    ("return url.query({ b = 'x y', a = 1, c = { '1', '2' }, d = true })", "a=1&b=x+y&c=1&c=2&d=true"),
                    ("local q = url.parse_query('a=1&b=x+y&a=2') return q.a[1], q.a[2], q.b[1], q.c", "1, 2, x y, nil"),
                    ("url.query({ a = {{}} })", "moon.url.query: parameter 'values' must hold texts, numbers, booleans and lists; 'a' is table"),
                    ("url.query({ 'a' })", "must be a table with named fields"),
                ],
            )
            .await;
    }
}
