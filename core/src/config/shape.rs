//! Whether the keys that were written exist, and hold the type of value they should.

use figment::value::{Dict, Value};

use super::errors::Problem;
use super::nearest::nearest;

/// What a walk found.
#[derive(Default)]
pub(crate) struct Findings {
    /// Keys that do not exist, and the key each was probably meant to be.
    pub(crate) unknown: Vec<(String, Option<String>)>,
    /// Values of a wrong type.
    pub(crate) mistyped: Vec<Problem>,
}

/// Compares `written` with `defaults`, which has every key. What does not fit is noted, and taken
/// out of `written`.
///
/// A section that is empty by default takes any keys. `tables` has, for each list of sections
/// (`[[plugin]]`), one of them with its defaults.
pub(crate) fn inspect(written: &mut Dict, defaults: &Dict, tables: &Dict) -> Findings {
    let mut findings = Findings::default();
    let mut all = Vec::new();
    list(defaults, "", &mut all);
    list(tables, "", &mut all);
    written.retain(|name, value| {
        let (Some(Value::Dict(_, item)), Value::Array(_, items)) = (tables.get(name), &mut *value)
        else {
            return true;
        };
        items.retain_mut(|value| match value {
            Value::Dict(_, dict) => {
                walk(dict, item, &format!("{name}."), &all, &mut findings);
                true
            }
            other => {
                let text = format!("expected sections [[{name}]], found {}", found(other));
                findings.mistyped.push(Problem::new(name, text));
                false
            }
        });
        true
    });
    let lists: Dict = tables.keys().filter_map(|name| written.remove_entry(name)).collect();
    let (lists, strange): (Dict, Dict) =
        lists.into_iter().partition(|(_, value)| matches!(value, Value::Array(..)));
    for (name, value) in strange {
        let text = format!("expected sections [[{name}]], found {}", found(&value));
        findings.mistyped.push(Problem::new(name, text));
    }
    walk(written, defaults, "", &all, &mut findings);
    written.extend(lists);
    findings
}

fn walk(dict: &mut Dict, defaults: &Dict, prefix: &str, all: &[String], out: &mut Findings) {
    if defaults.is_empty() {
        return;
    }
    dict.retain(|name, value| {
        let path = format!("{prefix}{name}");
        let Some(default) = defaults.get(name) else {
            let near = meant(name, prefix, defaults, all);
            out.unknown.push((path, near));
            return false;
        };
        if let (Value::Dict(_, inner), Value::Dict(_, defaults)) = (&mut *value, default) {
            walk(inner, defaults, &format!("{path}."), all, out);
            return true;
        }
        let fits = fits(value, default);
        if !fits {
            let (expected, found) = (expected(default), found(value));
            out.mistyped.push(Problem::new(path, format!("expected {expected}, found {found}")));
        }
        fits
    });
}

/// The key that an unknown one was meant to be: a like name in the same section, else the same or
/// a like name in another.
fn meant(name: &str, prefix: &str, siblings: &Dict, all: &[String]) -> Option<String> {
    if let Some(near) = nearest(name, siblings.keys().map(String::as_str)) {
        return Some(format!("{prefix}{near}"));
    }
    let last = |path: &str| path.rsplit('.').next().unwrap_or_default().to_owned();
    let names: Vec<String> = all.iter().map(|path| last(path)).collect();
    let near = nearest(name, names.iter().map(String::as_str))?;
    all.iter().find(|path| last(path) == near).cloned()
}

/// All keys below `dict`, as dotted paths.
fn list(dict: &Dict, prefix: &str, out: &mut Vec<String>) {
    for (name, value) in dict {
        match value {
            Value::Dict(_, inner) => list(inner, &format!("{prefix}{name}."), out),
            _ => out.push(format!("{prefix}{name}")),
        }
    }
}

fn fits(value: &Value, default: &Value) -> bool {
    match (value, default) {
        (Value::String(..), Value::String(..)) | (Value::Bool(..), Value::Bool(..)) => true,
        (Value::Num(..), Value::Num(..)) => {
            // TOML's numbers are signed, those of the environment are not.
            let signed = value.to_i128().and_then(|number| u64::try_from(number).ok());
            signed.or(value.to_u128().and_then(|number| u64::try_from(number).ok())).is_some()
        }
        // Every list of the configuration is one of texts.
        (Value::Array(_, items), Value::Array(..)) => {
            items.iter().all(|item| matches!(item, Value::String(..)))
        }
        _ => false,
    }
}

fn expected(default: &Value) -> &'static str {
    match default {
        Value::String(..) => "a text in quotes",
        Value::Bool(..) => "true or false",
        Value::Num(..) => "a whole number, 0 or more",
        Value::Array(..) => "a list of texts, as in [\"one\", \"two\"]",
        _ => "a section",
    }
}

fn found(value: &Value) -> String {
    match value {
        Value::String(_, text) => format!("{text:?}"),
        Value::Bool(_, flag) => flag.to_string(),
        Value::Num(..) => match (value.to_i128(), value.to_f64()) {
            (Some(number), _) => number.to_string(),
            (None, Some(number)) => number.to_string(),
            (None, None) => value.to_u128().map_or_else(String::new, |number| number.to_string()),
        },
        Value::Array(_, items) => match items.iter().find(|i| !matches!(i, Value::String(..))) {
            Some(item) => format!("a list with {}", found(item)),
            None => "a list".to_owned(),
        },
        _ => "a section".to_owned(),
    }
}
