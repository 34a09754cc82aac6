//! How many connections there may be: of one address, and in all.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::wire::{Arrival, Peers};

/// Counts the connections of each address.
#[derive(Clone)]
pub(super) struct Places(Arc<Inner>);

struct Inner {
    per_address: usize,
    exempt: Peers,
    taken: Mutex<HashMap<IpAddr, usize>>,
}

/// A connection's place; free again when dropped.
pub(super) struct Place {
    house: Arc<Inner>,
    counted: Option<IpAddr>,
}

impl Places {
    pub(super) fn new(per_address: usize, exempt: Peers) -> Self {
        Self(Arc::new(Inner { per_address, exempt, taken: Mutex::default() }))
    }

    /// A place for a connection of which it is not known yet whose it is.
    pub(super) fn uncounted(&self) -> Place {
        Place { house: Arc::clone(&self.0), counted: None }
    }

    /// A place for a connection; `None` if its address has its share already.
    pub(super) fn take(&self, arrival: &Arrival) -> Option<Place> {
        let house = Arc::clone(&self.0);
        if house.exempt.has(arrival) {
            return Some(self.uncounted());
        }
        let ip = subnet(arrival.peer.ip());
        let mut taken = house.taken();
        let count = taken.entry(ip).or_default();
        if *count >= house.per_address {
            return None;
        }
        *count += 1;
        drop(taken);
        Some(Place { house, counted: Some(ip) })
    }
}

impl Inner {
    fn taken(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        // The map is whole after every step, so a panic elsewhere does not spoil it.
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some(ip) = self.counted else { return };
        let mut taken = self.house.taken();
        if let Some(count) = taken.get_mut(&ip) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&ip);
            }
        }
    }
}

/// The address, or its /64: one IPv6 customer has that many addresses.
fn subnet(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V6(ip) => Ipv6Addr::from(u128::from(ip) & !u128::from(u64::MAX)).into(),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_bounded_per_address_and_come_back() {
        let ip = |text: &str| {
            let peer = std::net::SocketAddr::new(text.parse().unwrap(), 1);
            Arrival { peer, local: peer, secure: false, unix: false }
        };
        let exempt = Peers { networks: vec!["10.0.0.0/8".parse().unwrap()], unix: false };
        let places = Places::new(2, exempt);
        let first = places.take(&ip("192.0.2.1"));
        let second = places.take(&ip("::ffff:192.0.2.1"));
        assert!(first.is_some() && second.is_some());
        assert!(places.take(&ip("192.0.2.1")).is_none(), "a third of one address");
        assert!(places.take(&ip("192.0.2.2")).is_some(), "another address");
        drop(first);
        assert!(places.take(&ip("192.0.2.1")).is_some(), "a place that came back");

        let _one = places.take(&ip("2001:db8::1"));
        let _two = places.take(&ip("2001:db8::2"));
        assert!(places.take(&ip("2001:db8::3")).is_none(), "one /64 is one address");
        let proxied: Vec<_> = (0..5).map(|_| places.take(&ip("10.1.2.3"))).collect();
        assert!(proxied.iter().all(Option::is_some), "proxies are exempt");
    }
}
