//! `moonsail backup DIR` and `moonsail backup verify DIR`.

use serde_json::json;

use super::args::{BackupArgs, BackupVerb, VerifyArgs};
use super::exit::{self, Exit};
use super::session::{Folder, Session};
use super::table::size;
use super::{out, progress};
use crate::app::commands::{BackupCommand, Command};
use crate::config::Overrides;
use crate::content::backup::{Done, Generation, verify};
use crate::content::{Finding, Problem};
use crate::store::sqlite;

pub(super) fn run(flags: &Overrides, args: BackupArgs) -> Exit {
    let problems = match args.verb {
        Some(BackupVerb::Verify(args)) => check(&args),
        None => Session::open(flags).and_then(|session| make(&session, args)),
    };
    match problems {
        Ok(0) => Exit(exit::OK),
        Ok(_) => Exit(exit::PROBLEMS),
        Err(exit) => exit,
    }
}

/// Makes a backup; gives the number of files that are not in it.
fn make(session: &Session, args: BackupArgs) -> Result<u64, Exit> {
    let json = args.output.json;
    // The server may stand in another folder.
    let to = args.dir.map(std::path::absolute).transpose().unwrap_or_default();
    let Some(to) = to else {
        out::error("name the folder of backups, as in: moonsail backup /mnt/backup");
        return Err(Exit(exit::CONFIGURATION));
    };
    let bar = progress::bar();
    let mut problems: Vec<Problem> = Vec::new();
    let command = Command::Backup(BackupCommand { to, keep: args.keep });
    let done = session.run_showing(command, Folder::There, |finding| match finding {
        Finding::Progress(progress) => progress::show(&bar, progress),
        Finding::Problem(problem) if json => problems.push(problem),
        Finding::Problem(problem) => progress::print(&bar, &problem),
    });
    bar.finish_and_clear();
    let done: Done = serde_json::from_value(done?).map_err(|error| {
        out::error(format_args!("the server's answer cannot be read: {error}"));
        Exit(exit::FAILURE)
    })?;
    if json {
        let mut shown = json!(done);
        shown["ok"] = (done.problems == 0).into();
        shown["problems"] = json!(problems);
        out::json(&shown);
    } else {
        out::line(format_args!(
            "{} files ({}) in {} folders, {} new ({}): {}.",
            done.files,
            size(done.bytes),
            done.folders,
            done.copied_files,
            size(done.copied_bytes),
            progress::found(done.problems)
        ));
        for old in &done.pruned {
            out::line(format_args!("{old} was removed."));
        }
        out::line(done.generation.display());
    }
    Ok(done.problems)
}

/// Verifies a generation; gives the number of differences.
fn check(args: &VerifyArgs) -> Result<u64, Exit> {
    let json = args.output.json;
    let bar = progress::bar();
    let mut problems: Vec<Problem> = Vec::new();
    let verified = Generation::find(&args.dir).and_then(|generation| {
        let faults = |index: &std::path::Path| {
            sqlite::faults(index).unwrap_or_else(|error| vec![error.to_string()])
        };
        verify(&generation, &faults, &mut |finding| match finding {
            Finding::Progress(progress) => progress::show(&bar, progress),
            Finding::Problem(problem) if json => problems.push(problem),
            Finding::Problem(problem) => progress::print(&bar, &problem),
        })
    });
    bar.finish_and_clear();
    let verified = verified.map_err(|error| {
        out::error(error);
        Exit(exit::FAILURE)
    })?;
    if json {
        let mut shown = json!(verified);
        shown["ok"] = (verified.problems == 0).into();
        shown["problems"] = json!(problems);
        out::json(&shown);
    } else {
        out::line(format_args!(
            "{}: {} files ({}) in {} folders: {}.",
            verified.generation.display(),
            verified.files,
            size(verified.bytes),
            verified.folders,
            progress::found(verified.problems)
        ));
    }
    Ok(verified.problems)
}
