//! docs/security.md and docs/reliability.md name tests that exist, and the first every test of the
//! abuse suite.
//!
//! A reference is a file without its extension, `#` and a function, in backticks: `abuse/paths#f` is
//! the function `f` of `tests/tests/abuse/paths.rs`. `spec/dav/put` is a dialogue.

use std::collections::BTreeSet;

use super::{read, repository, rust_files};

/// Where the files of references may lie: what stands before the reference.
const PLACES: [&str; 5] = ["tests/tests/", "core/tests/", "core/", "plugins/", ""];

/// The references of a line of a table; `None` for what is no promise.
fn references(line: &str) -> Option<Vec<&str>> {
    let cells: Vec<&str> = line.strip_prefix("| ")?.strip_suffix(" |")?.split(" | ").collect();
    let [promise, tests] = cells[..] else { return None };
    (promise != "Promise").then(|| tests.split('`').skip(1).step_by(2).collect())
}

/// What is wrong with the page. `find` gives the text of a file if it exists.
fn faults(page: &str, abuse: &[String], find: &dyn Fn(&str) -> Option<String>) -> Vec<String> {
    let mut faults = Vec::new();
    let mut named = BTreeSet::new();
    let mut in_promises = false;
    for line in page.lines() {
        in_promises = line.starts_with('|') && (in_promises || line.starts_with("| Promise |"));
        if !in_promises {
            continue;
        }
        let Some(references) = references(line) else { continue };
        if references.is_empty() {
            faults.push(format!("no test: {line}"));
        }
        for reference in references {
            named.insert(reference.to_owned());
            if !exists(reference, find) {
                faults.push(format!("there is no test {reference}"));
            }
        }
    }
    let missing = abuse.iter().filter(|test| !named.contains(*test));
    faults.extend(missing.map(|test| format!("the page does not name {test}")));
    faults
}

fn exists(reference: &str, find: &dyn Fn(&str) -> Option<String>) -> bool {
    let Some((file, function)) = reference.split_once('#') else {
        let dialogue = reference.strip_prefix("spec/");
        return dialogue
            .is_some_and(|name| find(&format!("tests/spec/cases/{name}.http")).is_some());
    };
    let declared = format!("fn {function}(");
    let texts = PLACES.iter().filter_map(|place| find(&format!("{place}{file}.rs")));
    texts.into_iter().any(|text| text.contains(&declared))
}

/// The tests of `tests/tests/abuse`, as the page names them.
fn abuse_tests() -> Vec<String> {
    let mut tests = Vec::new();
    for file in rust_files("tests/tests/abuse") {
        let text = std::fs::read_to_string(&file).expect("a file of the repository");
        let name = file.file_stem().and_then(|stem| stem.to_str()).expect("a readable name");
        for part in text.split("#[test]").skip(1) {
            let function = part.split("fn ").nth(1).and_then(|rest| rest.split('(').next());
            tests.push(format!("abuse/{name}#{}", function.expect("a function")));
        }
    }
    tests
}

#[test]
fn promises_have_tests_that_exist() {
    let abuse = abuse_tests();
    assert!(abuse.len() > 30, "only {} tests were found", abuse.len());
    let find = |path: &str| std::fs::read_to_string(repository().join(path)).ok();
    assert_eq!(faults(&read("docs/security.md"), &abuse, &find), Vec::<String>::new());
    assert_eq!(faults(&read("docs/reliability.md"), &[], &find), Vec::<String>::new());
}

#[test]
fn planted_promises_without_tests_are_found() {
    let abuse = ["abuse/a#one".to_owned(), "abuse/a#two".to_owned()];
    let find = |path: &str| match path {
        "tests/tests/abuse/a.rs" => Some("fn one() {} fn two() {}".to_owned()),
        "tests/spec/cases/dav/put.http" => Some(String::new()),
        _ => None,
    };
    let page =
        |cell: &str| format!("text\n| Promise | Tests |\n|---|---|\n| It holds | {cell} |\n");
    for (cell, wanted) in [
        ("`abuse/a#one` `abuse/a#two` `spec/dav/put`", &[][..]),
        ("`abuse/a#one`", &["does not name abuse/a#two"]),
        ("`abuse/a#one` `abuse/a#two` `abuse/a#three`", &["no test abuse/a#three"]),
        ("`abuse/a#one` `abuse/a#two` `abuse/b#one`", &["no test abuse/b#one"]),
        ("`abuse/a#one` `abuse/a#two` `spec/dav/get`", &["no test spec/dav/get"]),
        ("some day", &["no test: ", "name abuse/a#one", "name abuse/a#two"]),
    ] {
        let found = faults(&page(cell), &abuse, &find);
        assert_eq!(found.len(), wanted.len(), "{cell}: {found:?}");
        for (fault, part) in found.iter().zip(wanted) {
            assert!(fault.contains(part), "{cell}: {fault}");
        }
    }
}
