//! What tests came to, for people and for machines: TAP version 14, and JUnit's XML.

use std::fmt::Write as _;

use super::Case;

/// TAP version 14: a line for each test, and why one failed in a block below it.
pub fn tap(cases: &[Case]) -> String {
    let mut out = format!("TAP version 14\n1..{}\n", cases.len());
    for (number, case) in cases.iter().enumerate() {
        let not = if case.failure.is_some() { "not " } else { "" };
        let name = case.name.replace('\\', "\\\\").replace('#', "\\#");
        let _infallible =
            writeln!(out, "{not}ok {} - {}: {}", number + 1, case.file, one_line(&name));
        if let Some(fault) = &case.failure {
            let _infallible = writeln!(out, "  ---\n  message: {:?}", fault.message);
            if !fault.traceback.is_empty() {
                out.push_str("  traceback: |\n");
                for line in fault.traceback.lines() {
                    let _infallible = writeln!(out, "    {line}");
                }
            }
            out.push_str("  ...\n");
        }
    }
    out
}

/// XML as JUnit writes it and CI systems read it: a suite for each file.
pub fn junit(cases: &[Case]) -> String {
    let failures = |cases: &[Case]| cases.iter().filter(|case| case.failure.is_some()).count();
    let seconds = |cases: &[Case]| {
        cases.iter().map(|case| case.time).sum::<std::time::Duration>().as_secs_f64()
    };
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let _infallible = writeln!(
        out,
        "<testsuites tests=\"{}\" failures=\"{}\" time=\"{:.3}\">",
        cases.len(),
        failures(cases),
        seconds(cases)
    );
    for suite in cases.chunk_by(|one, other| one.file == other.file) {
        let file = escaped(&suite[0].file);
        let _infallible = writeln!(
            out,
            "  <testsuite name=\"{file}\" tests=\"{}\" failures=\"{}\" errors=\"0\" skipped=\"0\" time=\"{:.3}\">",
            suite.len(),
            failures(suite),
            seconds(suite)
        );
        for case in suite {
            let name = escaped(&case.name);
            let time = case.time.as_secs_f64();
            let _infallible = write!(
                out,
                "    <testcase classname=\"{file}\" name=\"{name}\" time=\"{time:.3}\""
            );
            match &case.failure {
                None => out.push_str("/>\n"),
                Some(fault) => {
                    let _infallible = writeln!(
                        out,
                        ">\n      <failure message=\"{}\">{}</failure>\n    </testcase>",
                        escaped(&fault.message),
                        escaped(&fault.traceback)
                    );
                }
            }
        }
        out.push_str("  </testsuite>\n");
    }
    out.push_str("</testsuites>\n");
    out
}

fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// For text and attributes of XML, which has no way to write most control characters.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' => out.push_str("&#10;"),
            '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            character if character.is_control() => out.push(' '),
            character => out.push(character),
        }
    }
    out
}
