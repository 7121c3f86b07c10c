//! Hostile peers against the real server: `slowhttptest` opens 2,000 connections and keeps each of them by doing almost
//! nothing, while a thousand readers on the same server are to miss nothing.
//!
//! What the attacks cost in memory and latency is told; time decides nothing. Where the tool is missing the test says so,
//! and with `CI=true` it fails:
//!
//! ```text
//!   cargo test -p sse-server --test hostile -- --nocapture
//! ```

#![cfg(target_os = "linux")]

mod attack;
#[path = "../support/caller.rs"]
mod caller;
#[path = "../support/child.rs"]
mod child;
#[path = "../support/files.rs"]
mod files;
#[path = "../support/tool.rs"]
mod tool;

use std::fs;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use attack::{ATTACKERS, ATTACKS};
use caller::Caller;
use child::Server;
use sse_server::load::{Client, Observer, Payload, Reading, Target, now_ns};

const READERS: usize = 1_000;
const EVENTS_PER_SECOND: u32 = 20;

/// Nothing waits for this: it only ends a test that has failed already.
const PATIENCE: Duration = Duration::from_secs(60);

/// Between two counts of the server's descriptors.
const LOOK: Duration = Duration::from_millis(500);

#[test]
fn slow_peers_harm_nobody() {
    if !tool::present("slowhttptest", Command::new("sh").args(["-c", "command -v slowhttptest"])) {
        return;
    }
    files::allow_files(2 * (READERS + ATTACKERS) as u64 + 100);
    let server = Server::start(&[]);
    let (mut readers, publisher) = (readers(&server), Publisher::default());
    thread::scope(|scope| {
        scope.spawn(|| publisher.publish(server.address));
        // The publisher ends with this thread, however it ends.
        let _stop = Stop(&publisher.stopped);
        watch(&server, &mut readers, &publisher, "nobody", |elapsed| elapsed.as_secs() >= 2);
        for attack in &ATTACKS {
            let mut running = attack.begin(server.address);
            let seen = watch(&server, &mut readers, &publisher, attack.name, |_| running.has_ended());
            let Seen { before, peak, descriptors } = seen;
            assert!(peak <= before + attack.bytes, "{}: {before} bytes before, {peak} at most", attack.name);
            // All but a few were there at the same time, or this was no attack.
            assert!(descriptors > READERS + ATTACKERS * 9 / 10, "{}: {descriptors} descriptors", attack.name);
        }
    });
    read_all(&mut readers, publisher.published.load(Ordering::Relaxed)); // its thread has ended
    assert_eq!(Caller::new(server.address, PATIENCE).unwrap().get("/healthz").unwrap(), "ok\n");
}

fn readers(server: &Server) -> Client {
    let mut readers = Client::new().unwrap();
    let target = Target::new(server.address, "localhost", "/subscribe/pets");
    for _ in 0..READERS {
        readers.connect(&target, Reading::Events);
    }
    assert!(readers.await_opening(0, PATIENCE).unwrap(), "{:?}", readers.counts());
    readers
}

/// What an attack has cost the server.
struct Seen {
    before: usize,
    peak: usize,
    descriptors: usize,
}

/// Reads until `is_over`, and tells what was seen meanwhile.
fn watch(
    server: &Server,
    readers: &mut Client,
    publisher: &Publisher,
    name: &str,
    mut is_over: impl FnMut(Duration) -> bool,
) -> Seen {
    let (begun, before, alive) = (Instant::now(), server.status("VmRSS"), publisher.alive.load(Ordering::Relaxed));
    // From here on the kernel finds the peak anew.
    fs::write(server.proc("clear_refs"), "5").unwrap();
    readers.observe(Observer::default());
    let (mut descriptors, mut looks) = (0, 0);
    while !is_over(begun.elapsed()) {
        assert!(begun.elapsed() < PATIENCE, "{name}: no end");
        readers.turn(Duration::from_millis(10)).unwrap();
        // Thousands are counted: not at every turn.
        if begun.elapsed() > looks * LOOK {
            (descriptors, looks) = (descriptors.max(server.descriptors()), looks + 1);
        }
    }
    let (peak, after) = (server.status("VmHWM"), server.status("VmRSS"));
    let alive = publisher.alive.load(Ordering::Relaxed) - alive;
    let latency = readers.observer().latency();
    say(&format!(
        "hostile: {name}: {} before, {} at most, {} after; {descriptors} descriptors; healthy {alive} times; \
         latency p50 {:.1} ms, p99 {:.1} ms",
        mib(before),
        mib(peak),
        mib(after),
        latency.value_at_quantile(0.5) as f64 / 1e6,
        latency.value_at_quantile(0.99) as f64 / 1e6,
    ));
    check(readers);
    Seen { before, peak, descriptors }
}

/// Nothing is lost, doubled or cut off so far.
fn check(readers: &Client) {
    let (counts, observer) = (readers.counts(), readers.observer());
    let wrong = (observer.missed(), observer.disordered(), counts.failed, counts.closed);
    assert_eq!(wrong, (0, 0, 0, 0), "missed, doubled, failed, closed: {counts:?}, {:?}", readers.first_failure());
}

/// Reads until every reader has every event.
fn read_all(readers: &mut Client, published: u64) {
    let all = published * READERS as u64;
    let (mut events, mut last) = (0, Instant::now());
    while readers.counts().events < all {
        readers.turn(Duration::from_millis(100)).unwrap();
        if readers.counts().events > events {
            (events, last) = (readers.counts().events, Instant::now());
        }
        assert!(last.elapsed() < PATIENCE, "{events} of {all} events came, the others don't");
    }
    check(readers);
    assert_eq!(readers.counts().events, all);
    say(&format!("hostile: {published} events, each of them once to each of {READERS} readers"));
}

/// Publishes at a modest rate, and asks now and then whether the server is alive.
#[derive(Default)]
struct Publisher {
    stopped: AtomicBool,
    published: AtomicU64,
    /// How often it was.
    alive: AtomicU64,
}

impl Publisher {
    fn publish(&self, server: SocketAddr) {
        let (begun, mut caller) = (Instant::now(), Caller::new(server, PATIENCE).unwrap());
        for number in 0.. {
            // Relaxed here and elsewhere: each of these stands for itself, and is read for good when the thread has ended.
            if self.stopped.load(Ordering::Relaxed) {
                return;
            }
            let mut data = [0; 100];
            Payload { sent_at: Some(now_ns()), number: Some(number) }.fill(&mut data);
            caller.post("/publish/pets", "text/plain", str::from_utf8(&data).unwrap()).unwrap();
            self.published.fetch_add(1, Ordering::Relaxed);
            if number % u64::from(EVENTS_PER_SECOND) == 0 {
                // As a load balancer asks: on a connection of its own.
                assert_eq!(Caller::new(server, PATIENCE).unwrap().get("/healthz").unwrap(), "ok\n");
                self.alive.fetch_add(1, Ordering::Relaxed);
            }
            let next = Duration::from_secs(number + 1) / EVENTS_PER_SECOND;
            thread::park_timeout(next.saturating_sub(begun.elapsed()));
        }
    }
}

/// Stops the publisher when dropped.
struct Stop<'p>(&'p AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn mib(bytes: usize) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}

/// Not `println!`, which only a failing test shows.
fn say(what: &str) {
    let _ = writeln!(io::stderr(), "{what}");
}
