//! `moonsail script check`: loads scripts as the server would.

use moonsail_lua::runner::Plan;

use super::{offline, plan_of, sections};
use crate::cli::args::ScriptCheck;
use crate::cli::exit::{self, Exit};
use crate::cli::out;
use crate::config::Overrides;
use crate::ext::lua;

pub(super) fn run(flags: &Overrides, check: &ScriptCheck) -> Result<(), Exit> {
    let sections = sections(flags)?;
    let plans: Vec<Plan> = match check.files.is_empty() {
        true => sections.iter().map(lua::plan).collect(),
        false => check.files.iter().map(|file| plan_of(file, &sections)).collect(),
    };
    if plans.is_empty() {
        out::line("server.toml names no scripts.");
        return Ok(());
    }
    let good = offline(async {
        let mut good = true;
        for plan in &plans {
            match lua::stage(plan).await {
                Ok(stage) if stage.shape().is_empty() => {
                    out::error(format_args!(
                        "{}: registers nothing: neither an event nor a route nor a timer",
                        plan.path.display()
                    ));
                    good = false;
                }
                Ok(stage) => {
                    let shape = stage.shape().join(", ");
                    out::line(format_args!("{} is good: {shape}", plan.path.display()));
                }
                Err(fault) => {
                    out::error(&fault.message);
                    good = false;
                }
            }
        }
        good
    })?;
    if good { Ok(()) } else { Err(Exit(exit::PROBLEMS)) }
}
