//! What belongs to the one who drains.

use std::collections::VecDeque;

use crate::channels::writer_token::WriterToken;
use crate::delivery::retention::Kept;
use crate::delivery::sequencer::{Sequencer, Taker};
use crate::delivery::turn_counts::TurnCounts;
use crate::events::event::PreparedEvent;
use crate::events::frame::IdEnd;
use crate::history::journal::JournalWriter;

/// The writer's side of everything: there is one for each hub. It lies in the engine's slot while nobody drains; a
/// [`Turn`](crate::delivery::turn::Turn) has it meanwhile.
pub(crate) struct Writer {
    pub(crate) token: WriterToken,
    taker: Taker,
    /// Taken out of the queue and not delivered yet.
    pending: VecDeque<Box<PreparedEvent>>,
    /// The sequence of the last event that is delivered, or that is being delivered.
    last: u64,
    /// As it was for the last event, if frames have ids.
    pub(crate) id_end: Option<IdEnd>,
    pub(crate) journal: JournalWriter,
    pub(crate) kept: Kept,
    /// Turns so far.
    pub(crate) turns: u64,
    /// Their work.
    pub(crate) work: u64,
    /// Drivers woken so far.
    pub(crate) handed_on: usize,
}

impl Writer {
    /// The writer of a new hub, which takes `batch` events at a time.
    pub(crate) fn new(taker: Taker, id_end: Option<IdEnd>, kept: Kept, batch: usize) -> Self {
        Self {
            token: WriterToken::new(),
            taker,
            pending: VecDeque::with_capacity(2 * batch),
            last: 0,
            id_end,
            journal: JournalWriter::new(),
            kept,
            turns: 0,
            work: 0,
            handed_on: 0,
        }
    }

    /// Takes up to `most` events out of the hub's queue, as far as there is room for them without allocating.
    pub(crate) fn take(&mut self, queue: &Sequencer<PreparedEvent>, most: usize) {
        let room = self.pending.capacity() - self.pending.len();
        queue.take(&mut self.taker, most.min(room), &mut self.pending);
    }

    /// Whether there are events that are taken out of the queue and not delivered yet.
    pub(crate) fn has_pending(&self) -> bool {
        !self.pending.is_empty()
    }

    /// The next event to deliver, and its sequence. It counts as delivered from now on: if its delivery panics, it
    /// isn't tried again, since some readers may have it.
    pub(crate) fn next(&mut self) -> Option<(u64, Box<PreparedEvent>)> {
        let event = self.pending.pop_front()?;
        self.last += 1;
        Some((self.last, event))
    }

    /// What others may know of this.
    pub(crate) fn counts(&self) -> TurnCounts {
        let (log_bytes, log_evictions) = (self.kept.blocks.bytes(), self.kept.blocks.evictions());
        TurnCounts { turns: self.turns, work: self.work, log_bytes, log_evictions }
    }

    /// The sequence of the last event that is delivered.
    pub(crate) fn delivered(&self) -> u64 {
        self.last
    }
}
