//! `moonsail restore DIR`: a backup becomes the data folder.

use serde_json::json;
use tokio::sync::mpsc;

use super::args::RestoreArgs;
use super::exit::{self, Exit};
use super::session::Session;
use super::table::{self, size};
use super::{out, progress};
use crate::app::{FolderError, Restoration, RestoreError, StartError, restore};
use crate::config::Overrides;
use crate::content::{Finding, Problem};

/// Findings that wait to be shown.
const WAITING: usize = 64;

pub(super) fn run(flags: &Overrides, args: &RestoreArgs) -> Exit {
    let session = match Session::open(flags) {
        Ok(session) => session,
        Err(exit) => return exit,
    };
    let bar = progress::bar();
    let json = args.output.json;
    let mut problems: Vec<Problem> = Vec::new();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let restored = runtime.map_err(|error| StartError::from(error).into()).and_then(|runtime| {
        runtime.block_on(async {
            let (findings, mut found) = mpsc::channel(WAITING);
            let showing = async {
                while let Some(finding) = found.recv().await {
                    match finding {
                        Finding::Progress(progress) => progress::show(&bar, progress),
                        Finding::Problem(problem) if json => problems.push(problem),
                        Finding::Problem(problem) => progress::print(&bar, &problem),
                    }
                }
            };
            let settings = session.settings();
            tokio::join!(restore(settings, &args.dir, args.verify, findings), showing).0
        })
    });
    bar.finish_and_clear();
    let restored = match restored {
        Ok(restored) => restored,
        Err(error) => {
            out::error(&error);
            return match error {
                RestoreError::Start(StartError::Folder(FolderError::InUse(_))) => {
                    Exit(exit::IN_USE)
                }
                _ => Exit(exit::FAILURE),
            };
        }
    };
    let missing = restored.restored.missing;
    match json {
        true => {
            let mut shown = json!(restored);
            shown["ok"] = (missing == 0).into();
            shown["problems"] = json!(problems);
            out::json(&shown);
        }
        false => tell(&restored),
    }
    Exit(if missing == 0 { exit::OK } else { exit::PROBLEMS })
}

fn tell(restored: &Restoration) {
    let Restoration { data, generation, made, restored } = restored;
    let made = table::time(&json!(made));
    out::line(format_args!(
        "{} files ({}) in {} folders were restored to {}, as they were at {made}.",
        restored.files,
        size(restored.bytes),
        restored.folders,
        data.display()
    ));
    if restored.missing > 0 {
        out::line(format_args!(
            "{} files are missing in {} and are named above; to users they are deleted.",
            restored.missing,
            generation.display()
        ));
    }
    out::line(
        "Apps will find out and bring back what is newer on their devices. App passwords that were \
         revoked since are valid again: moonsail token list USER",
    );
}
