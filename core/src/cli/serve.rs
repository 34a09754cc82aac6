//! `moonsail serve`, and the bare command.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::exit::{self, Exit};
use super::out;
use crate::app::{self, Announcer, FolderError, Reloaded, StartError};
use crate::config::{self, Changes, Loaded, Overrides};
use crate::net::Inherited;

/// How long threads that still work are waited for at the end.
const LAST_THREADS: Duration = Duration::from_secs(1);

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
    // Before any thread, too: the environment is changed by it.
    let given = match Inherited::take(&config::socket_names()) {
        Ok(given) => given,
        Err(error) => {
            out::error(error.to_string());
            return Exit(exit::CONFIGURATION);
        }
    };
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
    let current = Mutex::new(loaded.clone());
    let reload = || again(flags, &loaded, &current);
    let announcer = Announcer { line: &|text| out::line(text), reload: &reload };
    let served = runtime.block_on(app::serve(&loaded.settings, given, announcer));
    // A request that was cut may still read or hash on a thread of its own.
    runtime.shutdown_timeout(LAST_THREADS);
    match served {
        Ok(()) => Exit(exit::OK),
        Err(error) => {
            out::error(error.to_string());
            Exit(code(&error))
        }
    }
}

/// The configuration at SIGHUP; what is wrong in it is logged, and the old one stays.
fn again(flags: &Overrides, started: &Loaded, current: &Mutex<Loaded>) -> Option<Reloaded> {
    let newer = match config::load(flags) {
        Ok(loaded) => loaded,
        Err(errors) => {
            tracing::error!(%errors, "the configuration in use stays");
            return None;
        }
    };
    let mut current = current.lock().unwrap_or_else(PoisonError::into_inner);
    let reload = current.changes(&newer).reload;
    let restart = started.changes(&newer).restart;
    let settings = newer.settings.clone();
    *current = newer;
    Some(Reloaded { settings, changes: Changes { reload, restart } })
}

fn code(error: &StartError) -> u8 {
    match error {
        StartError::Folder(FolderError::InUse(_)) => exit::IN_USE,
        StartError::Tls(_) | StartError::Log(_) | StartError::Net(_) => exit::CONFIGURATION,
        _ => exit::FAILURE,
    }
}
