//! Has a command carried out: by the running server, or here if none runs.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::sync::mpsc;

use super::exit::{self, Exit};
use super::out;
use crate::app::commands::{Command, CommandError, execute};
use crate::app::control::{CallError, call};
use crate::app::{FolderError, House, StartError};
use crate::config::{self, Overrides, Settings};
use crate::content::Finding;
use crate::http::{LogSettings, Logs};

/// How long a server that starts or stops, or another command, is waited for.
const PATIENCE: Duration = Duration::from_secs(2);
/// Pause between two tries.
const PAUSE: Duration = Duration::from_millis(50);
/// Findings that wait to be shown.
const WAITING: usize = 64;

/// The configuration, and the data folder it names.
pub(super) struct Session {
    settings: Settings,
    /// Where warnings of the house go: to standard error.
    _log: Option<Logs>,
}

/// What is needed of the data folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Folder {
    /// It is made if there is none.
    Made,
    /// It is there: a mistyped path must not make a second, empty one.
    There,
}

impl Session {
    /// Reads the configuration; what is wrong with it is printed.
    pub(super) fn open(flags: &Overrides) -> Result<Self, Exit> {
        match config::load(flags) {
            Ok(loaded) => {
                let log = LogSettings { level: "warn".to_owned(), ..LogSettings::default() };
                Ok(Self { settings: loaded.settings, _log: Logs::start(&log).ok() })
            }
            Err(errors) => {
                out::error(errors);
                Err(Exit(exit::CONFIGURATION))
            }
        }
    }

    /// The configuration.
    pub(super) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Carries out a command; why it failed is printed.
    pub(super) fn run(&self, command: Command, folder: Folder) -> Result<Value, Exit> {
        self.run_showing(command, folder, |_| {})
    }

    /// Carries out a command that tells things on its way.
    pub(super) fn run_showing(
        &self,
        command: Command,
        folder: Folder,
        mut show: impl FnMut(Finding),
    ) -> Result<Value, Exit> {
        let path = &self.settings.data_dir;
        if folder == Folder::There
            && !path.join("moonsail.db").exists()
            && !path.join("lock").exists()
        {
            out::error(format_args!(
                "there is no data folder {}; name it by --data or --config",
                path.display()
            ));
            return Err(Exit(exit::FAILURE));
        }
        let begun = Instant::now();
        loop {
            match call(path, &command, &mut show) {
                Err(CallError::NoServer) => {}
                Ok(value) => return Ok(value),
                Err(error) => {
                    out::error(error);
                    return Err(Exit(exit::FAILURE));
                }
            }
            if let Some(owner) = other_owner(path) {
                out::error(format_args!(
                    "{} belongs to user {owner}; run this as that user, as in: sudo -u '#{owner}' \
                     moonsail …",
                    path.display()
                ));
                return Err(Exit(exit::FAILURE));
            }
            match self.run_here(command.clone(), &mut show) {
                Err(HereError::Start(StartError::Folder(FolderError::InUse(_))))
                    if begun.elapsed() < PATIENCE =>
                {
                    sleep(PAUSE);
                }
                Ok(value) => return Ok(value),
                Err(error) => return Err(said(&error, path)),
            }
        }
    }

    /// Opens the house without its door, carries out the command, and closes it.
    fn run_here(
        &self,
        command: Command,
        show: &mut impl FnMut(Finding),
    ) -> Result<Value, HereError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let house = House::open(&self.settings).await?;
            let (findings, mut found) = mpsc::channel(WAITING);
            let showing = async {
                while let Some(finding) = found.recv().await {
                    show(finding);
                }
            };
            let (done, ()) = tokio::join!(execute(&house, command, findings), showing);
            house.close().await;
            Ok(done?)
        })
    }
}

/// The user of the server that made the index, if that is not who runs this. Files that root makes
/// in the folder, the server could not open.
fn other_owner(folder: &Path) -> Option<u32> {
    let owner = std::fs::metadata(folder.join("moonsail.db")).ok()?.uid();
    (owner != rustix::process::geteuid().as_raw()).then_some(owner)
}

/// Why a command failed that was carried out here.
#[derive(Debug, thiserror::Error)]
enum HereError {
    #[error(transparent)]
    Start(#[from] StartError),
    #[error(transparent)]
    Command(#[from] CommandError),
    #[error("the runtime cannot be started: {0}")]
    Runtime(#[from] std::io::Error),
}

fn said(error: &HereError, path: &Path) -> Exit {
    match error {
        HereError::Start(StartError::Folder(FolderError::InUse(_))) => {
            out::error(format_args!(
                "another process uses {} and takes no commands: a server that starts or stops, \
                 or a long command; try again, or stop it",
                path.display()
            ));
            Exit(exit::IN_USE)
        }
        error => {
            out::error(error);
            Exit(exit::FAILURE)
        }
    }
}
