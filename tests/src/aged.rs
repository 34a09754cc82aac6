//! A way to an S3 store on which all objects look four years old: what is done after a day can be
//! seen at once.
//!
//! Only the year of `<LastModified>` in listings is another. The signatures of requests are as they
//! were, since those name the port of the way, and the store looks at nothing else.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::time::Duration;

use anyhow::Result;

/// What stands before a year.
const BEFORE: &[u8] = b"<LastModified>";
/// With the year.
const WHOLE: usize = BEFORE.len() + 4;
/// How long a piece that may be the beginning of one waits for its end.
const PATIENCE: Duration = Duration::from_millis(50);

/// Takes connections for 127.0.0.1:`target`. Its port; it works until the test's process ends.
///
/// # Errors
/// When there is no free port.
pub fn towards(target: u16) -> Result<u16> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let port = listener.local_addr()?.port();
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let Ok(server) = TcpStream::connect(("127.0.0.1", target)) else { continue };
            let _ = client.set_nodelay(true);
            let _ = server.set_nodelay(true);
            if let (Ok(client2), Ok(server2)) = (client.try_clone(), server.try_clone()) {
                std::thread::spawn(move || carry(client, server, |_, _| 0));
                std::thread::spawn(move || carry(server2, client2, age));
            }
        }
    });
    Ok(port)
}

/// Gives bytes on. `change` may change them, and says how many at the end have to wait for more;
/// its second argument is whether none will come now.
fn carry(mut from: TcpStream, mut to: TcpStream, change: fn(&mut [u8], bool) -> usize) {
    let _ = from.set_read_timeout(Some(PATIENCE));
    let mut held = Vec::new();
    let mut buffer = [0; 64 << 10];
    loop {
        let (read, pause) = match from.read(&mut buffer) {
            Ok(0) => (0, false),
            Ok(read) => (read, false),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                (0, true)
            }
            Err(_) => (0, false),
        };
        held.extend_from_slice(&buffer[..read]);
        let waits = change(&mut held, read == 0);
        let ready = held.len() - waits;
        if to.write_all(&held[..ready]).is_err() || (read == 0 && !pause) {
            break;
        }
        held.drain(..ready);
    }
    let _ = to.shutdown(Shutdown::Write);
}

/// Four years, so that the 29th of February stays a day.
fn age(bytes: &mut [u8], last: bool) -> usize {
    let mut at = 0;
    while at + WHOLE <= bytes.len() {
        let year = at + BEFORE.len()..at + WHOLE;
        let number =
            bytes[at..].starts_with(BEFORE).then(|| std::str::from_utf8(&bytes[year.clone()]));
        if let Some(number) = number.and_then(|text| text.ok()?.parse::<u32>().ok()) {
            bytes[year].copy_from_slice(format!("{:04}", number.saturating_sub(4)).as_bytes());
        }
        at += 1;
    }
    let starts = bytes.len().saturating_sub(WHOLE - 1)..bytes.len();
    let begins = |at: &usize| {
        let rest = &bytes[*at..];
        BEFORE.starts_with(rest) || rest.starts_with(BEFORE)
    };
    match starts.clone().find(begins) {
        Some(at) if !last => bytes.len() - at,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn years_are_changed_and_beginnings_wait() {
        for (text, expected, waits) in [
            ("a<LastModified>2026-01-02T", "a<LastModified>2022-01-02T", 0),
            ("<LastModified>2028-02-29", "<LastModified>2024-02-29", 0),
            ("<LastModified>what", "<LastModified>what", 0),
            ("text<LastModi", "text<LastModi", 9),
            ("text<LastModified>20", "text<LastModified>20", 16),
            ("a < b", "a < b", 0),
        ] {
            let mut bytes = text.as_bytes().to_vec();
            let waiting = age(&mut bytes, false);
            assert_eq!((String::from_utf8_lossy(&bytes).as_ref(), waiting), (expected, waits));
            assert_eq!(age(&mut bytes.clone(), true), 0, "{text}");
        }
    }
}
