//! What the module `moon` has, for the reference and the editors' stubs.

use crate::modules::ItemDoc;

const fn item(name: &'static str, signature: &'static str, doc: &'static str) -> ItemDoc {
    ItemDoc { name, signature, doc, grant: "" }
}

/// All that `require "moon"` has. A test compares it with the table.
pub const MOON: &[ItemDoc] = &[
    item("null", "any", "Null of JSON: a field that is there and empty, where nil would be none."),
    item("script", "string", "The script's name in server.toml."),
    item("config", "{ [string]: any }", "Its section [script.config], read-only."),
    item(
        "on",
        "(event: string, options: any, handler: any) -> ()",
        "Listens to an event: `moon.on(event, handler)`, or with { priority, timeout, on_error } between them.",
    ),
    item(
        "route",
        "(method: string, pattern: string, options: any, handler: any) -> ()",
        "Answers requests below /apps/NAME: `moon.route(method, pattern, handler)`, or with { auth, max_body, \
         timeout, ocs } before the handler.",
    ),
    item(
        "every",
        "(time: string | number, handler: (ev: any) -> ()) -> ()",
        "Calls a function again and again, at least a second apart.",
    ),
    item("sleep", "(time: string | number) -> ()", "Waits, at most an hour; others run meanwhile."),
    item("secret", "(name: string) -> Secret", "A secret of [script.secrets]."),
    item("next", "Answer", "No opinion; the same as returning nothing."),
    item("ok", "(fields: { [string]: any }?) -> Answer", "It may happen; of logins, who it is."),
    item("deny", "(message: string, status: number?) -> Answer", "It must not happen, and why."),
    item("tempfail", "(message: string) -> Answer", "It cannot be decided now; clients try again."),
    item("disabled", "Answer", "The account may not log in."),
    item("expired", "Answer", "The password is right and must be changed."),
    item("replace", "(fields: { [string]: any }) -> Answer", "It happens with other values."),
    item(
        "block",
        "(minutes: number) -> Answer",
        "Of login.failed: the address may not try for a while.",
    ),
    item(
        "respond",
        "(response: { [string]: any }) -> Answer",
        "The answer to a request: { status, headers, body }, or json in the place of the body.",
    ),
    item("redirect", "(url: string) -> Answer", "The answer 302."),
    item(
        "ocs",
        "(fields: { [string]: any }) -> Answer",
        "The answer of OCS: { data, status, message }.",
    ),
];
