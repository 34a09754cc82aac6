//! `moon.mime`: media types.

use mlua::{Lua, Result, Table};

use super::args::Args;
use super::build::{Builder, failed};
use super::{ItemDoc, Module};
use crate::site::Site;

/// See [`Module`].
pub(super) const MODULE: Module = Module {
    name: "moon.mime",
    doc: "Media types. A name's ending is all that is looked at: it says what a file claims to be.",
    items: &[
        ItemDoc {
            name: "by_name",
            signature: "(name: string) -> string?",
            doc: "The type that a file's name suggests; nil if its ending is unknown.",
            grant: "",
        },
        ItemDoc {
            name: "parse",
            signature: "(field: string) -> ({ type: string, parameters: { [string]: string } }?, string?)",
            doc: "A `Content-Type` field: the type, and its parameters, with names in lower case. nil and why if \
                  it is none.",
            grant: "",
        },
        ItemDoc {
            name: "matches",
            signature: "(type: string, patterns: string | { string }) -> boolean",
            doc: "Whether a type, whose parameters do not count, is one of these: `text/plain`, `image/*`, `*/*`.",
            grant: "",
        },
    ],
    open,
};

fn open(lua: &Lua, site: &Site) -> Result<Table> {
    Ok(Builder::new(lua, site, MODULE.name)?
        .function("by_name", |_, _, mut args| {
            let name = args.take("name").text()?;
            Ok(mime_guess::from_path(name).first_raw())
        })?
        .function("parse", |lua, _, args| parse(lua, args))?
        .function("matches", |_, _, args| matches(args))?
        .table())
}

fn is_token(text: &str) -> bool {
    let good = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    !text.is_empty() && text.bytes().all(good)
}

/// `top/sub` in lower case, without parameters.
fn essence(text: &str) -> Option<String> {
    let essence = text.split(';').next()?.trim().to_ascii_lowercase();
    let (top, sub) = essence.split_once('/')?;
    (is_token(top) && is_token(sub)).then_some(essence)
}

fn parse(lua: &Lua, mut args: Args) -> Result<(Option<Table>, Option<String>)> {
    let text = args.take("field").text()?;
    let none = || failed(lua, format!("{text:?} is no media type"));
    let Some(essence) = essence(&text) else { return none() };
    let parameters = lua.create_table()?;
    let mut rest = text.split_once(';').map_or("", |(_, rest)| rest);
    while !rest.trim().is_empty() {
        let Some((name, after)) = rest.split_once('=') else { return none() };
        let name = name.trim().to_ascii_lowercase();
        let Some((value, after)) = value(after.trim_start()) else { return none() };
        let after = after.trim_start();
        if !is_token(&name) || !(after.is_empty() || after.starts_with(';')) {
            return none();
        }
        parameters.raw_set(name, value)?;
        rest = after.trim_start_matches(';');
    }
    let table = lua.create_table()?;
    table.raw_set("type", essence)?;
    table.raw_set("parameters", parameters)?;
    Ok((Some(table), None))
}

/// A token or a quoted string, and what follows.
fn value(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([';', ' ', '\t']).unwrap_or(text.len());
        return is_token(&text[..end]).then(|| (text[..end].to_owned(), &text[end..]));
    };
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, c)) = characters.next() {
        match c {
            '"' => return Some((value, &quoted[at + 1..])),
            '\\' => value.push(characters.next()?.1),
            c => value.push(c),
        }
    }
    None
}

fn matches(mut args: Args) -> Result<bool> {
    let text = args.take("type").text()?;
    let given = args.take("patterns");
    let essence = essence(&text);
    let mut found = false;
    for pattern in given.texts()? {
        let pattern = pattern.to_ascii_lowercase();
        let Some((top, sub)) =
            pattern.split_once('/').filter(|(top, sub)| is_token(top) && is_token(sub))
        else {
            return Err(given.bad(format!("has {pattern:?}, which is no pattern (image/*)")));
        };
        let fits = essence
            .as_ref()
            .and_then(|it| it.split_once('/'))
            .is_some_and(|(a, b)| (top == "*" || top == a) && (sub == "*" || sub == b));
        found |= fits;
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use crate::modules::testing::Bench;

    #[tokio::test]
    async fn types_are_read_and_compared() {
        Bench::new(&[])
            .check(
                "moon.mime",
                &[
                    ("return mime.by_name('a/Photo.JPG'), mime.by_name('x'), mime.by_name('x.qqq')", "image/jpeg, nil, nil"),
                    ("local m = mime.parse('Text/HTML; Charset=utf-8') return m.type, m.parameters.charset", "text/html, utf-8"),
                    ("return mime.parse('a/b; x=\"q\\\\\"; r\" ; y=2').parameters.x", "q\"; r"),
                    ("return mime.parse('a/b; x=\"q; r\";y=2').parameters.y", "2"),
                    ("return (mime.parse('text'))", "nil"),
                    ("return (mime.parse('a/b; x'))", "nil"),
                    ("return (mime.parse('a/b; x=\"1'))", "nil"),
                    ("return mime.matches('image/png', 'image/*'), mime.matches('image/png; q=1', { 'a/b', 'IMAGE/PNG' })", "true, true"),
                    ("return mime.matches('x', '*/*'), mime.matches('text/x', 'image/*')", "false, false"),
                    ("mime.matches('a/b', 'png')", "moon.mime.matches: parameter 'patterns' has \"png\", which is no pattern"),
                    ("mime.by_name(nil)", "moon.mime.by_name: parameter 'name' must be a string, got nil"),
                ],
            )
            .await;
    }
}
