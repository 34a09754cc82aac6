//! The command line's end of the control socket. Blocking: there is nothing else to do meanwhile.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use super::{Answer, short_path};
use crate::app::commands::{Command, CommandError};
use crate::app::folder::socket_in;
use crate::content::Finding;

/// How long the server may be silent. It finds something to tell much more often.
const SILENCE: Duration = Duration::from_secs(600);
/// Longest line of an answer that is not a sign of something wrong, in bytes.
const MAX_ANSWER: u64 = 256 << 20;

/// Why a server did not carry out a command.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// Nobody listens.
    #[error("no server runs")]
    NoServer,
    /// It belongs to somebody else.
    #[error(
        "the server is another user's; run this command as the user that runs the server, or as root"
    )]
    NotAllowed,
    /// The server refused.
    #[error(transparent)]
    Refused(#[from] CommandError),
    /// The conversation broke.
    #[error("the server ended before it answered ({0}); look whether the command was carried out")]
    Broken(#[source] io::Error),
}

/// Has the server of a data folder carry out a command.
///
/// # Errors
/// [`CallError`].
pub fn call(
    folder: &Path,
    command: &Command,
    mut on_finding: impl FnMut(Finding),
) -> Result<Value, CallError> {
    let mut stream = connect(folder)?;
    let mut line = serde_json::to_vec(command).map_err(|error| CallError::Broken(error.into()))?;
    line.push(b'\n');
    stream.set_read_timeout(Some(SILENCE)).map_err(CallError::Broken)?;
    let sent = stream.write_all(&line);
    zeroize::Zeroize::zeroize(&mut line); // it may hold a password
    sent.map_err(CallError::Broken)?;
    let mut reader = BufReader::new(stream);
    loop {
        let mut line = Vec::new();
        let taken = reader.by_ref().take(MAX_ANSWER).read_until(b'\n', &mut line);
        taken.map_err(CallError::Broken)?;
        let answer = match line.is_empty() {
            true => return Err(CallError::Broken(io::ErrorKind::UnexpectedEof.into())),
            false => serde_json::from_slice(&line),
        };
        match answer.map_err(|error| CallError::Broken(error.into()))? {
            Answer::Found(finding) => on_finding(finding),
            Answer::Done(value) => return Ok(value),
            Answer::Refused(error) => return Err(error.into()),
        }
    }
}

fn connect(folder: &Path) -> Result<UnixStream, CallError> {
    let connected =
        short_path(&socket_in(folder)).and_then(|(path, _open)| UnixStream::connect(path));
    connected.map_err(|error| match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => CallError::NoServer,
        io::ErrorKind::PermissionDenied => CallError::NotAllowed,
        _ => CallError::Broken(error),
    })
}
