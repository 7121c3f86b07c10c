//! Who delivers: how much a publisher does for others, whose turn it is among drivers, and what time does to what is
//! kept.

#![cfg(not(loom))]

#[path = "support/bell.rs"]
mod bell;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::Waker;
use std::thread;
use std::time::Duration;

use bell::Bell;
use sse_core::{Event, Filter, Hub, HubConfig, Subscription};

fn subscribe(hub: &Hub, path: &str) -> Subscription {
    hub.subscribe(Filter::parse(path).unwrap(), Waker::noop().clone()).unwrap()
}

fn publish(hub: &Hub, path: &str) -> u64 {
    hub.publish(&Event::new(path, "x")).unwrap().sequence
}

/// Another publishes until the first one has come back, and never helps to make room. An event reaches many channels,
/// so that publishing is faster than delivering.
#[test]
fn a_publisher_comes_back_though_another_goes_on_publishing() {
    const ENOUGH: usize = if cfg!(miri) { 200 } else { 5_000 };
    const PATIENCE: usize = if cfg!(miri) { 2_000 } else { 100_000 };
    let hub = Hub::new(HubConfig { queue_events: 64, ..HubConfig::default() });
    let paths = (0..1 << 7).map(|stars| (0..7).map(|bit| ["/a", "/*"][stars >> bit & 1]).collect::<String>());
    let _readers: Vec<Subscription> = paths.map(|path| subscribe(&hub, &path)).collect();
    let path = "/a".repeat(7);
    let (published, done) = (AtomicUsize::new(0), AtomicBool::new(false));
    thread::scope(|scope| {
        scope.spawn(|| {
            // Acquire: with the release below. A test that has failed already ends, too.
            while published.load(Ordering::Relaxed) < PATIENCE && !done.load(Ordering::Acquire) {
                if hub.try_publish(&Event::new(&path, "x")).is_ok() {
                    published.fetch_add(1, Ordering::Relaxed); // a count
                }
            }
        });
        // Many of these find nobody who delivers.
        while published.load(Ordering::Relaxed) < ENOUGH {
            publish(&hub, &path);
        }
        done.store(true, Ordering::Release); // with the load above
    });
    assert!(published.into_inner() < PATIENCE, "held up for as long as the other published");
}

/// A round of looking at 1,500 channels is more than a turn: the rest is a driver's.
#[test]
fn drivers_take_turns() {
    let hub = Hub::new(HubConfig { history_bytes: 1 << 16, ..HubConfig::default() });
    (0..1_500).for_each(|number| drop(subscribe(&hub, &format!("/{number}"))));
    let bells: Vec<Arc<Bell>> = std::iter::repeat_with(Arc::default).take(3).collect();
    let mut drivers: Vec<_> = bells.iter().map(|bell| hub.drive(Waker::from(bell.clone()))).collect();
    let rung = || bells.iter().map(|bell| bell.rung()).collect::<Vec<_>>();
    let rounds = |count| {
        for _ in 0..count {
            hub.tick(Duration::ZERO);
            while hub.drain() {}
        }
    };
    rounds(6);
    assert_eq!(rung(), [2, 2, 2]);
    // Who resigns is left out, and the others go on taking turns.
    drop(drivers.pop());
    rounds(4);
    assert_eq!(rung(), [4, 4, 2]);
}

#[test]
fn channels_linger_for_a_time_and_not_for_a_number_of_calls() {
    let hub = Hub::new(HubConfig { history_bytes: 1 << 16, ..HubConfig::default() });
    let tick = |ms| hub.tick(Duration::from_millis(ms));
    // Many calls in no time.
    drop(subscribe(&hub, "/a"));
    (0..100).for_each(|_| tick(1_000));
    assert_eq!(hub.channels(), 1);
    (0..100).for_each(|n| tick(1_000 + n * 150)); // 14.85 s
    assert_eq!(hub.channels(), 1);
    tick(16_000);
    assert_eq!(hub.channels(), 0);
    // Few calls, so that a publisher that has just left isn't taken for one that left at the last call.
    drop(subscribe(&hub, "/a"));
    tick(100_000);
    assert_eq!(hub.channels(), 1);
    tick(114_999);
    assert_eq!(hub.channels(), 1);
    tick(115_000);
    assert_eq!(hub.channels(), 0);
}
