//! Whether a step printed what the page shows.

use anyhow::{Result, ensure};

/// What stands for any text in a line, and alone for any lines.
const ANYTHING: &str = "…";

/// Compares line by line; blanks at the ends of lines and empty lines at the end do not count.
///
/// # Errors
/// Both texts, if they differ.
pub(super) fn same(expected: &str, printed: &str) -> Result<()> {
    ensure!(
        matches(&lines(expected), &lines(printed)),
        "the page shows\n{expected}-- and what was printed is\n{printed}--"
    );
    Ok(())
}

fn lines(text: &str) -> Vec<&str> {
    text.trim_end().lines().map(str::trim_end).collect()
}

fn matches(expected: &[&str], printed: &[&str]) -> bool {
    match expected.split_first() {
        None => printed.is_empty(),
        Some((&ANYTHING, rest)) => {
            (0..=printed.len()).any(|skipped| matches(rest, &printed[skipped..]))
        }
        Some((first, rest)) => printed
            .split_first()
            .is_some_and(|(line, more)| line_matches(first, line) && matches(rest, more)),
    }
}

fn line_matches(expected: &str, line: &str) -> bool {
    let Some((head, rest)) = expected.split_once(ANYTHING) else { return expected == line };
    let Some(mut left) = line.strip_prefix(head) else { return false };
    let mut parts: Vec<&str> = rest.split(ANYTHING).collect();
    let tail = parts.pop().unwrap_or_default();
    for part in parts {
        let Some(at) = left.find(part) else { return false };
        left = &left[at + part.len()..];
    }
    left.ends_with(tail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_output_is_compared_but_for_what_may_be_anything() {
        for (expected, printed, same_text) in [
            ("", "", true),
            ("a\nb\n", "a  \nb\n\n", true),
            ("a", "a\nb", false),
            ("a\nb", "a", false),
            ("", "a", false),
            ("a…", "a", true),
            ("a…z", "abcz", true),
            ("a…z", "az", true),
            ("a…z", "abc", false),
            ("ab…bc", "abc", false),
            ("{…\"id\":\"x\",…}", "{\"a\":1,\"id\":\"x\",\"b\":2}", true),
            ("{…\"id\":\"x\",…}", "{\"a\":1,\"id\":\"y\",\"b\":2}", false),
            ("a…z", "a\nz", false),
            ("…", "", true),
            ("…\nz", "a\nb\nz", true),
            ("a\n…\nz", "a\nz", true),
            ("a\n…\nz", "a\nb", false),
        ] {
            assert_eq!(same(expected, printed).is_ok(), same_text, "{expected:?} {printed:?}");
        }
    }
}
