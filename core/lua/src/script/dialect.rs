//! What scripts in other Luas have and Luau has not, and what to write instead.

use crate::error::{Fault, Trouble};

/// What Luau does not know, and its advice.
const FOREIGN: [(&str, &str); 8] = [
    ("goto", "Luau has no goto: use `continue`, `break`, or a function with `return`"),
    ("::", "Luau has no labels, as it has no goto: use `continue` or `break`"),
    ("<const>", "Luau has no <const>: write `local name = value`, and do not change it"),
    ("<close>", "Luau has no <close>: call close() yourself, after a `pcall` of what may fail"),
    ("<<", "Luau has no operator <<: write bit32.lshift(a, n)"),
    (">>", "Luau has no operator >>: write bit32.rshift(a, n)"),
    ("&", "Luau has no operator &: write bit32.band(a, b)"),
    ("|", "Luau has no operator |: write bit32.bor(a, b)"),
];

/// The advice for `~`, which is two operators.
const TILDE: &str =
    "Luau has no operator ~: write bit32.bxor(a, b) or bit32.bnot(a); \"not equal\" is ~=";

/// What the author of a script that does not compile should write instead, if something of another Lua
/// is in the line that the fault names, or in the one before.
pub fn advice(source: &str, fault: &Fault) -> Option<&'static str> {
    if fault.trouble != Trouble::Syntax {
        return None;
    }
    let line = line_of(&fault.message)?;
    let code = blanked(source);
    let lines: Vec<&str> = code.lines().collect();
    let near = [line.checked_sub(1), line.checked_sub(2)];
    near.into_iter().flatten().filter_map(|at| lines.get(at)).find_map(|line| foreign(line))
}

/// The line that a message begins with: `scripts/a.lua:3: …`.
fn line_of(message: &str) -> Option<usize> {
    message.split(':').nth(1)?.trim().parse().ok()
}

fn foreign(line: &str) -> Option<&'static str> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let squeezed: String = line.chars().filter(|c| !c.is_whitespace()).collect();
    for (what, advice) in FOREIGN {
        let found = match what {
            "goto" => line.split(|c| !is_word(c)).any(|word| word == what),
            _ => squeezed.contains(what),
        };
        if found {
            return Some(advice);
        }
    }
    squeezed.replace("~=", "").contains('~').then_some(TILDE)
}

/// The source with strings and comments as blanks, line by line.
fn blanked(source: &str) -> String {
    let bytes = source.as_bytes();
    let mut out = String::with_capacity(source.len());
    let mut at = 0;
    while at < bytes.len() {
        let end = match bytes[at] {
            b'-' if bytes[at..].starts_with(b"--") => match long(&source[at + 2..]) {
                Some(length) => at + 2 + length,
                None => source[at..].find('\n').map_or(bytes.len(), |length| at + length),
            },
            quote @ (b'"' | b'\'' | b'`') => at + quoted(&bytes[at..], quote),
            b'[' => match long(&source[at..]) {
                Some(length) => at + length,
                None => at,
            },
            _ => at,
        };
        if end > at {
            out.extend(bytes[at..end].iter().map(|byte| if *byte == b'\n' { '\n' } else { ' ' }));
            at = end;
        } else {
            out.push(if bytes[at].is_ascii() { char::from(bytes[at]) } else { ' ' });
            at += 1;
        }
    }
    out
}

/// Length of a `[[ … ]]` or `[=[ … ]=]` that the text begins with.
fn long(text: &str) -> Option<usize> {
    let level = text.strip_prefix('[')?.bytes().take_while(|byte| *byte == b'=').count();
    let inner = text.get(1 + level..)?.strip_prefix('[')?;
    let close = format!("]{}]", "=".repeat(level));
    Some(inner.find(&close).map_or(text.len(), |at| 2 + level + at + close.len()))
}

/// Length of a string that begins here; it ends with its line at the latest.
fn quoted(bytes: &[u8], quote: u8) -> usize {
    let mut at = 1;
    while at < bytes.len() && bytes[at] != b'\n' {
        match bytes[at] {
            b'\\' => at += 1,
            byte if byte == quote => return at + 1,
            _ => {}
        }
        at += 1;
    }
    at.min(bytes.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vm::{Vm, VmLimits};

    #[tokio::test]
    async fn other_luas_are_recognised_by_what_the_compiler_refuses() {
        let vm = Vm::new(VmLimits::default()).unwrap();
        let environment = vm.environment().unwrap();
        for (source, expected) in [
            ("local a = 1\ngoto done\nlocal b = 2\n", Some("no goto")),
            ("local a = 1\n::done::\n", Some("no labels")),
            ("local a <const> = 1\n", Some("no <const>")),
            ("local f <close> = io\n", Some("no <close>")),
            ("local a = 1 & 2\n", Some("bit32.band")),
            ("local a = 1 | 2\n", Some("bit32.bor")),
            ("local a = 1 ~ 2\n", Some("bit32.bxor")),
            ("local a = ~1\n", Some("bit32.bnot")),
            ("local a = 1 << 2\n", Some("bit32.lshift")),
            ("local a = 1 >> 2\n", Some("bit32.rshift")),
            ("local a = 'x & goto' 5\n", None),
            ("local a = = 5 -- goto\n", None),
            ("local a = [==[ goto\n& ]==] = 5\n", None),
            ("if a ~= 5 the\n", None),
        ] {
            let fault = vm.run("a.lua", source.as_bytes(), &environment).await.unwrap_err();
            assert_eq!(fault.trouble, Trouble::Syntax, "{source}: {fault}");
            let advice = advice(source, &fault);
            assert_eq!(advice.is_some(), expected.is_some(), "{source}: {fault}: {advice:?}");
            assert!(advice.unwrap_or_default().contains(expected.unwrap_or_default()), "{source}");
        }
    }
}
