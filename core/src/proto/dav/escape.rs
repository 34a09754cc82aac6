//! Text to XML text, straight into the answer's buffer.
//!
//! What XML 1.0 cannot hold at all (control characters, U+FFFE, U+FFFF) becomes U+FFFD: an answer
//! is well-formed whatever a file is called. A carriage return is written as a reference, because
//! a parser would make a line feed of it (XML 1.0 §2.11).

/// Which bytes need a second look.
type Table = [bool; 256];

const fn table(more: &[u8]) -> Table {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 0x20 {
        table[byte] = byte != b'\t' as usize && byte != b'\n' as usize;
        byte += 1;
    }
    table[0xef] = true; // the first byte of U+FFFE and U+FFFF
    let mut at = 0;
    while at < more.len() {
        table[more[at] as usize] = true;
        at += 1;
    }
    table
}

static TEXT: Table = table(b"&<>\"");
static MESSAGE: Table = table(b"&<>");
static ATTRIBUTE: Table = table(b"&<>\"\t\n");

/// Text of a property, quotes escaped too, as the recorded server does (`&quot;` around etags).
pub(crate) fn push_text(out: &mut String, text: &str) {
    push(out, text, &TEXT);
}

/// Text of an error body: the recorded server leaves quotes alone there.
pub(crate) fn push_message(out: &mut String, text: &str) {
    push(out, text, &MESSAGE);
}

/// The value of an attribute, for between double quotes.
pub(crate) fn push_attribute(out: &mut String, text: &str) {
    push(out, text, &ATTRIBUTE);
}

fn push(out: &mut String, text: &str, special: &Table) {
    let bytes = text.as_bytes();
    let (mut done, mut at) = (0, 0);
    while let Some(&byte) = bytes.get(at) {
        if !special[usize::from(byte)] {
            at += 1;
            continue;
        }
        let (instead, width) = match byte {
            b'&' => ("&amp;", 1),
            b'<' => ("&lt;", 1),
            b'>' => ("&gt;", 1),
            b'"' => ("&quot;", 1),
            b'\t' => ("&#9;", 1),
            b'\n' => ("&#10;", 1),
            b'\r' => ("&#13;", 1),
            0xef if !matches!(bytes.get(at + 1..at + 3), Some([0xbf, 0xbe | 0xbf])) => {
                at += 1;
                continue;
            }
            0xef => ("\u{fffd}", 3),
            _ => ("\u{fffd}", 1),
        };
        out.push_str(&text[done..at]);
        out.push_str(instead);
        at += width;
        done = at;
    }
    out.push_str(&text[done..]);
}

/// A decimal number.
pub(crate) fn push_number(out: &mut String, number: i64) {
    let mut digits = [0u8; 20];
    let mut at = digits.len();
    let mut rest = number.unsigned_abs();
    loop {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if number < 0 {
        out.push('-');
    }
    out.extend(digits[at..].iter().map(|&digit| char::from(digit)));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(push: fn(&mut String, &str), text: &str) -> String {
        let mut out = String::new();
        push(&mut out, text);
        out
    }

    #[test]
    fn escaping_follows_the_recorded_server() {
        for (text, expected) in [
            ("", ""),
            ("plain", "plain"),
            ("\"6b05282124803\"", "&quot;6b05282124803&quot;"),
            ("a & b < c > d", "a &amp; b &lt; c &gt; d"),
            ("it's", "it's"),
            ("tab\tline\n", "tab\tline\n"),
            ("return\r", "return&#13;"),
            ("nul\0bell\u{7}", "nul\u{fffd}bell\u{fffd}"),
            ("\u{fffe}x\u{ffff}", "\u{fffd}x\u{fffd}"),
            ("ﬀ \u{fffd} 😀 ä", "ﬀ \u{fffd} 😀 ä"),
        ] {
            assert_eq!(with(push_text, text), expected, "{text:?}");
        }
        assert_eq!(with(push_message, "\"/lockme.txt\" & <"), "\"/lockme.txt\" &amp; &lt;");
        assert_eq!(with(push_attribute, "a\"b\tc\n"), "a&quot;b&#9;c&#10;");
    }

    #[test]
    fn numbers_are_decimal() {
        for number in [0, 7, 10, -3, 138_115, i64::MAX, i64::MIN] {
            let mut out = String::new();
            push_number(&mut out, number);
            assert_eq!(out, number.to_string());
        }
    }
}
