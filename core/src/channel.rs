//! All subscribers of one pattern, and the log they share.

use crate::filter::Pattern;
use crate::log::Log;
use crate::sync::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use crate::watchers::Watchers;

/// A pattern's subscribers, and what they share.
pub(crate) struct Channel {
    pattern: Pattern,
    /// Subscriptions, or [`RETIRED`].
    members: AtomicUsize,
    /// In the retention's list of channels without members.
    lingers: AtomicBool,
    /// The last turn of draining that appended here. The drainer's own.
    turn: AtomicU64,
    pub(crate) log: Log,
    pub(crate) watchers: Watchers,
}

/// The channel is on its way out of the trie for good: a newcomer makes a new one.
const RETIRED: usize = usize::MAX;

impl Channel {
    pub(crate) fn with_one_member(pattern: Pattern) -> Self {
        Self {
            pattern,
            members: AtomicUsize::new(1),
            lingers: AtomicBool::new(false),
            turn: AtomicU64::new(0),
            log: Log::new(),
            watchers: Watchers::new(),
        }
    }

    pub(crate) fn pattern(&self) -> &Pattern {
        &self.pattern
    }

    /// Subscriptions.
    pub(crate) fn members(&self) -> usize {
        // Relaxed: a count for whoever asks.
        match self.members.load(Ordering::Relaxed) {
            RETIRED => 0,
            members => members,
        }
    }

    /// Adds a member, unless the channel is retired.
    #[must_use]
    pub(crate) fn try_join(&self) -> bool {
        // Relaxed, both: the order of changes to this one word is all that is asked of it; what a member sees of the
        // trie and the log is ordered by their own pointers.
        let members = self
            .members
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |members| (members != RETIRED).then_some(members + 1));
        members.is_ok()
    }

    /// Takes a member away; `true` if it was the last.
    #[must_use]
    pub(crate) fn leave(&self) -> bool {
        // Release: with the acquire in `ends_lingering`, which whoever finds `lingers` set relies on.
        self.members.fetch_sub(1, Ordering::Release) == 1
    }

    /// Ends the channel if it has no member; `true` for the one call that does.
    ///
    /// A retirement against a newcomer, both orders:
    /// - the retirement first: the newcomer finds it retired, and puts a channel of its own in the trie;
    /// - the newcomer first: the channel has a member, and stays.
    #[must_use]
    pub(crate) fn retire(&self) -> bool {
        // Relaxed, both: as in `try_join`.
        self.members.compare_exchange(0, RETIRED, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    /// Notes that the channel is listed among those without members; `false` if it was so already.
    ///
    /// The last leaver against whoever takes the channel from the list because it has members, both orders:
    /// - the leaver's swap first: the taker's swap acquires it, and so it sees that there is no member any more;
    /// - the taker's swap first: the leaver finds it not listed, and lists it.
    #[must_use]
    pub(crate) fn begins_lingering(&self) -> bool {
        !self.lingers.swap(true, Ordering::AcqRel) // with the swap in `ends_lingering`
    }

    /// Notes that the channel is taken from the list because it has members; `false` if by now it has none.
    #[must_use]
    pub(crate) fn ends_lingering(&self) -> bool {
        self.lingers.swap(false, Ordering::AcqRel); // with the swap in `begins_lingering`
        // Acquire: with the release in `leave`.
        self.members.load(Ordering::Acquire) > 0
    }

    /// Notes that `turn` appended here; `true` for the first time. Drainer only.
    #[inline]
    pub(crate) fn touch(&self, turn: u64) -> bool {
        // Relaxed: only drainers come here, and they are ordered one after the other.
        if self.turn.load(Ordering::Relaxed) == turn {
            return false;
        }
        self.turn.store(turn, Ordering::Relaxed); // as above
        true
    }
}
