//! Which channels get the events of a namespace.
//!
//! An event's channels are those met on the way down its namespace, stars included, in a tree of nodes
//! ([`node`](crate::routing::node)). The tree is an immutable value behind one pointer: a reader loads it and walks
//! plain nodes; a writer builds a new version, copying what is on its path, and swaps it in, or begins again if another
//! writer was faster. No node ever changes, so there is nothing to unlink, and every snapshot is whole.

use std::sync::Arc;

use ahash::RandomState;

use crate::channels::channel::Channel;
use crate::channels::log::{Origin, Past};
use crate::names::namespace::Namespace;
use crate::names::pattern::Pattern;
use crate::routing::node::Tree;
use crate::routing::run::whole;
use crate::sync::{AtomicUsize, Ordering, Swap};

/// The channels of a hub, by their patterns.
pub(crate) struct Trie {
    root: Swap<Tree>,
    /// Keyed: subscribers choose the names.
    hasher: RandomState,
    /// Places with a channel. Counted before a channel is put into an empty place, and until after it is taken out, so
    /// that there are never more than this.
    channels: AtomicUsize,
    max_channels: usize,
    /// Where the channels' logs begin.
    origin: Origin,
}

impl Trie {
    pub(crate) fn new(max_channels: usize, past: Past) -> Self {
        Self {
            root: Swap::new(Arc::new(Tree::empty())),
            hasher: RandomState::new(),
            channels: AtomicUsize::new(0),
            max_channels,
            origin: Origin::new(past),
        }
    }

    /// Makes the caller a member of the pattern's channel, which comes into being if need be. `None`: there is no room
    /// for it.
    ///
    /// The last place against who leaves it, both orders:
    /// - the leaver's channel is taken out and no longer counted: the newcomer has the place;
    /// - the newcomer comes before that: there is no room, as if the other were still there. Only who comes to a
    ///   channel that is retired and not taken out yet takes its place over, and needs no room.
    pub(crate) fn join(&self, pattern: &Pattern) -> Option<Arc<Channel>> {
        let path = whole(pattern.as_str());
        let (mut new, mut has_room) = (None, false);
        let joined = loop {
            let root = self.root.load();
            let found = root.find(path, &self.hasher);
            if let Some(channel) = found.filter(|channel| channel.try_join()) {
                break channel.clone();
            }
            // None is there, or one that is retired and about to go: a new one takes its place.
            let takes_over = found.is_some();
            if !takes_over && !has_room {
                has_room = self.take_room();
                if !has_room {
                    return None;
                }
            }
            let channel = new.get_or_insert_with(|| Arc::new(Channel::with_one_member(pattern.clone(), &self.origin)));
            let grown = root.edited(path, &self.hasher, Some(channel.clone()));
            if self.root.replace(&root, Arc::new(grown)) {
                has_room &= takes_over; // Otherwise it is spent.
                break channel.clone();
            }
        };
        if has_room {
            // Another was faster.
            self.give_room_back();
        }
        Some(joined)
    }

    /// Takes a retired channel out.
    pub(crate) fn remove(&self, channel: &Arc<Channel>) {
        let path = whole(channel.pattern().as_str());
        loop {
            let root = self.root.load();
            let found = root.find(path, &self.hasher);
            if !found.is_some_and(|found| Arc::ptr_eq(found, channel)) {
                // A newcomer found it retired and put its own in this place.
                return;
            }
            let pruned = root.edited(path, &self.hasher, None);
            if self.root.replace(&root, Arc::new(pruned)) {
                return self.give_room_back();
            }
        }
    }

    /// Counts one channel more, unless there are as many as may be.
    fn take_room(&self) -> bool {
        let one_more = |channels| (channels < self.max_channels).then(|| channels + 1);
        // Relaxed, both: all changes to this one word are in one order, so that it never exceeds the limit; it orders
        // nothing else.
        self.channels.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).is_ok()
    }

    fn give_room_back(&self) {
        self.channels.fetch_sub(1, Ordering::Relaxed); // as in `take_room`
    }

    /// Channels, those included that are about to come or go.
    pub(crate) fn channels(&self) -> usize {
        self.channels.load(Ordering::Relaxed) // a count on its own
    }

    pub(crate) fn max_channels(&self) -> usize {
        self.max_channels
    }

    /// The trie as it is now.
    pub(crate) fn snapshot(&self) -> Snapshot<'_> {
        Snapshot { root: self.root.load(), hasher: &self.hasher }
    }
}

/// The whole trie at one moment.
pub(crate) struct Snapshot<'a> {
    root: Arc<Tree>,
    hasher: &'a RandomState,
}

impl Snapshot<'_> {
    /// Calls `each` for every channel.
    pub(crate) fn for_each(&self, each: &mut impl FnMut(&Arc<Channel>)) {
        self.root.for_each(each);
    }

    /// Calls `each` for every channel that must get the events of `namespace`, once.
    #[inline]
    pub(crate) fn for_each_match(&self, namespace: &Namespace, each: impl FnMut(&Arc<Channel>)) {
        self.root.walk(whole(namespace.as_str()), self.hasher, |_, _| (), each);
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::names::filter::{Filter, FilterLimits};
    use crate::routing::run::{Run, segments};

    fn matches(trie: &Trie, namespace: &Namespace) -> Vec<String> {
        let mut found = Vec::new();
        trie.snapshot().for_each_match(namespace, |channel| found.push(channel.pattern().to_string()));
        found.sort();
        found
    }

    fn leave(trie: &Trie, channel: &Arc<Channel>) {
        if channel.leave() && channel.retire() {
            trie.remove(channel);
        }
    }

    fn path(depth: std::ops::RangeInclusive<usize>, names: &'static [&'static str]) -> impl Strategy<Value = String> {
        prop::collection::vec(prop::sample::select(names), depth)
            .prop_map(|segments| format!("/{}", segments.join("/")))
    }

    /// What an event of this namespace costs: the root, and each segment of a node's run that is held against one of
    /// its own.
    fn visits(trie: &Trie, namespace: &Namespace) -> usize {
        let mut visits = 1;
        let compare = |run: &Run, path: &[u8]| {
            let pairs: Vec<_> = segments(run.as_bytes()).zip(segments(path)).collect();
            let differs = pairs.iter().position(|(wanted, segment)| *wanted != b"*" && wanted != segment);
            visits += differs.map_or(pairs.len(), |index| index + 1);
        };
        trie.root.load().walk(whole(namespace.as_str()), &trie.hasher, compare, |_| ());
        visits
    }

    /// Filters as large as they may be, of segments that are each `a` or `*`, from a stranger who wants events of
    /// `/a/a/…` to cost much.
    #[test]
    fn filters_at_their_limits_cost_an_event_what_they_are_said_to() {
        const STRANGERS: usize = 300;
        let trie = Trie::new(usize::MAX, Past::Kept);
        let FilterLimits { segments: most_segments, wildcards: most_wildcards, .. } = FilterLimits::default();
        let (patterns, wildcards) = (most_segments / 64, most_wildcards * 64 / most_segments);
        let (mut segments, mut stars) = (0, 0);
        for stranger in 0..STRANGERS {
            let pattern = |n: usize| {
                // Another choice of places for the stars in each: all paths part soon.
                let mut names = ["a"; 64];
                let mut seed = (stranger * patterns + n) as u64;
                for _ in 0..wildcards {
                    seed = seed.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
                    names[(seed >> 58) as usize] = "*";
                }
                Pattern::parse(&format!("/{}", names.join("/"))).unwrap()
            };
            let filter = Filter::any_of((0..patterns).map(pattern)).expect("it is within the limits");
            (segments, stars) = (segments + filter.segments(), stars + filter.wildcards());
            filter.patterns().iter().for_each(|pattern| drop(trie.join(pattern)));
        }
        assert!(segments > STRANGERS * most_segments * 9 / 10, "an attack at the limit: {segments} segments");
        let deep = Namespace::parse(&"/a".repeat(64)).unwrap();
        let visits = visits(&trie, &deep);
        assert!(visits > segments / 2, "nearly all paths are walked: {visits} of {segments}");
        assert!(visits <= (1 + segments).min(65 * (1 + stars)), "{visits} visits");
    }

    #[test]
    fn strangers_patterns_cost_nodes_by_their_number_and_not_by_their_depth() {
        let trie = Trie::new(usize::MAX, Past::Kept);
        let mut seed = 1u64;
        let mut pattern = || {
            let names = (0..64).map(|_| {
                seed = seed.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
                if seed >> 63 == 0 { "a" } else { "*" }
            });
            Pattern::parse(&format!("/{}", names.collect::<Vec<_>>().join("/"))).unwrap()
        };
        let channels: Vec<_> = (0..100).map(|_| trie.join(&pattern()).unwrap()).collect();
        let (nodes, bytes) = trie.root.load().size();
        assert!(nodes <= 1 + 2 * channels.len(), "{nodes} nodes");
        let paths = channels.iter().map(|channel| channel.pattern().as_str().len()).sum::<usize>();
        assert!(bytes <= paths + 100 * nodes, "{bytes} bytes for patterns of {paths}");
        channels.iter().for_each(|channel| leave(&trie, channel));
        assert!(trie.root.load().is_empty());
    }

    proptest! {
        /// An event visits at most each node once, and at each depth at most one node and one more for each wildcard.
        #[test]
        fn an_event_visits_no_more_than_its_subscribers_limits_say(
            paths in prop::collection::vec(path(0..=6, &["a", "*"]), 0..40),
            namespace in path(0..=7, &["a", "b"]),
        ) {
            let (trie, mut segments, mut wildcards) = (Trie::new(usize::MAX, Past::Kept), 0, 0);
            for path in paths {
                let filter = Filter::parse(&path).unwrap();
                (segments, wildcards) = (segments + filter.segments(), wildcards + filter.wildcards());
                filter.patterns().iter().for_each(|pattern| drop(trie.join(pattern)));
            }
            let namespace = Namespace::parse(&namespace).unwrap();
            let depths = namespace.segments().count() + 1;
            prop_assert!(visits(&trie, &namespace) <= (1 + segments).min(depths * (1 + wildcards)));
        }

        /// Joins and leaves in any order, against the rule `Pattern::covers` and a count for each pattern; and the trie
        /// is as if who has left had never been.
        #[test]
        fn a_namespace_finds_the_patterns_that_cover_it(
            steps in prop::collection::vec((path(0..=8, &["a", "a", "a", "b", "*"]), any::<bool>()), 0..60),
            namespaces in prop::collection::vec(path(0..=9, &["a", "a", "a", "b", "c"]), 20),
        ) {
                let namespaces: Vec<_> = namespaces.iter().map(|path| Namespace::parse(path).unwrap()).collect();
            let trie = Trie::new(usize::MAX, Past::Kept);
                let mut members: BTreeMap<Pattern, Vec<Arc<Channel>>> = BTreeMap::new();
            // Those who are left at the end leave in the order in which they came.
            let leavers: Vec<_> = steps.iter().map(|(path, _)| (path.clone(), false)).collect();
            for (step, (path, join)) in steps.into_iter().chain(leavers.clone()).chain(leavers).enumerate() {
                let pattern = Pattern::parse(&path).unwrap();
                let group = members.entry(pattern.clone()).or_default();
                if join {
                    group.push(trie.join(&pattern).expect("there is room"));
                } else if let Some(channel) = group.pop() {
                    leave(&trie, &channel);
                }
                members.retain(|_, group| !group.is_empty());
                prop_assert_eq!(trie.channels(), members.len());
                if step % 8 == 0 {
                    let fresh = Trie::new(usize::MAX, Past::Kept);
                    members.keys().for_each(|pattern| drop(fresh.join(pattern)));
                    prop_assert_eq!(trie.root.load().size(), fresh.root.load().size());
                    for namespace in &namespaces {
                        let covering = members.keys().filter(|pattern| pattern.covers(namespace));
                        let expected: Vec<_> = covering.map(ToString::to_string).collect();
                        prop_assert_eq!(matches(&trie, namespace), expected);
                    }
                }
            }
            for group in members.values() {
                group.iter().for_each(|channel| leave(&trie, channel));
            }
            prop_assert!(trie.root.load().is_empty());
            prop_assert_eq!(trie.root.load().size(), Tree::empty().size());
        }
    }
}
