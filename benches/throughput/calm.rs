//! Readers who have nothing to do with what else goes on, and should notice nothing of it.
//!
//! They are read on a thread of their own, beside the client that makes trouble for the server: it shares that client's
//! core, but it sleeps most of the time, and so is given it soon when bytes come.

use std::sync::mpsc::{self, Receiver, Sender, TryRecvError};
use std::thread;
use std::time::{Duration, Instant};

use sse_server::load::{Client, Observer, Reading, Timing, now_ns};

use crate::Result;
use crate::child::Child;
use crate::order::{Order, Pace, Plan};
use crate::outcome::Latency;
use crate::readers::Readers;

/// Where they read.
const NAMESPACE: &str = "/calm";

/// Messages that they get a second.
const RATE: f64 = 100.0;

/// One in so many is parsed.
const PARSE_EVERY: usize = 10;

/// Longer than anything here lasts: they are published to until the child is told to stop.
const LENGTH: Duration = Duration::from_secs(600);

/// From the order to publish until the first event is due.
const LEAD: Duration = Duration::from_millis(20);

const IN_FLIGHT: usize = 256;
const PATIENCE: Duration = Duration::from_secs(10);

/// Undisturbed readers, who read from when they are opened.
pub(crate) struct Calm {
    words: Sender<Word>,
    readers: usize,
    plan: Plan,
    opening_bytes: u64,
}

/// What their thread is told.
enum Word {
    /// Tell the latencies since the last such word, and count anew.
    Window(Sender<Option<Latency>>),
    /// Read until each has so many bytes; tell what is wrong.
    Finish(u64, Sender<Wrong>),
}

/// What should not have been.
struct Wrong {
    /// Missing or too many, over all connections.
    bytes: u64,
    /// Missing or out of place, on those that are parsed.
    events: u64,
}

struct Listener {
    client: Client,
    timing: Timing,
    disorder: u64,
}

impl Calm {
    /// Opens them, and begins to publish to them, if there are any.
    pub(crate) fn begin(child: &mut Child, readers: usize, data_bytes: usize) -> Result<Calm> {
        let mut client = Client::new()?;
        let target = Readers::keen(NAMESPACE, readers).target(child.address);
        for index in 0..readers {
            let reading = if index % PARSE_EVERY == PARSE_EVERY / 2 { Reading::Events } else { Reading::Bytes };
            client.connect(&target, reading);
            client.await_opening(IN_FLIGHT, PATIENCE)?;
        }
        if !client.await_opening(0, PATIENCE)? || client.counts().failed > 0 {
            return Err("undisturbed readers could not be opened".into());
        }
        let plan = Plan {
            namespaces: vec![NAMESPACE.to_owned()],
            data_bytes,
            threads: 1,
            pace: Pace::Rate(RATE),
            start_ns: now_ns() + LEAD.as_nanos() as u64,
            length_ns: LENGTH.as_nanos() as u64,
        };
        let timing = Timing::Scheduled { start: plan.start_ns, interval: 1e9 / RATE };
        client.observe(Observer::new(timing));
        let (words, heard) = mpsc::channel();
        let listener = Listener { client, timing, disorder: 0 };
        thread::Builder::new().name("calm".to_owned()).spawn(move || listener.run(&heard))?;
        if readers > 0 {
            child.order(&Order::Publish(plan.clone()))?;
        }
        Ok(Calm { words, readers, plan, opening_bytes: child.opening_bytes })
    }

    /// Latencies since this was called last.
    pub(crate) fn window(&self) -> Result<Option<Latency>> {
        let (reply, latency) = mpsc::channel();
        self.words.send(Word::Window(reply))?;
        Ok(latency.recv()?)
    }

    /// Ends them and all publishing; gives the deliveries that were lost.
    pub(crate) fn finish(self, child: &mut Child) -> Result<u64> {
        if self.readers == 0 {
            return Ok(0);
        }
        child.order(&Order::Stop)?;
        let published = child.await_published(PATIENCE)?;
        let (reply, wrong) = mpsc::channel();
        self.words.send(Word::Finish(published.bytes[0] + self.opening_bytes, reply))?;
        let wrong = wrong.recv()?;
        Ok(wrong.bytes.div_ceil(self.plan.frame_bytes()).max(wrong.events))
    }
}

impl Listener {
    /// Reads until the last word, or until nobody is there to say one.
    fn run(mut self, words: &Receiver<Word>) {
        loop {
            self.client.turn(Duration::from_millis(1)).expect("a poll works");
            match words.try_recv() {
                Ok(Word::Window(reply)) => {
                    let observer = self.client.observer();
                    let latency = Latency::of(observer.latency());
                    self.disorder += observer.missed() + observer.disordered();
                    self.client.observe(Observer::new(self.timing));
                    // Whoever asked and has gone doesn't want it.
                    let _ = reply.send(latency);
                }
                Ok(Word::Finish(expected, reply)) => {
                    let _ = reply.send(self.finish(expected)); // as above
                    return;
                }
                Err(TryRecvError::Empty) => {}
                Err(TryRecvError::Disconnected) => return,
            }
        }
    }

    /// Reads until each connection has so many bytes, or nothing comes any more.
    fn finish(&mut self, expected: u64) -> Wrong {
        let missing = |client: &Client| client.received().iter().map(|&bytes| bytes.abs_diff(expected)).sum();
        let mut last = Instant::now();
        let mut left: u64 = missing(&self.client);
        while left > 0 && last.elapsed() < PATIENCE {
            self.client.turn(Duration::from_millis(1)).expect("a poll works");
            let now_left = missing(&self.client);
            if now_left != left {
                (left, last) = (now_left, Instant::now());
            }
        }
        let observer = self.client.observer();
        Wrong { bytes: left, events: self.disorder + observer.missed() + observer.disordered() }
    }
}
