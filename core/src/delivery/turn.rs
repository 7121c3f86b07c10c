//! One who drains: what a turn may do, and how it ends.
//!
//! ```text
//!   begin ─▶ take ─▶ deliver ... deliver ─▶ round ─▶ rung? ──no──▶ finish ─▶ wake
//!             ▲                    │                  │ yes
//!             └────────────────────┼──────────────────┘
//!                                  └─ the budget is spent ─▶ break off ─▶ wake ─▶ hand on
//! ```
//!
//! What a turn may write to is the [`Writer`], which it has for as long as it lasts; so nobody else can. However a turn
//! ends, even by a panic, the writer goes back to its slot first, then the role is given up.

use std::sync::Arc;

use smallvec::SmallVec;

use crate::channels::channel::Channel;
use crate::delivery::engine::{BATCH_EVENTS, Engine};
use crate::delivery::role::{Finish, Heard};
use crate::delivery::writer::Writer;
use crate::events::event::PreparedEvent;
use crate::routing::trie::Snapshot;

/// Work that a turn does at most, and the rest of an event: a unit is about 100 ns. So a turn holds a publisher, which
/// may be an event loop with connections to serve, for some 0.2 ms.
const TURN_WORK: u64 = if cfg!(loom) { 4 } else { 2048 };

/// Taking an event, finding its channels, and its entry in the journal.
const EVENT_WORK: u64 = 1;

/// Appending a frame to a channel's log, and waking the channel's watchers later on.
const APPEND_WORK: u64 = 1;

/// Bytes that are a unit to append.
const BYTES_OF_WORK: u64 = 1024;

/// Looking once more, so that rings alone can't keep a turn going.
const LOOK_WORK: u64 = 1;

/// The one who drains, for as long as this is there. Dropping it gives the role back.
pub(crate) struct Turn<'a> {
    engine: &'a Engine,
    /// There until the role is given back.
    writer: Option<Box<Writer>>,
    heard: Heard,
    budget: Budget,
    touched: Touched,
}

/// Channels that a turn has something new for.
type Touched = SmallVec<[Arc<Channel>; 16]>;

/// What a turn leaves, and to whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Left {
    Nothing,
    /// Someone has been woken for it, or is about to ring.
    ToOthers,
    /// Perhaps something, and nobody else comes for it: call again.
    ToCaller,
}

/// Work is counted over all turns, so that what one has done needs no second count.
struct Budget {
    /// Work so far.
    work: u64,
    /// The turn is over when it is as much as this, or more.
    end: u64,
    /// The turn is over as soon as another is about to ring, too.
    while_alone: bool,
}

impl<'a> Turn<'a> {
    /// A turn for the one who has just been given the role.
    pub(crate) fn begin(engine: &'a Engine, heard: Heard) -> Self {
        let mut writer = engine.writer.take().expect("it is put back before the role is given up");
        writer.turns += 1;
        let budget = Budget { work: writer.work, end: writer.work + TURN_WORK, while_alone: false };
        Self { engine, writer: Some(writer), heard, budget, touched: Touched::new() }
    }

    /// A turn for one who has had its turn, and found that nobody else comes for what it left.
    ///
    /// It gives up the role as soon as another is about to ring. As long as no other comes, what is left is at most
    /// what the queue holds.
    pub(crate) fn begin_another(engine: &'a Engine, heard: Heard) -> Self {
        let mut turn = Self::begin(engine, heard);
        turn.budget.while_alone = true;
        turn
    }

    /// Delivers until nothing is left or the budget is spent. What is left then is handed on to a driver.
    pub(crate) fn run(mut self) -> Left {
        if self.deliver_all() { Left::Nothing } else { self.break_off(true) }
    }

    /// The same for a driver, which comes again for what is left.
    pub(crate) fn run_as_driver(mut self) -> Left {
        if self.deliver_all() { Left::Nothing } else { self.break_off(false) }
    }

    /// `true`: nothing is left, and the role is given up.
    fn deliver_all(&mut self) -> bool {
        loop {
            self.deliver();
            self.go_round();
            if self.budget.is_spent(self.engine) || self.writer().kept.is_in_round() {
                return self.has_nothing_left() && self.finish();
            }
            if self.finish() {
                return true;
            }
            self.heard = self.engine.role.look();
            self.budget.spend(LOOK_WORK);
        }
    }

    fn writer(&mut self) -> &mut Writer {
        self.writer.as_mut().expect("the turn is not over")
    }

    /// Moves events from the queue to the logs, until there are no more or the budget is spent.
    fn deliver(&mut self) {
        let Self { engine, writer, budget, touched, .. } = self;
        let writer = writer.as_mut().expect("the turn is not over");
        while !budget.is_spent(engine) {
            if !writer.has_pending() {
                writer.take(&engine.sequencer, BATCH_EVENTS);
            }
            if !writer.has_pending() {
                return;
            }
            // Loaded after the batch is announced: see `Sequencer::take`. What an earlier turn has left of its batch
            // gets a newer trie than the rest of it had. A channel that is only in the newer one has been joined since
            // then, by subscribers who don't expect these events, and pass over them.
            let trie = engine.trie.snapshot();
            while !budget.is_spent(engine)
                && let Some((sequence, event)) = writer.next()
            {
                budget.spend(append(engine, writer, &trie, &event, sequence, touched));
            }
            let delivered = writer.delivered();
            engine.complete(&mut writer.token, delivered);
        }
    }

    /// Looks for what has been kept for long enough, if it is time.
    fn go_round(&mut self) {
        let Self { engine, writer, budget, touched, .. } = self;
        let writer = writer.as_mut().expect("the turn is not over");
        if let Some(now) = engine.take_tick(&mut writer.token) {
            engine.retention.begin_round(&mut writer.kept, now);
            if let Some(journal) = &engine.journal {
                let newest = writer.delivered();
                journal.expire(&mut writer.journal, now, newest);
            }
        }
        let Writer { kept, token, .. } = &mut **writer;
        let looks = engine.retention.go_round(kept, token, &engine.trie, |channel| touched.push(channel));
        budget.spend(looks as u64);
    }

    /// Whether all is delivered that was rung for when the turn looked last.
    fn has_nothing_left(&mut self) -> bool {
        let queued = self.engine.sequencer.queued();
        let writer = self.writer();
        !writer.has_pending() && !writer.kept.is_in_round() && writer.delivered() == queued
    }

    /// Gives the role up if nobody has rung since the last look, then wakes who has something new.
    fn finish(&mut self) -> bool {
        // Spares the way of the writer to the slot and back.
        if self.engine.role.is_rung(self.heard) {
            return false;
        }
        self.put_back();
        if self.engine.role.finish(self.heard) == Finish::Rung {
            self.writer = self.engine.writer.take();
            return false;
        }
        self.wake();
        true
    }

    /// Gives the role up whatever is left, wakes who has something new, and then, if asked to, the driver whose turn it
    /// is.
    ///
    /// A driver that resigns against a turn that leaves something, both orders:
    /// - it resigns before the turn ends: it is not in the list when we look, and another or the caller goes on;
    /// - it resigns after: its own ring (in `Driver::drop`) finds the role free, and it drains.
    fn break_off(&mut self, hands_on: bool) -> Left {
        let engine = self.engine;
        let writer = self.writer();
        writer.handed_on += usize::from(hands_on);
        let turn = writer.handed_on;
        // Who finds the queue full can't ring; this makes room for one.
        writer.take(&engine.sequencer, 1);
        self.put_back();
        let rings = engine.role.give_up();
        self.wake();
        if hands_on && engine.drivers.wake_one(turn) || rings.are_fewer_than(engine.sequencer.queued()) {
            Left::ToOthers
        } else {
            Left::ToCaller
        }
    }

    /// Shows what has been done, and puts the writer into its slot, for who has the role next.
    fn put_back(&mut self) {
        if let Some(mut writer) = self.writer.take() {
            writer.work = self.budget.work;
            self.engine.turn_counters.show(writer.counts());
            let other = self.engine.writer.put(writer);
            assert!(other.is_none(), "a hub has one writer");
        }
    }

    /// Each channel's watchers once, and not before the role is given up: they may begin to publish at once. At the end
    /// everyone.
    fn wake(&mut self) {
        for channel in self.touched.drain(..) {
            channel.watchers.wake_all();
        }
        // Who closes calls, and who puts the last event rings: the turn that hears both finds the end.
        if self.engine.is_closed() && self.engine.has_ended() {
            self.engine.tell_end();
        }
    }
}

impl Drop for Turn<'_> {
    /// A turn that isn't over yet has panicked. What it had taken and not delivered is with the writer, so it is
    /// delivered by the next one to drain: a driver, or a publisher that rings.
    fn drop(&mut self) {
        if let Some(writer) = &mut self.writer {
            let delivered = writer.delivered();
            self.engine.complete(&mut writer.token, delivered);
            let _ = self.break_off(true);
        }
    }
}

impl Budget {
    fn spend(&mut self, work: u64) {
        self.work += work;
    }

    fn is_spent(&self, engine: &Engine) -> bool {
        let another_comes = || engine.role.rings().are_fewer_than(engine.sequencer.queued());
        self.work >= self.end || self.while_alone && another_comes()
    }
}

/// Appends an event to the journal, and to the logs of all channels that it is for: all at once, since how many there
/// may be is bounded where channels are made. Gives the work that it was.
fn append(
    engine: &Engine,
    writer: &mut Writer,
    trie: &Snapshot<'_>,
    event: &PreparedEvent,
    sequence: u64,
    touched: &mut Touched,
) -> u64 {
    let Writer { token, id_end, journal, kept, turns, .. } = writer;
    let frame = match id_end {
        Some(end) => [event.frame.fields(), end.of(sequence)],
        None => [event.frame.as_bytes(), &[]],
    };
    let bytes_work = frame.iter().map(|piece| piece.len()).sum::<usize>() as u64 / BYTES_OF_WORK;
    let mut work = EVENT_WORK;
    if let Some(shared) = &engine.journal {
        shared.append(journal, event.namespace.as_str(), frame, sequence);
        work += bytes_work;
    }
    trie.for_each_match(&event.namespace, |channel| {
        if let Some(block) = channel.log.append(token, &frame, sequence, kept.blocks.past()) {
            kept.blocks.keep(token, channel, &block, |channel| touched.push(channel));
        }
        if channel.touch(token, *turns) {
            touched.push(channel.clone());
        }
        work += APPEND_WORK + bytes_work;
    });
    work
}

#[cfg(test)]
mod tests;
