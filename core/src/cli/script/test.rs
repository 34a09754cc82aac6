//! `moonsail script test`: runs files of tests.

use std::sync::Arc;

use moonsail_lua::runner::{self, Rules, report};

use super::offline;
use crate::cli::args::ScriptTest;
use crate::cli::exit::{self, Exit};
use crate::cli::out;
use crate::ext::lua::ServerRules;

pub(super) fn run(test: &ScriptTest) -> Result<(), Exit> {
    let rules: Arc<dyn Rules> = Arc::new(ServerRules);
    let cases = offline(async {
        let mut cases = Vec::new();
        for file in &test.files {
            cases.extend(runner::run(file, &rules).await);
        }
        cases
    })?;
    out::text(&report::tap(&cases));
    if let Some(file) = &test.junit
        && let Err(error) = std::fs::write(file, report::junit(&cases))
    {
        out::error(format_args!("{}: {error}", file.display()));
        return Err(Exit(exit::FAILURE));
    }
    match cases.iter().all(|case| case.failure.is_none()) {
        true => Ok(()),
        false => Err(Exit(exit::PROBLEMS)),
    }
}
