//! All subscribers of one pattern, and the log they share.

use crate::channels::log::{Log, Origin};
use crate::channels::watchers::Watchers;
use crate::channels::writer_token::WriterToken;
use crate::names::pattern::Pattern;
use crate::sync::{AtomicU64, AtomicUsize, Ordering};

/// A pattern's subscribers, and what they share.
pub(crate) struct Channel {
    pattern: Pattern,
    /// How many subscriptions there are, and [`LISTED`]; or [`RETIRED`].
    members: AtomicUsize,
    /// Members that get an event of this channel from no other.
    sole: AtomicUsize,
    /// The last turn that appended here, and [`HOLDS`]. For who has the [`WriterToken`].
    turn: AtomicU64,
    pub(crate) log: Log,
    pub(crate) watchers: Watchers,
}

/// The channel is in the retention's list of those without members.
const LISTED: usize = 1 << (usize::BITS - 1);

/// The bit of `turn` that says that the channel is in the list of those whose log may hold a block.
const HOLDS: u64 = 1 << (u64::BITS - 1);

/// The channel is on its way out of the trie for good: a newcomer makes a new one.
const RETIRED: usize = usize::MAX;

impl Channel {
    pub(crate) fn with_one_member(pattern: Pattern, origin: &Origin) -> Self {
        Self {
            pattern,
            members: AtomicUsize::new(1),
            sole: AtomicUsize::new(0),
            turn: AtomicU64::new(0),
            log: Log::new(origin),
            watchers: Watchers::new(),
        }
    }

    pub(crate) fn pattern(&self) -> &Pattern {
        &self.pattern
    }

    /// Members that get an event of this channel from no other. The rest are counted by
    /// [`Overlaps`](crate::channels::overlaps::Overlaps).
    pub(crate) fn sole_members(&self) -> usize {
        self.sole.load(Ordering::Relaxed) // a count on its own
    }

    /// Counts such a member.
    pub(crate) fn count_sole(&self) {
        self.sole.fetch_add(1, Ordering::Relaxed); // as above
    }

    /// Counts it no longer.
    pub(crate) fn uncount_sole(&self) {
        self.sole.fetch_sub(1, Ordering::Relaxed); // as above
    }

    /// Adds a member, unless the channel is retired.
    #[must_use]
    pub(crate) fn try_join(&self) -> bool {
        self.change(|members| (members != RETIRED).then(|| members + 1))
    }

    /// Takes a member away; `true` if it was the last.
    #[must_use]
    pub(crate) fn leave(&self) -> bool {
        self.members.fetch_sub(1, Ordering::Relaxed) & !LISTED == 1 // as in `change`
    }

    /// Ends the channel if it has no member; `true` for the one call that does.
    ///
    /// A retirement against a newcomer, both orders:
    /// - the retirement first: the newcomer finds it retired, and puts a channel of its own in the trie;
    /// - the newcomer first: the channel has a member, and stays.
    #[must_use]
    pub(crate) fn retire(&self) -> bool {
        self.change(|members| (members & !LISTED == 0).then_some(RETIRED))
    }

    /// Notes that the channel is listed; `false` if it is so already, or has a member by now.
    ///
    /// The last leaver against a thread that strikes the channel off the list because it has members, both orders:
    /// - it is struck off first: the leaver finds it not listed, and lists it;
    /// - the leaver leaves first: the channel has no members, and stays on the list.
    #[must_use]
    pub(crate) fn list(&self) -> bool {
        self.change(|members| (members == 0).then_some(LISTED))
    }

    /// Notes that the channel is no longer listed; `false` if it has no members, and stays so. Only for who has it from
    /// the list, so that it isn't retired.
    #[must_use]
    pub(crate) fn strike_off(&self) -> bool {
        self.change(|members| (members != LISTED).then_some(members & !LISTED))
    }

    fn change(&self, change: impl FnMut(usize) -> Option<usize>) -> bool {
        // Relaxed, both: the order of changes to this one word is all that is asked of it; what a member sees of the
        // trie and the log is ordered by their own pointers.
        self.members.fetch_update(Ordering::Relaxed, Ordering::Relaxed, change).is_ok()
    }

    /// Notes that `turn` appended here; `true` for the first time.
    #[inline]
    pub(crate) fn touch(&self, _token: &mut WriterToken, turn: u64) -> bool {
        // Relaxed: each holder of the token is ordered after the one before.
        let word = self.turn.load(Ordering::Relaxed);
        if word & !HOLDS == turn {
            return false;
        }
        self.turn.store(word & HOLDS | turn, Ordering::Relaxed); // as above
        true
    }

    /// Notes that the channel is in the list of those whose log may hold a block, or is not; `true` if that is new.
    pub(crate) fn note_holding(&self, _token: &mut WriterToken, holds: bool) -> bool {
        let word = self.turn.load(Ordering::Relaxed); // as in `touch`
        let new = if holds { word | HOLDS } else { word & !HOLDS };
        self.turn.store(new, Ordering::Relaxed); // as in `touch`
        new != word
    }
}
