//! Sockets that a service manager has opened for us (`sd_listen_fds(3)`), told apart by their names.
//!
//! | `FileDescriptorName=` | Socket | Serves                                        |
//! |-----------------------|--------|-----------------------------------------------|
//! | `https`               | TCP    | TLS, in the place of `server.listen`          |
//! | `http`                | TCP    | plain HTTP, in the place of `listen_http`     |
//! | `admin`               | TCP    | health and metrics, in that of `admin_listen` |
//! | `unix`, `http`        | Unix   | plain HTTP, in the place of `listen_unix`     |

use std::net::TcpListener;
use std::os::fd::AsFd;
use std::os::unix::net::UnixListener;

use listenfd::ListenFd;

/// Listening sockets, by what they are for.
#[derive(Debug, Default)]
pub struct Inherited {
    /// For TLS.
    pub tls: Vec<TcpListener>,
    /// For plain HTTP.
    pub plain: Vec<TcpListener>,
    /// For plain HTTP on this machine.
    pub unix: Vec<UnixListener>,
    /// For health and metrics.
    pub admin: Vec<TcpListener>,
}

/// A socket that we were given and do not know what to do with.
#[derive(Debug, thiserror::Error)]
#[error("the service manager's socket {number} is named {name:?}: {fault}")]
pub struct InheritedError {
    number: usize,
    name: String,
    fault: String,
}

impl Inherited {
    /// Takes the sockets that `LISTEN_FDS` speaks of, if `LISTEN_PID` means this process. Call it
    /// once, before any thread is started. `names` are those of `LISTEN_FDNAMES`.
    ///
    /// # Errors
    /// [`InheritedError`]: serving less than the manager listens for would leave clients waiting.
    pub fn take(names: &[String]) -> Result<Self, InheritedError> {
        let mut given = ListenFd::from_env();
        let mut taken = Self::default();
        for number in 0..given.len() {
            let name = names.get(number).map_or("", String::as_str);
            taken.add(&mut given, number, name).map_err(|fault| InheritedError {
                number,
                name: name.to_owned(),
                fault,
            })?;
        }
        Ok(taken)
    }

    fn add(&mut self, given: &mut ListenFd, number: usize, name: &str) -> Result<(), String> {
        if let Ok(Some(socket)) = given.take_unix_listener(number) {
            listens(&socket)?;
            return match name {
                "unix" | "http" => {
                    self.unix.push(socket);
                    Ok(())
                }
                _ => Err("a Unix socket needs FileDescriptorName=unix".to_owned()),
            };
        }
        let socket = given.take_tcp_listener(number).map_err(|error| error.to_string())?;
        let socket = socket.ok_or("it is taken already")?;
        listens(&socket)?;
        match name {
            "https" => self.tls.push(socket),
            "http" => self.plain.push(socket),
            "admin" => self.admin.push(socket),
            _ => {
                return Err("a TCP socket needs FileDescriptorName=https, http or admin".to_owned());
            }
        }
        Ok(())
    }
}

fn listens(socket: impl AsFd) -> Result<(), String> {
    match rustix::net::sockopt::socket_acceptconn(socket) {
        Ok(true) => Ok(()),
        Ok(false) => Err("it does not listen; the socket unit needs Accept=no".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}
