//! The loop that reads all streams.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use mio::{Events, Interest, Poll, Token};

use crate::Result;
use crate::pace::{Plan, now_ns};
use crate::program::Counting;
use crate::stream::{Progress, Stream};

/// Readiness taken from the kernel in one call. What doesn't fit comes with the next.
const EVENTS_PER_TURN: usize = 1024;

/// For each read: what a socket may hold, so that one call of a counted stream empties it.
const BUFFER_BYTES: usize = 1 << 20;

/// For each read of a stream that is read by lines: they should be parsed while they are in the cache.
const COPY_BYTES: usize = 64 << 10;

/// Streams opened between two turns: fewer than a server's listening queue holds.
const OPENED_PER_TURN: usize = 32;

/// A server that sends no head before the first message is given one after this time.
const PRIME_AFTER: Duration = Duration::from_millis(300);

/// Time given to streams to be opened.
const PATIENCE: Duration = Duration::from_secs(10);

/// So long without a byte, streams are taken to be at rest.
const REST: Duration = Duration::from_millis(100);

/// Many streams, read on the caller's thread, in turns.
pub(crate) struct Reader {
    poll: Poll,
    events: Events,
    /// None once it has ended.
    streams: Vec<Option<Stream>>,
    /// Streams with more to read than their turn allowed.
    unfinished: Vec<usize>,
    buffer: Vec<u8>,
    clock: Clock,
    /// Streams that the server has closed.
    pub(crate) closed: usize,
}

/// Takes the time of what comes.
struct Clock {
    /// When messages were due.
    plan: Option<Plan>,
    /// Earlier messages don't count: sockets and queues grow to their size with them.
    from: u64,
    latency: Histogram<u64>,
    /// When the last byte came.
    last_ns: u64,
}

/// How streams are read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Manner {
    pub(crate) counting: Counting,
    /// Every how manyth stream is read by lines in any case, and tells latencies.
    pub(crate) sample_every: usize,
    /// How many publish at once, each in an order of its own.
    pub(crate) publishers: u64,
}

impl Manner {
    /// The middle of each stretch, so that neither end of a pass over the streams is favoured.
    fn samples(&self, index: usize) -> bool {
        index % self.sample_every == self.sample_every / 2
    }

    fn of(&self, index: usize) -> Counting {
        if self.samples(index) { Counting::Lines } else { self.counting }
    }
}

impl Reader {
    pub(crate) fn new() -> Result<Reader> {
        // A minute at most, to three digits.
        let latency = Histogram::new_with_max(60_000_000_000, 3)?;
        Ok(Reader {
            poll: Poll::new()?,
            events: Events::with_capacity(EVENTS_PER_TURN),
            streams: Vec::new(),
            unfinished: Vec::new(),
            buffer: vec![0; BUFFER_BYTES],
            clock: Clock { plan: None, from: 0, latency, last_ns: 0 },
            closed: 0,
        })
    }

    /// Opens so many streams more, and waits until all have their head. `prime` is to publish something.
    pub(crate) fn open(
        &mut self,
        count: usize,
        (address, path): (SocketAddr, &str),
        manner: &Manner,
        mut prime: impl FnMut() -> Result<()>,
    ) -> Result<()> {
        for _ in 0..count {
            let index = self.streams.len();
            let mut stream = Stream::open(address, path, manner.of(index), manner.publishers)?;
            let interest = Interest::READABLE | Interest::WRITABLE;
            self.poll.registry().register(&mut stream.socket, Token(index), interest)?;
            self.streams.push(Some(stream));
            if index.is_multiple_of(OPENED_PER_TURN) {
                self.turn(Duration::from_millis(1), manner)?;
            }
        }
        let (start, mut primed) = (Instant::now(), Instant::now());
        while self.streams.iter().flatten().any(|stream| !stream.is_open()) {
            self.turn(Duration::from_millis(10), manner)?;
            if start.elapsed() > PATIENCE {
                return Err("streams were not answered".into());
            }
            if primed.elapsed() > PRIME_AFTER {
                prime()?;
                primed = Instant::now();
            }
        }
        if self.closed > 0 {
            return Err(format!("{} streams were refused", self.closed).into());
        }
        self.rest(manner)
    }

    /// Reads until nothing comes, and forgets it.
    fn rest(&mut self, manner: &Manner) -> Result<()> {
        let start = Instant::now();
        loop {
            self.clock.last_ns = 0;
            let pause = Instant::now();
            while pause.elapsed() < REST {
                self.turn(REST / 10, manner)?;
            }
            if self.clock.last_ns == 0 || start.elapsed() > PATIENCE {
                break;
            }
        }
        for stream in self.streams.iter_mut().flatten() {
            stream.bytes = 0;
        }
        Ok(())
    }

    /// Takes times from here on, of the messages due at or after `from`.
    pub(crate) fn expect(&mut self, plan: Plan, from: u64) {
        self.clock.plan = Some(plan);
        self.clock.from = from;
    }

    /// Reads what there is on all streams, after waiting until there is something, at most for `wait`.
    pub(crate) fn turn(&mut self, wait: Duration, manner: &Manner) -> Result<()> {
        let wait = if self.unfinished.is_empty() { wait } else { Duration::ZERO };
        match self.poll.poll(&mut self.events, Some(wait)) {
            Err(error) if error.kind() != std::io::ErrorKind::Interrupted => return Err(error.into()),
            _ => {}
        }
        for index in std::mem::take(&mut self.unfinished) {
            self.receive(index, manner);
        }
        let events = std::mem::replace(&mut self.events, Events::with_capacity(0));
        for event in &events {
            let index = event.token().0;
            if event.is_writable() {
                self.ask(index);
            }
            if event.is_readable() || event.is_read_closed() || event.is_error() {
                self.receive(index, manner);
            }
        }
        self.events = events;
        Ok(())
    }

    fn ask(&mut self, index: usize) {
        let Some(stream) = &mut self.streams[index] else { return };
        if stream.ask() == Progress::Ended {
            self.end(index);
        }
    }

    fn receive(&mut self, index: usize, manner: &Manner) {
        let Some(stream) = &mut self.streams[index] else { return };
        let counted = matches!(manner.of(index), Counting::Bytes { .. });
        let buffer = if counted { &mut self.buffer[..] } else { &mut self.buffer[..COPY_BYTES] };
        let clock = &mut self.clock;
        clock.last_ns = now_ns();
        let samples = manner.samples(index);
        let progress = stream.receive(buffer, &mut |number| {
            if samples {
                clock.see(number);
            }
        });
        match progress {
            Progress::Waiting => {}
            Progress::More => self.unfinished.push(index),
            Progress::Ended => self.end(index),
        }
    }

    fn end(&mut self, index: usize) {
        self.streams[index] = None;
        self.closed += 1;
    }

    /// Messages so far, over all streams that are open.
    pub(crate) fn count(&self) -> u64 {
        self.streams.iter().flatten().map(Stream::count).sum()
    }

    /// Whether every message has come on every stream, so many being published.
    pub(crate) fn is_exact(&self, published: u64) -> bool {
        self.streams.iter().all(|stream| stream.as_ref().is_some_and(|stream| stream.is_exact(published)))
    }

    /// Nanoseconds from when a message was due until it was read, on the sampled streams.
    pub(crate) fn latency(&self) -> &Histogram<u64> {
        &self.clock.latency
    }

    /// When the last byte came, in nanoseconds since the Unix epoch.
    pub(crate) fn last_ns(&self) -> u64 {
        self.clock.last_ns
    }
}

impl Clock {
    fn see(&mut self, number: u64) {
        let Some(plan) = &self.plan else { return };
        let due_ns = plan.due_ns(number);
        if due_ns >= self.from {
            self.latency.saturating_record(self.last_ns.saturating_sub(due_ns));
        }
    }
}
