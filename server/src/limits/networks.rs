//! How many connections each client network has.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Whom an address stands for when connections are counted. Who has one address of IPv6 has all that share its first 64 bits
/// (RFC 4291 §2.5.4), so they count as one.
fn network_of(client: IpAddr) -> IpAddr {
    match client.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into(),
        address @ IpAddr::V4(_) => address,
    }
}

/// Counts the connections of each client network, if they are limited.
#[derive(Debug)]
pub(crate) struct Addresses(Option<Arc<Counts>>);

#[derive(Debug)]
struct Counts {
    max: NonZeroUsize,
    open: Mutex<HashMap<IpAddr, usize>>,
}

impl Addresses {
    pub(crate) fn new(max: Option<NonZeroUsize>) -> Addresses {
        Addresses(max.map(|max| Arc::new(Counts { max, open: Mutex::default() })))
    }

    /// One connection more from this address, or from its network of 64 bits (IPv6), until the permit's last clone is dropped.
    /// `None`: it has as many as it may.
    pub(crate) fn enter(&self, client: IpAddr) -> Option<Permit> {
        let Some(counts) = &self.0 else { return Some(Permit::uncounted()) };
        let network = network_of(client);
        let mut open = counts.open();
        // At least one is allowed, so that who is turned away has an entry already.
        let count = open.entry(network).or_default();
        if *count == counts.max.get() {
            return None;
        }
        *count += 1;
        drop(open);
        Some(Permit { _seat: Some(Arc::new(Seat { counts: Arc::clone(counts), network })) })
    }
}

impl Counts {
    fn open(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The right of a connection to be there, or of a stream that a proxy has for its client. Clones count as one. Where nothing is
/// limited it is nothing.
#[derive(Clone, Debug)]
pub(crate) struct Permit {
    _seat: Option<Arc<Seat>>,
}

impl Permit {
    /// For who is not counted.
    pub(crate) fn uncounted() -> Permit {
        Permit { _seat: None }
    }
}

/// One that is counted.
#[derive(Debug)]
struct Seat {
    counts: Arc<Counts>,
    network: IpAddr,
}

impl Drop for Seat {
    fn drop(&mut self) {
        if let Entry::Occupied(mut count) = self.counts.open().entry(self.network) {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_each_address_and_forgets_those_that_left() {
        let addresses = Addresses::new(NonZeroUsize::new(2));
        let (a, b) = (IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2]));
        let first = addresses.enter(a).unwrap();
        let second = addresses.enter(a).unwrap();
        assert!(addresses.enter(a).is_none());
        let other = addresses.enter(b).unwrap();

        drop(first);
        let third = addresses.enter(a).unwrap();
        assert!(addresses.enter(a).is_none());

        // A connection that becomes a stream counts once, and for as long as either is there.
        let clone = third.clone();
        drop(third);
        assert!(addresses.enter(a).is_none());

        drop((second, clone, other));
        assert!(addresses.0.unwrap().open().is_empty());
    }

    #[test]
    fn who_has_a_network_has_one_share() {
        let addresses = Addresses::new(NonZeroUsize::new(1));
        let address = |text: &str| text.parse().unwrap();
        let _first = addresses.enter(address("2001:db8::1")).unwrap();
        assert!(addresses.enter(address("2001:db8::ffff:0:0:2")).is_none());
        let _other = addresses.enter(address("2001:db8:0:1::1")).unwrap();
        let _v4 = addresses.enter(address("192.0.2.1")).unwrap();
        assert!(addresses.enter(address("::ffff:192.0.2.1")).is_none());
    }

    #[test]
    fn without_a_limit_everyone_may_come() {
        let addresses = Addresses::new(None);
        let permits: Vec<_> = (0..1000).filter_map(|_| addresses.enter([192, 0, 2, 1].into())).collect();
        assert_eq!(permits.len(), 1000);
        assert!(permits.iter().all(|permit| permit._seat.is_none()), "nothing is allocated for them");
    }
}
