//! Streams: flushing, keepalives, ends.

use std::sync::atomic::Ordering;
use std::time::Duration;

use sse_core::Subscription;

use super::Worker;
use crate::connection::{Flags, Flush, Role, Stream, end_of_stream};
use crate::service::Service;
use crate::stream::EndReason;
use crate::timers::{ConnectionKey, TICK, Timer};

/// How often a stream's silence is looked at, in ticks, for a keepalive period.
///
/// Each stream has a phase of its own, drawn once, and is looked at twice a period. It gets a comment if it has been
/// silent for longer than half a period. So the silence is never longer than a period: if it was half of one or less
/// at the last look, then at this one it is a whole one at most. And whatever all streams have in common, such as an
/// event that went to everyone, their comments stay as spread as their phases.
pub(super) fn keepalive_ticks(period: Duration) -> u64 {
    let ticks = period.as_nanos() / TICK.as_nanos();
    // A tick less, for a timer fires up to a tick late.
    u64::try_from(ticks.saturating_sub(1) / 2).unwrap_or(u64::MAX).max(1)
}

/// Whether a stream is to get a comment at a look that was due at `tick`.
fn is_silent(tick: u64, active_at: u64, keepalive_ticks: u64) -> bool {
    tick.saturating_sub(active_at) > keepalive_ticks
}

impl<V: Service> Worker<V> {
    /// Sends frames to everyone who has some coming: first to those who wait for another turn, then topic by topic.
    /// It goes over each list once as it stands, so it ends; a stream gets at most one turn.
    pub(super) fn flush(&mut self) {
        for token in std::mem::take(&mut self.backlog) {
            if let Some(connection) = self.connections.get_mut(token as usize) {
                // A slot used anew may be here by an older name: then it isn't queued.
                if connection.flags.contains(Flags::QUEUED) {
                    connection.flags.remove(Flags::QUEUED);
                    self.flush_one(token);
                }
            }
        }
        for topic in std::mem::take(&mut self.dirty) {
            self.flush_topic(topic);
        }
    }

    /// The hot loop: one call and a few cache lines for each member.
    fn flush_topic(&mut self, topic: u32) {
        for &token in self.topics.answer_bell(topic) {
            match self.connections[token as usize].flush(self.tick, self.config.max_lag) {
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
        let outcome = self.connections[token as usize].flush(self.tick, self.config.max_lag);
        self.settle(token, outcome);
    }

    /// Sees to what a flush came to.
    fn settle(&mut self, token: u32, outcome: Flush) {
        match outcome {
            Flush::Done => {}
            Flush::More => self.queue(token),
            Flush::Blocked => self.watch_stall(token),
            Flush::End(reason) => self.close(token, reason),
        }
    }

    /// Gives a stream a turn in the next flush.
    fn queue(&mut self, token: u32) {
        let flags = &mut self.connections[token as usize].flags;
        if !flags.contains(Flags::QUEUED) {
            flags.insert(Flags::QUEUED);
            self.backlog.push(token);
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
        // Relaxed, all: counts on their own.
        self.shared.streams.fetch_sub(1, Ordering::Relaxed);
        match reason {
            EndReason::Lagged => self.shared.lagged.fetch_add(1, Ordering::Relaxed),
            EndReason::Stalled => self.shared.stalled.fetch_add(1, Ordering::Relaxed),
            _ => 0,
        };
        if let Some(moved) = self.topics.leave(stream.topic, stream.place)
            && let Role::Stream { stream: other, .. } = &mut self.connections[moved as usize].role
        {
            other.place = stream.place;
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
        if connection.lag() > self.config.max_lag {
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
        let Some(connection) = self.find(key) else { return };
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
        let outcome = connection.flush(tick, max_lag);
        if outcome == Flush::Blocked && connection.sent() == before {
            return self.close(key.token, EndReason::Stalled);
        }
        self.settle(key.token, outcome);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Simulated: whatever the phase and whenever frames are sent, no silence is longer than a period, and a
        /// stream without frames gets one comment a period.
        #[test]
        fn silence_has_an_end(phase in 1u64..=10, pauses in prop::collection::vec(0u64..60, 0..50)) {
            let ticks = 10;
            let (mut look, mut active_at, mut now, mut comments) = (phase, 0, 0, 0);
            for pause in pauses.into_iter().chain([1000]) {
                now += pause;
                while look <= now {
                    if is_silent(look, active_at, ticks) {
                        prop_assert!(look - active_at <= 2 * ticks);
                        active_at = look;
                        comments += 1;
                    }
                    look += ticks;
                }
                prop_assert!(now - active_at <= 2 * ticks);
                active_at = now;
            }
            prop_assert!((49..=now / ticks).contains(&comments), "{comments} comments in {now}");
        }
    }

    #[test]
    fn two_looks_fit_in_a_period() {
        for period in [15_000, 1_000, 100, 49] {
            let period = Duration::from_millis(period);
            let ticks = u32::try_from(keepalive_ticks(period)).unwrap();
            assert!(TICK * (2 * ticks + 1) <= period, "{period:?}: {ticks}");
        }
        assert_eq!(keepalive_ticks(Duration::ZERO), 1);
    }
}
