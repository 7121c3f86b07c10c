//! Subscriptions that one event may reach through several of their channels.

use std::sync::Arc;

use crate::filter::Filter;
use crate::hamt::{Hamt, Named};
use crate::namespace::Namespace;
use crate::sync::{AtomicU64, Ordering, Swap};

/// The subscriptions of a hub whose patterns [overlap](Filter::overlaps). All others are counted by their channels; these
/// would be counted more than once, and so are asked, one by one.
pub(crate) struct Overlaps {
    all: Swap<Hamt<Overlap>>,
    /// The last number given.
    last: AtomicU64,
}

/// One of them.
pub(crate) struct Overlap {
    /// A number of its own, as a name.
    name: [u8; 8],
    filter: Filter,
}

impl Named for Overlap {
    fn name(&self) -> &[u8] {
        &self.name
    }
}

impl Overlap {
    /// Numbers one after another are their own hash: nobody chooses them, and each branch of the map is filled in turn.
    fn hash(&self) -> u64 {
        u64::from_le_bytes(self.name)
    }
}

impl Overlaps {
    pub(crate) fn new() -> Self {
        Self { all: Swap::new(Arc::new(Hamt::new())), last: AtomicU64::new(0) }
    }

    /// Adds a subscription, if it is one of these.
    pub(crate) fn join(&self, filter: &Filter) -> Option<Arc<Overlap>> {
        if !filter.overlaps() {
            return None;
        }
        let number = self.last.fetch_add(1, Ordering::Relaxed); // another for each, in any order
        let overlap = Arc::new(Overlap { name: number.to_le_bytes(), filter: filter.clone() });
        self.edit(|all| all.with(overlap.hash(), overlap.clone()));
        Some(overlap)
    }

    /// Takes one away that has joined.
    pub(crate) fn leave(&self, overlap: &Overlap) {
        self.edit(|all| all.without(overlap.hash(), &overlap.name));
    }

    /// Those that get the events of `namespace`.
    pub(crate) fn covering(&self, namespace: &Namespace) -> usize {
        let mut covering = 0;
        self.all.load().for_each(&mut |overlap| covering += usize::from(overlap.filter.covers(namespace)));
        covering
    }

    fn edit(&self, edit: impl Fn(&Hamt<Overlap>) -> Hamt<Overlap>) {
        loop {
            let all = self.all.load();
            if self.all.replace(&all, Arc::new(edit(&all))) {
                return;
            }
        }
    }
}
