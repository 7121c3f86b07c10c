//! Filters that one event may meet in several of their channels.

use std::sync::Arc;

use ahash::RandomState;

use crate::hamt::Hamt;
use crate::names::filter::Filter;
use crate::names::namespace::Namespace;
use crate::sync::Swap;

/// Those of a hub's filters whose patterns [overlap](Filter::overlaps), and how many subscriptions have each. All other
/// subscriptions are counted by their channels; these would be counted more than once there.
pub(crate) struct Overlaps {
    all: Swap<Hamt<Arc<Overlap>>>,
    /// Keyed: subscribers choose the filters.
    hasher: RandomState,
}

/// One of these filters.
struct Overlap {
    filter: Filter,
    subscriptions: usize,
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
        self.all.load().for_each(&mut |entry| {
            if entry.item.filter.covers(namespace) {
                covering += entry.item.subscriptions;
            }
        });
        covering
    }

    fn edit(&self, filter: &Filter, edit: impl Fn(usize) -> usize) {
        let hash = self.hasher.hash_one(filter) as u32;
        let is = |overlap: &Arc<Overlap>| overlap.filter == *filter;
        loop {
            let all = self.all.load();
            let old = all.view().find(hash, |overlap| is(overlap).then_some(overlap.subscriptions));
            let new = match edit(old.map_or(0, |(_, subscriptions)| subscriptions)) {
                0 => all.without(hash, &is),
                subscriptions => {
                    all.with(hash, Arc::new(Overlap { filter: filter.clone(), subscriptions }), Hamt::new(), &is)
                }
            };
            if self.all.replace(&all, Arc::new(new)) {
                return;
            }
        }
    }
}
