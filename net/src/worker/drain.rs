//! Going: streams one by one, so that their clients don't all come to the next server at once.

use std::time::Duration;

use super::Worker;
use crate::config::bounded;
use crate::connection::Role;
use crate::retry::retry_line;
use crate::roster::Key;
use crate::service::Service;
use crate::stream_end::EndReason;
use crate::system::System;
use crate::timers::Timer;

/// How long finite answers may go on after a drain's time is up.
const DRAIN_GRACE: Duration = Duration::from_secs(1);

impl<V: Service, Y: System> Worker<V, Y> {
    /// Lets the streams go one by one, and tells the exchanges that the next answer is the last. Goes over all
    /// connections, once in the loop's life.
    pub(super) fn start_drain(&mut self, over: Duration) {
        let over = bounded(over);
        let now = self.now.instant;
        let until = now + over;
        self.drain_until = Some(until);
        let mut idle = Vec::new();
        for (key, connection) in self.connections.iter_mut() {
            match &mut connection.role {
                Role::Exchange(exchange) => {
                    exchange.http.set_last();
                    if exchange.http.is_idle() {
                        idle.push(key);
                    }
                }
                Role::Stream(_) => {
                    let at = self.timers.tick_after(now + over.mul_f64(fastrand::f64()));
                    self.timers.arm(at, Timer::Leave(key));
                }
            }
        }
        for key in idle {
            self.close(key, EndReason::Drained);
        }
        self.timers.arm(self.timers.tick_after(until), Timer::DrainEnd);
        self.timers.arm(self.timers.tick_after(until + DRAIN_GRACE), Timer::DrainEnd);
    }

    /// The drain's time is up: for streams now, for answers after the grace.
    pub(super) fn end_drain(&mut self) {
        let Some(until) = self.drain_until else { return };
        let now = self.now.instant;
        if now < until {
            return; // Of an earlier drain, which a later one has prolonged.
        }
        if now >= until + DRAIN_GRACE {
            self.ended = true;
            return;
        }
        let streams = self.connections.iter().filter(|(_, connection)| connection.stream().is_some());
        let keys: Vec<Key> = streams.map(|(key, _)| key).collect();
        for key in keys {
            self.bid_farewell(key);
            self.close(key, EndReason::Drained);
        }
    }

    /// Tells a client when to come back, and that the stream is over.
    pub(super) fn bid_farewell(&mut self, key: Key) {
        let last = self.config.retry.map(retry_line).unwrap_or_default();
        if let Some(connection) = self.connections.get_mut(key)
            && let Role::Stream(stream) = &mut connection.role
        {
            stream.send_last(&mut connection.socket, last.as_bytes());
        }
    }

    /// A stream's turn to go.
    pub(super) fn leave(&mut self, key: Key) {
        if let Some(connection) = self.connections.get_mut(key)
            && let Role::Stream(stream) = &mut connection.role
        {
            stream.start_leaving();
            self.flush(key, 1);
        }
    }
}
