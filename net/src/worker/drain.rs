//! Going: streams one by one, so that their clients don't all come to the next server at once.

use std::time::Duration;

use super::{Worker, token_of};
use crate::config::bounded;
use crate::connection::Role;
use crate::retry::retry_line;
use crate::service::Service;
use crate::stream::EndReason;
use crate::timers::{ConnectionKey, Timer};

/// How long finite answers may go on after a drain's time is up.
const DRAIN_GRACE: Duration = Duration::from_secs(1);

impl<V: Service> Worker<V> {
    /// Lets the streams go one by one, and tells the exchanges that the next answer is the last. Goes over all
    /// connections, once in the loop's life.
    pub(super) fn start_drain(&mut self, over: Duration) {
        let over = bounded(over);
        let until = self.now + over;
        self.drain_until = Some(until);
        let mut idle = Vec::new();
        for (key, connection) in &mut self.connections {
            let token = token_of(key);
            match &mut connection.role {
                Role::Exchange(exchange) => {
                    exchange.http.set_last();
                    if exchange.http.is_idle() {
                        idle.push(token);
                    }
                }
                Role::Stream { .. } => {
                    let at = self.timers.tick_after(self.now + over.mul_f64(fastrand::f64()));
                    self.timers.arm(at, Timer::Leave(ConnectionKey { token, serial: connection.serial }));
                }
            }
        }
        for token in idle {
            self.close(token, EndReason::Drained);
        }
        self.timers.arm(self.timers.tick_after(until), Timer::DrainEnd);
        self.timers.arm(self.timers.tick_after(until + DRAIN_GRACE), Timer::DrainEnd);
    }

    /// The drain's time is up: for streams now, for answers after the grace.
    pub(super) fn end_drain(&mut self) {
        let Some(until) = self.drain_until else { return };
        if self.now < until {
            return; // Of an earlier drain, which a later one has prolonged.
        }
        if self.now >= until + DRAIN_GRACE {
            self.ended = true;
            return;
        }
        let streams = self.connections.iter().filter(|(_, connection)| matches!(connection.role, Role::Stream { .. }));
        let tokens: Vec<u32> = streams.map(|(key, _)| token_of(key)).collect();
        for token in tokens {
            self.bid_farewell(token);
            self.close(token, EndReason::Drained);
        }
    }

    /// Tells a client when to come back, and that the stream is over.
    pub(super) fn bid_farewell(&mut self, token: u32) {
        let last = self.config.retry.map(retry_line).unwrap_or_default();
        self.connections[token as usize].send_last(last.as_bytes());
    }

    /// A stream's turn to go.
    pub(super) fn leave(&mut self, key: ConnectionKey) {
        let Some(connection) = self.find(key) else { return };
        connection.start_leaving();
        self.flush_one(key.token);
    }
}
