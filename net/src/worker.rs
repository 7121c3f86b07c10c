//! An event loop: one thread, one poll, one slab of connections. Nobody else calls [`Poll::poll`].
//!
//! ```text
//!         ┌──────────────────────────────── a pass ────────────────────────────────┐
//!   poll ─▶ leftovers ─▶ events ─▶ inbox ─▶ hub's turn ─▶ inbox ─▶ flush ─▶ visits ─▶ timers
//!    ▲                 (accept,  (answers, commands,    (bells)  (streams)              │
//!    │                   http)    bells)                                                │
//!    └──────── sleeps until the next event, message or timer; not at all ◀──────────────┘
//!                     if a bound has left something undone
//! ```
//!
//! Sockets are registered once, edge-triggered. An edge comes once, so whoever stops before `WouldBlock`, its turn
//! being spent, puts the connection on a list for the next pass:
//! - `attention`: something to read, or an exchange to carry on;
//! - `backlog`: a stream with more to send;
//! - `rush`: a listener with more to accept.
//!
//! Who is on a list is on it once, and its turn comes from there alone: an edge meanwhile gives no second one.

mod accept;
mod drain;
mod exchanges;
mod streams;

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime};

use mio::{Events, Poll, Token};
use slab::Slab;
use sse_core::{Driver, Hub};

use crate::acceptor::Acceptor;
use crate::config::Config;
use crate::connection::{Connection, Flags, Flush, Role};
use crate::handle::{Handle, Shared};
use crate::inbox::{Inbox, Message, Visitor};
use crate::keepalive::keepalive_ticks;
use crate::listener::Listener;
use crate::proto::DateLine;
use crate::service::Service;
use crate::shared_chunk::SharedChunk;
use crate::stream::EndReason;
use crate::timers::{ConnectionKey, Fired, Timer, Timers};
use crate::topic::{Bell, Ring, Topics};

/// Readiness taken from the kernel in one call. What doesn't fit comes with the next.
const EVENTS_PER_PASS: usize = 1024;

/// Messages taken from the inbox at a time: an application that answers without pause must not keep the loop from
/// its sockets.
const MESSAGES_PER_PASS: usize = 4096;

/// Timers looked at in one pass. Each costs at most a small write.
const TIMERS_PER_PASS: usize = 4096;

/// Slots looked at for visitors in one pass: about a millisecond of a visitor who writes JSON.
const VISITS_PER_PASS: usize = 1024;

/// One buffer for all reads of a loop: what a socket buffer commonly holds.
const SCRATCH_BYTES: usize = 64 << 10;

/// Time between two rounds of housekeeping.
const TRIM_PERIOD: Duration = Duration::from_secs(1);

/// The waker's token. Listeners have those below it, connections those of their slots.
pub(crate) const WAKER_TOKEN: Token = Token(usize::MAX);

/// What a worker is made of before its thread starts.
pub(crate) struct Parts<V: Service> {
    pub(crate) poll: Poll,
    pub(crate) inbox: Arc<Inbox<V::Session>>,
    pub(crate) listeners: Vec<Listener>,
    pub(crate) shared: Arc<Shared<V::Session>>,
    pub(crate) service: Arc<V>,
    pub(crate) hub: Hub,
    pub(crate) config: Config,
    /// Whether it trims the hub: one worker does.
    pub(crate) housekeeper: bool,
}

/// The loop's state. All of it belongs to its thread; others reach it by the inbox.
pub(crate) struct Worker<V: Service> {
    poll: Poll,
    inbox: Arc<Inbox<V::Session>>,
    acceptor: Acceptor,
    connections: Slab<Connection<V::Session>>,
    topics: Topics<V::Session>,
    timers: Timers,
    /// Topics whose bell has rung.
    dirty: Vec<u32>,
    /// Streams with more to send.
    backlog: VecDeque<u32>,
    /// Connections with more to read or to do.
    attention: Vec<ConnectionKey>,
    /// Listeners with more to accept.
    rush: Vec<usize>,
    /// What a flush of a topic came to for some of its members, to be settled after it.
    outcomes: Vec<(u32, Flush)>,
    /// What was sent last; forgotten at the end of a pass.
    shared_chunk: SharedChunk,
    visits: VecDeque<(Visitor<V::Session>, usize)>,
    scratch: Box<[u8]>,
    hub: Hub,
    housekeeper: bool,
    hub_bell: Arc<Bell<V::Session>>,
    /// The hub has something for us to drain.
    hub_waits: bool,
    /// While it lives, the hub wakes us for what is left to drain.
    _driver: Driver,
    /// The last pass's bounds have left something undone.
    unfinished: bool,
    service: Arc<V>,
    shared: Arc<Shared<V::Session>>,
    handle: Handle<V::Session>,
    config: Config,
    started: Instant,
    /// When this pass began, and its tick.
    now: Instant,
    tick: u64,
    /// Topics aren't flushed before this.
    flush_at: Instant,
    /// Ticks between two looks at a stream's silence.
    keepalive_ticks: Option<u64>,
    /// The last serial number given to a connection or a request.
    serial: u64,
    date: DateLine,
    /// The Unix second of `date`.
    date_second: u64,
    /// Draining: when streams must be gone.
    drain_until: Option<Instant>,
    ended: bool,
}

impl<V: Service> Worker<V> {
    pub(crate) fn new(parts: Parts<V>) -> io::Result<Worker<V>> {
        let Parts { poll, inbox, listeners, shared, service, hub, config, housekeeper } = parts;
        let now = Instant::now();
        let hub_bell = Bell::new(Arc::clone(&inbox), Ring::Hub);
        let mut timers = Timers::new(now);
        timers.arm(timers.tick_after(now + TRIM_PERIOD), Timer::Trim);
        Ok(Worker {
            acceptor: Acceptor::new(listeners, poll.registry())?,
            poll,
            connections: Slab::new(),
            topics: Topics::new(Arc::clone(&inbox)),
            inbox,
            timers,
            dirty: Vec::new(),
            backlog: VecDeque::new(),
            attention: Vec::new(),
            rush: Vec::new(),
            outcomes: Vec::new(),
            shared_chunk: SharedChunk::default(),
            visits: VecDeque::new(),
            scratch: vec![0; SCRATCH_BYTES].into(),
            _driver: hub.drive(Arc::clone(&hub_bell).into()),
            hub,
            housekeeper,
            hub_bell,
            hub_waits: false,
            unfinished: false,
            service,
            handle: Handle::new(Arc::clone(&shared)),
            shared,
            keepalive_ticks: config.keepalive.map(keepalive_ticks),
            config,
            started: now,
            now,
            tick: 0,
            flush_at: now,
            serial: 0,
            date: DateLine::new(SystemTime::UNIX_EPOCH),
            date_second: 0,
            drain_until: None,
            ended: false,
        })
    }

    /// Runs until a shutdown, or until a drain is over.
    ///
    /// # Errors
    /// If the poll fails, which it does only if it is broken.
    pub(crate) fn run(mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(EVENTS_PER_PASS);
        while !self.ended {
            let timeout = self.time_to_sleep();
            match self.poll.poll(&mut events, timeout) {
                Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
                _ => {}
            }
            self.inbox.unpark();
            self.pass(&events);
        }
        Ok(())
    }

    fn pass(&mut self, events: &Events) {
        self.now = Instant::now();
        self.tick = self.timers.tick(self.now);
        self.unfinished = false;
        self.attend();
        for event in events {
            match event.token() {
                WAKER_TOKEN => {}
                token => match self.acceptor.index_of(token) {
                    Some(listener) => self.handle_arrivals(listener),
                    None => self.handle_event(event),
                },
            }
        }
        self.read_inbox();
        if std::mem::take(&mut self.hub_waits) {
            self.hub_bell.reset();
            self.hub_waits = self.hub.drain();
            // The turn has rung bells: flush for them in this pass.
            self.read_inbox();
        }
        // Every pass, whatever the interval: that gathers events, and doesn't hold back who has more than one turn's.
        self.flush_backlog();
        if self.now >= self.flush_at && !self.dirty.is_empty() {
            self.flush_topics();
            self.flush_at = self.now + self.config.flush_interval;
        }
        self.show_streams();
        self.fire_timers();
        self.shared_chunk.forget();
        if self.drain_until.is_some() && self.connections.is_empty() {
            self.ended = true;
        }
    }

    /// How long to wait for events: not at all while something is undone. `None`: until one comes.
    fn time_to_sleep(&self) -> Option<Duration> {
        let caught_up = self.attention.is_empty() && self.backlog.is_empty() && self.rush.is_empty();
        let idle = caught_up && self.visits.is_empty() && !self.unfinished && !self.hub_waits;
        if !idle || !self.inbox.park() {
            return Some(Duration::ZERO);
        }
        let flush_at = (!self.dirty.is_empty()).then_some(self.flush_at);
        let wake_at = [self.timers.poll_timeout(), flush_at].into_iter().flatten().min()?;
        Some(wake_at.saturating_duration_since(Instant::now()))
    }

    /// A connection's socket has become ready.
    fn handle_event(&mut self, event: &mio::event::Event) {
        let token = event.token().0 as u32; // its lower half
        let Some(connection) = self.connections.get_mut(token as usize) else { return };
        if (ConnectionKey { token, serial: connection.serial }).event_token() != event.token() {
            return; // Of an earlier connection in this slot.
        }
        match &mut connection.role {
            Role::Exchange(exchange) => {
                exchange.readable |= event.is_readable() || event.is_read_closed() || event.is_error();
                exchange.ending |= event.is_read_closed() || event.is_error();
                exchange.broken |= event.is_write_closed() || event.is_error();
                self.carry_on(token);
            }
            Role::Stream { .. } => {
                if event.is_readable() || event.is_read_closed() || event.is_error() {
                    self.listen(token);
                }
                if event.is_writable() {
                    self.unblock(token);
                }
            }
        }
    }

    /// Carries on with what the last pass's turns have left.
    fn attend(&mut self) {
        for key in std::mem::take(&mut self.attention) {
            let Some(connection) = self.find(key) else { continue };
            connection.flags.remove(Flags::ATTENTIVE);
            match connection.role {
                Role::Exchange(_) => self.carry_on(key.token),
                Role::Stream { .. } => self.listen(key.token),
            }
        }
        for listener in std::mem::take(&mut self.rush) {
            self.resume_accepting(listener);
        }
    }

    fn read_inbox(&mut self) {
        for _ in 0..MESSAGES_PER_PASS {
            match self.inbox.pop() {
                Some(message) => self.handle_message(message),
                None => return,
            }
        }
        self.unfinished = true;
    }

    fn handle_message(&mut self, message: Message<V::Session>) {
        match message {
            Message::Topic(key) => self.dirty.push(key),
            Message::Hub => self.hub_waits = true,
            Message::Reply(ticket, reply) => self.handle_reply(ticket, reply.map(|reply| *reply)),
            Message::Visit(visitor) => self.visits.push_back((visitor, 0)),
            Message::Drain(over) => self.start_drain(over),
            Message::Shutdown => self.ended = true,
        }
    }

    /// Shows visitors a slice of the streams.
    fn show_streams(&mut self) {
        let Some((visitor, next)) = self.visits.front_mut() else { return };
        // No stream's slot lies beyond the slab's capacity.
        let end = (*next + VISITS_PER_PASS).min(self.connections.capacity());
        for key in *next..end {
            if let Some(view) = self.connections.get(key).and_then(Connection::view) {
                visitor(&view);
            }
        }
        *next = end;
        if end == self.connections.capacity() {
            self.visits.pop_front();
        }
    }

    fn fire_timers(&mut self) {
        for _ in 0..TIMERS_PER_PASS {
            match self.timers.poll(self.tick) {
                Some(fired) => self.handle_timer(fired),
                None => return,
            }
        }
        self.unfinished = true;
    }

    fn handle_timer(&mut self, fired: Fired) {
        match fired.timer {
            Timer::Deadline(key) => self.check_deadline(key, fired.tick),
            Timer::Keepalive(key) => self.check_silence(key, fired.tick),
            Timer::Stall(key) => self.check_stall(key),
            Timer::Leave(key) => self.leave(key),
            Timer::Accept(listener) => self.resume_accepting(listener as usize),
            Timer::Trim => self.trim(),
            Timer::DrainEnd => self.end_drain(),
        }
    }

    /// Gives back what a crowd of connections has left behind.
    fn trim(&mut self) {
        if self.housekeeper {
            self.hub.trim(self.now.duration_since(self.started));
        }
        self.topics.trim();
        if self.connections.len() < self.connections.capacity() / 4 {
            self.connections.shrink_to_fit();
        }
        self.dirty.shrink_to(EVENTS_PER_PASS);
        self.backlog.shrink_to(EVENTS_PER_PASS);
        self.timers.arm(self.timers.tick_after(self.now + TRIM_PERIOD), Timer::Trim);
    }

    /// The connection of this key, if it still is.
    fn find(&mut self, key: ConnectionKey) -> Option<&mut Connection<V::Session>> {
        self.connections.get_mut(key.token as usize).filter(|connection| connection.serial == key.serial)
    }

    fn next_serial(&mut self) -> u64 {
        self.serial += 1;
        self.serial
    }

    /// Looks at this connection again in the next pass, if it still is: the last action of a turn may have ended it.
    fn call_attention(&mut self, token: u32) {
        let Some(connection) = self.connections.get_mut(token as usize) else { return };
        if !connection.flags.contains(Flags::ATTENTIVE) {
            connection.flags.insert(Flags::ATTENTIVE);
            self.attention.push(ConnectionKey { token, serial: connection.serial });
        }
    }

    /// Whether this connection's turn comes in the next pass: it is to have none before.
    fn is_attentive(&self, token: u32) -> bool {
        self.connections.get(token as usize).is_some_and(|connection| connection.flags.contains(Flags::ATTENTIVE))
    }

    /// Frees a connection: its socket closes, and a stream's service gets the session back.
    fn close(&mut self, token: u32, reason: EndReason) {
        let connection = self.connections.remove(token as usize);
        if reason == EndReason::Stalled {
            // What it doesn't take would keep its socket alive behind our back.
            connection.socket.drop_unsent();
        }
        // Relaxed: a count on its own.
        self.shared.connections.fetch_sub(1, Ordering::Relaxed);
        if let Role::Stream { subscription, stream } = connection.role {
            self.end_stream(&subscription, stream, reason);
        }
    }
}

impl<V: Service> Drop for Worker<V> {
    /// However the loop ends, every stream is given back, and nobody waits for an answer from here.
    fn drop(&mut self) {
        let tokens: Vec<u32> = self.connections.iter().map(|(key, _)| token_of(key)).collect();
        for token in tokens {
            self.close(token, EndReason::Drained);
        }
        self.inbox.close();
    }
}

/// A slot as connections are named by: a process has fewer descriptors than a `u32` counts.
fn token_of(key: usize) -> u32 {
    u32::try_from(key).expect("fewer connections than a u32 counts")
}

#[cfg(test)]
mod tests;
