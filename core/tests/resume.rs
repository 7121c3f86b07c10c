//! Clients that break off, come back, stop reading and skip, against the list of all that was published: each gets what
//! its filter covers, in order, once, and whatever is left out lies under a gap that it is told of.

#![cfg(not(loom))]

#[path = "support/history.rs"]
mod history;
#[path = "support/starts.rs"]
mod starts;
mod support;

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Waker;
use std::thread;
use std::time::Duration;

use history::History;
use proptest::prelude::*;
use sse_core::{Event, Filter, GapReason, Hub, HubConfig, Namespace, Pattern, Start};
use starts::check_starts;
use support::{Client, Published};

#[derive(Clone, Debug)]
enum Step {
    Publish { path: String, length: usize },
    Connect(Vec<String>),
    Disconnect(usize),
    Reconnect(usize),
    Read { client: usize, bytes: usize },
    Park(usize),
    Skip(usize),
    Tick,
}

fn path(names: &'static [&'static str]) -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(names), 0..3).prop_map(|segments| format!("/{}", segments.join("/")))
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => (path(&["a", "b"]), 0usize..120).prop_map(|(path, length)| Step::Publish { path, length }),
        2 => prop::collection::vec(path(&["a", "b", "*"]), 1..4).prop_map(Step::Connect),
        2 => any::<usize>().prop_map(Step::Disconnect),
        3 => any::<usize>().prop_map(Step::Reconnect),
        // A socket that takes nothing is not rare.
        10 => (any::<usize>(), prop_oneof![1 => Just(0usize), 3 => 0usize..400])
            .prop_map(|(client, bytes)| Step::Read { client, bytes }),
        2 => any::<usize>().prop_map(Step::Park),
        1 => any::<usize>().prop_map(Step::Skip),
        1 => Just(Step::Tick),
    ]
}

fn filter(paths: &[String]) -> Filter {
    Filter::any_of(paths.iter().map(|path| Pattern::parse(path).unwrap())).unwrap()
}

fn config(history_bytes: usize) -> HubConfig {
    HubConfig { epoch: Some(0xe), history_bytes, ..HubConfig::default() }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: if cfg!(miri) { 4 } else { 1024 }, ..ProptestConfig::default() })]

    #[test]
    fn everyone_gets_everything_or_is_told(
        history_bytes in prop_oneof![1usize..4_000, Just(1 << 20)],
        steps in prop::collection::vec(step(), 0..200),
    ) {
        let history_age = Duration::from_secs(8);
        let hub = Hub::new(HubConfig { history_age, ..config(history_bytes) });
        let mut history = History::new(history_bytes, history_age);
        let mut published: Vec<Published> = Vec::new();
        let mut clients: Vec<Client> = Vec::new();
        let mut seconds = 0;
        for step in steps {
            match step {
                Step::Publish { path, length } => {
                    let data = format!("{}{}", published.len() + 1, "x".repeat(length));
                    let id = hub.publish(&Event::new(&path, &data)).unwrap();
                    history.publish(&path, &data);
                    published.push((Namespace::parse(&path).unwrap(), data));
                    prop_assert_eq!(id.sequence, published.len() as u64);
                }
                Step::Connect(paths) => {
                    let mut client = Client::new(filter(&paths));
                    client.connect(&hub);
                    prop_assert_eq!(history.check_start(&client), Ok(()));
                    clients.push(client);
                }
                Step::Tick => {
                    seconds += 1;
                    hub.tick(Duration::from_secs(seconds));
                    history.tick(Duration::from_secs(seconds));
                }
                Step::Disconnect(client) | Step::Reconnect(client) | Step::Read { client, .. } | Step::Park(client)
                | Step::Skip(client) => {
                    let index = client % clients.len().max(1);
                    let Some(client) = clients.get_mut(index) else { continue };
                    match (step, &mut client.subscription) {
                        (Step::Disconnect(_), _) => client.subscription = None,
                        (Step::Reconnect(_), _) => {
                            client.connect(&hub);
                            prop_assert_eq!(history.check_start(client), Ok(()));
                        }
                        (Step::Read { bytes, .. }, _) => drop(client.read(bytes)),
                        (Step::Park(_), Some(subscription)) => subscription.park(),
                        (Step::Skip(_), _) => client.skip(),
                        _ => {}
                    }
                }
            }
            for client in &clients {
                prop_assert_eq!(client.check(&published, false), Ok(()));
                prop_assert_eq!(history.check_gaps(client), Ok(()));
            }
            check_starts(clients.iter_mut().filter_map(|client| client.subscription.as_mut()))?;
        }
        for client in &mut clients {
            if client.subscription.is_none() && client.last_event_id.is_some() {
                client.connect(&hub);
            }
            client.catch_up();
            prop_assert_eq!(client.check(&published, client.subscription.is_some()), Ok(()));
            prop_assert_eq!(history.check_gaps(client), Ok(()));
        }
        clients.clear();
        // What lingers goes when nobody has come back for long enough.
        for second in 1..60 {
            hub.tick(Duration::from_secs(seconds + second));
        }
        prop_assert_eq!(hub.channels(), 0);
    }

    /// What is counted as read is what was read, wherever it came from: logs, history, gaps, and what was begun before
    /// a reader parked or skipped.
    #[test]
    fn counts_are_of_what_was_read(
        history_bytes in prop_oneof![Just(2_000), Just(1 << 20)],
        reads in prop::collection::vec((0usize..200, 0usize..40, any::<bool>(), 0usize..8), 1..60),
        patterns in prop_oneof![Just(vec!["/".to_owned()]), Just(vec!["/a".to_owned(), "/b".to_owned()])],
    ) {
        let hub = Hub::new(config(history_bytes));
        let filter = filter(&patterns);
        let mut subscription = hub.resume(filter, "e-0", Waker::noop().clone()).unwrap();
        let (mut bytes, mut taken) = (Vec::new(), 0);
        for (most, published, park, skip) in reads {
            // Now and then more than the history holds.
            for _ in 0..if published == 0 { 300 } else { published % 3 } {
                hub.publish(&Event::new("/a", "1")).unwrap();
                hub.publish(&Event::new("/b", "22")).unwrap();
            }
            let chunk = subscription.chunk();
            let n = chunk.len().min(most);
            bytes.extend_from_slice(&chunk[..n]);
            subscription.advance(n);
            taken += n;
            if park {
                subscription.park();
            }
            if skip == 0 {
                subscription.skip();
            }
            prop_assert_eq!(subscription.bytes_read(), taken as u64);
            let whole = bytes.windows(2).filter(|pair| *pair == b"\n\n").count();
            // The first block is the opening, which is no event, unless it was skipped over before it was read; a gap
            // is one.
            let opening = usize::from(bytes.starts_with(b"id:"));
            prop_assert_eq!(subscription.events_read(), whole.saturating_sub(opening) as u64);
            prop_assert_eq!(subscription.at_frame_boundary(), bytes.is_empty() || bytes.ends_with(b"\n\n"));
        }
    }
}

fn publish(hub: &Hub, path: &str, data: &str) {
    hub.publish(&Event::new(path, data)).unwrap();
}

fn resume(hub: &Hub, id: &str) -> (Start, String) {
    let filter = Filter::parse("/a").unwrap();
    let mut subscription = hub.resume(filter, id, Waker::noop().clone()).unwrap();
    let mut text = String::new();
    loop {
        let chunk = subscription.chunk();
        text.push_str(std::str::from_utf8(chunk).unwrap());
        let length = chunk.len();
        subscription.advance(length);
        if length == 0 && !subscription.is_replaying() {
            return (subscription.start(), text);
        }
    }
}

#[test]
fn each_reason_says_where_the_stream_goes_on() {
    let hub = Hub::new(config(1 << 20));
    for number in ["1", "2", "3"] {
        publish(&hub, "/a", number);
    }
    let events = "data:2\nid:e-2\n\ndata:3\nid:e-3\n\n";
    assert_eq!(resume(&hub, "e-1"), (Start::Exact, "id:e-1\n\n".to_owned() + events));
    assert_eq!(resume(&hub, "e-3"), (Start::Exact, "id:e-3\n\n".to_owned()));
    let gap = |id, requested, reason| {
        format!(
            "event:gap\ndata:{{\"requested\":\"{requested}\",\"oldest\":\"e-1\",\"reason\":\"{reason}\"}}\nid:{id}\n\n"
        )
    };
    // Never given: what is there may have been seen already.
    for id in ["e-4", "", "nonsense"] {
        assert_eq!(resume(&hub, id), (Start::Gap(GapReason::Unknown), gap("e-3", id, "unknown")));
    }
    // Another life: nothing of this one can have been seen.
    let all = gap("e-0", "d-3", "restarted") + "data:1\nid:e-1\n\n" + events;
    assert_eq!(resume(&hub, "d-3"), (Start::Gap(GapReason::Restarted), all));
}

#[test]
fn what_is_evicted_is_told_and_the_rest_given() {
    let hub = Hub::new(config(1_000));
    for number in 1..=100 {
        publish(&hub, "/a", &format!("{number}"));
    }
    let (how, text) = resume(&hub, "e-1");
    assert_eq!(how, Start::Gap(GapReason::Evicted));
    let blocks: Vec<&str> = text.split_terminator("\n\n").collect();
    let oldest: usize = blocks[1].lines().next().unwrap().strip_prefix("data:").unwrap().parse().unwrap();
    assert!((2..100).contains(&oldest));
    assert_eq!(blocks.len(), 1 + 100 - oldest + 1);
    let (after, named) = (format!("\nid:e-{}", oldest - 1), format!("\"requested\":\"e-1\",\"oldest\":\"e-{oldest}\""));
    assert!(blocks[0].ends_with(&after) && blocks[0].contains(&named), "{}", blocks[0]);
    let counts = hub.resume_counts();
    assert_eq!((counts.evicted, counts.exact, counts.lagged), (1, 0, 0));
}

/// Who has been told of the gap is in the present, whatever the logs still hold.
#[test]
fn who_has_skipped_is_not_behind() {
    for paths in [&["/a"][..], &["/a", "/b"]] {
        let hub = Hub::new(config(1 << 20));
        let paths: Vec<String> = paths.iter().map(|path| (*path).to_owned()).collect();
        let mut subscription = hub.subscribe(filter(&paths), Waker::noop().clone()).unwrap();
        for _ in 0..500 {
            publish(&hub, "/a", &"x".repeat(1_000));
            publish(&hub, "/b", &"x".repeat(1_000));
        }
        assert!(subscription.lag() > 500_000);
        subscription.skip();
        let told = subscription.lag();
        assert!(told < 200, "{told}");
        subscription.park();
        assert_eq!(subscription.lag(), 0);
    }
}

/// A crowd that is blocked holds next to nothing each, wherever it is blocked.
#[test]
fn who_is_parked_holds_the_rest_of_one_frame() {
    let hub = Hub::new(config(1 << 20));
    (0..1_000).for_each(|_| publish(&hub, "/a", &"x".repeat(100)));
    let filter = Filter::parse("/a").unwrap();
    let mut subscription = hub.resume(filter, "e-0", Waker::noop().clone()).unwrap();
    let opening = subscription.chunk().len();
    subscription.advance(opening);
    let slice = subscription.chunk().len();
    subscription.advance(slice - 50);
    subscription.park();
    let rest = subscription.chunk().len();
    assert_eq!(rest, 50);
    subscription.advance(rest);
    let mut read = opening + slice;
    while subscription.is_replaying() || !subscription.chunk().is_empty() {
        let n = subscription.chunk().len();
        subscription.advance(n);
        read += n;
    }
    let events: usize = (1..=1_000).map(|n| format!("data:\nid:e-{n}\n\n").len() + 100).sum();
    let all = "id:e-0\n\n".len() + events;
    assert_eq!((read, subscription.bytes_read(), subscription.events_read()), (all, all as u64, 1_000));
}

#[test]
fn without_history_a_stream_is_as_it_always_was() {
    let hub = Hub::new(config(0));
    publish(&hub, "/a", "1");
    assert_eq!(resume(&hub, "e-0"), (Start::Live, String::new()));
    let mut subscription = hub.subscribe(Filter::parse("/a").unwrap(), Waker::noop().clone()).unwrap();
    publish(&hub, "/a", "2");
    assert_eq!(subscription.chunk(), b"data:2\n\n");
    subscription.advance(1);
    subscription.park();
    assert_eq!(subscription.chunk(), b"ata:2\n\n");
    subscription.skip();
    publish(&hub, "/a", "3");
    let mut text = Vec::new();
    while !subscription.chunk().is_empty() {
        text.extend_from_slice(subscription.chunk());
        let length = subscription.chunk().len();
        subscription.advance(length);
    }
    let gap = "event:gap\ndata:{\"requested\":null,\"oldest\":null,\"reason\":\"lagged\"}\n\n";
    assert_eq!(String::from_utf8(text).unwrap(), format!("ata:2\n\n{gap}data:3\n\n"));
}

/// A process that starts again, and two hubs of one process that were made alike.
#[test]
fn a_hub_believes_no_id_of_another() {
    let config = HubConfig { history_bytes: 1 << 20, ..HubConfig::default() };
    let [earlier, later] = [config.clone(), config].map(Hub::new);
    let [id, _] = [&earlier, &later].map(|hub| hub.publish(&Event::new("/a", "1")).unwrap());
    let begins = |hub: &Hub| {
        let filter = Filter::parse("/a").unwrap();
        hub.resume(filter, &id.to_string(), Waker::noop().clone()).unwrap().start()
    };
    assert_eq!(begins(&earlier), Start::Exact);
    assert_eq!(begins(&later), Start::Gap(GapReason::Restarted));
}

/// Real threads: publishers, ticks, and clients that break off, park and skip while it is published.
#[test]
fn threads_agree_with_the_model() {
    const EVENTS: usize = if cfg!(miri) { 50 } else { 30_000 };
    const FILTERS: [&[&str]; 4] = [&["/"], &["/0"], &["/*/a", "/1/b"], &["/0/b", "/1"]];
    let hub = Hub::new(HubConfig { queue_events: 64, ..config(64 << 10) });
    let published = Mutex::new(Vec::new());
    let clients = Mutex::new(Vec::new());
    let (published_all, done) = (AtomicBool::new(false), AtomicBool::new(false));
    thread::scope(|scope| {
        let (hub, published, clients) = (&hub, &published, &clients);
        let (published_all, done) = (&published_all, &done);
        let publish = |publisher: usize| {
            for number in 0..EVENTS {
                let path = format!("/{publisher}/{}", ["a", "b"][number % 2]);
                let data = format!("{publisher}-{number}");
                let id = hub.publish(&Event::new(&path, &data)).unwrap();
                published.lock().unwrap().push((id.sequence, (Namespace::parse(&path).unwrap(), data)));
            }
        };
        let publishers = [0, 1].map(|publisher| scope.spawn(move || publish(publisher)));
        for (index, paths) in FILTERS.iter().enumerate() {
            scope.spawn(move || {
                let paths: Vec<String> = paths.iter().map(|path| (*path).to_owned()).collect();
                let mut client = Client::new(filter(&paths));
                client.connect(hub);
                for round in index.. {
                    // Acquire: with the release after the publishers; nothing comes after what is read then.
                    let finished = done.load(Ordering::Acquire);
                    for _ in 0..round % 5 {
                        client.read(1 + round % 300);
                    }
                    let subscription = client.subscription.as_mut().expect("it is connected");
                    match round % 7 {
                        0 => client.connect(hub),
                        1 => subscription.park(),
                        2 if round % 11 == 0 => client.skip(),
                        3 => client.catch_up(),
                        _ => thread::yield_now(),
                    }
                    // Rounds enough for everything to have happened, however the threads took turns.
                    if finished && round > index + 100 {
                        break;
                    }
                }
                client.catch_up();
                clients.lock().unwrap().push(client);
            });
        }
        let ticker = scope.spawn(move || {
            while !published_all.load(Ordering::Acquire) {
                hub.tick(Duration::ZERO);
                thread::yield_now();
            }
        });
        publishers.into_iter().for_each(|publisher| publisher.join().unwrap());
        // A tick may be at delivering what was published last: all is delivered when it has come back, too.
        published_all.store(true, Ordering::Release); // with the load above
        ticker.join().unwrap();
        done.store(true, Ordering::Release); // with the loads
    });
    let mut published = published.into_inner().unwrap();
    published.sort();
    let published: Vec<Published> = published.into_iter().map(|(_, event)| event).collect();
    for client in clients.into_inner().unwrap() {
        assert_eq!(client.check(&published, true), Ok(()), "{}", client.filter);
    }
    let counts = hub.resume_counts();
    assert!(counts.exact > 0 && counts.lagged > 0, "{counts:?}");
}
