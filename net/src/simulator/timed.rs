//! What is due when: an event loop in a simulated world where nothing goes wrong. No test here waits, and
//! however busy the machine is, none can tell.
//!
//! Times are told from the beginning on, in ticks of the loop's timers where it is timers that are tested: what is due at a
//! tick comes then, and neither before nor after.

mod arrivals;
mod drains;
mod exchanges;
mod streams;

use std::ops::{Deref, DerefMut};
use std::time::{Duration, Instant};

use sse_core::{Event, HubConfig};

use super::simulated_loop::SimulatedLoop;
use super::wire::Wire;
use crate::config::Config;
use crate::proto::{BodyDecoder, Framing, Limits};
use crate::stream_end::StreamEnd;
use crate::timers::TICK;

/// What the worker's draws are made of: any would do.
const SEED: u64 = 1;

/// Far more passes than any loop here needs before it rests.
const MOST_PASSES: usize = 10_000;

/// The least time there is.
const MOMENT: Duration = Duration::from_nanos(1);

struct Stage {
    event_loop: SimulatedLoop,
    begun: Instant,
}

impl Stage {
    fn new(config: Config) -> Stage {
        Stage::with(HubConfig::default(), config)
    }

    fn with(hub: HubConfig, config: Config) -> Stage {
        let event_loop = SimulatedLoop::new(SEED, hub, config, usize::MAX);
        event_loop.world.borrow_mut().has_faults = false;
        let begun = event_loop.now.instant;
        Stage { event_loop, begun }
    }

    /// Has the loop do what it can without time passing.
    fn settle(&mut self) {
        for _ in 0..MOST_PASSES {
            if !self.pass(Duration::ZERO) && self.world.borrow().is_quiet() {
                return;
            }
        }
        panic!("it never rests");
    }

    /// Lets time pass up to so long after the beginning. The loop wakes up when it wants to.
    fn run_until(&mut self, at: Duration) {
        let at = self.begun + at;
        self.settle();
        while let Some(due) = self.worker.poll_timeout()
            && due <= at
        {
            let time = due.saturating_duration_since(self.now.instant);
            self.pass(time);
            self.settle();
        }
        let time = at - self.now.instant;
        self.pass(time);
        self.settle();
    }

    /// Runs to the last moment before `at`, where `holds` must hold, and then to `at`.
    fn run_through(&mut self, at: Duration, holds: impl FnOnce(&mut Stage) -> bool) {
        self.run_until(at - MOMENT);
        assert!(holds(self), "too early for what is due after {at:?}");
        self.run_until(at);
    }

    /// Somebody connects and says this; gives the number of the wire.
    fn connect(&mut self, text: &str) -> usize {
        self.connect_narrow(usize::MAX, text)
    }

    /// The same by a socket that holds no more than so many bytes that the client has not read.
    fn connect_narrow(&mut self, capacity: usize, text: &str) -> usize {
        let wire = self.world.borrow_mut().connect();
        self.world.borrow_mut().wires[wire].capacity = capacity;
        self.say(wire, text);
        wire
    }

    fn say(&mut self, wire: usize, text: &str) {
        self.wire(|wires| wires[wire].flight.extend(text.as_bytes()));
        self.settle();
    }

    /// Opens a stream for a client that knows no chunks, and reads its head, and how it begins.
    fn subscribe(&mut self, capacity: usize) -> usize {
        let wire = self.connect_narrow(capacity, "GET /read/a HTTP/1.0\r\n\r\n");
        let text = self.hear(wire);
        assert!(text.starts_with("HTTP/1.1 200 ") && text.ends_with("\r\n\r\n:\n"), "{text}");
        wire
    }

    fn publish(&mut self, data: &str) {
        self.hub.publish(&Event::new("/a", data)).unwrap();
        self.settle();
    }

    /// Everything that comes for a client without time passing.
    fn hear(&mut self, wire: usize) -> String {
        let mut text = String::new();
        while !self.world.borrow().wires[wire].sent.is_empty() {
            text += &self.hear_some(wire, usize::MAX);
        }
        text
    }

    /// So many bytes at most of what has come for a client.
    fn hear_some(&mut self, wire: usize, most: usize) -> String {
        let mut bytes = Vec::new();
        self.wire(|wires| wires[wire].take(most, &mut bytes));
        self.settle();
        String::from_utf8(bytes).unwrap()
    }

    /// The client says no more.
    fn finish(&mut self, wire: usize) {
        self.wire(|wires| wires[wire].has_finished = true);
        self.settle();
    }

    /// Whether the server says no more.
    fn is_over(&self, wire: usize) -> bool {
        self.world.borrow().wires[wire].is_over
    }

    /// How streams have ended.
    fn ends(&self) -> Vec<StreamEnd> {
        self.desk.ends.lock().unwrap().clone()
    }

    fn wire<T>(&mut self, act: impl FnOnce(&mut [Wire]) -> T) -> T {
        act(&mut self.event_loop.world.borrow_mut().wires)
    }
}

impl Deref for Stage {
    type Target = SimulatedLoop;

    fn deref(&self) -> &SimulatedLoop {
        &self.event_loop
    }
}

impl DerefMut for Stage {
    fn deref_mut(&mut self) -> &mut SimulatedLoop {
        &mut self.event_loop
    }
}

/// A chunked body, as far as it has come.
fn unchunked(body: &str) -> String {
    let mut decoder = BodyDecoder::new(Framing::Chunked, &Limits { body_bytes: usize::MAX, ..Limits::default() });
    let _ = decoder.handle_bytes(body.as_bytes()).expect("well chunked");
    String::from_utf8(decoder.into_body()).unwrap()
}

fn ticks(count: u32) -> Duration {
    TICK * count
}
