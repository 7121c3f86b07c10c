//! A server as it runs for days: clients come, go, stop reading and resume, over namespaces, their parents and wildcards,
//! while events are published over HTTP. It runs as it is delivered, as a process of its own, with its default history.
//!
//! ```text
//!   cargo test --test soak                                        six seconds, 50 clients
//!   SOAK=1 SOAK_DURATION_SEC=1800 SOAK_CLIENTS=200 SOAK_MSG_PER_SEC=300 SOAK_REPORT_SEC=10 \
//!     cargo test --release --test soak -- --nocapture             as long, and as many, as you like
//! ```
//!
//! Nothing may be lost or doubled unless a gap is told, and for a reason that there is. And when all have left, the server
//! is as it was before.

#![cfg(target_os = "linux")]

mod account;
#[path = "../support/caller.rs"]
mod caller;
#[path = "../support/child.rs"]
mod child;
mod client;
#[path = "../support/counter.rs"]
mod counter;
#[path = "../support/files.rs"]
mod files;
mod gauge;
mod plan;
mod publisher;
mod stage;
#[path = "../support/stream/mod.rs"]
mod stream;
mod tally;

use std::env;
use std::io::{self, Write};
use std::str::FromStr;
use std::thread;
use std::time::{Duration, Instant};

use fastrand::Rng;

use child::Server;
use client::World;
use gauge::{Footprint, Memory};
use plan::Plan;
use stage::{Phase, Sentry, Stage};
use tally::Tally;

/// Nothing waits for this: it only ends a test that has failed already.
const PATIENCE: Duration = Duration::from_secs(60);

/// Between two looks at the server's memory.
const SAMPLE: Duration = Duration::from_millis(250);

struct Settings {
    time: Duration,
    clients: u64,
    per_second: f64,
    report: Duration,
}

impl Settings {
    fn read() -> Settings {
        if env::var_os("SOAK").is_none_or(|value| value != "1") {
            let time = Duration::from_secs(6);
            return Settings { time, clients: 50, per_second: 300.0, report: Duration::MAX };
        }
        Settings {
            time: Duration::from_secs_f64(setting("SOAK_DURATION_SEC", 300.0)),
            clients: setting("SOAK_CLIENTS", 200),
            per_second: setting("SOAK_MSG_PER_SEC", 300.0),
            report: Duration::from_secs_f64(setting("SOAK_REPORT_SEC", 10.0)),
        }
    }
}

fn setting<T: FromStr>(name: &str, default: T) -> T {
    let Ok(text) = env::var(name) else { return default };
    text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number"))
}

#[test]
fn the_server_is_as_before_when_all_have_left() {
    let settings = Settings::read();
    files::allow_files(2 * settings.clients + 100);
    let server = Server::start(&[]);
    let before = Footprint::of(&server).unwrap();
    let (plan, stage, tally, mut memory) = (Plan::new(), Stage::default(), Tally::default(), Memory::default());
    say(&format!("soak: {} s, {} clients, {}/s", settings.time.as_secs(), settings.clients, settings.per_second));
    thread::scope(|scope| {
        let (plan, stage, tally) = (&plan, &stage, &tally);
        let _sentry = Sentry(stage);
        let world = World {
            address: server.address,
            plan,
            stage,
            tally,
            longest_visit: (settings.time / 4).min(Duration::from_secs(20)),
            // So long that the server cuts some off.
            longest_stall: (settings.time / 4).min(Duration::from_secs(60)),
            longest_absence: settings.time / 4,
        };
        let mut random = Rng::new();
        for _ in 0..settings.clients {
            let random = random.fork();
            scope.spawn(move || client::listen(world, random));
        }
        let Settings { time, per_second, .. } = settings;
        scope.spawn(move || publisher::publish(world.address, plan, stage, tally, per_second, time));
        watch(&server, &settings, stage, tally, &mut memory);
    });
    say(&format!("soak: all is told: {tally}"));
    assert_eq!(stage.failure(), None, "{tally}; {:?}", tally.first());
    assert!(tally.is_clean(), "{tally}; first: {:?}", tally.first());
    assert!(tally.exact.get() > 0, "nobody came back: {tally}");

    let after = await_return(&server, before);
    let (growth, left) = (memory.growth(), server.status("VmRSS"));
    say(&format!(
        "soak: before {before}; after all have left {after}; memory: {} early, {} late, {} when all have left, at most {}",
        mib(growth.early),
        mib(growth.late),
        mib(left),
        mib(growth.bound),
    ));
    assert!(growth.late.max(left) <= growth.bound, "memory grows: {growth:?}, {left} when all have left");
}

/// Looks at the server while all others do what they do, and tells of it.
fn watch(server: &Server, settings: &Settings, stage: &Stage, tally: &Tally, memory: &mut Memory) {
    let (begun, mut told) = (Instant::now(), Instant::now());
    while stage.phase() == Phase::Open {
        let resident = memory.sample(server, tally.published.get());
        if told.elapsed() >= settings.report {
            told += settings.report;
            match Footprint::of(server) {
                Ok(now) => say(&format!(
                    "soak: {:4} s: {} clients, {tally}; {}, {now}",
                    begun.elapsed().as_secs(),
                    now.streams,
                    mib(resident),
                )),
                Err(error) => stage.fail(format!("/health: {error}")),
            }
        }
        stage.rest(SAMPLE);
    }
}

/// Waits until the server has as little open as before.
fn await_return(server: &Server, before: Footprint) -> Footprint {
    let begun = Instant::now();
    loop {
        let (now, listed) = (Footprint::of(server).unwrap(), gauge::listed_streams(server).unwrap());
        if now == before && listed == 0 {
            return now;
        }
        assert!(begun.elapsed() < PATIENCE, "{before:?} before, {now:?} after all have left, {listed} streams listed");
        thread::yield_now();
    }
}

fn mib(bytes: usize) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}

/// Not `println!`, which only a failing test shows.
fn say(what: &str) {
    let _ = writeln!(io::stderr(), "{what}");
}
