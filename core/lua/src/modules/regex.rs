//! `moon.regex`: regular expressions in linear time.
//!
//! A match runs outside of the VM's budget, so it is bounded here: by the size of the program, by the
//! length of the text, and, where many matches are looked for, by the clock.

use std::time::{Duration, Instant};

use mlua::{Lua, MultiValue, Result, Table, UserData, UserDataMethods, Value};
use regex::bytes::{Captures, Regex, RegexBuilder};

use super::args::{Args, Given};
use super::build::Builder;
use super::{ItemDoc, Module};
use crate::site::Site;

/// Bytes of a compiled expression, and bytes of the texts it may be used on: the time of a match is at
/// worst their product. Unicode's `\w` alone has 50 KiB.
const SIZES: [(usize, usize); 4] =
    [(64 << 10, TEXT), (128 << 10, TEXT / 2), (256 << 10, TEXT / 4), (512 << 10, TEXT / 8)];
/// Bytes of a text.
const TEXT: usize = 256 << 10;
/// Bytes of an expression.
const PATTERN: usize = 4096;
/// Matches that are looked for at once.
const MATCHES: usize = 10_000;
/// How long they may be looked for.
const LONGEST: Duration = Duration::from_millis(50);

/// See [`Module`].
pub(super) const MODULE: Module = Module {
    name: "moon.regex",
    doc: "Regular expressions in the syntax of Rust's `regex`: no backreferences, no look-around, and time that \
          grows with the text alone, whatever the expression. Texts are bytes, at most 256 KiB, or \
          down to 32 KiB for large expressions (Unicode's `\\w` is large, `[0-9A-Za-z_]` is not); positions \
          count from 1. Compile at the top of the script, not in a handler.",
    items: &[
        ItemDoc {
            name: "compile",
            signature: "(pattern: string, options: { ignore_case: boolean?, multi_line: boolean?, dot_all: boolean? }?) -> Regex",
            doc: "An expression. One that is wrong or too large is an error.",
            grant: "",
        },
        ItemDoc {
            name: "escape",
            signature: "(text: string) -> string",
            doc: "An expression that finds just this text.",
            grant: "",
        },
        ItemDoc {
            name: "regex:is_match",
            signature: "(text: string) -> boolean",
            doc: "Whether it occurs in a text.",
            grant: "",
        },
        ItemDoc {
            name: "regex:find",
            signature: "(text: string, from: number?) -> (number?, number?)",
            doc: "First and last position of the first match, at or after `from`; nil if there is none. An empty \
                  match ends before it begins.",
            grant: "",
        },
        ItemDoc {
            name: "regex:match",
            signature: "(text: string) -> { [number | string]: string }?",
            doc: "The first match: the whole at 0, groups by number and, if they have one, by name. Groups that took \
                  no part are missing. nil if there is none.",
            grant: "",
        },
        ItemDoc {
            name: "regex:all",
            signature: "(text: string, limit: number?) -> { { [number | string]: string } }",
            doc: "All matches as `match` has them, at most `limit` (10,000).",
            grant: "",
        },
        ItemDoc {
            name: "regex:replace",
            signature: "(text: string, by: string, limit: number?) -> string",
            doc: "The text with matches replaced, all or the first few; `$1`, `$name` and `${name}` stand for \
                  groups, `$$` for a dollar.",
            grant: "",
        },
        ItemDoc {
            name: "regex:split",
            signature: "(text: string) -> { string }",
            doc: "What is between the matches.",
            grant: "",
        },
    ],
    open,
};

fn open(lua: &Lua, site: &Site) -> Result<Table> {
    Ok(Builder::new(lua, site, MODULE.name)?
        .function("compile", |_, _, args| compile(args))?
        .function("escape", |_, _, mut args| Ok(regex::escape(&args.take("text").text()?)))?
        .table())
}

struct Compiled {
    regex: Regex,
    /// Bytes of a text.
    most: usize,
}

fn compile(mut args: Args) -> Result<Compiled> {
    let given = args.take("pattern");
    let pattern = given.text()?;
    if pattern.len() > PATTERN {
        return Err(given.bad(format!("has more than {PATTERN} bytes")));
    }
    let options = args.take("options").options(&["ignore_case", "multi_line", "dot_all"])?;
    let flag =
        |name: &str| Ok::<_, mlua::Error>(options.maybe(name, Given::boolean)?.unwrap_or(false));
    let mut builder = RegexBuilder::new(&pattern);
    builder
        .case_insensitive(flag("ignore_case")?)
        .multi_line(flag("multi_line")?)
        .dot_matches_new_line(flag("dot_all")?);
    for (size, most) in SIZES {
        match builder.size_limit(size).build() {
            Ok(regex) => return Ok(Compiled { regex, most }),
            Err(regex::Error::CompiledTooBig(_)) => {}
            Err(error) => return Err(given.bad(format!("is no regular expression: {error}"))),
        }
    }
    Err(given.bad("is too large when it is compiled"))
}

impl Compiled {
    /// The text of a call, if it is not too long.
    fn text(&self, args: &mut Args) -> Result<mlua::LuaString> {
        let given = args.take("text");
        let text = given.bytes()?;
        match text.as_bytes().len() <= self.most {
            true => Ok(text),
            false => Err(given.bad(format!("has more than {} bytes", self.most))),
        }
    }
}

fn limit(args: &mut Args) -> Result<usize> {
    args.take("limit").or_none().map_or(Ok(MATCHES), |given| given.count(MATCHES))
}

fn groups(lua: &Lua, regex: &Regex, found: &Captures<'_>) -> Result<Table> {
    let table = lua.create_table()?;
    for (at, (name, group)) in regex.capture_names().zip(found.iter()).enumerate() {
        let Some(group) = group else { continue };
        let text = lua.create_string(group.as_bytes())?;
        if let Some(name) = name {
            table.raw_set(name, &text)?;
        }
        table.raw_set(at, text)?;
    }
    Ok(table)
}

/// Refuses to go on when a search takes long: looking for each next match may read the whole text.
struct Watch(Instant);

impl Watch {
    fn check(&self, args: &Args) -> Result<()> {
        match self.0.elapsed() > LONGEST {
            true => {
                Err(args.error(format!("takes more than {} ms on this text", LONGEST.as_millis())))
            }
            false => Ok(()),
        }
    }
}

impl UserData for Compiled {
    fn add_methods<M: UserDataMethods<Self>>(methods: &mut M) {
        methods.add_method("is_match", |_, this, values: MultiValue| {
            let mut args = Args::of("moon.regex:is_match", values);
            Ok(this.regex.is_match(&this.text(&mut args)?.as_bytes()))
        });
        methods.add_method("find", |_, this, values: MultiValue| {
            let mut args = Args::of("moon.regex:find", values);
            let text = this.text(&mut args)?;
            let text = text.as_bytes();
            let from = args.take("from").or_none().map_or(Ok(1), |given| given.count(TEXT + 1))?;
            let found =
                (from <= text.len() + 1).then(|| this.regex.find_at(&text, from - 1)).flatten();
            Ok(found.map_or((None, None), |it| (Some(it.start() + 1), Some(it.end()))))
        });
        methods.add_method("match", |lua, this, values: MultiValue| {
            let mut args = Args::of("moon.regex:match", values);
            let text = this.text(&mut args)?;
            this.regex
                .captures(&text.as_bytes())
                .map(|found| groups(lua, &this.regex, &found))
                .transpose()
        });
        methods.add_method("all", |lua, this, values: MultiValue| {
            let mut args = Args::of("moon.regex:all", values);
            let (text, limit) = (this.text(&mut args)?, limit(&mut args)?);
            let watch = Watch(Instant::now());
            let list = lua.create_table()?;
            for found in this.regex.captures_iter(&text.as_bytes()).take(limit) {
                watch.check(&args)?;
                list.raw_push(groups(lua, &this.regex, &found)?)?;
            }
            Ok(list)
        });
        methods.add_method("replace", |lua, this, values: MultiValue| {
            let mut args = Args::of("moon.regex:replace", values);
            let (text, by, limit) =
                (this.text(&mut args)?, args.take("by").bytes()?, limit(&mut args)?);
            let (text, by) = (text.as_bytes(), by.as_bytes());
            let watch = Watch(Instant::now());
            let (mut out, mut last) = (Vec::new(), 0);
            for found in this.regex.captures_iter(&text).take(limit) {
                watch.check(&args)?;
                let Some(whole) = found.get(0) else { continue };
                out.extend_from_slice(&text[last..whole.start()]);
                found.expand(&by, &mut out);
                last = whole.end();
                if out.len() > 4 * TEXT {
                    return Err(args.error(format!("the result has more than {} bytes", 4 * TEXT)));
                }
            }
            out.extend_from_slice(&text[last..]);
            lua.create_string(out)
        });
        methods.add_method("split", |lua, this, values: MultiValue| {
            let mut args = Args::of("moon.regex:split", values);
            let text = this.text(&mut args)?;
            let watch = Watch(Instant::now());
            let list = lua.create_table()?;
            for piece in this.regex.splitn(&text.as_bytes(), MATCHES) {
                watch.check(&args)?;
                list.raw_push(Value::String(lua.create_string(piece)?))?;
            }
            Ok(list)
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::modules::testing::Bench;

    #[tokio::test]
    async fn expressions_find_and_replace() {
        Bench::new(&[])
            .check(
                "moon.regex",
                &[
                    ("return regex.compile('^a+$'):is_match('aaa'), regex.compile('A', { ignore_case = true }):is_match('a')", "true, true"),
                    ("return regex.compile('b+'):find('abba')", "2, 3"),
                    ("return regex.compile('b'):find('abba', 3)", "3, 3"),
                    ("return regex.compile('x'):find('abba')", "nil, nil"),
                    ("return regex.compile('x'):find('abba', 99)", "nil, nil"),
                    ("local m = regex.compile('(?P<user>\\\\w+)@(\\\\w+)(x)?'):match('<al@ex>') return m[0], m.user, m[1], m[2], m[3]", "al@ex, al, al, ex, nil"),
                    ("return regex.compile('x'):match('a')", "nil"),
                    ("local all = regex.compile('\\\\d'):all('a1b2c3', 2) return #all, all[2][0]", "2, 2"),
                    ("return regex.compile('(b)'):replace('abab', '<$1>'), regex.compile('b'):replace('abab', '$$', 1)", "a<b>a<b>, a$ab"),
                    ("return table.concat(regex.compile(',\\\\s*'):split('a, b,c'), '|')", "a|b|c"),
                    ("return regex.compile('(?-u)\\\\xff'):is_match('\\255')", "true"),
                    ("return regex.escape('a.b')", "a\\.b"),
                    ("regex.compile('(')", "moon.regex.compile: parameter 'pattern' is no regular expression"),
                    ("regex.compile('(a)\\\\1')", "backreferences are not supported"),
                    ("regex.compile('\\\\w{500}{500}')", "is too large when it is compiled"),
                    ("regex.compile('a'):is_match(5)", "moon.regex:is_match: parameter 'text' must be a string, got number"),
                    ("regex.compile('a'):is_match(string.rep('a', 262145))", "has more than 262144 bytes"),
                    ("regex.compile('a', { icase = true })", "parameter 'options' has no field 'icase'"),
                ],
            )
            .await;
    }

    #[tokio::test]
    async fn no_expression_takes_long() {
        let bench = Bench::new(&[]);
        for code in [
            // Backtracking engines need 2^n steps for the first two; all matches of the others are quadratic.
            "return regex.compile('(a*)*b'):is_match(string.rep('a', 262144))",
            "return regex.compile('(x+x+)+y'):is_match(string.rep('x', 262144))",
            "return regex.compile('.*[^A-Z]|[A-Z]'):all(string.rep('A', 262144))",
            "return regex.compile('.*[^A-Z]|[A-Z]'):replace(string.rep('A', 262144), '')",
            "return regex.compile('([ab]?){700}c'):is_match(string.rep('ab', 131072))",
            "return regex.compile('([ab]?){3000}c'):is_match(string.rep('ab', 16384))",
            "return regex.compile('[ab]*a[ab]{90}c'):is_match(string.rep('ab', 131072))",
        ] {
            let begun = Instant::now();
            let _ = bench.try_run(&format!("local regex = require 'moon.regex' {code}")).await;
            // Generous: these run unoptimised on busy machines. Backtracking would not end.
            assert!(begun.elapsed() < Duration::from_secs(10), "{code}: {:?}", begun.elapsed());
        }
    }
}
