//! `moonsail fsck`: is every file on the disk what the index says it is?

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use super::exit::{self, Exit};
use super::out;
use super::session::{Folder, Session};
use super::table::size;
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
    let bar = bar();
    let mut problems: Vec<Problem> = Vec::new();
    let done = session.run_showing(Command::Fsck, Folder::There, |finding| match finding {
        Finding::Progress(progress) => show(&bar, progress),
        Finding::Problem(problem) if json => problems.push(problem),
        Finding::Problem(problem) => bar.suspend(|| {
            out::line(format_args!(
                "{} {}; {}",
                printable(&problem.path),
                problem.what,
                problem.remedy
            ));
        }),
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
        let found = match done.problems {
            0 => "all is well".to_owned(),
            1 => "1 problem".to_owned(),
            many => format!("{many} problems"),
        };
        let read = size(done.bytes);
        out::line(format_args!(
            "{} files ({read}) in {} folders: {found}.",
            done.files, done.folders
        ));
    }
    Ok(done.problems)
}

/// Names on the disk can hold anything; what is printed must not move the cursor.
pub(super) fn printable(path: &str) -> String {
    path.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// A bar on standard error, hidden where that is no terminal.
fn bar() -> ProgressBar {
    let style = ProgressStyle::with_template(
        "{elapsed_precise} [{wide_bar}] {bytes}/{total_bytes} {msg}  ETA {eta}",
    );
    let bar = ProgressBar::new(0);
    match style {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

fn show(bar: &ProgressBar, progress: Progress) {
    bar.set_length(progress.bytes_in_all.max(progress.bytes));
    bar.set_position(progress.bytes);
    bar.set_message(format!("{} files", progress.files + progress.folders));
}
