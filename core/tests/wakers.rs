//! Wakers are others' code. Whatever one of them does, everyone else is woken, and delivery goes on.

#![cfg(not(loom))]

#[path = "support/bell.rs"]
mod bell;

use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::task::{Wake, Waker};
use std::time::Duration;

use bell::Bell;
use sse_core::{Event, Filter, Hub, HubConfig, Pattern, Subscription};

/// Panics when it is woken, when it is dropped, and what it panics with panics when it is dropped.
struct Bomb;

impl Wake for Bomb {
    fn wake(self: Arc<Self>) {
        panic::panic_any(Bomb);
    }
}

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("as asked");
    }
}

fn bomb() -> Waker {
    Waker::from(Arc::new(Bomb))
}

fn bell() -> (Arc<Bell>, Waker) {
    let bell = Arc::new(Bell::default());
    (bell.clone(), Waker::from(bell))
}

fn subscribe(hub: &Hub, path: &str, waker: Waker) -> Subscription {
    hub.subscribe(Filter::parse(path).unwrap(), waker).unwrap()
}

fn publish(hub: &Hub, path: &str) {
    hub.publish(&Event::new(path, "x")).unwrap();
}

/// Bombs on both sides of a reader, in its channel and in those that are told before and after it.
fn beside_bombs(hub: &Hub, waker: &Waker) -> Vec<Subscription> {
    let paths = ["/", "/a", "/a/b", "/*", "/*/b"];
    let before: Vec<_> = paths.iter().map(|path| subscribe(hub, path, bomb())).collect();
    let between = paths.iter().map(|path| subscribe(hub, path, waker.clone()));
    let after = paths.iter().map(|path| subscribe(hub, path, bomb()));
    before.into_iter().chain(between).chain(after).collect()
}

#[test]
fn each_publisher_wakes_everyone_whatever_a_waker_does() {
    let hub = Hub::new(HubConfig::default());
    let (bell, waker) = bell();
    let _readers = beside_bombs(&hub, &waker);
    for number in 1..=3 {
        publish(&hub, "/a/b");
        assert_eq!(bell.rung(), 5 * number);
    }
    hub.try_publish(&Event::new("/a/b", "x")).unwrap();
    assert_eq!((bell.rung(), hub.published()), (20, 4));
}

/// A channel's readers are woken in a round of looking at what is kept, too. It takes several turns, which a driver is
/// to go on with.
fn tick(drivers: Vec<Waker>, drain: impl Fn(&Hub)) {
    const CHANNELS: usize = 1500;
    let hub = Hub::new(HubConfig::default());
    let (bell, waker) = bell();
    let subscribe = |number| {
        let path = format!("/{number}");
        let readers = [bomb(), waker.clone()].map(|waker| subscribe(&hub, &path, waker));
        publish(&hub, &path);
        // They have caught up: what they stand in is theirs to let go of.
        readers.map(|mut reader| {
            let length = reader.chunk().len();
            reader.advance(length);
            reader
        })
    };
    let _readers: Vec<_> = (0..CHANNELS).map(subscribe).collect();
    let _drivers: Vec<_> = drivers.into_iter().map(|waker| hub.drive(waker)).collect();
    assert_eq!(bell.rung(), CHANNELS);
    for rung in [CHANNELS, 2 * CHANNELS] {
        hub.tick(Duration::ZERO);
        drain(&hub);
        assert_eq!(bell.rung(), rung);
    }
}

#[test]
fn a_driver_wakes_everyone_whatever_a_waker_does() {
    let (bell, waker) = bell();
    tick(vec![waker], |hub| {
        let rung = bell.rung();
        while hub.drain() {}
        assert!(rung > 0);
    });
}

#[test]
fn what_a_turn_leaves_is_handed_to_a_driver_that_can_be_woken() {
    let (bell, waker) = bell();
    tick(vec![bomb(), waker, bomb()], |hub| {
        let rung = bell.rung();
        while hub.drain() {}
        assert!(rung > 0);
    });
}

#[test]
fn who_finds_no_driver_that_can_be_woken_goes_on_itself() {
    tick(vec![bomb(), bomb()], |_| ());
}

/// Their wakers are dropped with the places.
#[test]
fn who_leaves_leaves_all_its_channels_whatever_a_waker_does() {
    for history_bytes in [0, 1 << 20] {
        let hub = Hub::new(HubConfig { history_bytes, ..HubConfig::default() });
        let patterns = ["/a", "/b/*", "/c"].map(|path| Pattern::parse(path).unwrap());
        let filter = Filter::any_of(patterns).unwrap();
        drop(hub.subscribe_with(&filter, None, |_| bomb()).unwrap());
        for path in ["/a", "/b/b", "/c"] {
            assert_eq!(hub.subscriptions(&path.parse().unwrap()), 0, "{path}");
        }
        assert!(history_bytes > 0 || hub.channels() == 0);
        let mut reader = hub.subscribe_with(&filter, None, |_| bomb()).unwrap();
        let (bell, waker) = bell();
        reader.set_waker(&waker);
        publish(&hub, "/b/b");
        assert_eq!(bell.rung(), 1);
    }
}

#[test]
fn a_subscriber_that_panics_is_in_no_channel() {
    let hub = Hub::new(HubConfig::default());
    let filter = Filter::any_of(["/a", "/b", "/c"].map(|path| Pattern::parse(path).unwrap())).unwrap();
    let subscribe = |last: &str| {
        let waker = |pattern: &Pattern| match pattern.as_str() == last {
            true => panic!("as asked"),
            false => bomb(),
        };
        hub.subscribe_with(&filter, None, waker)
    };
    for last in ["/a", "/b", "/c"] {
        assert!(panic::catch_unwind(AssertUnwindSafe(|| subscribe(last).map(drop))).is_err());
        assert_eq!(hub.channels(), 0);
    }
}
