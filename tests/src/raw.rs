//! Connections for those who mean no good: from any loopback address, thousands at once, and bytes
//! that no client would send.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddrV4, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::net::{AddressFamily, SocketFlags, SocketType};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// How long an exchange may wait for bytes.
const READ_LIMIT: Duration = Duration::from_secs(20);

/// Connects to `port` on 127.0.0.1 from an address of 127.0.0.0/8.
///
/// # Errors
/// When nobody listens, or there are no descriptors or ports left.
pub fn connect_from(source: Ipv4Addr, port: u16) -> Result<TcpStream> {
    let kind = SocketType::STREAM;
    let socket = rustix::net::socket_with(AddressFamily::INET, kind, SocketFlags::CLOEXEC, None)?;
    rustix::net::bind(&socket, &SocketAddrV4::new(source, 0)).context("binding")?;
    let server = SocketAddrV4::new(Ipv4Addr::LOCALHOST, port);
    rustix::net::connect(&socket, &server).context("connecting")?;
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(READ_LIMIT))?;
    stream.set_write_timeout(Some(READ_LIMIT))?;
    Ok(stream)
}

/// The `number`-th loopback address for clients, `each` times the same: no address takes more
/// connections than the server grants to one.
pub fn loopback(number: usize, each: usize) -> Ipv4Addr {
    let address =
        u32::from(Ipv4Addr::new(127, 1, 0, 1)) + u32::try_from(number / each).unwrap_or(0);
    Ipv4Addr::from(address)
}

/// Sends bytes and reads what comes until the server closes.
///
/// # Errors
/// When it does not close within 20 seconds; what came is in the text.
pub fn exchange(stream: &mut (impl Read + Write), bytes: &[u8]) -> Result<Vec<u8>> {
    // A refusal may come, and the connection end, before all is sent: the answer counts.
    let _ = stream.write_all(bytes).and_then(|()| stream.flush());
    read_to_end(stream)
}

/// Reads until the server closes, gently or by a reset.
///
/// # Errors
/// When it does not close within 20 seconds.
pub fn read_to_end(stream: &mut impl Read) -> Result<Vec<u8>> {
    let mut came = Vec::new();
    let mut buffer = [0; 16 * 1024];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return Ok(came),
            Ok(count) => came.extend_from_slice(&buffer[..count]),
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return Ok(came),
            Err(error) => {
                let text = String::from_utf8_lossy(&came).into_owned();
                return Err(error).with_context(|| format!("the server does not close: {text}"));
            }
        }
    }
}

/// Lets this process open as many files as it may at most; says how many.
///
/// # Errors
/// When the limit cannot be raised to what the system grants.
pub fn raise_file_limit() -> Result<u64> {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum })?;
    Ok(limit.maximum.unwrap_or(u64::MAX))
}
