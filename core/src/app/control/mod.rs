//! The control socket: how the command line speaks to the running server.
//!
//! `data/control.sock`, for this user and root only. One line of JSON in, a [`Command`]; lines of
//! JSON out, each an [`Answer`], of which the last is not a finding.
//!
//! [`Command`]: super::commands::Command

mod client;
mod server;

use std::io;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use client::{CallError, call};
pub(super) use server::ControlSocket;

use super::commands::CommandError;
use crate::content::Finding;

/// Longest command, in bytes.
const MAX_COMMAND: u64 = 64 << 10;

/// A line of the server's answer.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Answer {
    /// Something found on the way; more follows.
    Found(Finding),
    /// Done, with the result.
    Done(Value),
    /// Not done.
    Refused(CommandError),
}

/// The path of a socket as `bind` and `connect` take it, which is at most 107 bytes long: through
/// the folder's descriptor, so that the data folder may lie anywhere. The second value keeps the
/// descriptor open.
fn short_path(socket: &Path) -> io::Result<(PathBuf, Option<std::fs::File>)> {
    let (Some(folder), Some(name)) = (socket.parent(), socket.file_name()) else {
        return Ok((socket.to_owned(), None));
    };
    if socket.as_os_str().len() < 100 {
        return Ok((socket.to_owned(), None));
    }
    let folder = std::fs::File::open(folder)?;
    let short = PathBuf::from(format!("/proc/self/fd/{}", folder.as_raw_fd())).join(name);
    Ok((short, Some(folder)))
}
