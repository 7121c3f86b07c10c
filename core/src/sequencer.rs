//! A total order without a lock: a bounded queue whose ticket is the sequence, and a role that one thread has at a time.
//!
//! ```text
//!   publishers ──put──▶ | 7 | 8 | · | 10 |   |   |   |  ──take──▶ the drainer
//!                         ▲                ▲
//!                        head             tail
//! ```
//!
//! A publisher takes a ticket from `tail` and puts its item into the ticket's slot. Then it rings: if no one drains, it
//! becomes the drainer; otherwise whoever drains will look once more. No publisher waits for another. A slot whose
//! ticket is taken but whose item is not yet in it (`·`) ends the drainer's round; its publisher's ring begins another.

use crossbeam::utils::CachePadded;

use crate::sync::{AtomicU64, AtomicUsize, Ordering, Slot, fence};

/// The queue, and the role of the one who empties it.
pub(crate) struct Sequencer<T> {
    slots: Box<[Slot<T>]>,
    /// Items taken out so far, and so the sequence of the last one taken. Stored by the drainer alone.
    head: CachePadded<AtomicU64>,
    /// Tickets given so far, and so the sequence of the last one given; and [`CLOSED`].
    tail: CachePadded<AtomicU64>,
    role: CachePadded<Role>,
}

/// No more tickets are given. More than any queue has slots, so that a closed one is as good as full.
const CLOSED: u64 = 1 << (u64::BITS - 1);

impl<T> Sequencer<T> {
    /// A queue of at least `capacity` items.
    pub(crate) fn new(capacity: usize) -> Self {
        let capacity = capacity.max(1).next_power_of_two();
        Self {
            slots: std::iter::repeat_with(Slot::new).take(capacity).collect(),
            head: CachePadded::new(AtomicU64::new(0)),
            tail: CachePadded::new(AtomicU64::new(0)),
            role: CachePadded::new(Role(AtomicUsize::new(IDLE))),
        }
    }

    pub(crate) fn role(&self) -> &Role {
        &self.role
    }

    /// Queues an item and gives its sequence, or gives the item back if the queue is full or closed. Ring after it.
    pub(crate) fn try_put(&self, item: Box<T>) -> Result<u64, Box<T>> {
        loop {
            // Acquire: with the release in `take`; a slot counted as free has been emptied. Loaded before `tail`, so
            // that it can't be ahead of it.
            let head = self.head.load(Ordering::Acquire);
            let ticket = self.tail.load(Ordering::Relaxed); // the exchange below decides
            if ticket - head >= self.slots.len() as u64 {
                return Err(item);
            }
            // Relaxed, both: the ticket publishes nothing; the slot and the ring do.
            if self.tail.compare_exchange_weak(ticket, ticket + 1, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
                let old = self.slot(ticket).put(item);
                assert!(old.is_none(), "a free slot is empty");
                return Ok(ticket + 1);
            }
        }
    }

    /// Takes up to `most` items in order, and announces them: whoever asks for the [`Sequencer::position`] after this
    /// gets at least the last one's. Gives the sequence of the first.
    ///
    /// Drainer only.
    pub(crate) fn take(&self, most: usize, into: &mut impl Extend<Box<T>>) -> u64 {
        let first = self.head.load(Ordering::Relaxed); // the drainer's own
        let mut head = first;
        let items = std::iter::from_fn(|| {
            let item = self.slot(head).take()?;
            head += 1;
            Some(item)
        });
        into.extend(items.take(most));
        if head == first {
            return first + 1;
        }
        // Release: the emptied slots, with the acquire in `try_put`; also announces, with the acquire in `position`.
        self.head.store(head, Ordering::Release);
        // The drainer announces, then loads the trie; a subscriber changes the trie, then asks for the position. Both
        // orders:
        // - this fence first: the subscriber reads a position that has these items in it, and does not expect them;
        // - the subscriber's fence first: the drainer's load sees its channel, and these items get into its log.
        fence(Ordering::SeqCst); // with the one in `position`
        first + 1
    }

    /// The sequence of the last item announced. What the caller changed before is seen by the draining of every later
    /// item.
    pub(crate) fn position(&self) -> u64 {
        fence(Ordering::SeqCst); // with the one in `take`
        // Acquire: with the release in `take`; everything drained before that is seen.
        self.head.load(Ordering::Acquire)
    }

    /// Items ever queued.
    pub(crate) fn queued(&self) -> u64 {
        self.tail.load(Ordering::Relaxed) & !CLOSED // a count; it orders nothing
    }

    /// Gives no more tickets. Ring after it.
    pub(crate) fn close(&self) {
        // Relaxed: all changes to this one word are in one order, so a ticket is given before this or never; the ring
        // releases it, for the turn that hears it.
        self.tail.fetch_or(CLOSED, Ordering::Relaxed);
    }

    /// The sequence of the last item there will ever be, once that is known.
    pub(crate) fn last(&self) -> Option<u64> {
        let tail = self.tail.load(Ordering::Relaxed); // once closed it stays as it is; it publishes nothing
        (tail & CLOSED != 0).then_some(tail & !CLOSED)
    }

    fn slot(&self, ticket: u64) -> &Slot<T> {
        &self.slots[ticket as usize & (self.slots.len() - 1)]
    }
}

/// Who drains, in one word.
///
/// ```text
///            ring: Drain              look
///   IDLE ────────────────▶ RUNG ──────────────▶ DRAINING
///     ▲                      ▲   ring: Leave       │  │
///     │                      └─────────────────────┘  │
///     └──────────────── leave, finish ────────────────┘
/// ```
pub(crate) struct Role(AtomicUsize);

const IDLE: usize = 0;
/// Someone drains, and all rings so far have been heard.
const DRAINING: usize = 1;
/// Someone drains, or is about to, and must look (again).
const RUNG: usize = 2;

/// What a ring asks of the ringer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Ring {
    /// The role is yours: drain.
    Drain,
    /// Someone drains, and will look once more: leave.
    Leave,
}

/// What there is to do after an empty round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Finish {
    /// The role is given up.
    Done,
    /// Someone rang: look again.
    Rung,
}

impl Role {
    /// Says that there is something to drain.
    pub(crate) fn ring(&self) -> Ring {
        // AcqRel: releases what the ringer has put, for the drainer's `look`; acquires what the last drainer did, from
        // its `finish` or `leave`.
        match self.0.swap(RUNG, Ordering::AcqRel) {
            IDLE => Ring::Drain,
            _ => Ring::Leave,
        }
    }

    /// Begins a round: every ring up to now is heard. Drainer only.
    pub(crate) fn look(&self) {
        // AcqRel: acquires what all ringers have put (each ring's release is in this word's release sequence).
        self.0.swap(DRAINING, Ordering::AcqRel);
    }

    /// Gives up the role, unless someone rang since the last look. Drainer only.
    pub(crate) fn finish(&self) -> Finish {
        // Release: what was drained, for the next drainer's `ring`. Relaxed: on failure, `look` acquires.
        match self.0.compare_exchange(DRAINING, IDLE, Ordering::Release, Ordering::Relaxed) {
            Ok(_) => Finish::Done,
            Err(_) => Finish::Rung,
        }
    }

    /// Gives up the role whether anyone rang or not: the caller sees to it that someone rings after this. Drainer only.
    pub(crate) fn leave(&self) {
        // AcqRel: releases what was drained, for the next drainer's `ring`; acquires from rings that are dropped here,
        // so that what their ringers did before is seen by what the caller does next.
        self.0.swap(IDLE, Ordering::AcqRel);
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn tickets_are_sequences_and_a_full_queue_gives_back() {
        let sequencer = Sequencer::new(2);
        assert_eq!(sequencer.try_put(Box::new('a')), Ok(1));
        assert_eq!(sequencer.try_put(Box::new('b')), Ok(2));
        assert_eq!(sequencer.try_put(Box::new('c')), Err(Box::new('c')));
        let mut taken = Vec::new();
        assert_eq!(sequencer.take(1, &mut taken), 1);
        assert_eq!((sequencer.position(), sequencer.queued()), (1, 2));
        assert_eq!(sequencer.try_put(Box::new('c')), Ok(3));
        assert_eq!(sequencer.take(5, &mut taken), 2);
        assert_eq!(taken, [Box::new('a'), Box::new('b'), Box::new('c')]);
        assert_eq!(sequencer.position(), 3);
    }

    #[test]
    fn a_closed_queue_gives_back_and_knows_its_last() {
        let sequencer = Sequencer::new(2);
        assert_eq!((sequencer.try_put(Box::new('a')), sequencer.last()), (Ok(1), None));
        sequencer.close();
        sequencer.close();
        assert_eq!(sequencer.try_put(Box::new('b')), Err(Box::new('b')));
        assert_eq!((sequencer.last(), sequencer.queued()), (Some(1), 1));
        let mut taken = Vec::new();
        assert_eq!((sequencer.take(2, &mut taken), sequencer.position()), (1, 1));
        assert_eq!(sequencer.try_put(Box::new('b')), Err(Box::new('b')));
    }

    #[test]
    fn the_role_is_one_threads_and_no_ring_is_missed() {
        let role = Role(AtomicUsize::new(IDLE));
        assert_eq!(role.ring(), Ring::Drain);
        assert_eq!(role.ring(), Ring::Leave);
        role.look();
        assert_eq!(role.ring(), Ring::Leave);
        assert_eq!(role.finish(), Finish::Rung);
        role.look();
        assert_eq!(role.finish(), Finish::Done);
        assert_eq!(role.ring(), Ring::Drain);
        role.leave();
        assert_eq!(role.ring(), Ring::Drain);
    }
}
