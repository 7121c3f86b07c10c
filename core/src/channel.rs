//! All subscribers of one pattern, and the log they share.

use crate::filter::Pattern;
use crate::log::Log;
use crate::sync::{AtomicU64, AtomicUsize, Ordering};
use crate::watchers::Watchers;

/// A pattern's subscribers, and what they share.
pub(crate) struct Channel {
    pattern: Pattern,
    /// Subscriptions. Once it is zero it stays so: the channel is on its way out of the trie, and a newcomer makes a
    /// new one.
    members: AtomicUsize,
    /// The last turn of draining that appended here. The drainer's own.
    turn: AtomicU64,
    pub(crate) log: Log,
    pub(crate) watchers: Watchers,
}

impl Channel {
    pub(crate) fn with_one_member(pattern: Pattern) -> Self {
        Self {
            pattern,
            members: AtomicUsize::new(1),
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
        self.members.load(Ordering::Relaxed) // a count for whoever asks
    }

    /// Adds a member, unless the last one has left.
    ///
    /// The last leaver against a newcomer, both orders:
    /// - the leaver's decrement first: the newcomer reads zero, and puts a channel of its own in the trie;
    /// - the newcomer's increment first: the leaver's decrement does not reach zero, and the channel stays.
    #[must_use]
    pub(crate) fn try_join(&self) -> bool {
        // Relaxed, both: the order of changes to this one word is all that is asked of it; what a member sees of the
        // trie and the log is ordered by their own pointers.
        let members = self
            .members
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |members| (members > 0).then_some(members + 1));
        members.is_ok()
    }

    /// Takes a member away; `true` if it was the last.
    #[must_use]
    pub(crate) fn leave(&self) -> bool {
        self.members.fetch_sub(1, Ordering::Relaxed) == 1 // as in `try_join`
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
