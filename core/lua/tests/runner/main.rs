//! Tests of scripts: files of tests with fakes, and what they come to.

use std::path::PathBuf;
use std::sync::Arc;

use moonsail_lua::runner::{Case, Rules, report, run};
use moonsail_lua::script::Returned;

struct Known;

impl Rules for Known {
    fn check(&self, event: &str) -> Result<(), String> {
        let known = ["auth.password", "server.load", "file.uploaded", "file.*"];
        let is_known = known.contains(&event)
            || ["file.before_upload", "file.before_commit", "file.before_mkdir"].contains(&event);
        is_known.then_some(()).ok_or_else(|| format!("there is no event \"{event}\""))
    }

    fn is_for_all(&self, event: &str) -> bool {
        self.is_change(event) || event == "server.load"
    }

    fn is_change(&self, event: &str) -> bool {
        event == "file.uploaded"
    }

    fn judge(&self, event: &str, _: &str, returned: &Returned) -> Result<(), String> {
        match returned {
            Returned::Values(_) if event.starts_with("auth.") => Err("returned a value".to_owned()),
            _ => Ok(()),
        }
    }
}

async fn cases(file: &str) -> Vec<Case> {
    let rules: Arc<dyn Rules> = Arc::new(Known);
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/runner");
    run(&folder.join(file), &rules).await
}

#[track_caller]
fn all_pass(cases: &[Case], count: usize) {
    assert!(cases.iter().all(|case| case.failure.is_none()), "{}", report::tap(cases));
    assert_eq!(cases.len(), count);
}

#[tokio::test]
async fn a_script_is_tested_with_fakes() {
    all_pass(&cases("hours-test.lua").await, 6);
    all_pass(&cases("directory.lua").await, 1);
}

#[tokio::test]
async fn tests_fail_and_say_where() {
    let cases = cases("faults.lua").await;
    let expected = [
        Some("faults.lua:5: the pair: expected [1,{\"a\":\"y\"}], got [1,{\"a\":\"x\"}]"),
        None,
        Some("hours.lua:18: attempt to compare"),
        Some("there is no event \"file.before_uplod\""),
        Some("wrong.lua:2: auth.password: returned a value"),
        Some("used up its processor time"),
        Some("faults.lua:31: expected something that holds"),
    ];
    assert_eq!(cases.len(), expected.len());
    for (case, expected) in cases.iter().zip(expected) {
        let message = case.failure.as_ref().map(|fault| fault.message.as_str());
        match expected {
            None => assert_eq!(message, None, "{}", case.name),
            Some(part) => assert!(message.unwrap_or("none").contains(part), "{message:?}\n{part}"),
        }
    }
    let tap = report::tap(&cases);
    assert!(tap.starts_with("TAP version 14\n1..7\nnot ok 1 - "), "{tap}");
    assert_eq!(tap.lines().filter(|line| line.starts_with("not ok ")).count(), 6, "{tap}");
    assert_eq!(tap.lines().filter(|line| line.starts_with("ok 2 - ")).count(), 1, "{tap}");
    let junit = report::junit(&cases);
    for part in [
        "<testsuites tests=\"7\" failures=\"6\"",
        "name=\"endless &lt;loops&gt; &amp; &quot;more&quot;\"",
        "<failure message=\"",
    ] {
        assert!(junit.contains(part), "{part}\n{junit}");
    }
    assert_eq!(junit.matches("<testcase ").count(), 7);
    assert_eq!(junit.matches("<failure ").count(), 6);
}

#[tokio::test]
async fn a_file_without_tests_fails() {
    for (file, expected) in [("wrong.lua", "wrong.lua:1: "), ("ldap-test.lua", "No such file")] {
        let cases = cases(file).await;
        let [Case { failure: Some(fault), .. }] = &cases[..] else { panic!("{cases:?}") };
        assert!(fault.message.contains(expected), "{fault}");
    }
}
