//! The worker, the same code, in a world made of a seed: sockets that take and give a part at any byte, fail at any call,
//! stall, are reset; edges that come late or for who is gone; a listener without descriptors; a clock that jumps. Meanwhile
//! it is published, and a model says what each client must have been told.
//!
//! ```text
//!   seed ──▶ clients ──▶ wires ──edges, calls──▶ worker ◀── publisher, answers that take long
//!               ▲                                  │
//!               └──────── what was told ◀──────────┘   against what was published and asked
//! ```
//!
//! It runs for ten seconds; `SSE_SIMULATOR_SECONDS` says for how long, and `SSE_SIMULATOR_SEED` which world comes first.
//! A world that fails prints its seed.

mod client;
mod desk;
mod simulated_loop;
mod timed;
mod wire;

use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Response;
use sse_core::{Event, EventId, HubConfig, Namespace};

use client::{Client, Published, Role};
use simulated_loop::SimulatedLoop;

use crate::config::Config;
use crate::handle::Counters;
use crate::reply::Reply;

const STEPS: usize = 1_500;

/// What may be buffered in every other world: a few large bodies.
const MAX_BUFFERED: usize = 100_000;

/// How many connections the service permits in every third world.
const MOST_PERMITS: usize = 20;

struct Simulation {
    event_loop: SimulatedLoop,
    clients: Vec<Client>,
    published: Vec<Published>,
}

impl Simulation {
    fn new(seed: u64) -> Simulation {
        let hub = HubConfig { epoch: Some(7), history_bytes: 64 << 10, ..HubConfig::default() };
        let max_buffered = if seed.is_multiple_of(2) { MAX_BUFFERED } else { usize::MAX };
        let most_permits = if seed.is_multiple_of(3) { MOST_PERMITS } else { usize::MAX };
        let config = Config {
            keepalive: Some(Duration::from_secs(1)),
            retry: Some(Duration::from_secs(2)),
            max_lag: 20_000,
            max_buffered,
            ..Config::default()
        };
        let event_loop = SimulatedLoop::new(seed, hub, config, most_permits);
        Simulation { event_loop, clients: Vec::new(), published: Vec::new() }
    }

    fn run(mut self) {
        for step in 0..STEPS {
            self.come();
            self.publish();
            self.misbehave(step);
            self.read(|client| client.rests_until <= step);
            self.answer_some();
            let millis = self.event_loop.world.borrow_mut().random.u64(..8);
            self.event_loop.pass(Duration::from_millis(millis));
        }
        self.settle();
        self.check_all();
        self.leave();
    }

    fn come(&mut self) {
        let mut world = self.event_loop.world.borrow_mut();
        // Now and then a crowd.
        let count = match world.random.u8(..100) {
            0 => world.random.usize(..200),
            1..20 => 1,
            _ => 0,
        };
        for _ in 0..count {
            let seen = world.random.u64(..=self.published.len() as u64);
            let resume = world.random.bool().then_some(EventId { epoch: 7, sequence: seen });
            let client = Client::connect(&mut world, self.clients.len(), resume);
            self.clients.push(client);
        }
    }

    fn publish(&mut self) {
        let random = &mut self.event_loop.world.borrow_mut().random;
        let count = if random.u8(..50) == 0 { random.usize(..200) } else { random.usize(..3) };
        for _ in 0..count {
            let namespace = ["/a", "/a/b", "/c/b", "/d"][random.usize(..4)];
            let data = format!("{}{}", self.published.len(), "x".repeat(random.usize(..500)));
            self.event_loop.hub.publish(&Event::new(namespace, &data)).unwrap();
            self.published.push((Namespace::parse(namespace).unwrap(), data));
        }
    }

    /// Things go wrong for some client.
    fn misbehave(&mut self, step: usize) {
        let mut world = self.event_loop.world.borrow_mut();
        if world.random.u16(..500) == 0 {
            world.without_descriptors = world.random.usize(..4);
        }
        if world.random.u16(..300) == 0 {
            // A machine that slept, or a loop that was held up.
            let jump = Duration::from_millis(world.random.u64(..5_000));
            self.event_loop.now.instant += jump;
        }
        if self.clients.is_empty() {
            return;
        }
        let index = world.random.usize(..self.clients.len());
        let client = &mut self.clients[index];
        match world.random.u8(..40) {
            0..3 => {
                let calls = world.random.u32(..80);
                world.wires[client.wire].reset_in.get_or_insert(calls);
                client.is_faulty = true;
            }
            3 => {
                world.wires[client.wire].reset();
                client.is_faulty = true;
            }
            4 => {
                world.wires[client.wire].has_finished = true;
                client.is_faulty = true;
            }
            5 | 6 => {
                client.rests_until = step + world.random.usize(..500);
                client.is_faulty = true;
            }
            // Who talks on an open stream, or asks again and again, is no less served.
            7 if matches!(client.role, Role::Reader { .. }) => {
                world.wires[client.wire].flight.extend(b"more");
            }
            _ => {}
        }
    }

    /// Clients take what has come for them.
    fn read(&mut self, reads: impl Fn(&Client) -> bool) {
        let mut world = self.event_loop.world.borrow_mut();
        for client in self.clients.iter_mut().filter(|client| reads(client)) {
            if world.wires[client.wire].sent.is_empty() {
                continue;
            }
            let most = if world.random.bool() { usize::MAX } else { world.random.usize(1..2_000) };
            world.wires[client.wire].take(most, &mut client.received);
        }
    }

    /// Answers that take long come now, or never.
    fn answer_some(&mut self) {
        let waiting = std::mem::take(&mut *self.event_loop.desk.waiting.lock().unwrap());
        for (responder, answer, body) in waiting {
            if self.event_loop.world.borrow_mut().random.u8(..10) == 0 {
                responder.send(Reply::Response(Response::<Bytes>::new(answer)));
            } else {
                self.event_loop.desk.waiting.lock().unwrap().push((responder, answer, body));
            }
        }
    }

    /// Nothing goes wrong any more, and all that is under way comes through.
    fn settle(&mut self) {
        {
            let mut world = self.event_loop.world.borrow_mut();
            world.has_faults = false;
            world.without_descriptors = 0;
        }
        for _ in 0..50_000 {
            self.read(|_| true);
            self.answer_some();
            self.event_loop.pass(Duration::from_micros(100));
            let world = self.event_loop.world.borrow();
            let mut wires = self.clients.iter().map(|client| &world.wires[client.wire]);
            let none_waits = self.event_loop.desk.waiting.lock().unwrap().is_empty();
            if self.event_loop.worker.is_idle()
                && none_waits
                && wires.all(|wire| wire.sent.is_empty())
                && world.queue.is_empty()
                && world.is_quiet()
            {
                return;
            }
        }
        let world = self.event_loop.world.borrow();
        let waiting = self.event_loop.desk.waiting.lock().unwrap().len();
        panic!(
            "no rest: world {}, worker {}, {waiting} answers wait",
            world.is_quiet(),
            self.event_loop.worker.is_idle()
        );
    }

    /// Everyone has been told what it must have been told; who stayed and behaved, all of it.
    fn check_all(&self) {
        let SimulatedLoop { ref handle, max_buffered, most_permits, .. } = self.event_loop;
        let world = self.event_loop.world.borrow();
        let (mut live, mut refused) = (0, 0);
        for client in &self.clients {
            let told = client.check(&self.published);
            let wire = &world.wires[client.wire];
            if client.is_faulty || wire.is_refused {
                continue;
            }
            let (has_answers, is_refused) = client.has_answers();
            // One too many is dropped, or given less time than a jump of the clock.
            let is_dropped = most_permits == MOST_PERMITS && client.received.is_empty();
            assert!(has_answers || is_dropped, "the client on wire {} has not got all answers", client.wire);
            refused += u64::from(is_refused);
            // Who reads as slowly as its small socket lets it may be cut off.
            if let Role::Reader { filter, .. } = &client.role
                && !wire.is_over
            {
                let covered = |index: &usize| filter.covers(&self.published[*index].0);
                let last = (0..self.published.len()).rev().find(covered).map_or(0, |index| index as u64 + 1);
                assert!(told.through >= Some(last), "wire {}: {told:?}, and there is {last}", client.wire);
                live += 1;
            }
        }
        let Counters { no_room, unpermitted, .. } = handle.counters();
        assert!(
            refused <= no_room + unpermitted,
            "{refused} are refused, {no_room} for want of room, {unpermitted} of a permit"
        );
        assert!(max_buffered == MAX_BUFFERED || no_room == 0);
        assert!(most_permits == MOST_PERMITS || unpermitted == 0);
        let streams = handle.streams();
        assert!(streams >= live, "{streams} streams are counted, {live} are live");
        assert_eq!(self.event_loop.desk.open(), streams);
    }

    /// Everyone leaves, and nothing stays.
    fn leave(&mut self) {
        for client in &self.clients {
            self.event_loop.world.borrow_mut().wires[client.wire].has_finished = true;
        }
        self.settle();
        // What lingers for those who might return.
        for _ in 0..100 {
            self.event_loop.pass(Duration::from_secs(1));
        }
        let SimulatedLoop { handle, desk, hub, worker, .. } = &self.event_loop;
        assert_eq!((handle.connections(), handle.streams()), (0, 0));
        assert_eq!((handle.buffered(), handle.replays()), (0, 0));
        assert_eq!((desk.open(), desk.permits()), (0, 0));
        assert_eq!(hub.channels(), 0);
        assert!(worker.is_idle());
    }
}

fn variable(name: &str) -> Option<u64> {
    Some(std::env::var(name).ok()?.parse().expect("a number"))
}

#[test]
fn whatever_happens_everyone_is_told_what_is_due() {
    let seconds = variable("SSE_SIMULATOR_SECONDS").unwrap_or(10);
    let first = variable("SSE_SIMULATOR_SEED").unwrap_or_else(|| fastrand::u64(..1 << 32));
    let begun = Instant::now();
    let mut worlds = 0;
    while worlds == 0 || begun.elapsed() < Duration::from_secs(seconds) {
        let seed = first + worlds;
        let result = std::panic::catch_unwind(|| Simulation::new(seed).run());
        assert!(result.is_ok(), "SSE_SIMULATOR_SEED={seed} fails");
        worlds += 1;
    }
    println!("{worlds} worlds from seed {first}");
}
