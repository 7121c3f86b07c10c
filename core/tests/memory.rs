//! What readers can make a hub hold: the history, a block for each reader that stands somewhere, a block for each piece
//! of bytes that an application keeps, and no more, whatever they do.

#![cfg(all(not(loom), feature = "stream"))]

use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use futures_core::Stream;
use peak_alloc::PeakAlloc;
use proptest::prelude::*;
use sse_core::{Event, Filter, Hub, HubConfig, Pattern, Subscription};

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// Most bytes of a block, but for one event that is larger.
const BLOCK_BYTES: usize = 256 << 10;

/// Most bytes of a frame's rest of which a parked reader has a copy.
const MOST_COPIED_BYTES: usize = 4 << 10;

/// What is published in a case: much more than may be held.
const PUBLISHED_BYTES: usize = 24 << 20;

#[derive(Clone, Debug)]
enum Step {
    Subscribe(Vec<&'static str>),
    /// Comes back with the id of the first event.
    Return(Vec<&'static str>),
    Leave(usize),
    /// Takes a piece, and keeps it from then on.
    Keep(usize),
    /// Takes a piece, and drops it.
    Read(usize),
    ReadAll(usize),
    /// Takes a part of what is ready, as a socket does that is full then.
    ReadPart(usize, usize),
    Park(usize),
    Skip(usize),
    Tick,
}

/// More than tests allocate that are about to have their turn, and less than what the faults would leave that are
/// looked for.
const SOME_BYTES: usize = 640 << 10;

/// What is allocated is counted for all tests together: one at a time.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn filter() -> impl Strategy<Value = Vec<&'static str>> {
    prop::collection::vec(prop::sample::select(&["/", "/a", "/b", "/*/x"][..]), 1..3)
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => filter().prop_map(Step::Subscribe),
        1 => filter().prop_map(Step::Return),
        1 => any::<usize>().prop_map(Step::Leave),
        2 => any::<usize>().prop_map(Step::Keep),
        2 => any::<usize>().prop_map(Step::Read),
        1 => any::<usize>().prop_map(Step::ReadAll),
        2 => (any::<usize>(), 0usize..100_000).prop_map(|(reader, bytes)| Step::ReadPart(reader, bytes)),
        1 => any::<usize>().prop_map(Step::Park),
        1 => any::<usize>().prop_map(Step::Skip),
        1 => Just(Step::Tick),
    ]
}

fn take(subscription: &mut Subscription) -> Option<Bytes> {
    match Pin::new(subscription).poll_next(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(bytes) => bytes,
        Poll::Pending => None,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn what_readers_make_a_hub_hold_is_bounded(
        history_bytes in prop_oneof![Just(0), Just(1 << 20)],
        event_bytes in prop_oneof![Just(100), Just(3_000), Just(100_000)],
        steps in prop::collection::vec(step(), 10..60),
    ) {
        let _alone = alone();
        let before = PeakAlloc.current_usage();
        let config = HubConfig { epoch: Some(0xe), history_bytes, backlog_bytes: 1 << 20, ..HubConfig::default() };
        let hub = Hub::new(config);
        let empty = PeakAlloc.current_usage() - before;
        // The journal, and what logs keep beside it.
        let kept = if history_bytes > 0 { history_bytes + history_bytes / 2 } else { 1 << 20 };
        let (mut readers, mut pieces): (Vec<Subscription>, Vec<Bytes>) = (Vec::new(), Vec::new());
        let data = "x".repeat(event_bytes);
        let events = PUBLISHED_BYTES / event_bytes / steps.len();
        for (second, step) in (1..).zip(&steps) {
            for path in ["/a", "/b", "/a/x", "/c"].into_iter().cycle().take(events) {
                hub.publish(&Event::new(path, &data)).unwrap();
            }
            match step {
                Step::Subscribe(paths) | Step::Return(paths) => {
                    let filter = Filter::any_of(paths.iter().map(|path| Pattern::parse(path).unwrap())).unwrap();
                    let id = matches!(step, Step::Return(_)).then_some("e-1");
                    readers.push(hub.subscribe_with(&filter, id, |_| Waker::noop().clone()).unwrap());
                }
                Step::Tick => hub.tick(Duration::from_secs(second)),
                Step::Leave(reader) | Step::Keep(reader) | Step::Read(reader) | Step::ReadAll(reader)
                | Step::ReadPart(reader, _) | Step::Park(reader) | Step::Skip(reader) => {
                    let index = reader % readers.len().max(1);
                    let Some(reader) = readers.get_mut(index) else { continue };
                    match step {
                        Step::Leave(_) => drop(readers.swap_remove(index)),
                        Step::Keep(_) => pieces.extend(take(reader)),
                        Step::Read(_) => drop(take(reader)),
                        Step::ReadAll(_) => while take(reader).is_some() || reader.is_replaying() {},
                        Step::ReadPart(_, bytes) => {
                            let n = reader.chunk().len().min(*bytes);
                            reader.advance(n);
                        }
                        Step::Park(_) => reader.park(),
                        _ => reader.skip(),
                    }
                }
            }
            let held = PeakAlloc.current_usage() - before - empty;
            // A reader stands in one block; one of several channels in one of each, and has read one ahead. Each of
            // four channels has begun a block, and so has the journal.
            let places = readers.iter().map(|_| 3).sum::<usize>() + pieces.len() + 5;
            let most = kept + places * (BLOCK_BYTES + event_bytes);
            prop_assert!(held <= most, "{} bytes held, {} allowed, {} readers, {} pieces", held, most, readers.len(), pieces.len());
        }
    }
}

/// A crowd that is blocked, each in a block of its own that the hub no longer has.
#[test]
fn who_is_parked_holds_no_block() {
    const CROWD: usize = 50;
    const EVENT_BYTES: usize = 3_000;
    const HISTORY_BYTES: usize = 1 << 20;
    let _alone = alone();
    let before = PeakAlloc.current_usage();
    let hub = Hub::new(HubConfig { history_bytes: HISTORY_BYTES, ..HubConfig::default() });
    let data = "x".repeat(EVENT_BYTES);
    let mut readers = Vec::new();
    for _ in 0..CROWD {
        let mut reader = hub.subscribe(Filter::parse("/a").unwrap(), Waker::noop().clone()).unwrap();
        let opening = reader.chunk().len();
        reader.advance(opening);
        for _ in 0..=BLOCK_BYTES / EVENT_BYTES {
            hub.publish(&Event::new("/a", &data)).unwrap();
        }
        assert!(reader.chunk().len() >= EVENT_BYTES);
        reader.advance(10);
        reader.park();
        readers.push(reader);
    }
    let held = PeakAlloc.current_usage() - before;
    let kept = HISTORY_BYTES + HISTORY_BYTES / 2 + 2 * BLOCK_BYTES;
    let most = kept + CROWD * 2 * MOST_COPIED_BYTES;
    assert!(held <= most, "{held} bytes held, {most} allowed");
}

fn subscribe(hub: &Hub, paths: &[&str]) -> Subscription {
    let patterns = paths.iter().map(|path| Pattern::parse(path).unwrap());
    hub.subscribe(Filter::any_of(patterns).unwrap(), Waker::noop().clone()).unwrap()
}

fn publish(hub: &Hub, path: &str, data: &str) {
    hub.publish(&Event::new(path, data)).unwrap();
}

#[test]
fn a_quiet_block_goes_when_its_readers_have_read_it_whatever_else_they_read() {
    let _alone = alone();
    for paths in [&["/a"][..], &["/a", "/b"]] {
        let hub = Hub::new(HubConfig::default());
        let mut reader = subscribe(&hub, paths);
        let before = PeakAlloc.current_usage();
        publish(&hub, "/a", &"x".repeat(1 << 20));
        while take(&mut reader).is_some() {}
        for second in 1..4 {
            hub.tick(Duration::from_secs(second));
            assert!(take(&mut reader).is_none());
        }
        let held = PeakAlloc.current_usage().saturating_sub(before);
        assert!(held < SOME_BYTES, "{paths:?}: {held} bytes held");
    }
}

/// Logs whose blocks go for the budget again and again, with readers that read nothing.
#[test]
fn publishing_leaves_nothing_behind_but_the_backlog() {
    let _alone = alone();
    let hub = Hub::new(HubConfig { backlog_bytes: 4 << 10, ..HubConfig::default() });
    let paths: Vec<String> = (0..10).map(|n| format!("/{n}")).collect();
    let _readers: Vec<_> = paths.iter().map(|path| subscribe(&hub, &[path])).collect();
    let before = PeakAlloc.current_usage();
    for second in 0..10 {
        (0..50_000).for_each(|n| publish(&hub, &paths[n % 10], "x"));
        hub.tick(Duration::from_secs(second));
    }
    let held = PeakAlloc.current_usage().saturating_sub(before);
    assert!(held < SOME_BYTES, "{held} bytes held");
}

/// One reader that has stopped, and events so seldom that the channel is quiet after each.
#[test]
fn a_quiet_channel_with_a_stalled_reader_fills_its_blocks() {
    let _alone = alone();
    let hub = Hub::new(HubConfig::default());
    let [mut stalled, mut other] = [(); 2].map(|()| subscribe(&hub, &["/a"]));
    publish(&hub, "/a", "x");
    assert_eq!(stalled.chunk().len(), 8);
    stalled.advance(3);
    let before = PeakAlloc.current_usage();
    for round in 0..2_000 {
        publish(&hub, "/a", "x");
        assert!(take(&mut other).is_some());
        hub.tick(Duration::from_secs(2 * round + 1));
        hub.tick(Duration::from_secs(2 * round + 2));
    }
    let held = PeakAlloc.current_usage().saturating_sub(before);
    assert!(held < SOME_BYTES, "{held} bytes held for 2,000 events of 8 bytes");
}
