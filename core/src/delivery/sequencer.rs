//! A total order without a lock: a bounded queue whose ticket is the sequence.
//!
//! ```text
//!   publishers ──put──▶ | 7 | 8 | · | 10 |   |   |   |  ──take──▶ the taker
//!                         ▲                ▲
//!                        head             tail
//! ```
//!
//! A publisher takes a ticket from `tail` and puts its item into the ticket's slot. Then it rings
//! ([`Role`](crate::delivery::role)). A slot whose ticket is given but whose item is not yet in it (`·`) ends the
//! taker's round; its publisher's ring begins another.

use crossbeam::utils::CachePadded;

use crate::sync::{AtomicSlot, AtomicU64, Ordering, fence};

/// The queue: any number put into it, one takes out of it.
pub(crate) struct Sequencer<T> {
    slots: Box<[AtomicSlot<T>]>,
    /// Items taken out so far, and so the sequence of the last one taken. Stored by the [`Taker`] alone.
    head: CachePadded<AtomicU64>,
    /// Tickets given so far, and so the sequence of the last one given; and [`CLOSED`].
    tail: CachePadded<AtomicU64>,
}

/// No more tickets are given. More than any queue has slots, so that a closed one is as good as full.
const CLOSED: u64 = 1 << (u64::BITS - 1);

/// The side of the queue where items come out.
pub(crate) struct Taker {
    /// Items taken out so far: what `head` says.
    taken: u64,
}

impl<T> Sequencer<T> {
    /// A queue of at least `capacity` items, and the one that takes out of it.
    pub(crate) fn new(capacity: usize) -> (Self, Taker) {
        let capacity = capacity.max(1).next_power_of_two();
        let sequencer = Self {
            slots: std::iter::repeat_with(AtomicSlot::new).take(capacity).collect(),
            head: CachePadded::new(AtomicU64::new(0)),
            tail: CachePadded::new(AtomicU64::new(0)),
        };
        (sequencer, Taker { taken: 0 })
    }

    /// Queues an item and gives its sequence, or gives the item back if the queue is full or closed. Ring after it,
    /// once.
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

    /// Takes up to `most` items in order, and announces them: who asks for the [`Sequencer::position`] after this
    /// gets at least the last one's.
    pub(crate) fn take(&self, taker: &mut Taker, most: usize, into: &mut impl Extend<Box<T>>) {
        let first = taker.taken;
        // Relaxed: a ticket whose ring was heard is seen, since the ring came after it. One that is not seen has its
        // ring to come.
        let ready = (self.tail.load(Ordering::Relaxed) & !CLOSED) - first;
        let items = (first..first + ready.min(most as u64)).map_while(|ticket| self.slot(ticket).take());
        into.extend(items.inspect(|_| taker.taken += 1));
        if taker.taken == first {
            return;
        }
        // Release: the emptied slots, with the acquire in `try_put`; also announces, with the acquire in `position`.
        self.head.store(taker.taken, Ordering::Release);
        // The taker announces, then loads the trie; a subscriber changes the trie, then asks for the position. Both
        // orders:
        // - this fence first: the subscriber reads a position that has these items in it, and does not expect them;
        // - the subscriber's fence first: the taker's load sees its channel, and these items get into its log.
        fence(Ordering::SeqCst); // with the one in `position`
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

    /// Gives no more tickets. Call after it ([`Role::call`](crate::delivery::role::Role::call)).
    pub(crate) fn close(&self) {
        // Relaxed: all changes to this one word are in one order, so a ticket is given before this or never; the call
        // releases it, for the turn that hears it.
        self.tail.fetch_or(CLOSED, Ordering::Relaxed);
    }

    /// The sequence of the last item there will ever be, once that is known.
    pub(crate) fn last(&self) -> Option<u64> {
        let tail = self.tail.load(Ordering::Relaxed); // once closed it stays as it is; it publishes nothing
        (tail & CLOSED != 0).then_some(tail & !CLOSED)
    }

    fn slot(&self, ticket: u64) -> &AtomicSlot<T> {
        &self.slots[ticket as usize & (self.slots.len() - 1)]
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn tickets_are_sequences_and_a_full_queue_gives_back() {
        let (sequencer, mut taker) = Sequencer::new(2);
        assert_eq!(sequencer.try_put(Box::new('a')), Ok(1));
        assert_eq!(sequencer.try_put(Box::new('b')), Ok(2));
        assert_eq!(sequencer.try_put(Box::new('c')), Err(Box::new('c')));
        let mut taken = Vec::new();
        sequencer.take(&mut taker, 1, &mut taken);
        assert_eq!((sequencer.position(), sequencer.queued()), (1, 2));
        assert_eq!(sequencer.try_put(Box::new('c')), Ok(3));
        sequencer.take(&mut taker, 5, &mut taken);
        assert_eq!(taken, [Box::new('a'), Box::new('b'), Box::new('c')]);
        assert_eq!(sequencer.position(), 3);
        sequencer.take(&mut taker, 5, &mut taken);
        assert_eq!((taken.len(), sequencer.position()), (3, 3));
    }

    #[test]
    fn a_closed_queue_gives_back_and_knows_its_last() {
        let (sequencer, mut taker) = Sequencer::new(2);
        assert_eq!((sequencer.try_put(Box::new('a')), sequencer.last()), (Ok(1), None));
        sequencer.close();
        sequencer.close();
        assert_eq!(sequencer.try_put(Box::new('b')), Err(Box::new('b')));
        assert_eq!((sequencer.last(), sequencer.queued()), (Some(1), 1));
        let mut taken = Vec::new();
        sequencer.take(&mut taker, 2, &mut taken);
        assert_eq!((taken.len(), sequencer.position()), (1, 1));
        assert_eq!(sequencer.try_put(Box::new('b')), Err(Box::new('b')));
    }
}
