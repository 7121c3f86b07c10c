//! Accepting connections.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::time::Duration;

use mio::net::{TcpListener, TcpStream};
use mio::{Interest, Registry, Token};

use super::{Worker, token_of};
use crate::connection::{Connection, Exchange, Flags, Role};
use crate::proto::{Http1, Timeouts};
use crate::service::{Peer, Service};
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

/// A worker's listeners.
pub(super) struct Acceptor {
    listeners: Vec<TcpListener>,
}

impl Acceptor {
    pub(super) fn new(listeners: Vec<std::net::TcpListener>, registry: &Registry) -> io::Result<Acceptor> {
        let mut listeners: Vec<TcpListener> = listeners.into_iter().map(TcpListener::from_std).collect();
        for (index, listener) in listeners.iter_mut().enumerate() {
            registry.register(listener, token_of_listener(index), Interest::READABLE)?;
        }
        Ok(Acceptor { listeners })
    }

    /// Which listener has this token.
    pub(super) fn index_of(&self, token: Token) -> Option<usize> {
        let index = (usize::MAX - 1).checked_sub(token.0)?;
        (index < self.listeners.len()).then_some(index)
    }
}

/// Counted down from below the waker's, where no slot ever is.
fn token_of_listener(index: usize) -> Token {
    Token(usize::MAX - 1 - index)
}

/// What to do after a failure to accept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Recovery {
    /// There is nothing to accept.
    Wait,
    /// This connection is gone; the next may be sound.
    Next,
    /// Try again after a pause: no edge will call us, since the connection that we can't take stays in the queue.
    Backoff,
}

fn recovery(error: &io::Error) -> Recovery {
    match error.kind() {
        ErrorKind::WouldBlock => Recovery::Wait,
        ErrorKind::Interrupted | ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset => Recovery::Next,
        _ => Recovery::Backoff,
    }
}

impl<V: Service> Worker<V> {
    /// Accepts from a listener until it has no more, or its turn is over.
    pub(super) fn accept(&mut self, listener: usize) {
        for _ in 0..ACCEPTS_PER_TURN {
            match self.acceptor.listeners[listener].accept() {
                Ok((socket, addr)) => self.admit(socket, addr),
                Err(error) => match recovery(&error) {
                    Recovery::Wait => return,
                    Recovery::Next => {}
                    Recovery::Backoff => return self.back_off(listener),
                },
            }
        }
        self.rush.push(listener);
    }

    #[cold]
    fn back_off(&mut self, listener: usize) {
        // Relaxed: a count on its own.
        self.shared.accept_errors.fetch_add(1, Ordering::Relaxed);
        self.timers.arm(self.timers.tick_after(self.now + BACKOFF), Timer::Accept(token_of(listener)));
    }

    /// Takes up a connection, unless there are far too many.
    fn admit(&mut self, mut socket: TcpStream, addr: SocketAddr) {
        // Relaxed, here and below: counts on their own. Workers that add at the same time may go over the limit by
        // one each.
        let open = self.shared.connections.load(Ordering::Relaxed);
        let excess = open >= self.config.max_connections;
        let most = self.config.max_connections.saturating_add(EXCESS_CONNECTIONS * self.shared.inboxes.len());
        self.shared.accepted.fetch_add(1, Ordering::Relaxed);
        if open >= most {
            return;
        }
        let slot = self.connections.vacant_entry();
        let token = token_of(slot.key());
        if self
            .poll
            .registry()
            .register(&mut socket, Token(slot.key()), Interest::READABLE | Interest::WRITABLE)
            .is_err()
        {
            // Out of watches or memory: as bad as not being accepted.
            self.shared.accept_errors.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let timeouts = Timeouts {
            head: if excess { self.config.head_timeout.min(EXCESS_TIMEOUT) } else { self.config.head_timeout },
            idle: if excess { self.config.idle_timeout.min(EXCESS_TIMEOUT) } else { self.config.idle_timeout },
            stall: self.config.stall_timeout,
        };
        let mut http = Http1::new(self.now, self.config.limits, timeouts);
        if excess || self.drain.is_some() {
            http.set_last();
        }
        self.serial += 1;
        let serial = self.serial;
        let deadline = self.timers.tick_after(self.now + timeouts.head);
        let armed_for = self.timers.arm(deadline, Timer::Deadline(ConnectionKey { token, serial }));
        let peer = Peer { addr, excess };
        let exchange = Exchange { http, peer, request: None, readable: false, ending: false, armed_for };
        let role = Role::Exchange(Box::new(exchange));
        slot.insert(Connection { socket, flags: Flags::default(), active_at: self.tick, serial, role });
        self.shared.connections.fetch_add(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lack_of_descriptors_is_waited_out() {
        // EMFILE and ENFILE, as Linux, the BSDs and macOS number them.
        for errno in [24, 23] {
            assert_eq!(recovery(&io::Error::from_raw_os_error(errno)), Recovery::Backoff);
        }
        assert_eq!(recovery(&ErrorKind::OutOfMemory.into()), Recovery::Backoff);
        assert_eq!(recovery(&ErrorKind::ConnectionAborted.into()), Recovery::Next);
        assert_eq!(recovery(&ErrorKind::WouldBlock.into()), Recovery::Wait);
    }

    #[test]
    fn listeners_are_told_from_the_rest() {
        let poll = mio::Poll::new().unwrap();
        let acceptor = Acceptor::new(Vec::new(), poll.registry()).unwrap();
        assert_eq!(acceptor.index_of(token_of_listener(0)), None);
        let listeners = (0..2).map(|_| std::net::TcpListener::bind("127.0.0.1:0").unwrap()).collect();
        let acceptor = Acceptor::new(listeners, poll.registry()).unwrap();
        assert_eq!(acceptor.index_of(token_of_listener(1)), Some(1));
        assert_eq!(acceptor.index_of(token_of_listener(2)), None);
        assert_eq!(acceptor.index_of(Token(0)), None);
        assert_eq!(acceptor.index_of(Token(usize::MAX)), None);
    }
}
