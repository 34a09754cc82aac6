//! OCS XML as PHP's `XMLWriter` writes it, with one blank of indentation a level (recorded in
//! ocs-error-envelopes and ocs-capabilities; server lib/private/AppFramework/OCS/BaseResponse.php).
//!
//! | Value                 | XML                              |
//! |-----------------------|----------------------------------|
//! | list item, number key | `<element>…</element>`           |
//! | `true`, `false`       | `<a>1</a>`, `<a></a>`            |
//! | `null`, `[]`, `{}`    | `<a/>`                           |
//! | `""`                  | `<a></a>`                        |
//! | key `$comment`        | left out                         |

use serde_json::Value;

use super::ocs::OcsMeta;

/// Writes the whole document.
pub(super) fn write_xml(meta: &OcsMeta<'_>, data: &Value) -> Vec<u8> {
    let mut out = Xml { text: "<?xml version=\"1.0\"?>\n".to_owned(), level: 0 };
    out.open("ocs");
    out.open("meta");
    out.leaf("status", meta.status);
    out.leaf("statuscode", &meta.statuscode.to_string());
    out.leaf("message", meta.message);
    for (name, value) in [("totalitems", meta.totalitems), ("itemsperpage", meta.itemsperpage)] {
        if let Some(value) = value {
            out.leaf(name, value);
        }
    }
    out.close("meta");
    out.value("data", data);
    out.close("ocs");
    out.text.into_bytes()
}

/// The text so far and the depth of open elements. Only the methods below write to it, so that
/// each text is escaped and each name is one.
struct Xml {
    text: String,
    level: usize,
}

impl Xml {
    fn open(&mut self, name: &str) {
        self.indent();
        self.push_all(&["<", name, ">\n"]);
        self.level += 1;
    }

    fn close(&mut self, name: &str) {
        self.level -= 1;
        self.indent();
        self.push_all(&["</", name, ">\n"]);
    }

    /// `<name/>`.
    fn empty(&mut self, name: &str) {
        self.indent();
        self.push_all(&["<", name, "/>\n"]);
    }

    /// `<name>text</name>`.
    fn leaf(&mut self, name: &str, text: &str) {
        self.indent();
        self.push_all(&["<", name, ">"]);
        self.escaped(text);
        self.push_all(&["</", name, ">\n"]);
    }

    /// Any value. The depth of the recursion is that of the value, which our own code builds or
    /// serde_json has bounded to 128 when it was parsed.
    fn value(&mut self, name: &str, value: &Value) {
        match value {
            Value::Null => self.empty(name),
            Value::Bool(true) => self.leaf(name, "1"),
            Value::Bool(false) => self.leaf(name, ""),
            Value::Number(number) => self.leaf(name, &number.to_string()),
            Value::String(text) => self.leaf(name, text),
            Value::Array(items) if items.is_empty() => self.empty(name),
            Value::Object(members) if members.is_empty() => self.empty(name),
            Value::Array(items) => {
                self.open(name);
                for item in items {
                    self.value("element", item);
                }
                self.close(name);
            }
            Value::Object(members) => {
                self.open(name);
                for (key, member) in members.iter().filter(|(key, _)| *key != "$comment") {
                    self.value(element_name(key), member);
                }
                self.close(name);
            }
        }
    }

    fn indent(&mut self) {
        self.text.extend(std::iter::repeat_n(' ', self.level));
    }

    fn push_all(&mut self, parts: &[&str]) {
        for part in parts {
            self.text.push_str(part);
        }
    }

    /// Characters that XML 1.0 §2.2 does not know become U+FFFD.
    fn escaped(&mut self, text: &str) {
        for c in text.chars() {
            match c {
                '&' => self.text.push_str("&amp;"),
                '<' => self.text.push_str("&lt;"),
                '>' => self.text.push_str("&gt;"),
                '"' => self.text.push_str("&quot;"),
                '\r' => self.text.push_str("&#13;"),
                '\t' | '\n' | ' '..='\u{fffd}' | '\u{10000}'.. => self.text.push(c),
                _ => self.text.push('\u{fffd}'),
            }
        }
    }
}

/// A key as the name of an element; `element` if it cannot be one (numbers, blanks, nothing).
fn element_name(key: &str) -> &str {
    let mut bytes = key.bytes();
    let starts = bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_');
    let goes_on = bytes.all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'));
    if starts && goes_on { key } else { "element" }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_written_as_php_does() {
        for (value, expected, source) in [
            (json!(null), "<a/>\n", "shares-ocs-public-link: parent"),
            (json!([]), "<a/>\n", "ocs-capabilities: forbidden_filename_basenames"),
            (json!({}), "<a/>\n", "an empty map is an empty list in PHP"),
            (json!(""), "<a></a>\n", "shares-ocs-public-link: note"),
            (json!(true), "<a>1</a>\n", "ocs-capabilities: bigfilechunking"),
            (json!(false), "<a></a>\n", "ocs-capabilities: allow-listed"),
            (json!(-3), "<a>-3</a>\n", "clients.md §9: quota"),
            (json!(0.04), "<a>0.04</a>\n", "ocs-user-core-and-app-apis: relative"),
            (
                json!(["\\", "/"]),
                "<a>\n <element>\\</element>\n <element>/</element>\n</a>\n",
                "ocs-capabilities: forbidden_filename_characters",
            ),
            (
                json!({"1": "Single", "$comment": "x", "b": {"c": 1}}),
                "<a>\n <element>Single</element>\n <b>\n  <c>1</c>\n </b>\n</a>\n",
                "ocs-capabilities: flags",
            ),
            (json!("[A&@]<>\"'"), "<a>[A&amp;@]&lt;&gt;&quot;'</a>\n", "reference-regex"),
            (json!("a\u{1}\r\u{ffff}😀"), "<a>a\u{fffd}&#13;\u{fffd}😀</a>\n", "XML 1.0 §2.2"),
            (
                json!({"b><x": 1, "": 2}),
                "<a>\n <element>1</element>\n <element>2</element>\n</a>\n",
                "no names",
            ),
        ] {
            let mut out = Xml { text: String::new(), level: 0 };
            out.value("a", &value);
            assert_eq!(out.text, expected, "{value} ({source})");
        }
    }
}
