//! The server's end of the control socket.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::unix::OwnedWriteHalf;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::{Answer, MAX_COMMAND, short_path};
use crate::app::commands::{Command, CommandError, execute};
use crate::app::{DataFolder, House};

/// Commands at once; more wait to be accepted.
const MOST: usize = 16;
/// Time for a command to arrive.
const ARRIVAL: Duration = Duration::from_secs(10);
/// Time for the other side to take a line.
const TAKING: Duration = Duration::from_secs(30);
/// Findings that wait to be taken.
const WAITING: usize = 64;

/// The open socket; dropping it removes it.
pub(in crate::app) struct ControlSocket {
    listener: UnixListener,
    path: PathBuf,
}

impl ControlSocket {
    /// Opens the socket. One that an earlier process left is replaced: the lock of the folder
    /// proves that nobody uses it.
    pub(in crate::app) fn open(folder: &DataFolder) -> io::Result<Self> {
        let path = folder.socket();
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let (short, _open) = short_path(&path)?;
        let listener = UnixListener::bind(short)?;
        // Who connects before this line is asked for its user, too.
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600))?;
        Ok(Self { listener, path })
    }

    /// Carries out commands, for ever.
    pub(in crate::app) async fn serve(&self, house: &House) {
        let mut talks = FuturesUnordered::new();
        loop {
            tokio::select! {
                accepted = self.listener.accept(), if talks.len() < MOST => match accepted {
                    Ok((stream, _)) => talks.push(talk(house, stream)),
                    Err(error) => {
                        tracing::error!(%error, "the control socket does not accept");
                        tokio::time::sleep(Duration::from_millis(100)).await;
                    }
                },
                Some(talked) = talks.next() => {
                    if let Err(error) = talked {
                        tracing::warn!(%error, "a command was not answered");
                    }
                }
            }
        }
    }
}

impl Drop for ControlSocket {
    fn drop(&mut self) {
        // If it stays, the next start replaces it.
        let _stays = std::fs::remove_file(&self.path);
    }
}

async fn talk(house: &House, stream: UnixStream) -> io::Result<()> {
    let uid = stream.peer_cred()?.uid();
    if uid != 0 && uid != rustix::process::geteuid().as_raw() {
        tracing::warn!(uid, "a command of another user was refused");
        return Ok(());
    }
    let (read, mut write) = stream.into_split();
    let mut line = Vec::new();
    let mut read = BufReader::new(read.take(MAX_COMMAND));
    timeout(ARRIVAL, read.read_until(b'\n', &mut line)).await??;
    if !line.ends_with(b"\n") {
        let error = CommandError::NotUnderstood("it ends early, or is too long".to_owned());
        return send(&mut write, &Answer::Refused(error)).await;
    }
    let answer = match serde_json::from_slice::<Command>(&line) {
        Ok(command) => carry_out(house, command, &mut write).await,
        // serde's text may quote the command, which may hold a password.
        Err(error) => {
            let place = format!("column {}", error.column());
            Answer::Refused(CommandError::NotUnderstood(place))
        }
    };
    send(&mut write, &answer).await
}

/// Carries out a command and sends findings on; a listener that goes away ends the findings, not
/// the command.
async fn carry_out(house: &House, command: Command, write: &mut OwnedWriteHalf) -> Answer {
    let (findings, mut found) = mpsc::channel(WAITING);
    let telling = async move {
        while let Some(finding) = found.recv().await {
            if send(write, &Answer::Found(finding)).await.is_err() {
                break;
            }
        }
    };
    match tokio::join!(execute(house, command, findings), telling).0 {
        Ok(value) => Answer::Done(value),
        Err(error) => Answer::Refused(error),
    }
}

async fn send(write: &mut OwnedWriteHalf, answer: &Answer) -> io::Result<()> {
    let mut line = serde_json::to_vec(answer)?;
    line.push(b'\n');
    timeout(TAKING, write.write_all(&line)).await?
}
