//! A Rust file as words with lines: comments and literals gone, inline modules known.

/// A word (identifier or keyword), `::`, or one other sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Token<'a> {
    pub(crate) text: &'a str,
    /// Counted from 1.
    pub(crate) line: usize,
}

/// Splits a file into tokens.
pub(crate) fn tokens(source: &str) -> Vec<Token<'_>> {
    let mut out = Vec::new();
    let (mut at, mut line) = (0, 1);
    while at < source.len() {
        let rest = &source[at..];
        let (length, is_token) = next(rest);
        let text = &rest[..length];
        if is_token {
            out.push(Token { text, line });
        }
        line += text.matches('\n').count();
        at += length;
    }
    out
}

/// The length of what `rest` begins with, and whether it is a token to keep.
fn next(rest: &str) -> (usize, bool) {
    let first = rest.chars().next().expect("not at the end");
    let word =
        |text: &str| text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    if rest.starts_with("//") {
        return (rest.find('\n').unwrap_or(rest.len()), false);
    }
    if rest.starts_with("/*") {
        return (block_comment(rest), false);
    }
    for prefix in ["r", "br", "cr"] {
        let Some(hashes) = rest.strip_prefix(prefix) else { continue };
        let count = hashes.len() - hashes.trim_start_matches('#').len();
        if hashes[count..].starts_with('"') {
            let end = format!("\"{}", "#".repeat(count));
            let from = prefix.len() + count + 1;
            let to = rest[from..].find(&end).map_or(rest.len(), |found| from + found + end.len());
            return (to, false);
        }
    }
    for prefix in ["\"", "b\"", "c\""] {
        if rest.starts_with(prefix) {
            return (quoted(rest, prefix.len(), '"'), false);
        }
    }
    if rest.starts_with("b'") {
        return (quoted(rest, 2, '\''), false);
    }
    if first == '\'' {
        // `'a` is a lifetime and `'a'` a character; `'\` begins a character in any case.
        let mut after = rest.chars().skip(1);
        let (second, third) = (after.next(), after.next());
        let literal = second == Some('\\') || third == Some('\'');
        let length = if literal { quoted(rest, 1, '\'') } else { 1 + word(&rest[1..]) };
        return (length, false);
    }
    if first.is_whitespace() {
        return (first.len_utf8(), false);
    }
    if first.is_alphanumeric() || first == '_' {
        return (word(rest), true);
    }
    (if rest.starts_with("::") { 2 } else { first.len_utf8() }, true)
}

/// The length of a literal that ends with an unescaped `end`, looked for behind `from` bytes.
fn quoted(rest: &str, from: usize, end: char) -> usize {
    let mut escaped = false;
    for (index, c) in rest[from..].char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if c == end => return from + index + c.len_utf8(),
            _ => {}
        }
    }
    rest.len()
}

/// The length of a block comment; they nest.
fn block_comment(rest: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < rest.len() {
        let here = &rest[at..];
        if here.starts_with("/*") {
            depth += 1;
            at += 2;
        } else if here.starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += here.chars().next().map_or(1, char::len_utf8);
        }
    }
    rest.len()
}

/// The first and last index of each `#[cfg(test)] mod … { … }`, from the `#` to the brace.
pub(crate) fn test_modules(tokens: &[Token<'_>]) -> Vec<(usize, usize)> {
    let cfg_test = ["#", "[", "cfg", "(", "test", ")", "]"];
    let mut found = Vec::new();
    for start in 0..tokens.len() {
        let begins = |words: &[&str], at: usize| {
            tokens[at..].iter().map(|t| t.text).zip(words).filter(|(a, b)| a == *b).count()
                == words.len()
        };
        if !begins(&cfg_test, start) {
            continue;
        }
        let open = start + cfg_test.len() + 2;
        let is_module = tokens.get(open - 2).is_some_and(|t| t.text == "mod")
            && tokens.get(open).is_some_and(|t| t.text == "{");
        if is_module {
            found.push((start, closing(tokens, open)));
        }
    }
    found
}

/// The index of the brace that closes the one at `open`.
fn closing(tokens: &[Token<'_>], open: usize) -> usize {
    let mut depth = 0usize;
    for (index, token) in tokens.iter().enumerate().skip(open) {
        match token.text {
            "{" => depth += 1,
            "}" if depth == 1 => return index,
            "}" => depth -= 1,
            _ => {}
        }
    }
    tokens.len().saturating_sub(1)
}

/// Paths that begin with `crate`, `self` or `super`, made absolute (`dav::propfind`), with their
/// lines. `module` is where the file stands.
pub(crate) fn paths(tokens: &[Token<'_>], module: &[&str]) -> Vec<(Vec<String>, usize)> {
    let mut found = Vec::new();
    // Names of the inline modules around a token, with the index of the brace that ends each.
    let mut inline: Vec<(&str, usize)> = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        inline.retain(|(_, end)| at <= *end);
        let text = tokens[at].text;
        if text == "mod" && tokens.get(at + 2).is_some_and(|t| t.text == "{") {
            inline.push((tokens[at + 1].text, closing(tokens, at + 2)));
        }
        let starts = matches!(text, "crate" | "self" | "super")
            && tokens.get(at + 1).is_some_and(|t| t.text == "::");
        if starts {
            let here: Vec<String> = module
                .iter()
                .copied()
                .chain(inline.iter().map(|(name, _)| *name))
                .map(str::to_owned)
                .collect();
            at = tree(tokens, at, &here, &mut found);
        } else {
            at += 1;
        }
    }
    found
}

/// Reads one branch of a `use` tree (or a plain path) and gives the index behind it. `prefix` is
/// what the branches above said; for the first, the module it stands in.
fn tree(
    tokens: &[Token<'_>],
    mut at: usize,
    prefix: &[String],
    found: &mut Vec<(Vec<String>, usize)>,
) -> usize {
    let mut path = prefix.to_vec();
    let text_at = |at: usize| tokens.get(at).map_or("", |t| t.text);
    let line = tokens.get(at).map_or(0, |t| t.line);
    loop {
        match text_at(at) {
            "{" => {
                at += 1;
                while !matches!(text_at(at), "}" | "") {
                    let before = at;
                    at = tree(tokens, at, &path, found);
                    if text_at(at) == "as" {
                        at += 2;
                    }
                    at += usize::from(text_at(at) == "," || at == before);
                }
                return at + 1;
            }
            "crate" => path.clear(),
            "self" => {}
            "super" => {
                path.pop();
            }
            word if word.starts_with(|c: char| c.is_alphabetic() || c == '_') => {
                path.push(word.to_owned());
            }
            "*" => {
                at += 1;
                break;
            }
            _ => break,
        }
        at += 1;
        if text_at(at) != "::" {
            break;
        }
        at += 1;
    }
    found.push((path, line));
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_literals_are_no_tokens() {
        let source = "a /* b /* c */ d */ \"e \\\" f\" 'g' '\\'' &'h i r#\"j \" k\"# b'l' b\"m\"\n// n\no::p";
        let words: Vec<(&str, usize)> = tokens(source).iter().map(|t| (t.text, t.line)).collect();
        assert_eq!(words, [("a", 1), ("&", 1), ("i", 1), ("o", 3), ("::", 3), ("p", 3)]);
    }

    #[test]
    fn paths_are_absolute_through_trees_super_and_inline_modules() {
        for (source, expected) in [
            ("use crate::a::b;", &["a::b"][..]),
            ("use crate::{a, b::{c, d as e}, f::*};", &["a", "b::c", "b::d", "f"]),
            ("use super::x; use self::y; use super::super::z;", &["dav::x", "dav::m::y", "z"]),
            ("fn f() { crate::a::g(super::h()) }", &["a::g", "dav::h"]),
            (
                "mod t { use super::x; mod u { use super::y; } } use super::z;",
                &["dav::m::x", "dav::m::t::y", "dav::z"],
            ),
            ("pub(crate) fn f() {} // crate::a", &[]),
            ("use crate::a::{self, b};", &["a", "a::b"]),
        ] {
            let found: Vec<String> = paths(&tokens(source), &["dav", "m"])
                .into_iter()
                .map(|(p, _)| p.join("::"))
                .collect();
            assert_eq!(found, expected, "{source}");
        }
    }
}
