//! Accepting connections.

use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::time::Duration;

use mio::Interest;

use super::{Worker, token_of};
use crate::acceptor::{Recovery, recovery};
use crate::connection::{Connection, Exchange, Flags, Role};
use crate::proto::{Http1, Timeouts};
use crate::service::{Peer, Service};
use crate::socket::Socket;
use crate::timers::{ConnectionKey, Timer};

/// Connections accepted from one listener at a time: a rush of new ones must not starve those who are there.
const ACCEPTS_PER_TURN: usize = 128;

/// Pause after a failure that trying again at once would only repeat, such as a lack of descriptors.
const BACKOFF: Duration = Duration::from_millis(100);

/// Connections served beyond the limit, per worker, so that each can be told why it is turned away. What comes
/// beyond these is dropped.
const EXCESS_CONNECTIONS: usize = 64;

/// A connection in excess has no time to waste.
const EXCESS_TIMEOUT: Duration = Duration::from_secs(2);

impl<V: Service> Worker<V> {
    /// A listener's socket has become ready.
    pub(super) fn handle_arrivals(&mut self, listener: usize) {
        if !self.acceptor.is_deferred(listener) {
            self.accept(listener);
        }
    }

    /// The turn that a listener's last one arranged for has come.
    pub(super) fn resume_accepting(&mut self, listener: usize) {
        self.acceptor.resume(listener);
        self.accept(listener);
    }

    /// Accepts from a listener until it has no more, or its turn is over.
    fn accept(&mut self, listener: usize) {
        for _ in 0..ACCEPTS_PER_TURN {
            match self.acceptor.accept(listener) {
                Ok((socket, addr)) => self.admit(socket, addr),
                Err(error) => match recovery(&error) {
                    Recovery::Wait => return,
                    Recovery::Next => {}
                    Recovery::Backoff => return self.back_off(listener),
                },
            }
        }
        self.acceptor.defer(listener);
        self.rush.push(listener);
    }

    #[cold]
    fn back_off(&mut self, listener: usize) {
        // Relaxed: a count on its own.
        self.shared.accept_errors.fetch_add(1, Ordering::Relaxed);
        self.acceptor.defer(listener);
        self.timers.arm(self.timers.tick_after(self.now + BACKOFF), Timer::Accept(token_of(listener)));
    }

    /// Takes up a connection, unless there are far too many.
    fn admit(&mut self, mut socket: Socket, addr: SocketAddr) {
        // Relaxed: a count on its own. Workers that add at the same time may go over the limit by one each.
        let open = self.shared.connections.load(Ordering::Relaxed);
        let excess = open >= self.config.max_connections;
        let most = self.config.max_connections.saturating_add(EXCESS_CONNECTIONS * self.shared.inboxes.len());
        self.shared.accepted.fetch_add(1, Ordering::Relaxed); // a count on its own
        if open >= most {
            return;
        }
        let slot = self.connections.vacant_entry();
        self.serial += 1;
        let key = ConnectionKey { token: token_of(slot.key()), serial: self.serial };
        let interest = Interest::READABLE | Interest::WRITABLE;
        if self.poll.registry().register(&mut socket, key.event_token(), interest).is_err() {
            // Out of watches or memory: as bad as not being accepted.
            self.shared.accept_errors.fetch_add(1, Ordering::Relaxed); // a count on its own
            return;
        }
        let timeouts = Timeouts {
            head: if excess { self.config.head_timeout.min(EXCESS_TIMEOUT) } else { self.config.head_timeout },
            body: if excess { self.config.body_timeout.min(EXCESS_TIMEOUT) } else { self.config.body_timeout },
            idle: if excess { self.config.idle_timeout.min(EXCESS_TIMEOUT) } else { self.config.idle_timeout },
            stall: self.config.stall_timeout,
        };
        let mut http = Http1::new(self.now, self.config.limits, timeouts);
        if excess || self.drain_until.is_some() {
            http.set_last();
        }
        let deadline = self.timers.tick_after(self.now + timeouts.head);
        let armed_for = self.timers.arm(deadline, Timer::Deadline(key));
        let peer = Peer { addr, excess };
        let exchange = Exchange { http, peer, request: None, readable: false, ending: false, broken: false, armed_for };
        let role = Role::Exchange(Box::new(exchange));
        slot.insert(Connection { socket, flags: Flags::default(), active_at: self.tick, serial: key.serial, role });
        self.shared.connections.fetch_add(1, Ordering::Relaxed); // a count on its own
    }
}
