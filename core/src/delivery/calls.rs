//! Delivery: from the publisher to the logs, by the one who finds nobody else at it.
//!
//! The way of one event:
//!
//! ```text
//!   publish(&Event)
//!     prepare     namespace parsed, frame encoded              publisher's thread, before any ordering
//!     put         ticket = sequence                            sequencer
//!     ring        no one drains? then it is our turn           role
//!     turn        take a batch ─▶ journal ─▶ match ─▶ append   turn: journal, trie, logs
//!     complete    all through this sequence is delivered
//!     wake        each touched channel's watchers, once        watchers
//! ```
//!
//! How long a publisher may be at it: for one turn, whose work is bounded, if there is a driver to go on. If there is
//! none, until another publisher comes, or until nothing is left. Another may have put an event and be about to ring;
//! may wait for room in the queue; or may ring while the role is free, as it is for a moment after each turn: then it
//! goes on. As long as no other comes, what is left is at most what the queue holds.

use std::time::Duration;

use crossbeam::utils::Backoff;

use crate::delivery::engine::Engine;
use crate::delivery::role::Ring;
use crate::delivery::turn::{Left, Turn};
use crate::events::event::PreparedEvent;
use crate::sync::pause;

/// Queues an event and sees to its delivery; gives its sequence. `None`: the engine is closed.
pub(crate) fn publish(engine: &Engine, event: PreparedEvent) -> Option<u64> {
    let sequence = match engine.sequencer.try_put(Box::new(event)) {
        Ok(sequence) => sequence,
        Err(event) => put_when_there_is_room(engine, event)?,
    };
    see_to_it(engine, engine.role.ring());
    Some(sequence)
}

/// The same, but `None` also if the queue is full.
pub(crate) fn try_publish(engine: &Engine, event: PreparedEvent) -> Option<u64> {
    let sequence = engine.sequencer.try_put(Box::new(event)).ok()?;
    see_to_it(engine, engine.role.ring());
    Some(sequence)
}

/// Takes no more events. When all that were taken are delivered, everyone is woken.
pub(crate) fn close(engine: &Engine) {
    engine.close();
    see_to_it(engine, engine.role.call());
}

/// Lets go of what has been kept for long enough.
pub(crate) fn tick(engine: &Engine, now: Duration) {
    engine.set_tick(now);
    see_to_it(engine, engine.role.call());
}

/// Takes a turn if no one else drains; `true` if it may have left something.
pub(crate) fn drain(engine: &Engine) -> bool {
    match engine.role.call() {
        Ring::Drain(heard) => Turn::begin(engine, heard).run_as_driver() != Left::Nothing,
        Ring::Held => false,
    }
}

/// A driver has resigned: sees to what was left to it, and not begun.
pub(crate) fn resign(engine: &Engine) {
    see_to_it(engine, engine.role.call());
}

/// Drains, if the ring says so, until nothing is left or someone else goes on.
fn see_to_it(engine: &Engine, ring: Ring) {
    let Ring::Drain(heard) = ring else { return };
    let mut left = Turn::begin(engine, heard).run();
    let mut round = Backoff::new();
    while left == Left::ToCaller {
        // Others publish meanwhile, or have done so. If one does just now, it finds the role free.
        pause(&mut round);
        let Ring::Drain(heard) = engine.role.call() else { return };
        left = Turn::begin_another(engine, heard).run();
    }
}

/// Helps to deliver, a turn at a time, until the queue has room. `None`: it is closed.
#[cold]
fn put_when_there_is_room(engine: &Engine, mut event: Box<PreparedEvent>) -> Option<u64> {
    let mut round = Backoff::new();
    let mut waits = false;
    loop {
        // While this waits, it stands for a ring that is to come, so that who has drained for long enough may go.
        engine.role.announce();
        if waits {
            pause(&mut round);
        }
        // What a turn leaves is found by the next ring, here or after the ticket.
        waits = match engine.role.ring() {
            // Nothing is left, and still there is no room: another has a ticket, and has not filled its slot yet.
            Ring::Drain(heard) => Turn::begin(engine, heard).run_as_driver() == Left::Nothing,
            Ring::Held => true,
        };
        match engine.sequencer.try_put(event) {
            Ok(sequence) => return Some(sequence),
            Err(_) if engine.is_closed() => {
                // What a turn here has left has no other ring to come.
                see_to_it(engine, engine.role.call());
                return None;
            }
            Err(back) => event = back,
        }
    }
}
