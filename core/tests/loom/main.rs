//! The engine's races, each order tried by loom, one claim a test. Black box: only what the crate promises is asserted.
//!
//! ```text
//! RUSTFLAGS="--cfg loom" cargo test --release -p sse-core --lib --test loom
//! ```

#![cfg(loom)]

use std::sync::Arc;
use std::task::{Wake, Waker};
use std::time::Duration;

use loom::sync::atomic::{AtomicBool, Ordering};
use loom::thread::{self, JoinHandle};
use sse_core::{Event, Filter, Hub, HubConfig, Namespace, Pattern, SubscribeError, Subscription};
use support::{Client, Note, Published};

mod blocks;
mod close;
mod returning;
mod rooms;
#[path = "../support/mod.rs"]
mod support;
mod turns;

/// Tries every order of the steps of `threads`, with at most three preemptions: what a bug needs is rarely more.
fn model(threads: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = builder.preemption_bound.or(Some(3));
    builder.check(threads);
}

fn hub() -> Hub {
    Hub::new(HubConfig { queue_events: 4, ..HubConfig::default() })
}

fn hub_with_history() -> Hub {
    Hub::new(HubConfig { epoch: Some(0), queue_events: 4, history_bytes: 1 << 10, ..HubConfig::default() })
}

/// A client that comes back after `last_event_id`, or for the first time.
fn client(hub: &Hub, paths: &[&str], last_event_id: Option<&str>) -> Client {
    let patterns = paths.iter().map(|path| Pattern::parse(path).unwrap());
    let mut client = Client::new(Filter::any_of(patterns).unwrap());
    client.last_event_id = last_event_id.map(str::to_owned);
    client.connect(hub);
    client
}

/// The data of all events that a client got, and a dash for each gap.
fn data(client: &Client) -> String {
    let data = |note: &Note| match note {
        Note::Event { data, .. } => Some(data.clone()),
        Note::Opening(_) => None,
        Note::Gap { .. } => Some("-".to_owned()),
    };
    client.notes.iter().filter_map(data).collect()
}

/// Events with these sequences and paths, whose data is their letter.
fn published(mut events: Vec<(u64, &str, &str)>) -> Vec<Published> {
    events.sort();
    events.iter().map(|(_, path, data)| (Namespace::parse(path).unwrap(), (*data).to_owned())).collect()
}

/// Lets something happen to the hub in a thread of its own.
fn spawn<T: 'static>(hub: &Hub, act: impl FnOnce(&Hub) -> T + 'static) -> JoinHandle<T> {
    let hub = hub.clone();
    thread::spawn(move || act(&hub))
}

fn subscribe(hub: &Hub, path: &str) -> Subscription {
    hub.subscribe(Filter::parse(path).unwrap(), Waker::noop().clone()).unwrap()
}

fn publish(hub: &Hub, path: &str, data: &str) -> u64 {
    hub.publish(&Event::new(path, data)).unwrap().sequence
}

/// All that the subscription has to read, as the data of its events, one letter each.
fn read(subscription: &mut Subscription) -> String {
    let mut data = String::new();
    loop {
        let chunk = subscription.chunk();
        if chunk.is_empty() {
            return data;
        }
        let text = std::str::from_utf8(chunk).unwrap();
        data.extend(text.split_terminator("\n\n").map(|frame| frame.strip_prefix("data:").unwrap()));
        let length = chunk.len();
        subscription.advance(length);
    }
}

#[test]
fn bytes_released_are_bytes_read() {
    model(|| {
        let hub = hub();
        let mut reader = subscribe(&hub, "/a");
        let publisher = spawn(&hub, move |hub| {
            publish(hub, "/a", "1");
            publish(hub, "/a", "2");
        });
        let early = read(&mut reader);
        publisher.join().unwrap();
        assert_eq!(early + &read(&mut reader), "12");
    });
}

#[test]
fn no_event_is_stranded_in_the_queue() {
    model(|| {
        let hub = hub();
        let mut reader = subscribe(&hub, "/a");
        let publisher = spawn(&hub, move |hub| publish(hub, "/a", "1"));
        publish(&hub, "/a", "2");
        publisher.join().unwrap();
        assert_eq!(read(&mut reader).len(), 2);
    });
}

#[test]
fn a_full_queue_makes_publishers_help_and_loses_nothing() {
    model(|| {
        let hub = Hub::new(HubConfig { queue_events: 1, ..HubConfig::default() });
        let mut reader = subscribe(&hub, "/a");
        let publisher = spawn(&hub, move |hub| publish(hub, "/a", "1"));
        publish(&hub, "/a", "2");
        publish(&hub, "/a", "3");
        publisher.join().unwrap();
        assert_eq!(read(&mut reader).len(), 3);
    });
}

#[test]
fn two_readers_see_one_order() {
    model(|| {
        let hub = hub();
        let (mut all, mut some) = (subscribe(&hub, "/"), subscribe(&hub, "/a"));
        let publisher = spawn(&hub, move |hub| publish(hub, "/a/x", "1"));
        publish(&hub, "/a", "2");
        publisher.join().unwrap();
        let order = read(&mut all);
        assert_eq!(order.len(), 2);
        assert_eq!(read(&mut some), order);
    });
}

#[test]
fn a_subscription_gets_exactly_what_comes_after_its_position() {
    model(|| {
        let hub = hub();
        let subscriber = spawn(&hub, move |hub| {
            let mut reader = subscribe(hub, "/a");
            let early = read(&mut reader);
            (reader, early)
        });
        // Under loom a segment holds two such events: the third is in another one.
        publish(&hub, "/a", "1");
        publish(&hub, "/a", "2");
        publish(&hub, "/a", "3");
        let (mut reader, early) = subscriber.join().unwrap();
        let expected = &"123"[reader.starts_after() as usize..];
        assert_eq!(early + &read(&mut reader), expected);
    });
}

#[test]
fn a_subscription_to_a_channel_that_others_have_is_as_exact() {
    model(|| {
        let hub = hub();
        let mut first = subscribe(&hub, "/a");
        let subscriber = spawn(&hub, move |hub| subscribe(hub, "/a"));
        publish(&hub, "/a", "1");
        publish(&hub, "/a", "2");
        publish(&hub, "/a", "3");
        let mut reader = subscriber.join().unwrap();
        assert_eq!(read(&mut reader), &"123"[reader.starts_after() as usize..]);
        assert_eq!(read(&mut first), "123");
    });
}

struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Release); // with the load in the test
    }
}

#[test]
fn no_wake_up_is_lost() {
    model(|| {
        let hub = hub();
        let flag = Arc::new(Flag(AtomicBool::new(false)));
        let publisher = spawn(&hub, move |hub| publish(hub, "/a", "1"));
        let mut reader = hub.subscribe(Filter::parse("/a").unwrap(), Waker::from(flag.clone())).unwrap();
        read(&mut reader);
        publisher.join().unwrap();
        let woken = flag.0.load(Ordering::Acquire); // with the store in `wake`
        assert!(read(&mut reader).is_empty() || woken, "asleep with something to read");
    });
}

#[test]
fn no_wake_up_is_lost_when_the_waker_changes() {
    model(|| {
        let hub = hub();
        let flag = Arc::new(Flag(AtomicBool::new(false)));
        let mut reader = subscribe(&hub, "/a");
        let publisher = spawn(&hub, move |hub| publish(hub, "/a", "1"));
        reader.set_waker(&Waker::from(flag.clone()));
        read(&mut reader);
        publisher.join().unwrap();
        let woken = flag.0.load(Ordering::Acquire); // with the store in `wake`
        assert!(read(&mut reader).is_empty() || woken, "asleep with something to read");
    });
}

/// Two readers of one loop: one leaves while the other comes.
#[test]
fn no_wake_up_is_lost_when_another_with_the_same_waker_leaves() {
    model(|| {
        let hub = hub();
        let flag = Arc::new(Flag(AtomicBool::new(false)));
        let subscribe = |hub: &Hub| hub.subscribe(Filter::parse("/a").unwrap(), Waker::from(flag.clone())).unwrap();
        let _other = self::subscribe(&hub, "/a");
        let old = subscribe(&hub);
        let leaver = thread::spawn(move || drop(old));
        let mut new = subscribe(&hub);
        leaver.join().unwrap();
        publish(&hub, "/a", "1");
        assert!(flag.0.load(Ordering::Acquire), "asleep with something to read"); // with the store in `wake`
        assert_eq!(read(&mut new), "1");
    });
}

#[test]
fn a_readers_place_is_kept_when_another_with_the_same_waker_leaves_meanwhile() {
    model(|| {
        let hub = hub();
        let flag = Arc::new(Flag(AtomicBool::new(false)));
        let subscribe = |hub: &Hub| hub.subscribe(Filter::parse("/a").unwrap(), Waker::from(flag.clone())).unwrap();
        let old = subscribe(&hub);
        let publisher = spawn(&hub, move |hub| {
            drop(old);
            publish(hub, "/a", "1");
        });
        let mut new = subscribe(&hub);
        read(&mut new);
        publisher.join().unwrap();
        let woken = flag.0.load(Ordering::Acquire); // with the store in `wake`
        assert!(read(&mut new).is_empty() || woken, "asleep with something to read");
    });
}

#[test]
fn the_last_leaver_does_not_take_a_newcomer_along() {
    model(|| {
        let hub = hub();
        let old = subscribe(&hub, "/a");
        let leaver = thread::spawn(move || drop(old));
        let mut new = subscribe(&hub, "/a");
        leaver.join().unwrap();
        assert_eq!(hub.channels(), 1);
        publish(&hub, "/a", "1");
        assert_eq!(read(&mut new), "1");
        drop(new);
        assert_eq!(hub.channels(), 0);
    });
}

#[test]
fn publishing_finds_its_channels_while_the_trie_grows() {
    model(|| {
        let hub = hub();
        let mut reader = subscribe(&hub, "/a");
        let grower = spawn(&hub, move |hub| drop(subscribe(hub, "/a/b")));
        publish(&hub, "/a/b", "1");
        grower.join().unwrap();
        assert_eq!(read(&mut reader), "1");
    });
}

/// Panics when it is woken, without a word to the panic hook: loom tries this many times.
struct Bomb;

impl Wake for Bomb {
    fn wake(self: Arc<Self>) {
        std::panic::resume_unwind(Box::new("as asked"));
    }
}

#[test]
fn what_a_turn_leaves_is_delivered_though_the_drivers_waker_panics() {
    model(|| {
        let hub = hub();
        let mut reader = subscribe(&hub, "/a");
        let _driver = hub.drive(Waker::from(Arc::new(Bomb)));
        let publisher = spawn(&hub, move |hub| {
            publish(hub, "/a", "1");
            publish(hub, "/a", "2");
        });
        publish(&hub, "/a", "3");
        publisher.join().unwrap();
        assert_eq!(read(&mut reader).len(), 3);
    });
}

#[test]
fn no_wake_up_is_lost_beside_a_waker_that_panics() {
    model(|| {
        let hub = hub();
        let flag = Arc::new(Flag(AtomicBool::new(false)));
        let _other = hub.subscribe(Filter::parse("/a").unwrap(), Waker::from(Arc::new(Bomb))).unwrap();
        let publisher = spawn(&hub, move |hub| publish(hub, "/a", "1"));
        let mut reader = hub.subscribe(Filter::parse("/a").unwrap(), Waker::from(flag.clone())).unwrap();
        read(&mut reader);
        publisher.join().unwrap();
        let woken = flag.0.load(Ordering::Acquire); // with the store in `wake`
        assert!(read(&mut reader).is_empty() || woken, "asleep with something to read");
    });
}

#[test]
fn ticking_loses_nothing() {
    model(|| {
        let hub = hub();
        let mut reader = subscribe(&hub, "/a");
        publish(&hub, "/a", "1");
        hub.tick(Duration::ZERO);
        let ticker = spawn(&hub, move |hub| hub.tick(Duration::ZERO));
        publish(&hub, "/a", "2");
        ticker.join().unwrap();
        assert_eq!(read(&mut reader), "12");
    });
}
