//! The promise at the sockets: publishers, readers that break off at any byte, come back with their last id, stop reading
//! or read byte by byte; a history too small or too short; a server that is restarted. What each reader gets is held
//! against the list of what was published.
//!
//! ```text
//!   cargo test -p sse-server --test model
//!   SSE_MODEL_SECONDS=7200 SSE_MODEL_SEED=42 cargo test -p sse-server --test model
//! ```
//!
//! Ten seconds by default. The seed, which is told first, repeats what everyone chooses; not when: threads and sockets
//! interleave as they like. The time only bounds how much happens; nothing is expected within any.

#[path = "../support/counter.rs"]
mod counter;
mod events;
mod life;
mod promise;
mod publishers;
mod readers;
#[path = "../support/stream/mod.rs"]
mod stream;
mod tally;
mod wire;
mod world;

use std::env;
use std::io::{self, Write};
use std::str::FromStr;
use std::thread;
use std::time::{Duration, Instant};

use fastrand::Rng;

use life::Life;
use publishers::Way;
use world::{Phase, World};

/// Nothing waits for this: it only ends a test that has failed already.
const PATIENCE: Duration = Duration::from_secs(60);

const READERS: usize = 40;
const PUBLISHERS: [Way; 5] = [Way::Library, Way::Library, Way::Library, Way::Http, Way::Http];

/// From here on everything that can happen must have happened.
const LONG: Duration = Duration::from_secs(30);

#[test]
fn every_reader_gets_what_the_model_says() {
    let seed = setting("SSE_MODEL_SEED").unwrap_or_else(|| fastrand::u64(..));
    let time = Duration::from_secs(setting("SSE_MODEL_SECONDS").unwrap_or(10));
    say(&format!("model: SSE_MODEL_SEED={seed}, for {} s", time.as_secs()));
    let mut random = Rng::with_seed(seed);
    let (life, server) = Life::begin(0, &mut random);
    let world = World::new(seed, life);
    let begun = Instant::now();
    let server = thread::scope(|scope| {
        let world = &world;
        for number in 0..READERS {
            let random = random.fork();
            scope.spawn(move || readers::read(world, number, random));
        }
        let publish = |(number, way): (u16, Way)| {
            let random = random.fork();
            scope.spawn(move || publishers::publish(world, number, way, random))
        };
        let publishers: Vec<_> = (0..).zip(PUBLISHERS).map(publish).collect();
        let _sentry = world::Sentry(world);
        let mut server = server;
        for nth in 1.. {
            // Four servers in a short run; in a long one each lasts up to ten seconds.
            let lasts = (time / 4).min(Duration::from_millis(random.u64(2_000..10_000)));
            world.let_run(lasts.min(time.saturating_sub(begun.elapsed())));
            if begun.elapsed() >= time || world.phase() != Phase::Open {
                break;
            }
            server = world.restart(server, nth, &mut random);
        }
        world.advance_to(Phase::Closing);
        publishers.into_iter().for_each(|publisher| publisher.join().expect("a publisher reports its failures"));
        if let Err(what) = world.publish_last() {
            world.fail(what);
        }
        world.advance_to(Phase::Finale);
        server
    });
    world.end(server, None);
    say(&format!("model: {}", world.tally));
    if let Some(failure) = world.failure() {
        panic!("SSE_MODEL_SEED={seed}: {failure}");
    }
    let missing = world.tally.missing();
    assert!(time < LONG || missing.is_empty(), "SSE_MODEL_SEED={seed}: these never happened: {missing:?}");
}

fn setting<T: FromStr>(name: &str) -> Option<T> {
    let text = env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number")))
}

/// Not `println!`, which only a failing test shows.
fn say(what: &str) {
    let _ = writeln!(io::stderr(), "{what}");
}
