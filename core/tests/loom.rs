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

mod support;

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

#[test]
fn what_a_turn_leaves_is_handed_on_while_the_driver_resigns() {
    model(|| {
        let hub = hub();
        let mut reader = subscribe(&hub, "/a");
        let driver = hub.drive(Waker::noop().clone());
        let publisher = spawn(&hub, move |hub| {
            publish(hub, "/a", "1");
            publish(hub, "/a", "2");
        });
        publish(&hub, "/a", "3");
        drop(driver);
        publisher.join().unwrap();
        // A driver that was woken, and resigned before it came to drain, has drained when it resigned.
        assert_eq!(read(&mut reader).len(), 3);
    });
}

#[test]
fn a_driver_is_woken_for_what_a_turn_leaves() {
    model(|| {
        let hub = hub();
        let mut reader = subscribe(&hub, "/a");
        let flag = Arc::new(Flag(AtomicBool::new(false)));
        let _driver = hub.drive(Waker::from(flag.clone()));
        let publisher = spawn(&hub, move |hub| {
            publish(hub, "/a", "1");
            publish(hub, "/a", "2");
        });
        publish(&hub, "/a", "3");
        publisher.join().unwrap();
        let woken = flag.0.load(Ordering::Acquire); // with the store in `wake`
        while woken && hub.drain() {}
        assert_eq!(read(&mut reader).len(), 3, "woken: {woken}");
    });
}

/// Under loom a turn is over after two such events.
#[test]
fn what_a_turn_leaves_without_a_driver_is_delivered_before_all_have_come_back() {
    model(|| {
        let hub = hub();
        let mut reader = subscribe(&hub, "/a");
        let publisher = spawn(&hub, move |hub| {
            publish(hub, "/a", "1");
            publish(hub, "/a", "2");
        });
        publish(&hub, "/a", "3");
        publish(&hub, "/a", "4");
        publisher.join().unwrap();
        assert_eq!(read(&mut reader).len(), 4);
    });
}

/// Each event is a turn's work.
#[test]
fn two_publishers_hand_over_what_reaches_many() {
    model(|| {
        let hub = hub();
        let mut readers = ["/", "/a", "/*"].map(|path| subscribe(&hub, path));
        let publisher = spawn(&hub, move |hub| publish(hub, "/a", "1"));
        publish(&hub, "/a", "2");
        publisher.join().unwrap();
        let read = readers.each_mut().map(read);
        assert!(read == ["12"; 3] || read == ["21"; 3], "{read:?}");
    });
}

#[test]
fn who_waits_for_room_keeps_nobody_from_delivery() {
    model(|| {
        let hub = Hub::new(HubConfig { queue_events: 1, ..HubConfig::default() });
        let mut readers = ["/", "/a", "/*"].map(|path| subscribe(&hub, path));
        let publisher = spawn(&hub, move |hub| {
            publish(hub, "/a", "1");
            hub.try_publish(&Event::new("/a", "2")).is_ok()
        });
        publish(&hub, "/a", "3");
        let all = if publisher.join().unwrap() { 3 } else { 2 };
        assert_eq!(readers.each_mut().map(|reader| read(reader).len()), [all; 3]);
    });
}

#[test]
fn one_of_two_drivers_is_woken_for_what_a_turn_leaves() {
    model(|| {
        let hub = hub();
        let mut reader = subscribe(&hub, "/a");
        let flags = [(); 2].map(|()| Arc::new(Flag(AtomicBool::new(false))));
        let _drivers = flags.each_ref().map(|flag| hub.drive(Waker::from(flag.clone())));
        let publisher = spawn(&hub, move |hub| {
            publish(hub, "/a", "1");
            publish(hub, "/a", "2");
        });
        publish(&hub, "/a", "3");
        publisher.join().unwrap();
        let woken = flags.iter().any(|flag| flag.0.load(Ordering::Acquire)); // with the store in `wake`
        while woken && hub.drain() {}
        assert_eq!(read(&mut reader).len(), 3, "woken: {woken}");
    });
}

#[test]
fn two_drivers_take_turns_and_leave_nothing() {
    model(|| {
        let hub = hub();
        let mut reader = subscribe(&hub, "/a");
        let _driver = hub.drive(Waker::noop().clone());
        let driver = spawn(&hub, move |hub| {
            publish(hub, "/a", "1");
            publish(hub, "/a", "2");
            while hub.drain() {}
        });
        publish(&hub, "/a", "3");
        while hub.drain() {}
        driver.join().unwrap();
        assert_eq!(read(&mut reader).len(), 3);
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

#[test]
fn the_joint_of_replay_and_live_is_exact() {
    model(|| {
        let hub = hub_with_history();
        publish(&hub, "/a", "1");
        let publisher = spawn(&hub, move |hub| (publish(hub, "/a", "2"), publish(hub, "/a", "3")));
        let mut reader = client(&hub, &["/a"], Some("0-0"));
        reader.catch_up();
        publisher.join().unwrap();
        reader.catch_up();
        assert_eq!(data(&reader), "123");
    });
}

#[test]
fn a_lingering_channel_is_found_whole_or_not_at_all() {
    model(|| {
        let hub = hub_with_history();
        let old = client(&hub, &["/a"], None);
        let leaver = thread::spawn(move || drop(old));
        publish(&hub, "/a", "1");
        let mut reader = client(&hub, &["/a"], Some("0-0"));
        reader.catch_up();
        leaver.join().unwrap();
        publish(&hub, "/a", "2");
        reader.catch_up();
        assert_eq!(data(&reader), "12");
    });
}

#[test]
fn a_channel_that_is_given_up_takes_no_newcomer_along() {
    model(|| {
        let hub = hub_with_history();
        // One channel may linger: the second takes the place of the first.
        drop(client(&hub, &["/a"], None));
        let other = client(&hub, &["/b"], None);
        let leaver = thread::spawn(move || drop(other));
        let mut reader = client(&hub, &["/a"], Some("0-0"));
        leaver.join().unwrap();
        publish(&hub, "/a", "1");
        reader.catch_up();
        assert_eq!(data(&reader), "1");
    });
}

#[test]
fn several_channels_are_read_in_one_order() {
    model(|| {
        let hub = hub();
        let filter = Filter::any_of([Pattern::parse("/a").unwrap(), Pattern::parse("/b").unwrap()]).unwrap();
        let mut both = hub.subscribe(filter, Waker::noop().clone()).unwrap();
        let publisher = spawn(&hub, move |hub| publish(hub, "/a", "1"));
        let second = publish(&hub, "/b", "2");
        let early = read(&mut both);
        let first = publisher.join().unwrap();
        assert_eq!(early + &read(&mut both), if first < second { "12" } else { "21" });
    });
}

#[test]
fn who_skips_gets_all_that_comes_after_the_gap() {
    model(|| {
        let hub = hub_with_history();
        let mut reader = client(&hub, &["/a"], None);
        let publisher = spawn(&hub, move |hub| (publish(hub, "/a", "1"), publish(hub, "/a", "2")));
        reader.subscription.as_mut().unwrap().skip();
        publisher.join().unwrap();
        reader.catch_up();
        let all = published(vec![(1, "/a", "1"), (2, "/a", "2")]);
        assert_eq!(reader.check(&all, true), Ok(()));
    });
}

#[test]
fn who_parks_misses_nothing() {
    model(|| {
        let hub = hub_with_history();
        let mut reader = client(&hub, &["/a"], None);
        let publisher = spawn(&hub, move |hub| (publish(hub, "/a", "1"), publish(hub, "/a", "2")));
        reader.read(10);
        reader.subscription.as_mut().unwrap().park();
        reader.catch_up();
        publisher.join().unwrap();
        reader.catch_up();
        assert_eq!(data(&reader), "12");
    });
}

#[test]
fn a_channel_that_nobody_comes_back_to_goes() {
    model(|| {
        let hub = hub_with_history();
        // It is among those without members, and has one again.
        drop(client(&hub, &["/a"], None));
        let last = client(&hub, &["/a"], None);
        let leaver = thread::spawn(move || drop(last));
        hub.tick(Duration::ZERO);
        leaver.join().unwrap();
        hub.tick(Duration::ZERO);
        hub.tick(Duration::from_secs(15));
        assert_eq!(hub.channels(), 0);
    });
}

fn hub_for_one_channel(history_bytes: usize) -> Hub {
    Hub::new(HubConfig { queue_events: 4, max_channels: 1, history_bytes, ..HubConfig::default() })
}

/// `None`: there was no room, and nothing else was wrong.
fn try_subscribe(hub: &Hub, path: &str) -> Option<Subscription> {
    let subscription = hub.subscribe(Filter::parse(path).unwrap(), Waker::noop().clone());
    assert!(hub.channels() <= 1);
    subscription.map_err(|error| assert_eq!(error, SubscribeError::TooManyChannels { limit: 1 })).ok()
}

/// Someone leaves the only channel there may be, and someone comes to `path`.
fn the_last_room_changes_hands(path: &'static str) {
    model(move || {
        let hub = hub_for_one_channel(0);
        let old = subscribe(&hub, "/a");
        let leaver = thread::spawn(move || drop(old));
        let early = try_subscribe(&hub, path);
        leaver.join().unwrap();
        let new = early.or_else(|| try_subscribe(&hub, path)).expect("there is room after who left");
        assert_eq!(hub.channels(), 1);
        assert!(try_subscribe(&hub, "/c").is_none());
        drop(new);
        assert_eq!(hub.channels(), 0);
    });
}

#[test]
fn the_room_of_who_leaves_is_had_by_one_and_not_lost() {
    the_last_room_changes_hands("/b");
}

#[test]
fn the_room_of_a_channel_on_its_way_out_is_counted_once() {
    the_last_room_changes_hands("/a");
}

#[test]
fn the_last_room_is_for_one_of_two() {
    model(|| {
        let hub = hub_for_one_channel(0);
        let other = spawn(&hub, move |hub| try_subscribe(hub, "/a"));
        let one = try_subscribe(&hub, "/b");
        let other = other.join().unwrap();
        assert!(one.is_some() != other.is_some());
        drop((one, other));
        assert_eq!(hub.channels(), 0);
    });
}

#[test]
fn a_lingering_channel_makes_room_for_a_newcomer_or_has_its_reader_back() {
    model(|| {
        let hub = hub_for_one_channel(1 << 10);
        drop(subscribe(&hub, "/a"));
        assert_eq!(hub.channels(), 1);
        let newcomer = spawn(&hub, move |hub| try_subscribe(hub, "/b"));
        let returned = try_subscribe(&hub, "/a");
        let newcomer = newcomer.join().unwrap();
        assert!(returned.is_some() != newcomer.is_some());
        assert_eq!(hub.channels(), 1);
        drop((returned, newcomer));
        assert!(try_subscribe(&hub, "/c").is_some());
    });
}

#[test]
fn who_is_refused_one_channel_stays_in_none() {
    model(|| {
        let hub = hub_for_one_channel(0);
        let refused = spawn(&hub, move |hub| {
            let filter = Filter::any_of([Pattern::parse("/a").unwrap(), Pattern::parse("/b").unwrap()]).unwrap();
            hub.subscribe(filter, Waker::noop().clone()).is_err()
        });
        let new = try_subscribe(&hub, "/a");
        assert!(refused.join().unwrap());
        let new = new.or_else(|| try_subscribe(&hub, "/a")).expect("the other is gone");
        assert_eq!(hub.subscriptions(&Namespace::parse("/a").unwrap()), 1);
        drop(new);
        assert_eq!(hub.channels(), 0);
    });
}

#[test]
fn who_stays_is_counted_once_whoever_comes_and_goes() {
    model(|| {
        let hub = hub();
        let filter = Filter::any_of([Pattern::parse("/a/*").unwrap(), Pattern::parse("/*/b").unwrap()]).unwrap();
        let _stays = hub.subscribe(filter.clone(), Waker::noop().clone()).unwrap();
        let other = spawn(&hub, move |hub| drop(hub.subscribe(filter, Waker::noop().clone()).unwrap()));
        let count = || hub.subscriptions(&Namespace::parse("/a/b").unwrap());
        assert!((1..=2).contains(&count()));
        other.join().unwrap();
        assert_eq!(count(), 1);
    });
}
