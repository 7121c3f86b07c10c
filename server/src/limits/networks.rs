//! Client networks, and what each of them has of the server: connections, and streams with large filters.
//!
//! ```text
//!   a connection comes ──► enter ──► Permit ───────────────────────► the connection, and the stream that it becomes
//!   a stream opens ──────► open ───► Permit, and what the filter weighs, if it is large ──► the stream alone
//! ```

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sse_core::Filter;

use super::holding::Holding;

/// Counts what each client network has, and lets none have more than it may.
#[derive(Debug)]
pub(crate) struct Networks(Arc<Accounts>);

#[derive(Debug)]
struct Accounts {
    most: Holding,
    /// Those that have anything.
    held: Mutex<HashMap<IpAddr, Holding>>,
}

impl Networks {
    /// Each may have so much. As many connections as a number can say are no limit, and aren't counted.
    pub(crate) fn new(most: Holding) -> Networks {
        Networks(Arc::new(Accounts { most, held: Mutex::default() }))
    }

    /// One connection more from this address, or from its network of 64 bits (IPv6), until the permit's last clone is dropped.
    /// `None`: it has as many as it may.
    pub(crate) fn enter(&self, client: IpAddr) -> Option<Permit> {
        if self.0.most.connections == usize::MAX {
            return Some(Permit::uncounted());
        }
        self.take(client, Holding::CONNECTION, Permit::uncounted())
    }

    /// The permit of a stream with this filter, whose connection has this one. `None`: the large filters of its network weigh as
    /// much as they may.
    pub(crate) fn open(&self, client: IpAddr, filter: &Filter, connection: Permit) -> Option<Permit> {
        match Holding::of_filter(filter) {
            // One that would never fit is an embedder's, and beyond the limits of a filter: the hub refuses it, and says why.
            Some(weight) if weight.is_within(self.0.most) => self.take(client, weight, connection),
            _ => Some(connection),
        }
    }

    fn take(&self, client: IpAddr, holding: Holding, connection: Permit) -> Option<Permit> {
        let network = network_of(client);
        let mut held = self.0.held();
        let has = held.get(&network).copied().unwrap_or_default().plus(holding);
        if !has.is_within(self.0.most) {
            return None;
        }
        held.insert(network, has);
        drop(held);
        let share = Share { accounts: Arc::clone(&self.0), network, holding, _connection: connection };
        Some(Permit { _share: Some(Arc::new(share)) })
    }
}

impl Accounts {
    fn held(&self) -> MutexGuard<'_, HashMap<IpAddr, Holding>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whom an address stands for. Who has one address of IPv6 has all that share its first 64 bits (RFC 4291 §2.5.4), so they count
/// as one.
fn network_of(client: IpAddr) -> IpAddr {
    match client.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into(),
        address @ IpAddr::V4(_) => address,
    }
}

/// The right of a connection or stream to be there, and what it counts for meanwhile. Clones count as one. Where nothing is
/// counted it is nothing.
#[derive(Clone, Debug)]
pub(crate) struct Permit {
    _share: Option<Arc<Share>>,
}

impl Permit {
    /// For who is not counted.
    pub(crate) fn uncounted() -> Permit {
        Permit { _share: None }
    }
}

/// What is counted for one permit, and given back with it.
#[derive(Debug)]
struct Share {
    accounts: Arc<Accounts>,
    network: IpAddr,
    holding: Holding,
    /// A stream's share has its connection's with it.
    _connection: Permit,
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut held = self.accounts.held();
        let has = held.remove(&self.network).unwrap_or_default().less(self.holding);
        if has != Holding::default() {
            held.insert(self.network, has);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn networks(connections: usize) -> Networks {
        Networks::new(Holding { connections, segments: 100, wildcards: 20 })
    }

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    /// A filter of one pattern with so many segments, the first of which are wildcards.
    fn filter(segments: usize, wildcards: usize) -> Filter {
        let segment = |place| if place < wildcards { "/*" } else { "/a" };
        Filter::parse(&(0..segments).map(segment).collect::<String>()).unwrap()
    }

    #[test]
    fn counts_each_address_and_forgets_those_that_left() {
        let networks = networks(2);
        let (a, b) = (address("192.0.2.1"), address("192.0.2.2"));
        let first = networks.enter(a).unwrap();
        let second = networks.enter(a).unwrap();
        assert!(networks.enter(a).is_none());
        let other = networks.enter(b).unwrap();

        drop(first);
        let third = networks.enter(a).unwrap();
        assert!(networks.enter(a).is_none());

        // A connection that becomes a stream counts once, and for as long as either is there.
        for filter in [filter(1, 0), filter(30, 5)] {
            let stream = networks.open(a, &filter, third.clone()).unwrap();
            assert!(networks.enter(a).is_none());
            drop(stream);
        }
        let stream = networks.open(a, &filter(30, 5), third).unwrap();
        assert!(networks.enter(a).is_none());

        drop((second, stream, other));
        assert!(networks.0.held().is_empty());
    }

    #[test]
    fn who_has_a_network_has_one_share() {
        let networks = networks(1);
        let _first = networks.enter(address("2001:db8::1")).unwrap();
        assert!(networks.enter(address("2001:db8::ffff:0:0:2")).is_none());
        let _other = networks.enter(address("2001:db8:0:1::1")).unwrap();
        let _v4 = networks.enter(address("192.0.2.1")).unwrap();
        assert!(networks.enter(address("::ffff:192.0.2.1")).is_none());
    }

    #[test]
    fn who_is_not_limited_and_asks_for_little_costs_nothing() {
        let networks = networks(usize::MAX);
        for _ in 0..1000 {
            let permit = networks.enter(address("192.0.2.1")).unwrap();
            let permit = networks.open(address("192.0.2.1"), &filter(16, 4), permit).unwrap();
            assert!(permit._share.is_none(), "nothing is allocated");
        }
        assert!(networks.0.held().is_empty());
    }

    /// Each with the number of its network.
    #[derive(Clone, Debug)]
    enum Step {
        Connect(usize),
        /// A stream whose connection isn't counted, with so many segments and wildcards.
        Open(usize, usize, usize),
        /// The one at this place among those who are there.
        Leave(usize),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            (0..3usize).prop_map(Step::Connect),
            (0..3usize, 1..64usize, 0..24usize).prop_map(|(network, segments, stars)| Step::Open(
                network,
                segments,
                stars.min(segments)
            )),
            any::<usize>().prop_map(Step::Leave),
        ]
    }

    /// Connections, segments and wildcards of those of this network.
    fn sums(there: &[(usize, [usize; 3], Permit)], of: usize) -> [usize; 3] {
        let those = || there.iter().filter(|(network, ..)| *network == of);
        [0, 1, 2].map(|part| those().map(|(_, counted, _)| counted[part]).sum())
    }

    proptest! {
        /// Against a list of those who are there: who is let in, what is counted at any time, and nothing once all have left.
        #[test]
        fn each_network_has_what_those_who_are_there_have(steps in prop::collection::vec(step(), 0..60)) {
            const MOST: [usize; 3] = [3, 100, 20];
            let networks = networks(MOST[0]);
            let clients = ["192.0.2.1", "192.0.2.2", "2001:db8::1"].map(address);
            let mut there = Vec::new();
            for step in steps {
                let (network, counted, permit) = match step {
                    Step::Connect(network) => (network, [1, 0, 0], networks.enter(clients[network])),
                    Step::Open(network, segments, wildcards) => {
                        let filter = filter(segments, wildcards);
                        let permit = networks.open(clients[network], &filter, Permit::uncounted());
                        let is_counted = (segments > 16 || wildcards > 4) && wildcards <= MOST[2];
                        (network, if is_counted { [0, segments, wildcards] } else { [0; 3] }, permit)
                    }
                    Step::Leave(which) => {
                        if !there.is_empty() {
                            there.swap_remove(which % there.len());
                        }
                        continue;
                    }
                };
                let before = sums(&there, network);
                let fits = (0..3).all(|part| before[part] + counted[part] <= MOST[part]);
                prop_assert_eq!(permit.is_some(), fits, "{:?} beside {:?}", counted, before);
                there.extend(permit.map(|permit| (network, counted, permit)));

                let held = networks.0.held();
                for (network, client) in clients.iter().enumerate() {
                    let Holding { connections, segments, wildcards } =
                        held.get(&network_of(*client)).copied().unwrap_or_default();
                    prop_assert_eq!([connections, segments, wildcards], sums(&there, network));
                }
                prop_assert!(held.values().all(|has| *has != Holding::default()), "who has nothing is forgotten");
            }
            drop(there);
            prop_assert!(networks.0.held().is_empty());
        }
    }
}
