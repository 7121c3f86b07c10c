//! Filters that one event may meet in several of their channels.

use std::sync::Arc;

use ahash::RandomState;

use crate::filter::Filter;
use crate::hamt::{Hamt, Named};
use crate::namespace::Namespace;
use crate::sync::Swap;

/// Those of a hub's filters whose patterns [overlap](Filter::overlaps), and how many subscriptions have each. All other
/// subscriptions are counted by their channels; these would be counted more than once there.
pub(crate) struct Overlaps {
    all: Swap<Hamt<Overlap>>,
    /// Keyed: subscribers choose the filters.
    hasher: RandomState,
}

/// One of these filters.
struct Overlap {
    /// As the filter is written.
    name: String,
    filter: Filter,
    subscriptions: usize,
}

impl Named for Overlap {
    fn name(&self) -> &[u8] {
        self.name.as_bytes()
    }
}

impl Overlaps {
    pub(crate) fn new() -> Self {
        Self { all: Swap::new(Arc::new(Hamt::new())), hasher: RandomState::new() }
    }

    /// Adds a subscription to a filter that overlaps.
    pub(crate) fn join(&self, filter: &Filter) {
        self.edit(filter, |subscriptions| subscriptions + 1);
    }

    /// Takes one away that has joined.
    pub(crate) fn leave(&self, filter: &Filter) {
        self.edit(filter, |subscriptions| subscriptions - 1);
    }

    /// Subscriptions, of these, that get the events of `namespace`.
    pub(crate) fn covering(&self, namespace: &Namespace) -> usize {
        let mut covering = 0;
        self.all.load().for_each(&mut |overlap| {
            if overlap.filter.covers(namespace) {
                covering += overlap.subscriptions;
            }
        });
        covering
    }

    fn edit(&self, filter: &Filter, edit: impl Fn(usize) -> usize) {
        let name = filter.to_string();
        let hash = self.hasher.hash_one(name.as_bytes());
        loop {
            let all = self.all.load();
            let old = all.get(hash, name.as_bytes());
            let new = match edit(old.map_or(0, |old| old.subscriptions)) {
                0 => all.without(hash, name.as_bytes()),
                subscriptions => {
                    all.with(hash, Arc::new(Overlap { name: name.clone(), filter: filter.clone(), subscriptions }))
                }
            };
            if self.all.replace(&all, Arc::new(new)) {
                return;
            }
        }
    }
}
