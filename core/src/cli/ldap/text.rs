//! A JSON document as lines for people: names and values, one below the other.

use serde_json::Value;

/// The lines of a value.
pub(super) fn lines(value: &Value) -> Vec<String> {
    let mut lines = Vec::new();
    write(&mut lines, 0, value);
    lines
}

fn write(lines: &mut Vec<String>, depth: usize, value: &Value) {
    let pad = "  ".repeat(depth);
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                match short(value) {
                    Some(text) => lines.push(format!("{pad}{}: {text}", name.replace('_', " "))),
                    None => {
                        lines.push(format!("{pad}{}:", name.replace('_', " ")));
                        write(lines, depth + 1, value);
                    }
                }
            }
        }
        Value::Array(items) => {
            for item in items {
                match short(item) {
                    Some(text) => lines.push(format!("{pad}- {text}")),
                    None => write(lines, depth, item),
                }
            }
        }
        other => lines.extend(short(other).map(|text| format!("{pad}{text}"))),
    }
}

/// A value that fits on its name's line.
fn short(value: &Value) -> Option<String> {
    match value {
        Value::Null => Some("-".to_owned()),
        Value::String(text) => Some(shown(text)),
        Value::Array(items) if items.is_empty() => Some("none".to_owned()),
        Value::Array(items) if items.iter().all(|item| !item.is_object() && !item.is_array()) => {
            Some(items.iter().filter_map(short).collect::<Vec<_>>().join(", "))
        }
        // One line, if its values are all plain.
        Value::Object(fields) if fields.is_empty() => Some("none".to_owned()),
        Value::Array(_) | Value::Object(_) => None,
        other => Some(other.to_string()),
    }
}

/// A text as it is; control characters, which a terminal might obey, as escapes.
pub(super) fn shown(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() { out.extend(c.escape_default()) } else { out.push(c) }
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn documents_are_shown_line_by_line() {
        let value = json!({
            "filter": "(uid=a)",
            "found": [{ "dn": "uid=a", "logins": ["a", "b"] }, { "dn": "uid=b", "logins": [] }],
            "display_name": "x\u{1b}[31m",
            "mapped": { "quota": null, "n": 5 },
            "enabled": true,
        });
        assert_eq!(
            lines(&value),
            [
                "filter: (uid=a)",
                "found:",
                "  dn: uid=a",
                "  logins: a, b",
                "  dn: uid=b",
                "  logins: none",
                "display name: x\\u{1b}[31m",
                "mapped:",
                "  quota: -",
                "  n: 5",
                "enabled: true",
            ]
        );
    }
}
