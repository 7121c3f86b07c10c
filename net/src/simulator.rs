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
mod wire;

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use http::Response;
use sse_core::{Event, EventId, Hub, HubConfig, Namespace};

use client::{Client, Published, Role};
use desk::{Desk, Permit};
use wire::{Shared as World, SimulatedSystem};

use crate::config::{Config, EXCESS_CONNECTIONS};
use crate::handle::{Counters, Handle, Shared};
use crate::inbox::Inbox;
use crate::ledger::counted;
use crate::reply::Reply;
use crate::worker::{Now, Parts, Worker};

const STEPS: usize = 1_500;

/// Calls of sockets in a pass, beside those for each stream: what the budgets of a pass come to, and some more.
const MOST_CALLS: usize = 4096;

/// What may be buffered in every other world: a few large bodies.
const MAX_BUFFERED: usize = 100_000;

/// An answer's head, in this world.
const MOST_HEAD_BYTES: usize = 256;

/// How many connections the service permits in every third world.
const MOST_PERMITS: usize = 20;

struct Simulation {
    world: World,
    worker: Worker<Desk, SimulatedSystem>,
    inbox: Arc<Inbox<Permit>>,
    handle: Handle<Permit>,
    desk: Arc<Desk>,
    hub: Hub,
    max_buffered: usize,
    most_permits: usize,
    clients: Vec<Client>,
    published: Vec<Published>,
    now: Now,
    /// The inbox's waker belongs to it. Nobody polls it.
    _poll: mio::Poll,
}

impl Simulation {
    fn new(seed: u64) -> Simulation {
        // The worker draws its phases from this thread's.
        fastrand::seed(seed);
        let poll = mio::Poll::new().unwrap();
        let inbox = Arc::new(Inbox::new(mio::Waker::new(poll.registry(), mio::Token(0)).unwrap()));
        let max_buffered = if seed.is_multiple_of(2) { MAX_BUFFERED } else { usize::MAX };
        let config = Config {
            keepalive: Some(Duration::from_secs(1)),
            retry: Some(Duration::from_secs(2)),
            max_lag: 20_000,
            max_buffered,
            ..Config::default()
        };
        let shared = Arc::new(Shared::new([Arc::clone(&inbox)].into(), &config));
        let most_permits = if seed.is_multiple_of(3) { MOST_PERMITS } else { usize::MAX };
        let desk = Arc::new(Desk::new(most_permits));
        let hub = Hub::new(HubConfig { epoch: 7, history_bytes: 64 << 10, ..HubConfig::default() });
        let world = Rc::new(RefCell::new(wire::World::new(seed)));
        let now = Now { instant: Instant::now(), system: SystemTime::UNIX_EPOCH };
        let parts = Parts {
            inbox: Arc::clone(&inbox),
            shared: Arc::clone(&shared),
            service: Arc::clone(&desk),
            hub: hub.clone(),
            config,
            housekeeper: true,
        };
        let worker = Worker::new(parts, SimulatedSystem(Rc::clone(&world)), 1, now);
        let handle = Handle::new(shared);
        let (clients, published) = (Vec::new(), Vec::new());
        Simulation {
            world,
            worker,
            inbox,
            handle,
            desk,
            hub,
            max_buffered,
            most_permits,
            clients,
            published,
            now,
            _poll: poll,
        }
    }

    fn run(mut self) {
        for step in 0..STEPS {
            self.come();
            self.publish();
            self.misbehave(step);
            self.read(|client| client.rests_until <= step);
            self.answer_some();
            let millis = self.world.borrow_mut().random.u64(..8);
            self.pass(Duration::from_millis(millis));
        }
        self.settle();
        self.check_all();
        self.leave();
    }

    /// Lets time pass, and the worker do what it wakes up for, if anything.
    fn pass(&mut self, time: Duration) {
        self.now.instant += time;
        self.now.system += time;
        let edges = self.world.borrow_mut().edges();
        let sleeps = self.worker.is_idle() && self.inbox.park();
        let is_due = self.worker.poll_timeout().is_some_and(|due| due <= self.now.instant);
        if !edges.is_empty() || !sleeps || is_due {
            let before = self.world.borrow().calls;
            self.inbox.unpark();
            self.worker.pass(self.now, edges.into_iter());
            let calls = self.world.borrow().calls - before;
            let most = MOST_CALLS + 20 * self.handle.streams();
            assert!(calls <= most, "{calls} calls of sockets in one pass, {} streams", self.handle.streams());
            self.check_ledger();
            let refused = self.worker.exchanges().filter(|exchange| exchange.permit.is_err()).count();
            assert_eq!(self.worker.excess(), refused);
            assert_eq!(self.desk.permits(), self.handle.connections() - refused);
            let (counted, catching_up) = self.worker.catching_up();
            assert_eq!((self.handle.replays(), counted), (counted, catching_up));
            assert!(refused <= EXCESS_CONNECTIONS, "{refused} too many");
        }
    }

    /// What is counted is what is held, and bounded: but for the head, an answer is only given if there is room for it.
    fn check_ledger(&self) {
        let held: Vec<_> = self.worker.exchanges().map(|exchange| counted(exchange.http.held())).collect();
        let waiting = self.desk.waiting.lock().unwrap();
        let bodies: usize = waiting.iter().map(|(_, _, body)| counted(body.len())).sum();
        let buffered = self.handle.buffered();
        assert_eq!(buffered, held.iter().sum::<usize>() + bodies);
        let heads = MOST_HEAD_BYTES * held.iter().filter(|held| **held > 0).count();
        assert!(buffered <= self.max_buffered.saturating_add(heads), "{held:?} in exchanges, {bodies} in bodies");
    }

    fn come(&mut self) {
        let mut world = self.world.borrow_mut();
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
        let random = &mut self.world.borrow_mut().random;
        let count = if random.u8(..50) == 0 { random.usize(..200) } else { random.usize(..3) };
        for _ in 0..count {
            let namespace = ["/a", "/a/b", "/c/b", "/d"][random.usize(..4)];
            let data = format!("{}{}", self.published.len(), "x".repeat(random.usize(..500)));
            self.hub.publish(&Event::new(namespace, &data)).unwrap();
            self.published.push((Namespace::parse(namespace).unwrap(), data));
        }
    }

    /// Things go wrong for some client.
    fn misbehave(&mut self, step: usize) {
        let mut world = self.world.borrow_mut();
        if world.random.u16(..500) == 0 {
            world.without_descriptors = world.random.usize(..4);
        }
        if world.random.u16(..300) == 0 {
            // A machine that slept, or a loop that was held up.
            let jump = Duration::from_millis(world.random.u64(..5_000));
            self.now.instant += jump;
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
        let mut world = self.world.borrow_mut();
        for client in self.clients.iter_mut().filter(|client| reads(client)) {
            if world.wires[client.wire].sent.is_empty() {
                continue;
            }
            let most = if world.random.bool() { usize::MAX } else { world.random.usize(1..2_000) };
            client.received.extend(world.wires[client.wire].take(most));
        }
    }

    /// Answers that take long come now, or never.
    fn answer_some(&mut self) {
        let waiting = std::mem::take(&mut *self.desk.waiting.lock().unwrap());
        for (responder, answer, body) in waiting {
            if self.world.borrow_mut().random.u8(..10) == 0 {
                responder.send(Reply::Response(Response::<Bytes>::new(answer)));
            } else {
                self.desk.waiting.lock().unwrap().push((responder, answer, body));
            }
        }
    }

    /// Nothing goes wrong any more, and all that is under way comes through.
    fn settle(&mut self) {
        {
            let mut world = self.world.borrow_mut();
            world.has_faults = false;
            world.without_descriptors = 0;
        }
        for _ in 0..50_000 {
            self.read(|_| true);
            self.answer_some();
            self.pass(Duration::from_micros(100));
            let world = self.world.borrow();
            let all_read = self.clients.iter().all(|client| world.wires[client.wire].sent.is_empty());
            let none_waits = self.desk.waiting.lock().unwrap().is_empty();
            if world.is_quiet() && self.worker.is_idle() && all_read && none_waits {
                return;
            }
        }
        let world = self.world.borrow();
        let waiting = self.desk.waiting.lock().unwrap().len();
        panic!("no rest: world {}, worker {}, {waiting} answers wait", world.is_quiet(), self.worker.is_idle());
    }

    /// Everyone has been told what it must have been told; who stayed and behaved, all of it.
    fn check_all(&self) {
        let world = self.world.borrow();
        let (mut live, mut refused) = (0, 0);
        for client in &self.clients {
            let told = client.check(&self.published);
            let wire = &world.wires[client.wire];
            if client.is_faulty || wire.is_refused {
                continue;
            }
            let (has_answers, is_refused) = client.has_answers();
            // One too many is dropped, or given less time than a jump of the clock.
            let is_dropped = self.most_permits == MOST_PERMITS && client.received.is_empty();
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
        let Counters { no_room, unpermitted, .. } = self.handle.counters();
        assert!(
            refused <= no_room + unpermitted,
            "{refused} are refused, {no_room} for want of room, {unpermitted} of a permit"
        );
        assert!(self.max_buffered == MAX_BUFFERED || no_room == 0);
        assert!(self.most_permits == MOST_PERMITS || unpermitted == 0);
        let streams = self.handle.streams();
        assert!(streams >= live, "{streams} streams are counted, {live} are live");
        assert_eq!(self.desk.open(), streams);
    }

    /// Everyone leaves, and nothing stays.
    fn leave(&mut self) {
        for client in &self.clients {
            self.world.borrow_mut().wires[client.wire].has_finished = true;
        }
        self.settle();
        // What lingers for those who might return.
        for _ in 0..100 {
            self.pass(Duration::from_secs(1));
        }
        assert_eq!((self.handle.connections(), self.handle.streams()), (0, 0));
        assert_eq!((self.handle.buffered(), self.handle.replays()), (0, 0));
        assert_eq!((self.desk.open(), self.desk.permits()), (0, 0));
        assert_eq!(self.hub.channels(), 0);
        assert!(self.worker.is_idle());
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
