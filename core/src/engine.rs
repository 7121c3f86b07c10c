//! Delivery: from the queue to the logs, by whoever finds no one else at it.
//!
//! The way of one event:
//!
//! ```text
//!   publish(&Event)
//!     prepare     namespace parsed, frame encoded              publisher's thread, before any ordering
//!     put         ticket = sequence                            sequencer
//!     ring        no one drains? then it is our turn           sequencer
//!     turn        take a batch ─▶ journal ─▶ match ─▶ append   journal, trie, logs
//!     complete    all through this sequence is delivered
//!     wake        each touched channel's watchers, once        watchers
//!     end         closed, and all is delivered? wake everyone  trie, watchers
//! ```

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;
use std::time::Duration;

use crossbeam::utils::Backoff;
use smallvec::SmallVec;

use crate::channel::Channel;
use crate::config::HubConfig;
use crate::event::{EventId, IdEnd, Prepared};
use crate::journal::Journal;
use crate::log::Past;
use crate::overlaps::Overlaps;
use crate::pattern::Pattern;
use crate::resumes::ResumeCounters;
use crate::retention::Retention;
use crate::sequencer::{Finish, Ring, Sequencer};
use crate::sync::{AtomicBool, AtomicU64, Ordering, fence, pause};
use crate::trie::Trie;
use crate::watchers::Watchers;

/// Events that one turn of draining delivers at most; what is left is handed on. At some 100 ns an event it holds a
/// publisher, which may be an event loop with connections to serve, for a tenth of a millisecond.
const TURN_EVENTS: usize = if cfg!(loom) { 2 } else { 1024 };

/// Events between two looks at the trie: they share one fence and one snapshot.
const BATCH_EVENTS: usize = 64;

/// What all handles of a hub share.
pub(crate) struct Engine {
    pub(crate) sequencer: Sequencer<Prepared>,
    pub(crate) trie: Trie,
    pub(crate) overlaps: Overlaps,
    /// Event loops that take over what a turn leaves.
    pub(crate) drivers: Watchers,
    /// None: nobody can resume, and frames have no ids.
    pub(crate) journal: Option<Journal>,
    pub(crate) resumes: ResumeCounters,
    epoch: u64,
    /// As it is before any event, if frames have ids.
    id_end: Option<IdEnd>,
    retention: Retention,
    /// Every event through this sequence is in every log it belongs to, and in the journal. Stored by the drainer.
    completed: AtomicU64,
    /// Turns so far. The drainer's own.
    turns: AtomicU64,
    /// The next turn begins a round of looking for what has been kept for long enough.
    trim_due: AtomicBool,
    /// What the last trim said of the time, in milliseconds.
    trim_ms: AtomicU64,
    /// No more events are taken. Beside the sequencer's own word, since every reader looks here and that word changes with each event.
    closed: AtomicBool,
    /// Everyone is being woken to find the end, or has been.
    end_told: AtomicBool,
}

/// Channels that a turn has something new for.
type Touched = SmallVec<[Arc<Channel>; 16]>;

impl Engine {
    pub(crate) fn new(config: &HubConfig) -> Self {
        let epoch = config.epoch.unwrap_or_else(random_epoch);
        let history = (config.history_bytes > 0).then_some(config.history_bytes);
        let past = if history.is_some() { Past::Kept } else { Past::Dropped };
        // What channels keep beside the journal is there to be faster, not to reach further back.
        let block_bytes = history.map_or(config.backlog_bytes, |bytes| bytes / 2);
        Self {
            sequencer: Sequencer::new(config.queue_events),
            trie: Trie::new(config.max_channels, past),
            overlaps: Overlaps::new(),
            drivers: Watchers::new(),
            journal: history.map(|bytes| Journal::new(bytes, config.history_age)),
            resumes: ResumeCounters::new(),
            epoch,
            id_end: history.map(|_| IdEnd::new(epoch)),
            retention: Retention::new(past, block_bytes as u64),
            completed: AtomicU64::new(0),
            turns: AtomicU64::new(0),
            trim_due: AtomicBool::new(false),
            trim_ms: AtomicU64::new(0),
            closed: AtomicBool::new(false),
            end_told: AtomicBool::new(false),
        }
    }

    pub(crate) fn epoch(&self) -> u64 {
        self.epoch
    }

    pub(crate) fn id(&self, sequence: u64) -> EventId {
        EventId { epoch: self.epoch, sequence }
    }

    /// Queues an event and sees to its delivery; gives its sequence. `None`: the engine is closed.
    pub(crate) fn publish(&self, event: Prepared) -> Option<u64> {
        let mut event = Box::new(event);
        let mut round = Backoff::new();
        let sequence = loop {
            match self.sequencer.try_put(event) {
                Ok(sequence) => break sequence,
                Err(_) if self.is_closed() => return None,
                Err(back) => event = back,
            }
            // Help; what this leaves, the ring below finds.
            self.drain();
            // Another has the role, or a ticket whose slot it has not filled yet.
            pause(&mut round);
        };
        self.drain_or_hand_on();
        Some(sequence)
    }

    /// The same, but `None` also if the queue is full.
    pub(crate) fn try_publish(&self, event: Prepared) -> Option<u64> {
        let sequence = self.sequencer.try_put(Box::new(event)).ok()?;
        self.drain_or_hand_on();
        Some(sequence)
    }

    /// Takes no more events. When all that were taken are delivered, everyone is woken.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Relaxed); // released with the end of the queue, by the ring
        self.sequencer.close();
        self.drain_or_hand_on();
    }

    #[inline]
    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed) // a hint: the sequencer decides what is still taken
    }

    /// All is delivered that will ever be.
    pub(crate) fn has_ended(&self) -> bool {
        self.sequencer.last().is_some_and(|last| self.completed() >= last)
    }

    /// Lets go of what has been kept for long enough.
    pub(crate) fn trim(&self, now: Duration) {
        let ms = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
        self.trim_ms.store(ms, Ordering::Relaxed); // released by the ring
        self.trim_due.store(true, Ordering::Relaxed); // released by the ring
        self.drain_or_hand_on();
    }

    /// Makes the caller a member of the pattern's channel. `None`: there is none, and there are as many as may be, all with
    /// members.
    pub(crate) fn join(&self, pattern: &Pattern) -> Option<Arc<Channel>> {
        loop {
            if let Some(channel) = self.trie.join(pattern) {
                return Some(channel);
            }
            // Another may take the room that is made; each time one channel less is without members.
            if !self.retention.make_room(&self.trie) {
                return None;
            }
        }
    }

    /// A member of the channel has left.
    pub(crate) fn leave(&self, channel: &Arc<Channel>) {
        if channel.leave() {
            self.retention.leave(channel, &self.trie);
        }
    }

    /// Every event through this sequence is in every log it belongs to, and in the journal.
    pub(crate) fn completed(&self) -> u64 {
        // Acquire: with the release in `deliver`; what was appended before is seen.
        self.completed.load(Ordering::Acquire)
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
            let untrimmed = self.go_round(&mut touched);
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
        // Whoever closes rings, and so does who puts the last event: the turn that hears both finds the end.
        if self.has_ended() {
            self.tell_end();
        }
        left
    }

    /// Wakes everyone, once, so that they find the end.
    #[cold]
    fn tell_end(&self) {
        // Relaxed: who finds `false` does it; nothing is handed over.
        if self.end_told.swap(true, Ordering::Relaxed) {
            return;
        }
        // A subscriber changes the trie, joins the watchers, then asks for the end; the end is there, then its channel is
        // looked for here. Both orders:
        // - the subscriber's fence first: its channel is found, and its watcher is woken;
        // - this fence first: the subscriber finds the end.
        fence(Ordering::SeqCst); // with the one in `Watchers::join`
        self.trie.snapshot().for_each(&mut |channel| channel.watchers.wake_all());
    }

    /// Moves up to `most` events from the queue to the logs; gives their number. Drainer only.
    fn deliver(&self, most: usize, turn: u64, touched: &mut Touched) -> usize {
        let mut batch: SmallVec<[Box<Prepared>; BATCH_EVENTS]> = SmallVec::new();
        let mut id_end = self.id_end.clone();
        let past = self.retention.past();
        let mut delivered = 0;
        while delivered < most {
            let first = self.sequencer.take(BATCH_EVENTS.min(most - delivered), &mut batch);
            if batch.is_empty() {
                break;
            }
            delivered += batch.len();
            let last = first + batch.len() as u64 - 1;
            // Loaded after the batch is announced: see `Sequencer::take`.
            let trie = self.trie.snapshot();
            for (sequence, event) in (first..).zip(batch.drain(..)) {
                let frame = match &mut id_end {
                    Some(end) => [event.frame.fields(), end.of(sequence)],
                    None => [event.frame.as_bytes(), &[]],
                };
                if let Some(journal) = &self.journal {
                    journal.append(event.namespace.as_str(), frame, sequence);
                }
                trie.for_each_match(&event.namespace, |channel| {
                    if let Some(growth) = channel.log.append(&frame, sequence, past) {
                        self.retention.keep(channel, &growth, |channel| touched.push(channel));
                    }
                    if channel.touch(turn) {
                        touched.push(channel.clone());
                    }
                });
            }
            // Release: all that was appended, with the acquire in `completed`.
            self.completed.store(last, Ordering::Release);
        }
        delivered
    }

    /// Looks for what has been kept for long enough, if it is time; `true` if the round is to go on. Drainer only.
    fn go_round(&self, touched: &mut Touched) -> bool {
        // Relaxed, all: acquired by the look, and the drainer's own. The load spares every turn a locked instruction.
        if self.trim_due.load(Ordering::Relaxed) && self.trim_due.swap(false, Ordering::Relaxed) {
            self.retention.begin_round();
            if let Some(journal) = &self.journal {
                let now = Duration::from_millis(self.trim_ms.load(Ordering::Relaxed)); // as above
                journal.expire(now, self.completed.load(Ordering::Relaxed)); // the drainer's own
            }
        }
        self.retention.go_round(&self.trie, |channel| touched.push(channel))
    }
}

/// A number that no other hub has, but for a chance of one in 2^64. A clock would give the same one twice if it stood still
/// or were set back; the keys of std's hash maps come from the system's randomness, and each key is another.
fn random_epoch() -> u64 {
    RandomState::new().build_hasher().finish()
}
