//! Delivery: from the queue to the logs, by whoever finds no one else at it.
//!
//! The way of one event:
//!
//! ```text
//!   publish(&Event)
//!     prepare     namespace parsed, frame encoded              publisher's thread, before any ordering
//!     put         ticket = sequence                            sequencer
//!     ring        no one drains? then it is our turn           sequencer
//!     turn        take a batch ─▶ match each event ─▶ append   trie, logs
//!     wake        each touched channel's watchers, once        watchers
//! ```

use std::sync::{Arc, Weak};

use crossbeam::queue::SegQueue;
use crossbeam::utils::Backoff;
use smallvec::SmallVec;

use crate::channel::Channel;
use crate::event::Prepared;
use crate::sequencer::{Finish, Ring, Sequencer};
use crate::sync::{AtomicBool, AtomicU64, AtomicUsize, Ordering, pause};
use crate::trie::Trie;
use crate::watchers::Watchers;

/// Events that one turn of draining delivers at most; what is left is handed on. At some 100 ns an event it holds a
/// publisher, which may be an event loop with connections to serve, for a tenth of a millisecond.
const TURN_EVENTS: usize = if cfg!(loom) { 2 } else { 1024 };

/// Events between two looks at the trie: they share one fence and one snapshot.
const BATCH_EVENTS: usize = 64;

/// Channels that one turn looks at to free their blocks; it leaves the others to the next turn. A look is some 100 ns,
/// as an event is.
const TURN_LOOKS: usize = if cfg!(loom) { 1 } else { 512 };

/// What all handles of a hub share.
pub(crate) struct Engine {
    pub(crate) sequencer: Sequencer<Prepared>,
    pub(crate) trie: Trie,
    /// Event loops that take over what a turn leaves.
    pub(crate) drivers: Watchers,
    /// Turns so far. The drainer's own.
    turns: AtomicU64,
    /// The next turn begins a round of looking for blocks to free.
    trim_due: AtomicBool,
    /// Channels that this round has still to look at. The drainer's own.
    looks_left: AtomicUsize,
    /// Channels whose log may hold a block. The drainer's own.
    holding: SegQueue<Weak<Channel>>,
}

/// Channels that a turn has something new for.
type Touched = SmallVec<[Arc<Channel>; 16]>;

impl Engine {
    pub(crate) fn new(queue_events: usize) -> Self {
        Self {
            sequencer: Sequencer::new(queue_events),
            trie: Trie::new(),
            drivers: Watchers::new(),
            turns: AtomicU64::new(0),
            trim_due: AtomicBool::new(false),
            looks_left: AtomicUsize::new(0),
            holding: SegQueue::new(),
        }
    }

    /// Queues an event and sees to its delivery; gives its sequence.
    pub(crate) fn publish(&self, event: Prepared) -> u64 {
        let mut event = Box::new(event);
        let mut round = Backoff::new();
        let sequence = loop {
            match self.sequencer.try_put(event) {
                Ok(sequence) => break sequence,
                Err(back) => event = back,
            }
            // Help; what this leaves, the ring below finds.
            self.drain();
            // Another has the role, or a ticket whose slot it has not filled yet.
            pause(&mut round);
        };
        self.drain_or_hand_on();
        sequence
    }

    /// The same, but `None` if the queue is full.
    pub(crate) fn try_publish(&self, event: Prepared) -> Option<u64> {
        let sequence = self.sequencer.try_put(Box::new(event)).ok()?;
        self.drain_or_hand_on();
        Some(sequence)
    }

    /// Frees the blocks of channels that have been quiet since the last call.
    pub(crate) fn trim(&self) {
        self.trim_due.store(true, Ordering::Relaxed); // released by the ring
        self.drain_or_hand_on();
    }

    /// Rings, and takes a turn if no one else drains; `true` if it has left something.
    pub(crate) fn drain(&self) -> bool {
        self.sequencer.role().ring() == Ring::Drain && self.turn()
    }

    /// Drains until nothing is left, or until a driver goes on.
    ///
    /// A driver that resigns against a turn that leaves something, both orders:
    /// - it resigns before the turn ends: the list is empty when we look, and we go on ourselves;
    /// - it resigns after: its own ring (in `Driver::drop`) finds the role free, and it drains.
    pub(crate) fn drain_or_hand_on(&self) {
        while self.drain() {
            if self.drivers.wake_one() {
                return;
            }
        }
    }

    /// Delivers at most [`TURN_EVENTS`]; `true` if something may be left. Drainer only, and gives up the role.
    fn turn(&self) -> bool {
        let turn = self.turns.fetch_add(1, Ordering::Relaxed) + 1; // the drainer's own
        let mut touched = Touched::new();
        let mut budget = TURN_EVENTS;
        let left = loop {
            self.sequencer.role().look();
            // A look counts too, so that rings alone can't keep us here.
            budget = budget.saturating_sub(1 + self.deliver(budget, turn, &mut touched));
            let untrimmed = self.free_blocks(&mut touched);
            if budget == 0 || untrimmed {
                self.sequencer.role().leave();
                break true;
            }
            if self.sequencer.role().finish() == Finish::Done {
                break false;
            }
        };
        for channel in touched {
            channel.watchers.wake_all();
        }
        left
    }

    /// Moves up to `most` events from the queue to the logs; gives their number. Drainer only.
    fn deliver(&self, most: usize, turn: u64, touched: &mut Touched) -> usize {
        let mut batch: SmallVec<[Box<Prepared>; BATCH_EVENTS]> = SmallVec::new();
        let mut delivered = 0;
        while delivered < most {
            let first = self.sequencer.take(BATCH_EVENTS.min(most - delivered), &mut batch);
            if batch.is_empty() {
                break;
            }
            delivered += batch.len();
            // Loaded after the batch is announced: see `Sequencer::take`.
            let trie = self.trie.snapshot();
            for (sequence, event) in (first..).zip(batch.drain(..)) {
                trie.for_each_match(&event.namespace, |channel| {
                    if channel.log.append(event.frame.as_bytes(), sequence) {
                        self.holding.push(Arc::downgrade(channel));
                    }
                    if channel.touch(turn) {
                        touched.push(channel.clone());
                    }
                });
            }
        }
        delivered
    }

    /// Ends the blocks of quiet channels, whose readers are to be woken so that they let go of them. Looks at some of
    /// the channels that may hold one; `true` if this round is to go on. Drainer only.
    fn free_blocks(&self, touched: &mut Touched) -> bool {
        // Relaxed, all: acquired by the look, and the drainer's own. The load spares every turn a locked instruction.
        if self.trim_due.load(Ordering::Relaxed) && self.trim_due.swap(false, Ordering::Relaxed) {
            self.looks_left.store(self.holding.len(), Ordering::Relaxed); // as above
        }
        let left = self.looks_left.load(Ordering::Relaxed); // as above
        if left == 0 {
            return false;
        }
        let looks = left.min(TURN_LOOKS);
        for _ in 0..looks {
            let Some(channel) = self.holding.pop() else { break };
            let Some(alive) = channel.upgrade() else { continue };
            if alive.log.is_quiet() {
                alive.log.seal();
                touched.push(alive);
            } else {
                self.holding.push(channel);
            }
        }
        self.looks_left.store(left - looks, Ordering::Relaxed); // as above
        left > looks
    }
}
