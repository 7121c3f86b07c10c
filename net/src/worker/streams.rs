//! Streams: flushing, keepalives, ends.

use std::sync::atomic::Ordering;

use sse_core::Subscription;

use super::Worker;
use crate::connection::{FLUSH_BYTES, Flags, Flush, Role, Stream, end_of_stream};
use crate::keepalive::is_silent;
use crate::service::Service;
use crate::stream::EndReason;
use crate::timers::{ConnectionKey, Timer};

/// Turns given to streams in the backlog between two passes over the topics: a few milliseconds' work, so that those who
/// keep up don't wait for thousands who catch up.
const BACKLOG_TURNS: usize = 128;

/// Turns given at a time to a stream that catches up: it has much to send, and its socket is at hand (a fifth faster than
/// one by one, by the scenario `storm` of the throughput harness).
const CATCH_UP_TURNS: usize = 4;

impl<V: Service> Worker<V> {
    /// Gives another turn to some of those who wait for one, who has waited longest first. It goes over the list at most
    /// once as it stands, so it ends.
    pub(super) fn flush_backlog(&mut self) {
        let mut turns = 0;
        for _ in 0..self.backlog.len() {
            if turns >= BACKLOG_TURNS {
                return;
            }
            turns += 1;
            let Some(token) = self.backlog.pop_front() else { return };
            if let Some(connection) = self.connections.get_mut(token as usize) {
                // A slot used anew may be here by an older name: then it isn't queued.
                if connection.flags.contains(Flags::QUEUED) {
                    connection.flags.remove(Flags::QUEUED);
                    let turns_at_once = if connection.is_catching_up() { CATCH_UP_TURNS } else { 1 };
                    turns += turns_at_once - 1;
                    let turn = turns_at_once * FLUSH_BYTES;
                    let outcome = connection.flush(self.tick, self.config.max_lag, turn, &mut self.shared_chunk);
                    self.settle(token, outcome);
                }
            }
        }
    }

    /// Sends frames to everyone who has some coming, topic by topic, but for those who wait for another turn.
    pub(super) fn flush_topics(&mut self) {
        for topic in std::mem::take(&mut self.dirty) {
            self.flush_topic(topic);
        }
    }

    /// The hot loop: one call and a few cache lines for each member.
    fn flush_topic(&mut self, topic: u32) {
        for &token in self.topics.answer_bell(topic) {
            let connection = &mut self.connections[token as usize];
            match connection.flush(self.tick, self.config.max_lag, FLUSH_BYTES, &mut self.shared_chunk) {
                Flush::Done => {}
                // Ending a stream would change the list we are walking.
                outcome => self.outcomes.push((token, outcome)),
            }
        }
        let mut outcomes = std::mem::take(&mut self.outcomes);
        for (token, outcome) in outcomes.drain(..) {
            self.settle(token, outcome);
        }
        self.outcomes = outcomes;
    }

    pub(super) fn flush_one(&mut self, token: u32) {
        let connection = &mut self.connections[token as usize];
        let outcome = connection.flush(self.tick, self.config.max_lag, FLUSH_BYTES, &mut self.shared_chunk);
        self.settle(token, outcome);
    }

    /// Sees to what a flush came to.
    fn settle(&mut self, token: u32, outcome: Flush) {
        match outcome {
            Flush::Done => {}
            Flush::More => self.queue(token),
            Flush::Blocked => self.watch_stall(token),
            // A count on its own.
            Flush::Skipped => drop(self.shared.skipped.fetch_add(1, Ordering::Relaxed)),
            Flush::End(reason) => {
                if reason == EndReason::Drained {
                    self.bid_farewell(token);
                }
                self.close(token, reason);
            }
        }
    }

    /// Gives a stream a turn in the next flush of the backlog.
    fn queue(&mut self, token: u32) {
        let flags = &mut self.connections[token as usize].flags;
        if !flags.contains(Flags::QUEUED) {
            flags.insert(Flags::QUEUED);
            self.backlog.push_back(token);
        }
    }

    /// A stream's socket can take bytes again.
    pub(super) fn unblock(&mut self, token: u32) {
        let Some(connection) = self.connections.get_mut(token as usize) else { return };
        if connection.flags.contains(Flags::BLOCKED) {
            connection.flags.remove(Flags::BLOCKED);
            self.queue(token);
        }
    }

    /// Reads past what a client says on a stream, to notice its end.
    pub(super) fn listen(&mut self, token: u32) {
        if self.is_attentive(token) {
            return;
        }
        let Some(connection) = self.connections.get_mut(token as usize) else { return };
        match connection.discard_input(&mut self.scratch) {
            Flush::More => self.call_attention(token),
            outcome => self.settle(token, outcome),
        }
    }

    /// Takes up a stream that has just opened. `unread`: the client has said more than its request, or nothing more.
    pub(super) fn start_stream(&mut self, key: ConnectionKey, unread: bool) {
        // Relaxed: a count on its own.
        self.shared.streams.fetch_add(1, Ordering::Relaxed);
        if let Some(ticks) = self.keepalive_ticks {
            self.timers.arm(self.tick + fastrand::u64(1..=ticks), Timer::Keepalive(key));
        }
        if unread {
            self.call_attention(key.token);
        }
        let head = self.connections[key.token as usize].send_head();
        self.settle(key.token, head);
    }

    /// Gives a stream back to its service.
    pub(super) fn end_stream(&mut self, subscription: &Subscription, stream: Stream<V::Session>, reason: EndReason) {
        self.shared.streams.fetch_sub(1, Ordering::Relaxed); // a count on its own
        let counter = match reason {
            EndReason::Lagged => Some(&self.shared.lagged),
            EndReason::Stalled => Some(&self.shared.stalled),
            _ => None,
        };
        if let Some(counter) = counter {
            counter.fetch_add(1, Ordering::Relaxed); // a count on its own
        }
        for &place in stream.places.as_slice() {
            if let Some(moved) = self.topics.leave(place)
                && let Role::Stream { stream: other, .. } = &mut self.connections[moved as usize].role
            {
                other.places.change(place);
            }
        }
        self.service.closed(stream.session, end_of_stream(subscription, reason));
    }

    /// A stream's turn to be looked at for silence.
    pub(super) fn check_silence(&mut self, key: ConnectionKey, tick: u64) {
        let Some(ticks) = self.keepalive_ticks else { return };
        let Some(connection) = self.find(key) else { return };
        let due = is_silent(tick, connection.active_at, ticks);
        let outcome = if due { connection.keep_alive(tick) } else { Flush::Done };
        self.timers.arm(tick + ticks, Timer::Keepalive(key));
        self.settle(key.token, outcome);
    }

    /// A stream has just been blocked: it must not fall behind too far, nor stay so for too long.
    fn watch_stall(&mut self, token: u32) {
        let connection = &mut self.connections[token as usize];
        if connection.lag() > self.config.max_lag && !connection.flags.contains(Flags::SKIPPING) {
            return self.close(token, EndReason::Lagged);
        }
        if !connection.flags.contains(Flags::WATCHED) {
            connection.flags.insert(Flags::WATCHED);
            let key = ConnectionKey { token, serial: connection.serial };
            self.timers.arm(self.timers.tick_after(self.now + self.config.stall_timeout), Timer::Stall(key));
        }
    }

    /// Looks whether a blocked stream has moved since it was. Not by edges alone: a socket calls only when a good part
    /// of its buffer is free, which a slow reader may take long for without being stalled.
    pub(super) fn check_stall(&mut self, key: ConnectionKey) {
        let (tick, max_lag) = (self.tick, self.config.max_lag);
        let patience = self.timers.tick_after(self.now + self.config.stall_timeout).saturating_sub(tick);
        let found = self.connections.get_mut(key.token as usize);
        let Some(connection) = found.filter(|found| found.serial == key.serial) else { return };
        connection.flags.remove(Flags::WATCHED);
        if !connection.flags.contains(Flags::BLOCKED) {
            return;
        }
        let due = connection.active_at + patience;
        if tick < due {
            connection.flags.insert(Flags::WATCHED);
            self.timers.arm(due, Timer::Stall(key));
            return;
        }
        let before = connection.sent();
        connection.flags.remove(Flags::BLOCKED);
        let outcome = connection.flush(tick, max_lag, FLUSH_BYTES, &mut self.shared_chunk);
        if outcome == Flush::Blocked && connection.sent() == before {
            return self.close(key.token, EndReason::Stalled);
        }
        self.settle(key.token, outcome);
    }
}
