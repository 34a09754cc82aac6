//! `moonsail scan`: the index follows the disk, now.

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use super::args::ScanArgs;
use super::exit::{self, Exit};
use super::out;
use super::progress;
use super::session::{Folder, Session};
use crate::app::commands::{Command, Scanned};
use crate::config::Overrides;
use crate::content::{Finding, Problem};

pub(super) fn run(flags: &Overrides, args: ScanArgs) -> Exit {
    match Session::open(flags).and_then(|session| scan(&session, args)) {
        Ok(0) => Exit(exit::OK),
        Ok(_) => Exit(exit::PROBLEMS),
        Err(exit) => exit,
    }
}

/// Gives the number of things that cannot be served.
fn scan(session: &Session, args: ScanArgs) -> Result<u64, Exit> {
    let spinner = spinner();
    let mut problems: Vec<Problem> = Vec::new();
    let command = Command::Scan { user: args.user };
    let done = session.run_showing(command, Folder::There, |finding| match finding {
        Finding::Progress(so_far) => {
            let (members, folders) = (so_far.files, so_far.folders);
            spinner.set_message(format!("{members} files and folders, {folders} looked into"));
            spinner.tick();
        }
        Finding::Problem(problem) if args.json => problems.push(problem),
        Finding::Problem(problem) => progress::print(&spinner, &problem),
    });
    spinner.finish_and_clear();
    let done: Scanned = serde_json::from_value(done?).map_err(|error| {
        out::error(format_args!("the server's answer cannot be read: {error}"));
        Exit(exit::FAILURE)
    })?;
    let Scanned { changes, folders, members, unserved } = done;
    if args.json {
        out::json(&json!({
            "changes": changes,
            "folders": folders,
            "members": members,
            "unserved": problems,
        }));
    } else {
        out::line(format_args!(
            "{members} files and folders looked at: {} new, {} written, {} renamed, {} deleted, \
             {unserved} not served.",
            changes.created, changes.written, changes.moved, changes.deleted
        ));
    }
    Ok(unserved)
}

/// Turns on standard error, hidden where that is no terminal.
fn spinner() -> ProgressBar {
    let spinner = ProgressBar::new_spinner();
    match ProgressStyle::with_template("{elapsed_precise} {spinner} {msg}") {
        Ok(style) => spinner.with_style(style),
        Err(_) => spinner,
    }
}
