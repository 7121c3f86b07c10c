//! How many may come: connections in all, from what the system allows; streams for each client address.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::iter;
use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Descriptors left for everything that is no connection: listeners, polls, logs, and the connections beyond the limit
/// while they are told so.
const RESERVE: u64 = 256;

/// As many connections as descriptors allow, after raising the soft limit to the hard one.
pub(crate) fn connections_allowed() -> usize {
    let limit = raise_descriptor_limit();
    // A limit too small for the reserve is shared out instead, three parts to connections.
    let reserve = RESERVE.min(limit / 4);
    usize::try_from(limit - reserve).unwrap_or(usize::MAX).max(1)
}

/// Some systems name a hard limit (often none) that they then don't grant: these are tried next, before the soft limit
/// is left as it is.
const FALLBACKS: [u64; 3] = [1 << 20, 1 << 16, 10_240];

fn raise_descriptor_limit() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let above = |&number: &u64| limit.current.is_some_and(|current| current < number);
    let fallbacks = FALLBACKS.into_iter().filter(above).map(Some);
    let raised = iter::once(limit.maximum)
        .chain(fallbacks)
        .find(|&current| setrlimit(Resource::Nofile, Rlimit { current, maximum: limit.maximum }).is_ok());
    raised.unwrap_or(limit.current).unwrap_or(u64::MAX)
}

/// Counts the open streams of each client address, if they are limited.
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

    /// One more stream for this address, until the slot is dropped. `None`: it has as many as it may.
    pub(crate) fn enter(&self, client: IpAddr) -> Option<Slot> {
        if let Some(counts) = &self.0 {
            let mut open = counts.open.lock().unwrap_or_else(PoisonError::into_inner);
            // At least one is allowed, so that who is turned away has an entry already.
            let count = open.entry(client).or_default();
            if *count == counts.max.get() {
                return None;
            }
            *count += 1;
        }
        Some(Slot { counts: self.0.clone(), client })
    }
}

/// The right of one stream to be open.
#[derive(Debug)]
pub(crate) struct Slot {
    counts: Option<Arc<Counts>>,
    client: IpAddr,
}

impl Slot {
    pub(crate) fn client(&self) -> IpAddr {
        self.client
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let Some(counts) = &self.counts else { return };
        let mut open = counts.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Entry::Occupied(mut count) = open.entry(self.client) {
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

        drop((second, third, other));
        assert!(addresses.0.unwrap().open.lock().unwrap().is_empty());
    }

    #[test]
    fn without_a_limit_everyone_may_come() {
        let addresses = Addresses::new(None);
        let slots: Vec<_> = (0..1000).filter_map(|_| addresses.enter([192, 0, 2, 1].into())).collect();
        assert_eq!(slots.len(), 1000);
    }
}
