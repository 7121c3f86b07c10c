//! Streams: flushing, keepalives, ends.

use std::sync::atomic::Ordering;

use super::Worker;
use crate::connection::Role;
use crate::flags::Flags;
use crate::keepalive::is_silent;
use crate::roster::Key;
use crate::service::Service;
use crate::stream::{FLUSH_BYTES, Flush, Round, Stream};
use crate::stream_end::EndReason;
use crate::system::System;
use crate::timers::Timer;
use crate::turns::BACKLOG_TURNS;

/// Turns given at a time to a stream that catches up: it has much to send, and its socket is at hand (a fifth faster than
/// one by one, by the scenario `storm` of the throughput harness).
const CATCH_UP_TURNS: usize = 4;

impl<V: Service, Y: System> Worker<V, Y> {
    /// Gives another turn to some of those who wait for one, who has waited longest first. It goes over the list at most
    /// once as it stands, so it ends.
    pub(super) fn flush_backlog(&mut self) {
        let mut turns = 0;
        for _ in 0..self.turns.backlog.len() {
            if turns >= BACKLOG_TURNS {
                return;
            }
            let Some(key) = self.turns.backlog.pop_front() else { return };
            let Some(connection) = self.connections.get_mut(key) else { continue };
            let Role::Stream(stream) = &mut connection.role else { continue };
            stream.flags.remove(Flags::QUEUED);
            let turns_at_once = if stream.is_catching_up() { CATCH_UP_TURNS } else { 1 };
            turns += turns_at_once;
            self.flush(key, turns_at_once);
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
        let mut round = Round { tick: self.tick, max_lag: self.config.max_lag, shared: &mut self.shared_chunk };
        for &key in self.topics.answer_bell(topic) {
            let Some(connection) = self.connections.get_mut(key) else { continue };
            let Role::Stream(stream) = &mut connection.role else { continue };
            match stream.flush(&mut connection.socket, &mut round, FLUSH_BYTES) {
                Flush::Done => {}
                // Ending a stream would change the list we are walking.
                outcome => self.outcomes.push((key, outcome)),
            }
        }
        let mut outcomes = std::mem::take(&mut self.outcomes);
        for (key, outcome) in outcomes.drain(..) {
            self.settle(key, outcome);
        }
        self.outcomes = outcomes;
    }

    /// Gives a stream so many turns at once.
    pub(super) fn flush(&mut self, key: Key, turns: usize) {
        let mut round = Round { tick: self.tick, max_lag: self.config.max_lag, shared: &mut self.shared_chunk };
        if let Some(connection) = self.connections.get_mut(key)
            && let Role::Stream(stream) = &mut connection.role
        {
            let outcome = stream.flush(&mut connection.socket, &mut round, turns * FLUSH_BYTES);
            self.settle(key, outcome);
        }
    }

    /// Sees to what a stream's turn came to.
    pub(super) fn settle(&mut self, key: Key, outcome: Flush) {
        if let Some(connection) = self.connections.get_mut(key)
            && let Role::Stream(stream) = &mut connection.role
            && stream.has_caught_up()
        {
            self.shared.replays.fetch_sub(1, Ordering::Relaxed); // a count on its own
        }
        match outcome {
            Flush::Done => {}
            Flush::More => self.queue(key),
            Flush::Blocked => self.watch_stall(key),
            // A count on its own.
            Flush::Skipped => drop(self.shared.skipped.fetch_add(1, Ordering::Relaxed)),
            Flush::End(reason) => {
                if reason == EndReason::Drained {
                    self.bid_farewell(key);
                }
                self.close(key, reason);
            }
        }
    }

    /// Gives a stream a turn in the next flush of the backlog.
    pub(super) fn queue(&mut self, key: Key) {
        if let Some(connection) = self.connections.get_mut(key)
            && let Role::Stream(stream) = &mut connection.role
            && !stream.flags.contains(Flags::QUEUED)
        {
            stream.flags.insert(Flags::QUEUED);
            self.turns.backlog.push_back(key);
        }
    }

    /// Takes up a stream that has just opened. `unread`: the client has said more than its request, or nothing more.
    pub(super) fn start_stream(&mut self, key: Key, unread: bool) {
        self.shared.streams.fetch_add(1, Ordering::Relaxed); // a count on its own
        if let Some(ticks) = self.keepalive_ticks {
            self.timers.arm(self.tick + fastrand::u64(1..=ticks), Timer::Keepalive(key));
        }
        if unread {
            self.call_attention(key);
        }
        if let Some(connection) = self.connections.get_mut(key)
            && let Role::Stream(stream) = &mut connection.role
        {
            if stream.is_catching_up() {
                stream.flags.insert(Flags::CATCHING_UP);
                self.shared.replays.fetch_add(1, Ordering::Relaxed); // a count on its own
            }
            let outcome = stream.send_head(&mut connection.socket);
            self.settle(key, outcome);
        }
    }

    /// Gives a stream back to its service.
    pub(super) fn end_stream(&mut self, stream: Stream<V::Session>, reason: EndReason) {
        self.shared.streams.fetch_sub(1, Ordering::Relaxed); // a count on its own
        if stream.flags.contains(Flags::CATCHING_UP) {
            self.shared.replays.fetch_sub(1, Ordering::Relaxed); // a count on its own
        }
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
                && let Some(connection) = self.connections.get_mut(moved)
                && let Role::Stream(other) = &mut connection.role
            {
                other.places.change(place);
            }
        }
        let (session, end) = stream.end(reason);
        self.service.closed(session, end);
    }

    /// A stream's turn to be looked at for silence.
    pub(super) fn check_silence(&mut self, key: Key, tick: u64) {
        let Some(ticks) = self.keepalive_ticks else { return };
        let Some(connection) = self.connections.get_mut(key) else { return };
        let Role::Stream(stream) = &mut connection.role else { return };
        let due = is_silent(tick, stream.active_at(), ticks);
        let outcome = if due { stream.keep_alive(&mut connection.socket, tick) } else { Flush::Done };
        self.timers.arm(tick + ticks, Timer::Keepalive(key));
        self.settle(key, outcome);
    }

    /// A stream has just been blocked: it must not fall behind too far, nor stay so for too long.
    fn watch_stall(&mut self, key: Key) {
        let Some(connection) = self.connections.get_mut(key) else { return };
        let Role::Stream(stream) = &mut connection.role else { return };
        if stream.lag() > self.config.max_lag && !stream.flags.contains(Flags::SKIPPING) {
            return self.close(key, EndReason::Lagged);
        }
        if !stream.flags.contains(Flags::WATCHED) {
            stream.flags.insert(Flags::WATCHED);
            let due = self.timers.tick_after(self.now.instant + self.config.stall_timeout);
            self.timers.arm(due, Timer::Stall(key));
        }
    }

    /// Looks whether a blocked stream has moved since it was. Not by edges alone: a socket calls only when a good part
    /// of its buffer is free, which a slow reader may take long for without being stalled.
    pub(super) fn check_stall(&mut self, key: Key) {
        let patience = self.timers.tick_after(self.now.instant + self.config.stall_timeout).saturating_sub(self.tick);
        let mut round = Round { tick: self.tick, max_lag: self.config.max_lag, shared: &mut self.shared_chunk };
        let Some(connection) = self.connections.get_mut(key) else { return };
        let Role::Stream(stream) = &mut connection.role else { return };
        stream.flags.remove(Flags::WATCHED);
        if !stream.flags.contains(Flags::BLOCKED) {
            return;
        }
        let due = stream.active_at() + patience;
        if self.tick < due {
            stream.flags.insert(Flags::WATCHED);
            self.timers.arm(due, Timer::Stall(key));
            return;
        }
        let outcome = stream.retry(&mut connection.socket, &mut round);
        self.settle(key, outcome);
    }
}
