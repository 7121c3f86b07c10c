//! What an event loop does: a machine that is told of edges and of the time, and does its work over sockets.
//!
//! ```text
//!            ┌───────────────────────────────── a pass ─────────────────────────────────┐
//!   edges ──▶ note who is ready ─▶ attend ─▶ inbox ─▶ hub's turn ─▶ inbox ─▶ flush ─▶ visits ─▶ timers
//!            │ (nothing is done    (requests, (answers,           (bells)   (backlog,         │
//!            │  for an edge alone)  accepts)   commands)                     topics)           │
//!            └────────────────────────────────────────────────────────────────────────────────┘
//! ```
//!
//! It has no clock and no poll of its own, and its sockets are those of a [`System`]: the event loop runs it over mio's, the
//! simulator over its own. Everything that a pass does has a bound; what a bound leaves undone comes in the next pass
//! ([`Turns`]).
//!
//! Connections are named by [`Key`]s, which find nobody once their connection is gone; [`Worker::close`] is the one place
//! where one goes.

mod accept;
mod drain;
mod exchanges;
mod streams;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime};

use sse_core::{Driver, Hub};

use crate::config::Config;
use crate::connection::{Connection, Role};
#[cfg(test)]
use crate::exchange::Exchange;
#[cfg(test)]
use crate::flags::Flags;
use crate::handle::{Handle, Shared};
use crate::inbox::{Inbox, Message};
use crate::keepalive::keepalive_ticks;
use crate::proto::DateLine;
use crate::roster::{Key, Roster};
use crate::service::Service;
use crate::shared_chunk::SharedChunk;
use crate::socket::Socket;
use crate::stream::Flush;
use crate::stream_end::EndReason;
use crate::system::{Edge, Readiness, System};
use crate::timers::{Fired, Timer, Timers};
use crate::topic::{Bell, Ring, Topics};
use crate::turns::Turns;
use crate::visits::Visits;

/// Messages taken from the inbox at a time: an application that answers without pause must not keep the loop from
/// its sockets.
const MESSAGES_PER_PASS: usize = 4096;

/// Timers looked at in one pass. Each costs at most a small write.
const TIMERS_PER_PASS: usize = 1024;

/// One buffer for all reads of a loop: what a socket buffer commonly holds.
const SCRATCH_BYTES: usize = 64 << 10;

/// Time between two rounds of housekeeping.
const TRIM_PERIOD: Duration = Duration::from_secs(1);

/// The time, as a pass is told it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Now {
    pub(crate) instant: Instant,
    pub(crate) system: SystemTime,
}

/// What a worker is made of before its thread starts.
pub(crate) struct Parts<V: Service> {
    pub(crate) inbox: Arc<Inbox<V::Session>>,
    pub(crate) shared: Arc<Shared<V::Session>>,
    pub(crate) service: Arc<V>,
    pub(crate) hub: Hub,
    pub(crate) config: Config,
    /// Whether it trims the hub: one worker does.
    pub(crate) housekeeper: bool,
}

/// The loop's state. All of it belongs to its thread; others reach it by the inbox.
pub(crate) struct Worker<V: Service, Y: System> {
    system: Y,
    inbox: Arc<Inbox<V::Session>>,
    connections: Roster<Connection<Y::Socket, V::Session, V::Permit>>,
    /// Those of them that are too many.
    excess: usize,
    topics: Topics<V::Session>,
    timers: Timers,
    turns: Turns,
    /// Which listeners have their next turn arranged for, by the rush or a timer: an edge must not arrange for another.
    deferred: Box<[bool]>,
    /// Topics whose bell has rung.
    dirty: Vec<u32>,
    /// What a flush of a topic came to for some of its members, to be settled after it.
    outcomes: Vec<(Key, Flush)>,
    /// What was sent last; forgotten at the end of a pass.
    shared_chunk: SharedChunk,
    visits: Visits<V::Session>,
    scratch: Box<[u8]>,
    hub: Hub,
    housekeeper: bool,
    hub_bell: Arc<Bell<V::Session>>,
    /// The hub has something for us to drain.
    hub_waits: bool,
    /// While it lives, the hub wakes us for what is left to drain.
    _driver: Driver,
    /// The last pass's bounds have left messages or timers.
    unfinished: bool,
    service: Arc<V>,
    shared: Arc<Shared<V::Session>>,
    handle: Handle<V::Session>,
    config: Config,
    started: Instant,
    /// When this pass began, and its tick.
    now: Now,
    tick: u64,
    /// Topics aren't flushed before this.
    flush_at: Instant,
    /// Ticks between two looks at a stream's silence.
    keepalive_ticks: Option<u64>,
    /// The number of the last request.
    requests: u64,
    date: DateLine,
    /// The Unix second of `date`.
    date_second: u64,
    /// Draining: when streams must be gone.
    drain_until: Option<Instant>,
    ended: bool,
}

impl<V: Service, Y: System> Worker<V, Y> {
    /// A worker that so many of the system's listeners are for.
    pub(crate) fn new(parts: Parts<V>, system: Y, listeners: usize, now: Now) -> Worker<V, Y> {
        let Parts { inbox, shared, service, hub, config, housekeeper } = parts;
        let hub_bell = Bell::new(Arc::clone(&inbox), Ring::Hub);
        let mut timers = Timers::new(now.instant);
        timers.arm(timers.tick_after(now.instant + TRIM_PERIOD), Timer::Trim);
        Worker {
            system,
            connections: Roster::new(),
            excess: 0,
            topics: Topics::new(Arc::clone(&inbox)),
            inbox,
            timers,
            turns: Turns::default(),
            deferred: vec![false; listeners].into(),
            dirty: Vec::new(),
            outcomes: Vec::new(),
            shared_chunk: SharedChunk::default(),
            visits: Visits::new(),
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
            started: now.instant,
            now,
            tick: 0,
            flush_at: now.instant,
            requests: 0,
            date: DateLine::new(SystemTime::UNIX_EPOCH),
            date_second: 0,
            drain_until: None,
            ended: false,
        }
    }

    /// Does what is to be done now.
    pub(crate) fn pass(&mut self, now: Now, edges: impl Iterator<Item = Edge>) {
        self.now = now;
        self.tick = self.timers.tick(now.instant);
        self.unfinished = false;
        for edge in edges {
            match edge {
                Edge::Listener(listener) => self.handle_arrivals(listener),
                Edge::Socket(key, readiness) => self.handle_readiness(key, readiness),
            }
        }
        self.attend();
        self.accept_some();
        self.read_inbox();
        if std::mem::take(&mut self.hub_waits) {
            self.hub_bell.reset();
            self.hub_waits = self.hub.drain();
            // The turn has rung bells: flush for them in this pass.
            self.read_inbox();
        }
        // Every pass, whatever the interval: that gathers events, and doesn't hold back who has more than one turn's.
        self.flush_backlog();
        if self.now.instant >= self.flush_at && !self.dirty.is_empty() {
            self.flush_topics();
            self.flush_at = self.now.instant + self.config.flush_interval;
        }
        self.visits.go_on(&self.connections);
        self.fire_timers();
        self.shared_chunk.forget();
        if self.drain_until.is_some() && self.connections.is_empty() {
            self.ended = true;
        }
    }

    /// Whether nothing is to be done before an edge, a message or [the time](Self::poll_timeout).
    pub(crate) fn is_idle(&self) -> bool {
        self.turns.is_empty() && self.visits.is_empty() && !self.unfinished && !self.hub_waits
    }

    /// When the next pass is due, whatever comes before. `None`: not by itself.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let flush_at = (!self.dirty.is_empty()).then_some(self.flush_at);
        [self.timers.poll_timeout(), flush_at].into_iter().flatten().min()
    }

    /// Whether the loop is to end: there is nothing to do any more.
    pub(crate) fn has_ended(&self) -> bool {
        self.ended
    }

    #[cfg(test)]
    pub(crate) fn exchanges(&self) -> impl Iterator<Item = &Exchange<V::Permit>> {
        self.connections.iter().filter_map(|(_, connection)| match &connection.role {
            Role::Exchange(exchange) => Some(&**exchange),
            Role::Stream(_) => None,
        })
    }

    /// Connections that count as too many.
    #[cfg(test)]
    pub(crate) fn excess(&self) -> usize {
        self.excess
    }

    /// Streams that count as catching up, and those of them that do.
    #[cfg(test)]
    pub(crate) fn catching_up(&self) -> (usize, usize) {
        let streams = self.connections.iter().filter_map(|(_, connection)| connection.stream());
        let flagged: Vec<_> = streams.filter(|stream| stream.flags.contains(Flags::CATCHING_UP)).collect();
        (flagged.len(), flagged.iter().filter(|stream| stream.is_catching_up()).count())
    }

    /// A connection's socket has become ready.
    fn handle_readiness(&mut self, key: Key, readiness: Readiness) {
        let Some(connection) = self.connections.get_mut(key) else { return };
        match &mut connection.role {
            Role::Exchange(exchange) => {
                exchange.handle_readiness(readiness);
                self.call_attention(key);
            }
            Role::Stream(stream) => {
                let is_free = readiness.output && stream.handle_room();
                if readiness.input {
                    self.call_attention(key);
                }
                if is_free {
                    self.queue(key);
                }
            }
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
            Message::Topic(topic) => self.dirty.push(topic),
            Message::Hub => self.hub_waits = true,
            Message::Reply(ticket, reply) => self.handle_reply(ticket, reply.map(|reply| *reply)),
            Message::Visit(visitor) => self.visits.add(visitor),
            Message::Drain(over) => self.start_drain(over),
            Message::Shutdown => self.ended = true,
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
            Timer::Accept(listener) => self.turns.rush.push_back(listener as usize),
            Timer::Trim => self.trim(),
            Timer::DrainEnd => self.end_drain(),
        }
    }

    /// Gives back what a crowd of connections has left behind.
    fn trim(&mut self) {
        if self.housekeeper {
            self.hub.tick(self.now.instant.duration_since(self.started));
        }
        self.topics.trim();
        self.connections.trim();
        self.turns.trim();
        self.dirty.shrink_to(0);
        self.timers.arm(self.timers.tick_after(self.now.instant + TRIM_PERIOD), Timer::Trim);
    }

    /// Gives this connection a turn, if it does not wait for one already.
    fn call_attention(&mut self, key: Key) {
        if self.begins_to_wait(key) {
            self.turns.attention.push_back(key);
        }
    }

    /// The same for a connection whose turn was too short for what it has to do.
    fn call_again(&mut self, key: Key) {
        if self.begins_to_wait(key) {
            self.turns.overtime.push_back(key);
        }
    }

    /// False: it waits for a turn already, or is gone.
    fn begins_to_wait(&mut self, key: Key) -> bool {
        self.connections.get_mut(key).is_some_and(Connection::call_attention)
    }

    /// The one place where a connection goes: its socket closes, and a stream's service gets the session back.
    fn close(&mut self, key: Key, reason: EndReason) {
        let Some(mut connection) = self.connections.remove(key) else { return };
        if reason == EndReason::Stalled {
            // What it doesn't take would keep its socket alive behind our back.
            connection.socket.drop_unsent();
        }
        // Relaxed: a count on its own.
        self.shared.connections.fetch_sub(1, Ordering::Relaxed);
        match connection.role {
            Role::Exchange(exchange) => self.excess -= usize::from(exchange.permit.is_err()),
            Role::Stream(stream) => self.end_stream(stream, reason),
        }
    }
}

impl<V: Service, Y: System> Drop for Worker<V, Y> {
    /// However the loop ends, every stream is given back, and nobody waits for an answer from here.
    fn drop(&mut self) {
        let keys: Vec<Key> = self.connections.iter().map(|(key, _)| key).collect();
        for key in keys {
            self.close(key, EndReason::Drained);
        }
        self.inbox.close();
    }
}

#[cfg(test)]
mod tests;
