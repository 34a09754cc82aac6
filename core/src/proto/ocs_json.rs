//! OCS JSON as PHP's `json_encode` writes it: compact (clients.md trap 4), `/` as `\/`, and what is
//! not ASCII as `\u…`. `<` and `>` are escaped too, so that the text is harmless inside HTML.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::Formatter;

struct PhpFormatter;

impl Formatter for PhpFormatter {
    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        out: &mut W,
        text: &str,
    ) -> io::Result<()> {
        for c in text.chars() {
            match c {
                '/' => out.write_all(b"\\/")?,
                '<' => out.write_all(b"\\u003C")?,
                '>' => out.write_all(b"\\u003E")?,
                ' '..='\u{7f}' => out.write_all(&[c as u8])?,
                _ => {
                    for unit in c.encode_utf16(&mut [0; 2]) {
                        write!(out, "\\u{unit:04x}")?;
                    }
                }
            }
        }
        Ok(())
    }
}

/// Writes `value` on one line.
pub(super) fn write_json(value: &impl Serialize) -> Vec<u8> {
    let mut out = Vec::new();
    let mut serializer = serde_json::Serializer::with_formatter(&mut out, PhpFormatter);
    value.serialize(&mut serializer).expect("a Vec takes all bytes, and all keys are strings");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_written_as_php_does() {
        for (text, expected, source) in [
            ("a/b", r#""a\/b""#, "ocs-error-envelopes [5]"),
            ("a\n\"\\", r#""a\n\"\\""#, "ocs-error-envelopes [5], RFC 8259 §7"),
            ("ü", r#""\u00fc""#, "json_encode"),
            ("😀", r#""\ud83d\ude00""#, "json_encode: UTF-16"),
            ("</script>", r#""\u003C\/script\u003E""#, "JSON_HEX_TAG"),
            ("\u{1}", r#""\u0001""#, "RFC 8259 §7"),
        ] {
            let got = write_json(&text);
            assert_eq!(String::from_utf8(got.clone()).expect("ASCII"), expected, "{source}");
            let back: String = serde_json::from_slice(&got).expect("JSON");
            assert_eq!(back, text, "{source}");
        }
    }
}
