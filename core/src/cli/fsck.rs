//! `moonsail fsck`: is every file on the disk what the index says it is?

use serde_json::json;

use super::exit::{self, Exit};
use super::session::{Folder, Session};
use super::table::size;
use super::{out, progress};
use crate::app::commands::Command;
use crate::config::Overrides;
use crate::content::{Finding, Problem, Progress};

pub(super) fn run(flags: &Overrides, json: bool) -> Exit {
    match Session::open(flags).and_then(|session| check(&session, json)) {
        Ok(0) => Exit(exit::OK),
        Ok(_) => Exit(exit::PROBLEMS),
        Err(exit) => exit,
    }
}

/// Gives the number of problems.
fn check(session: &Session, json: bool) -> Result<u64, Exit> {
    let bar = progress::bar();
    let mut problems: Vec<Problem> = Vec::new();
    let done = session.run_showing(Command::Fsck, Folder::There, |finding| match finding {
        Finding::Progress(progress) => progress::show(&bar, progress),
        Finding::Problem(problem) if json => problems.push(problem),
        Finding::Problem(problem) => progress::print(&bar, &problem),
    });
    bar.finish_and_clear();
    let done: Progress = serde_json::from_value(done?).map_err(|error| {
        out::error(format_args!("the server's answer cannot be read: {error}"));
        Exit(exit::FAILURE)
    })?;
    if json {
        out::json(&json!({
            "ok": done.problems == 0,
            "files": done.files,
            "folders": done.folders,
            "bytes": done.bytes,
            "problems": problems,
        }));
    } else {
        let read = size(done.bytes);
        out::line(format_args!(
            "{} files ({read}) in {} folders: {}.",
            done.files,
            done.folders,
            progress::found(done.problems)
        ));
    }
    Ok(done.problems)
}
