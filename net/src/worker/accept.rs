//! Accepting connections.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::Worker;
use crate::config::EXCESS_CONNECTIONS;
use crate::connection::{Connection, Role};
use crate::exchange::Exchange;
use crate::ledger::Account;
use crate::proto::{Http1, Timeouts};
use crate::service::{Excess, Service};
use crate::system::{Recovery, System, recovery};
use crate::timers::Timer;
use crate::turns::ACCEPTS_PER_PASS;

/// Pause after a failure that trying again at once would only repeat, such as a lack of descriptors.
const BACKOFF: Duration = Duration::from_millis(100);

/// A connection in excess has no time to waste.
const EXCESS_TIMEOUT: Duration = Duration::from_secs(2);

impl<V: Service, Y: System> Worker<V, Y> {
    /// Somebody comes by this listener.
    pub(super) fn handle_arrivals(&mut self, listener: usize) {
        if !std::mem::replace(&mut self.deferred[listener], true) {
            self.turns.rush.push_back(listener);
        }
    }

    /// Accepts from those listeners that have somebody, until they have no more or the pass has no room for more.
    pub(super) fn accept_some(&mut self) {
        let mut budget = ACCEPTS_PER_PASS;
        for _ in 0..self.turns.rush.len() {
            let Some(listener) = self.turns.rush.pop_front() else { return };
            if self.accept_from(listener, &mut budget) {
                self.turns.rush.push_back(listener);
            }
        }
    }

    /// Whether the listener may have more when the budget is spent.
    fn accept_from(&mut self, listener: usize, budget: &mut usize) -> bool {
        while *budget > 0 {
            *budget -= 1;
            match self.system.accept(listener) {
                Ok((socket, addr)) => self.admit(socket, addr),
                Err(error) => match recovery(&error) {
                    Recovery::Next => {}
                    Recovery::Wait => {
                        self.deferred[listener] = false;
                        return false;
                    }
                    Recovery::Backoff => {
                        self.back_off(listener);
                        return false;
                    }
                },
            }
        }
        true
    }

    #[cold]
    fn back_off(&mut self, listener: usize) {
        // Relaxed: a count on its own.
        self.shared.accept_errors.fetch_add(1, Ordering::Relaxed);
        let listener = u32::try_from(listener).expect("fewer listeners than descriptors");
        self.timers.arm(self.timers.tick_after(self.now.instant + BACKOFF), Timer::Accept(listener));
    }

    /// A connection's right to be there, or why it is one too many.
    fn permit(&self, addr: &SocketAddr) -> Result<V::Permit, Excess> {
        // Relaxed: a count on its own. Workers that add at the same time may go over the limit by one each.
        if self.shared.connections.load(Ordering::Relaxed) >= self.config.max_connections {
            return Err(Excess::Full);
        }
        self.service.accept(addr).ok_or(Excess::Unpermitted)
    }

    /// Whether one connection too many, too, is to be taken up and told so.
    #[cold]
    fn may_be_told(&self, excess: Excess) -> bool {
        let counter = match excess {
            Excess::Full => &self.shared.full,
            Excess::Unpermitted => &self.shared.unpermitted,
        };
        counter.fetch_add(1, Ordering::Relaxed); // a count on its own
        let has_room = self.excess < EXCESS_CONNECTIONS;
        if !has_room {
            self.shared.dropped.fetch_add(1, Ordering::Relaxed); // a count on its own
        }
        has_room
    }

    /// Takes up a connection, unless there are far too many.
    fn admit(&mut self, mut socket: Y::Socket, addr: SocketAddr) {
        self.shared.accepted.fetch_add(1, Ordering::Relaxed); // a count on its own
        let permit = self.permit(&addr);
        if permit.as_ref().is_err_and(|&excess| !self.may_be_told(excess)) {
            return;
        }
        let now = self.now.instant;
        let vacancy = self.connections.vacancy();
        let key = vacancy.key();
        if self.system.watch(&mut socket, key).is_err() {
            // Out of watches or memory: as bad as not being accepted.
            self.shared.accept_errors.fetch_add(1, Ordering::Relaxed); // a count on its own
            return;
        }
        let most = if permit.is_ok() { Duration::MAX } else { EXCESS_TIMEOUT };
        let timeouts = Timeouts {
            head: self.config.head_timeout.min(most),
            body: self.config.body_timeout.min(most),
            idle: self.config.idle_timeout.min(most),
            stall: self.config.stall_timeout,
        };
        let mut http = Http1::new(now, self.config.limits, timeouts);
        self.excess += usize::from(permit.is_err());
        if permit.is_err() || self.drain_until.is_some() {
            http.set_last();
        }
        let deadline = self.timers.tick_after(now + timeouts.head);
        let armed_for = self.timers.arm(deadline, Timer::Deadline(key));
        let account = Account::new(Arc::clone(&self.shared.ledger));
        let exchange = Exchange::new(http, addr, permit, account, armed_for);
        vacancy.fill(Connection { socket, role: Role::Exchange(Box::new(exchange)) });
        self.shared.connections.fetch_add(1, Ordering::Relaxed); // a count on its own
    }
}
