//! A way to a server that is longer than loopback: each byte arrives a while after it was sent.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::Result;

/// Takes connections for 127.0.0.1:`target` and gives their bytes on, those towards the server
/// after `delay`. Its port; it works until the test's process ends.
///
/// # Errors
/// When there is no free port.
pub fn towards(target: u16, delay: Duration) -> Result<u16> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let port = listener.local_addr()?.port();
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let Ok(server) = TcpStream::connect(("127.0.0.1", target)) else { continue };
            let _ = client.set_nodelay(true);
            let _ = server.set_nodelay(true);
            if let (Ok(client2), Ok(server2)) = (client.try_clone(), server.try_clone()) {
                carry(client, server, delay);
                carry(server2, client2, Duration::ZERO);
            }
        }
    });
    Ok(port)
}

/// What is read goes through a queue, so that a delay does not hold up what comes after it.
fn carry(mut from: TcpStream, mut to: TcpStream, delay: Duration) {
    let (sender, receiver) = mpsc::channel::<(Instant, Vec<u8>)>();
    std::thread::spawn(move || {
        let mut buffer = [0; 64 << 10];
        while let Ok(length @ 1..) = from.read(&mut buffer) {
            if sender.send((Instant::now() + delay, buffer[..length].to_vec())).is_err() {
                break;
            }
        }
    });
    std::thread::spawn(move || {
        for (due, bytes) in receiver {
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            if to.write_all(&bytes).is_err() {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Write);
    });
}
