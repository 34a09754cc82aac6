//! The places where connections come in: TCP addresses and Unix sockets.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
use tokio::net::{TcpListener, TcpSocket, UnixListener};
use tokio_rustls::TlsAcceptor;

use super::NetError;
use super::socket::Socket;
use crate::wire::Arrival;

/// Connections that wait in the kernel to be accepted.
const BACKLOG: u32 = 1024;

/// Where a Unix socket's peers come from, as far as an address can say: this machine.
const THIS_MACHINE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// A Unix socket to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnixAddress {
    /// Where it appears in the file system.
    pub path: PathBuf,
    /// Permission bits: who may write may connect.
    pub mode: u32,
}

/// Accepts connections of one kind at one place.
pub(super) struct Entrance {
    listener: Listener,
    pub(super) tls: Option<TlsAcceptor>,
}

enum Listener {
    Tcp {
        listener: TcpListener,
        address: SocketAddr,
    },
    Unix {
        listener: UnixListener,
        path: PathBuf,
        #[expect(dead_code, reason = "dropped with it")]
        made: Option<Made>,
    },
}

/// A socket file of ours, removed with its entrance. Device and inode tell it from another's that
/// was put in its place.
struct Made {
    path: PathBuf,
    device: u64,
    inode: u64,
}

impl Entrance {
    /// Takes a TCP address.
    pub(super) fn tcp(address: SocketAddr, tls: Option<TlsAcceptor>) -> Result<Self, NetError> {
        let bind = || -> io::Result<Listener> {
            let socket =
                if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
            // A restart must not wait for the old connections' TIME_WAIT.
            socket.set_reuseaddr(true)?;
            socket.bind(address)?;
            let listener = socket.listen(BACKLOG)?;
            let address = listener.local_addr()?;
            Ok(Listener::Tcp { listener, address })
        };
        let listener = bind().map_err(|source| NetError::Bind { address, source })?;
        Ok(Self { listener, tls })
    }

    /// Makes a Unix socket. One that nobody listens at any more is replaced.
    pub(super) fn unix(address: &UnixAddress) -> Result<Self, NetError> {
        let failed = |source| NetError::Unix { path: address.path.clone(), source };
        make_way(&address.path).map_err(failed)?;
        let bind = || -> io::Result<Listener> {
            let path = address.path.clone();
            let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
            let socket =
                rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
            rustix::net::bind(&socket, &SocketAddrUnix::new(&path)?)?;
            let meta = fs::symlink_metadata(&path)?;
            let made = Made { path: path.clone(), device: meta.dev(), inode: meta.ino() };
            // Nobody can connect before `listen`, so nobody comes in before the mode is right.
            fs::set_permissions(&path, fs::Permissions::from_mode(address.mode))?;
            rustix::net::listen(&socket, i32::try_from(BACKLOG).unwrap_or(i32::MAX))?;
            let listener = std::os::unix::net::UnixListener::from(socket);
            let listener = UnixListener::from_std(listener)?;
            Ok(Listener::Unix { listener, path, made: Some(made) })
        };
        Ok(Self { listener: bind().map_err(failed)?, tls: None })
    }

    /// Takes over a TCP socket that somebody else has bound.
    pub(super) fn inherited_tcp(
        socket: std::net::TcpListener,
        tls: Option<TlsAcceptor>,
    ) -> Result<Self, NetError> {
        let take = || -> io::Result<Listener> {
            socket.set_nonblocking(true)?;
            let listener = TcpListener::from_std(socket)?;
            let address = listener.local_addr()?;
            Ok(Listener::Tcp { listener, address })
        };
        Ok(Self { listener: take().map_err(NetError::Inherited)?, tls })
    }

    /// Takes over a Unix socket that somebody else has bound, and will remove.
    pub(super) fn inherited_unix(
        socket: std::os::unix::net::UnixListener,
    ) -> Result<Self, NetError> {
        let take = || -> io::Result<Listener> {
            socket.set_nonblocking(true)?;
            let listener = UnixListener::from_std(socket)?;
            let address = listener.local_addr()?;
            let path = address.as_pathname().unwrap_or(Path::new("")).to_owned();
            Ok(Listener::Unix { listener, path, made: None })
        };
        Ok(Self { listener: take().map_err(NetError::Inherited)?, tls: None })
    }

    /// The TCP address with its real port.
    pub(super) fn address(&self) -> Option<SocketAddr> {
        match &self.listener {
            Listener::Tcp { address, .. } => Some(*address),
            Listener::Unix { .. } => None,
        }
    }

    /// The path of the Unix socket.
    pub(super) fn path(&self) -> Option<&Path> {
        match &self.listener {
            Listener::Tcp { .. } => None,
            Listener::Unix { path, .. } => Some(path),
        }
    }

    /// The next connection.
    pub(super) async fn accept(&self) -> io::Result<(Socket, Arrival)> {
        let secure = self.tls.is_some();
        let plain =
            |address: SocketAddr| SocketAddr::new(address.ip().to_canonical(), address.port());
        match &self.listener {
            Listener::Tcp { listener, address } => {
                let (stream, peer) = listener.accept().await?;
                let local = stream.local_addr().unwrap_or(*address);
                let (peer, local) = (plain(peer), plain(local));
                Ok((Socket::Tcp(stream), Arrival { peer, local, secure, unix: false }))
            }
            Listener::Unix { listener, .. } => {
                let (stream, _) = listener.accept().await?;
                let (peer, local) = (THIS_MACHINE, THIS_MACHINE);
                Ok((Socket::Unix(stream), Arrival { peer, local, secure, unix: true }))
            }
        }
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        let ours = fs::symlink_metadata(&self.path)
            .is_ok_and(|meta| (meta.dev(), meta.ino()) == (self.device, self.inode));
        if ours {
            // Left behind it is in nobody's way: the next start replaces it.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Removes a socket that an earlier process left. Anything else in the way stays there.
fn make_way(path: &Path) -> io::Result<()> {
    let meta = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        meta => meta?,
    };
    if !meta.file_type().is_socket() {
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, "this is not a socket"));
    }
    match std::os::unix::net::UnixStream::connect(path) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path),
        Err(error) => Err(error),
        Ok(_) => Err(io::Error::new(io::ErrorKind::AddrInUse, "another process listens there")),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::{UnixListener as StdListener, UnixStream};

    use super::*;

    fn at(path: PathBuf) -> UnixAddress {
        UnixAddress { path, mode: 0o660 }
    }

    #[tokio::test]
    async fn only_sockets_that_nobody_listens_at_are_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        drop(StdListener::bind(path("stale")).unwrap());
        let entrance = Entrance::unix(&at(path("stale"))).unwrap();
        let mode = fs::metadata(path("stale")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o660);
        UnixStream::connect(path("stale")).unwrap();
        assert_eq!(entrance.path(), Some(&*path("stale")));

        let error = Entrance::unix(&at(path("stale"))).err().unwrap().to_string();
        assert!(error.contains("another process listens there"), "{error}");
        fs::write(path("file"), "kept").unwrap();
        let error = Entrance::unix(&at(path("file"))).err().unwrap().to_string();
        assert!(error.contains("this is not a socket"), "{error}");
        assert_eq!(fs::read_to_string(path("file")).unwrap(), "kept");
        std::os::unix::fs::symlink(path("stale"), path("link")).unwrap();
        assert!(Entrance::unix(&at(path("link"))).is_err(), "a link is not followed");
        assert!(Entrance::unix(&at(path("no/folder"))).is_err());

        drop(entrance);
        assert!(!path("stale").exists(), "removed with its entrance");
        let entrance = Entrance::unix(&at(path("again"))).unwrap();
        fs::remove_file(path("again")).unwrap();
        let _successor = StdListener::bind(path("again")).unwrap();
        drop(entrance);
        assert!(path("again").exists(), "another's socket stays");
    }
}
