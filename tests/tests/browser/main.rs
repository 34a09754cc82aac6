//! The pages in a real browser: headless Chromium over HTTPS, with the server's own authority
//! trusted as a device would trust it.
//!
//! [`flows`] logs in and connects apps, [`safety`] tries what must not work, [`pages`] looks at
//! each page in both colour schemes and on a phone; pictures go to `target/screenshots`.

mod flows;
mod house;
mod pages;
mod safety;

use std::process::ExitCode;

use e2e::suite::{Case, Outcome};
use e2e::webdriver;

fn main() -> ExitCode {
    type Test = fn() -> anyhow::Result<()>;
    let tests: [(&str, Test); 10] = [
        ("certificate", safety::certificate),
        ("frames", safety::frames),
        ("foreign_targets", safety::foreign_targets),
        ("flow_v2", flows::flow_v2),
        ("flow_v2_without_scripts", flows::flow_v2_without_scripts),
        ("flow_v2_by_keyboard", flows::flow_v2_by_keyboard),
        ("flow_v2_other_account", flows::flow_v2_other_account),
        ("flow_v1", flows::flow_v1),
        ("logout", flows::logout),
        ("pages", pages::pages),
    ];
    let case = |(name, run): (&str, Test)| Case {
        name: format!("browser::{name}"),
        run: Box::new(move || match webdriver::missing() {
            None => run().map(|()| Outcome::Passed),
            Some(missing) => Ok(Outcome::Skipped(missing)),
        }),
    };
    // One after the other: each has a whole browser.
    e2e::suite::run(tests.into_iter().map(case).collect(), 1)
}
