//! `moonsail serve`, and the bare command.

use super::exit::{self, Exit};
use super::out;
use crate::app::{self, Announcer, FolderError, StartError};
use crate::config::{self, Overrides, Settings};

pub(super) fn run(flags: &Overrides) -> Exit {
    let loaded = match config::load(flags) {
        Ok(loaded) => loaded,
        Err(errors) => {
            out::error(errors.to_string());
            return Exit(exit::CONFIGURATION);
        }
    };
    for warning in &loaded.warnings {
        out::note(warning.to_string());
    }
    // Before any thread: rustls takes the first provider that is installed, and there is one.
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        out::error("TLS was set up twice");
        return Exit(exit::FAILURE);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(loaded.settings.server.workers.max(1))
        .enable_all()
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            out::error(format!("the runtime cannot be started: {error}"));
            return Exit(exit::FAILURE);
        }
    };
    let reload = || again(flags);
    let announcer = Announcer { line: &|text| out::line(text), reload: &reload };
    match runtime.block_on(app::serve(&loaded.settings, announcer)) {
        Ok(()) => Exit(exit::OK),
        Err(error) => {
            out::error(error.to_string());
            Exit(code(&error))
        }
    }
}

/// The configuration at SIGHUP; what is wrong in it is logged, and the old one stays.
fn again(flags: &Overrides) -> Option<Settings> {
    match config::load(flags) {
        Ok(loaded) => Some(loaded.settings),
        Err(errors) => {
            tracing::error!(%errors, "the configuration in use stays");
            None
        }
    }
}

fn code(error: &StartError) -> u8 {
    match error {
        StartError::Folder(FolderError::InUse(_)) => exit::IN_USE,
        StartError::Tls(_) | StartError::Log(_) | StartError::Net(_) => exit::CONFIGURATION,
        _ => exit::FAILURE,
    }
}
