//! Ports for the programs that a page starts.

use std::net::TcpListener;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Result, bail};

/// Above those that Linux gives to connections by itself, so a port that is free now stays free until
/// the page gets to it.
const FIRST: u32 = 61_000;
const COUNT: u32 = 4_500;

/// Ports of this machine that nobody listens on, and that nobody else in this process gets.
///
/// # Errors
/// When there are none.
pub fn ports<const N: usize>() -> Result<[u16; N]> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let mut ports = [0; N];
    let mut found = 0;
    for _ in 0..COUNT {
        if found == N {
            return Ok(ports);
        }
        // Where a process begins depends on its number: two at a time seldom meet.
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let port = FIRST + (std::process::id() * 61 + number) % COUNT;
        let port = u16::try_from(port)?;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            ports[found] = port;
            found += 1;
        }
    }
    bail!("of {N} ports only {found} are free")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_gets_a_port_twice() {
        let (one, two) = (ports::<20>().unwrap(), ports::<20>().unwrap());
        let mut all = [one, two].concat();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 40);
    }
}
