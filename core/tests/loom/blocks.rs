//! Blocks that are let go of while readers come to their end. Under loom a block has 32 bytes: one event of those here.

use super::*;

/// Three blocks are more than a log may keep: of the third event's two before it, none stays in the log.
const BUDGET: usize = 64;

/// A client that has begun, in a hub whose journal keeps four events, and its logs one.
fn hub_and_client(paths: &[&str]) -> (Hub, Client) {
    let config = HubConfig { epoch: Some(0), queue_events: 4, history_bytes: 2 * BUDGET, ..HubConfig::default() };
    let hub = Hub::new(config);
    let mut reader = client(&hub, paths, None);
    reader.catch_up();
    (hub, reader)
}

/// A hub that keeps no history, and no more blocks of its logs than that.
fn hub_without_history() -> Hub {
    Hub::new(HubConfig { queue_events: 4, backlog_bytes: BUDGET, ..HubConfig::default() })
}

/// All that the subscription has to read: the first letter of each event's data, and a dash for each gap.
fn letters(subscription: &mut Subscription) -> String {
    let mut bytes = Vec::new();
    while !subscription.chunk().is_empty() {
        bytes.extend_from_slice(subscription.chunk());
        let length = subscription.chunk().len();
        subscription.advance(length);
    }
    let text = String::from_utf8(bytes).unwrap();
    let letter = |frame: &str| match frame.strip_prefix("data:") {
        Some(data) => data[..1].to_owned(),
        None if frame.starts_with("event:gap\n") => "-".to_owned(),
        None => panic!("an unknown frame: {frame:?}"),
    };
    text.split_terminator("\n\n").map(letter).collect()
}

/// Each event, in order, or one gap where one or more are missing.
fn is_told(letters: &str, all: &str) -> bool {
    let (mut due, mut in_gap) = (all.chars(), false);
    for letter in letters.chars() {
        if letter == '-' {
            // What is missing begins with the next that was due.
            if in_gap || due.next().is_none() {
                return false;
            }
            in_gap = true;
            continue;
        }
        let found = if in_gap { due.any(|next| next == letter) } else { due.next() == Some(letter) };
        if !found {
            return false;
        }
        in_gap = false;
    }
    in_gap || due.next().is_none()
}

#[test]
fn a_reader_whose_block_goes_reads_on_in_the_history() {
    model(|| {
        let (hub, mut reader) = hub_and_client(&["/a"]);
        publish(&hub, "/a", "1");
        let publisher = spawn(&hub, move |hub| (publish(hub, "/a", "2"), publish(hub, "/a", "3")));
        reader.catch_up();
        publisher.join().unwrap();
        reader.catch_up();
        assert_eq!(data(&reader), "123");
    });
}

#[test]
fn a_reader_of_several_channels_whose_blocks_go_reads_on_in_the_history() {
    model(|| {
        let (hub, mut reader) = hub_and_client(&["/a", "/b"]);
        publish(&hub, "/a", "1");
        publish(&hub, "/b", "2");
        let publisher = spawn(&hub, move |hub| publish(hub, "/a", "3"));
        reader.catch_up();
        publisher.join().unwrap();
        reader.catch_up();
        assert_eq!(data(&reader), "123");
    });
}

#[test]
fn without_history_a_reader_whose_block_goes_is_told_of_what_it_misses() {
    model(|| {
        let hub = hub_without_history();
        let mut reader = subscribe(&hub, "/a");
        publish(&hub, "/a", "1.");
        let publisher = spawn(&hub, move |hub| (publish(hub, "/a", "2."), publish(hub, "/a", "3.")));
        let early = letters(&mut reader);
        publisher.join().unwrap();
        publish(&hub, "/a", "4.");
        let all = early + &letters(&mut reader);
        assert!(is_told(&all, "1234"), "{all}");
    });
}

#[test]
fn a_reader_that_comes_to_a_tail_as_it_is_ended_reads_on() {
    model(|| {
        let hub = hub_without_history();
        let mut reader = subscribe(&hub, "/a");
        publish(&hub, "/a", "1.");
        // The next tick finds the log as it was: it is quiet.
        hub.tick(Duration::ZERO);
        let ticker = spawn(&hub, move |hub| hub.tick(Duration::ZERO));
        let early = letters(&mut reader);
        ticker.join().unwrap();
        publish(&hub, "/a", "2.");
        assert_eq!(early + &letters(&mut reader), "12");
    });
}

#[test]
fn a_newcomer_to_a_tail_as_it_is_ended_gets_what_comes_after_it() {
    model(|| {
        let hub = hub_without_history();
        let _other = subscribe(&hub, "/a");
        publish(&hub, "/a", "1.");
        hub.tick(Duration::ZERO);
        let ticker = spawn(&hub, move |hub| hub.tick(Duration::ZERO));
        let mut reader = subscribe(&hub, "/a");
        ticker.join().unwrap();
        publish(&hub, "/a", "2.");
        assert_eq!(letters(&mut reader), "2");
    });
}

#[test]
fn who_has_read_a_tail_as_it_is_ended_is_woken_for_what_comes_after_it() {
    model(|| {
        let hub = hub_without_history();
        let flag = Arc::new(Flag(AtomicBool::new(false)));
        let mut reader = hub.subscribe(Filter::parse("/a").unwrap(), Waker::from(flag.clone())).unwrap();
        publish(&hub, "/a", "1.");
        hub.tick(Duration::ZERO);
        letters(&mut reader);
        flag.0.store(false, Ordering::Relaxed); // nobody else is here yet
        let ticker = spawn(&hub, move |hub| {
            hub.tick(Duration::ZERO);
            publish(hub, "/a", "2.");
        });
        let early = letters(&mut reader);
        ticker.join().unwrap();
        let woken = flag.0.load(Ordering::Acquire); // with the store in `wake`
        assert!(early.contains('2') || woken, "asleep with something to read");
    });
}
