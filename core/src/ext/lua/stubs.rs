//! The reference of events and modules, and what editors need to complete and check scripts: all
//! written from the tables that register them, so none can drift. A test compares the files that are
//! checked in.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use moonsail_lua::modules::{ItemDoc, MODULES};
use moonsail_lua::script::doc::MOON;

use super::{AFTER_EVENTS, AUTH_EVENTS, SERVER_EVENTS};
use crate::hooks::{COMMON, EVENTS, Kind, Mode};

/// A file that is written: where it belongs in the repository, and its text.
pub struct Written {
    /// Path below the repository.
    pub path: &'static str,
    /// All of it.
    pub text: String,
}

const MADE: &str = "made from the server's own tables; MOONSAIL_WRITE_STUBS=1 writes it anew";

/// All of them.
pub fn all() -> [Written; 4] {
    [
        Written { path: "scripts/types/moon.d.luau", text: luau() },
        Written { path: "scripts/types/moon.meta.lua", text: luacats() },
        Written { path: "docs/extend/events-for-scripts.md", text: events() },
        Written { path: "docs/extend/modules-for-scripts.md", text: modules() },
    ]
}

/// Writes to a text, which cannot fail.
macro_rules! say {
    ($out:ident, $($text:tt)*) => {{ let _infallible = writeln!($out, $($text)*); }};
}

const fn luau_type(kind: Kind) -> &'static str {
    match kind {
        Kind::Text => "string",
        Kind::TextOrNull => "string?",
        Kind::Int => "number",
        Kind::IntOrNull => "number?",
        Kind::Bool => "boolean",
        Kind::List => "{ string }",
    }
}

/// Names, types and meanings of the fields of each event.
fn each_event() -> Vec<(&'static str, &'static str, String, Vec<[String; 3]>)> {
    let field =
        |name: &str, kind: &str, doc: &str| [name.to_owned(), kind.to_owned(), doc.to_owned()];
    let mut all = Vec::new();
    for event in AUTH_EVENTS.iter().chain(SERVER_EVENTS) {
        let fields = event.fields.iter().map(|(name, kind, doc)| field(name, kind, doc));
        all.push((event.name, event.class.name(), event.doc.to_owned(), fields.collect()));
    }
    for event in EVENTS {
        let fields = COMMON.iter().chain(event.fields).map(|it| {
            let whose = match it.mode {
                Mode::Given => "",
                Mode::Replaceable => " (moon.replace may change it)",
                Mode::Answer => " (only in moon.replace)",
            };
            field(it.name, luau_type(it.kind), &format!("{}{whose}", it.doc))
        });
        all.push((event.name, event.class.name(), event.doc.to_owned(), fields.collect()));
    }
    for (name, doc) in AFTER_EVENTS {
        let fields = [
            ("seq", "number", "number of the change; one that is told again has the same"),
            ("user", "string?", "who did it"),
            ("origin", "string", "by what it came"),
            ("owner", "string", "whose files"),
            ("path", "string", "which, below the owner's files"),
            ("old_path", "string?", "where it was before"),
            ("node.id", "number", "file id"),
            ("node.etag", "string?", "etag"),
            ("node.size", "number?", "bytes"),
            ("node.folder", "boolean", "whether it is a folder"),
        ];
        let fields = fields.map(|(name, kind, doc)| field(name, kind, doc));
        all.push((*name, "after", (*doc).to_owned(), fields.to_vec()));
    }
    all
}

fn events() -> String {
    let mut out = format!("# Events for scripts\n\n<!-- {MADE} -->\n\n");
    say!(
        out,
        "`moon.on(event, handler)` listens to one; [modules-for-scripts.md](modules-for-scripts.md) has what handlers use. Every argument"
    );
    say!(
        out,
        "has `event`, `id` (the request's), `time` (Unix seconds) and, of a request, `remote_ip`. Classes: when a handler of **auth** or **before**"
    );
    say!(
        out,
        "fails, it is a temporary failure (503); of **filter** and **after** it is logged. A field `node.id` is `ev.node.id`."
    );
    for (name, class, doc, fields) in each_event() {
        say!(out, "\n## {name}\n\n{doc} Class: {class}.");
        if !fields.is_empty() {
            say!(out, "\n| field | type | |\n|---|---|---|");
        }
        for [name, kind, doc] in fields {
            say!(out, "| `{name}` | `{kind}` | {doc} |");
        }
    }
    out
}

fn modules() -> String {
    let mut out = format!("# Modules for scripts\n\n<!-- {MADE} -->\n");
    let moon = "What a script registers, and what it answers.";
    let own = MODULES.iter().map(|it| (it.name, it.doc, it.items));
    for (name, doc, items) in std::iter::once(("moon", moon, MOON)).chain(own) {
        say!(out, "\n## {name}\n\n{doc}\n\n| | type | |\n|---|---|---|");
        for item in items {
            let grant = match item.grant {
                "" => String::new(),
                grant => format!(" Needs `allow = [\"{grant}\"]`."),
            };
            let kind = item.signature.replace('|', "\\|");
            say!(out, "| `{}` | `{kind}` | {}{grant} |", item.name, item.doc.replace('|', "\\|"));
        }
    }
    out
}

/// `moon.kv` as a type: `MoonKv`.
fn type_name(name: &str) -> String {
    name.split('.').map(capital).collect()
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    let first = letters.next().map(|it| it.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}

/// Types with methods, by the name that signatures call them: `Pool`.
fn objects() -> Vec<(String, Vec<(&'static str, &'static ItemDoc)>)> {
    let items = || MODULES.iter().flat_map(|it| it.items);
    let split = |item: &'static ItemDoc| Some((item.name.split_once(':')?, item));
    let owners: BTreeSet<&str> = items().filter_map(split).map(|((owner, _), _)| owner).collect();
    let methods = |owner: &str| {
        let own = items().filter_map(split).filter(|((it, _), _)| *it == owner);
        own.map(|((_, method), item)| (method, item)).collect()
    };
    owners.into_iter().map(|owner| (capital(owner), methods(owner))).collect()
}

fn luau() -> String {
    let mut out = format!("-- {MADE}\n\nexport type Answer = any\nexport type Secret = any\n");
    for (name, methods) in objects() {
        say!(out, "export type {name} = {{\n  [string]: any,");
        for (method, item) in methods {
            let rest = item.signature.strip_prefix('(').unwrap_or(item.signature);
            let comma = if rest.starts_with(')') { "" } else { ", " };
            say!(out, "  -- {}\n  {method}: (self: any{comma}{rest},", item.doc);
        }
        say!(out, "}}");
    }
    let mut overloads = Vec::new();
    let own = MODULES.iter().map(|it| (it.name, it.items));
    for (name, items) in std::iter::once(("moon", MOON)).chain(own) {
        say!(out, "export type {} = {{", type_name(name));
        for item in items.iter().filter(|item| !item.name.contains(':')) {
            say!(out, "  -- {}\n  {}: {},", item.doc, item.name, item.signature);
        }
        say!(out, "}}");
        overloads.push(format!("((name: \"{name}\") -> {})", type_name(name)));
    }
    overloads.push("((name: string) -> any)".to_owned());
    say!(out, "declare require: {}", overloads.join("\n  & "));
    out
}

fn luacats() -> String {
    let mut out = format!("---@meta\n-- {MADE}\n\n---@class Answer\n---@class Secret\n");
    say!(out, "---@field reveal fun(self: Secret): string");
    for (name, methods) in objects() {
        say!(out, "\n---@class {name}\n---@field [string] any");
        for (method, item) in methods {
            say!(out, "---@field {method} function {} {}", item.signature, item.doc);
        }
    }
    let mut overloads = String::new();
    let own = MODULES.iter().map(|it| (it.name, it.items));
    for (name, items) in std::iter::once(("moon", MOON)).chain(own) {
        say!(out, "\n---@class {}", type_name(name));
        for item in items.iter().filter(|item| !item.name.contains(':')) {
            let kind = if item.signature.starts_with('(') { "function" } else { "any" };
            say!(out, "---@field {} {kind} {} {}", item.name, item.signature, item.doc);
        }
        say!(overloads, "---@overload fun(name: \"{name}\"): {}", type_name(name));
    }
    for (name, _, doc, fields) in each_event() {
        say!(out, "\n---{doc}\n---@class Event.{name}");
        for [field, kind, doc] in fields.iter().filter(|[name, ..]| !name.contains(['.', '*'])) {
            let kind = if kind == "{ string }" { "string[]" } else { kind.as_str() };
            say!(out, "---@field {field} {kind} {doc}");
        }
    }
    say!(out, "\n{overloads}---@param name string\n---@return any\nfunction require(name) end");
    out
}
