//! litmus: the WebDAV test suite of the neon project, all suites.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::suite::{Case, Outcome};
use e2e::tools;

use crate::expected;
use crate::setup::{USER, World, case};

pub(crate) fn cases() -> Vec<Case<'static>> {
    let litmus = || tools::find("litmus");
    vec![
        case("litmus::basic", litmus(), "litmus", |program, world| suite(program, world, "basic")),
        case("litmus::copymove", litmus(), "litmus", |p, world| suite(p, world, "copymove")),
        case("litmus::props", litmus(), "litmus", |program, world| suite(program, world, "props")),
        case("litmus::locks", litmus(), "litmus", |program, world| suite(program, world, "locks")),
        case("litmus::http", litmus(), "litmus", |program, world| suite(program, world, "http")),
    ]
}

fn suite(program: &Path, world: World, name: &str) -> Result<Outcome> {
    let url = format!("{}/remote.php/dav/files/{USER}/", world.server.http().base());
    let mut command = Command::new(program);
    command.args(["-k", &url, USER, &world.token]).env("TESTS", name);
    command.current_dir(world.folder("litmus")?); // it writes debug.log where it is
    let finished = tools::run(&mut command, Duration::from_secs(300))?;
    check(name, &finished.text).with_context(|| finished.text.clone())?;
    ensure!(finished.success, "litmus ended with an error:\n{}", finished.text);
    world.finish()
}

/// Reads `<- summary for `basic': of 16 tests run: 16 passed, 0 failed. 100.0%`.
fn check(name: &str, text: &str) -> Result<()> {
    let summary = text
        .lines()
        .find(|line| line.contains("summary for"))
        .context("litmus printed no summary")?;
    let numbers: Vec<u64> = summary
        .split(|c: char| !c.is_ascii_digit())
        .filter_map(|digits| digits.parse().ok())
        .collect();
    let [run, passed, failed, ..] = numbers[..] else {
        anyhow::bail!("summary {summary:?}");
    };
    let expected = expected::tests(name)?;
    ensure!(failed == 0 && passed == run, "{failed} of {run} tests failed");
    ensure!(run == expected, "{run} tests ran, not {expected}");
    ensure!(!text.contains("skipped"), "litmus skipped tests");
    let known = expected::known()?;
    let warnings: Vec<&str> =
        text.lines().filter_map(|line| line.split_once("WARNING: ")).map(|(_, w)| w).collect();
    for warning in &warnings {
        let listed = known.iter().any(|k| k.suite == name && warning.contains(&k.text));
        ensure!(listed, "a warning that expected.toml does not know: {warning}");
    }
    for entry in known.iter().filter(|entry| entry.suite == name) {
        let seen = warnings.iter().any(|warning| warning.contains(&entry.text));
        ensure!(seen, "{:?} no longer comes up: it must leave expected.toml", entry.text);
    }
    Ok(())
}
