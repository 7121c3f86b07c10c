//! What strangers may make a hub hold: the limits on filters and on channels, against the simplest model of who is let
//! in.

#![cfg(not(loom))]

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Waker;
use std::thread;
use std::time::Duration;

use proptest::prelude::*;
use sse_core::{
    Event, EventError, Filter, FilterError, FilterLimits, Hub, HubConfig, Limits, Namespace, NamespaceError, Pattern,
    SubscribeError, Subscription,
};

fn hub(max_channels: usize, history_bytes: usize) -> Hub {
    Hub::new(HubConfig { max_channels, history_bytes, ..HubConfig::default() })
}

fn filter(paths: &[impl AsRef<str>]) -> Filter {
    Filter::any_of(paths.iter().map(|path| Pattern::parse(path.as_ref()).unwrap())).unwrap()
}

fn subscribe(hub: &Hub, filter: &Filter) -> Result<Subscription, SubscribeError> {
    hub.subscribe(filter.clone(), Waker::noop().clone())
}

#[derive(Clone, Debug)]
enum Step {
    Subscribe(Vec<String>),
    Unsubscribe(usize),
    Publish(String),
    Tick,
}

fn step() -> impl Strategy<Value = Step> {
    let path = || "/[a-f]|/[ab*]/[ab*]";
    prop_oneof![
        4 => prop::collection::vec(path(), 1..4).prop_map(Step::Subscribe),
        3 => any::<usize>().prop_map(Step::Unsubscribe),
        2 => path().prop_map(|path| Step::Publish(path.replace('*', "c"))),
        1 => Just(Step::Tick),
    ]
}

/// Who comes and goes again and again leaves nothing that makes every event walk far.
#[test]
fn patterns_with_many_wildcards_go_with_their_last_reader() {
    let hub = hub(1_000, 1 << 16);
    for n in 0..500 {
        drop(subscribe(&hub, &filter(&[format!("/a/*/*/{n}")])).unwrap());
    }
    assert_eq!(hub.channels(), 0);

    // What was missed comes from the journal.
    let mut reader = subscribe(&hub, &filter(&["/a/*/*/1"])).unwrap();
    hub.publish(&Event::new("/a/b/c/1", "seen")).unwrap();
    let id = std::str::from_utf8(reader.chunk()).unwrap().rsplit_once("id:").unwrap().1.trim().to_owned();
    drop(reader);
    hub.publish(&Event::new("/a/b/c/1", "missed")).unwrap();
    let mut again = hub.resume(filter(&["/a/*/*/1"]), &id, Waker::noop().clone()).unwrap();
    let mut text = String::new();
    while !again.chunk().is_empty() {
        let chunk = again.chunk();
        text += std::str::from_utf8(chunk).unwrap();
        let length = chunk.len();
        again.advance(length);
    }
    assert!(text.contains("data:missed\n") && !text.contains("event:gap"), "{text}");

    // The others linger, so that a crowd that lost its connections finds them as they were.
    drop((again, subscribe(&hub, &filter(&["/a/*/1", "/b"])).unwrap()));
    assert_eq!(hub.channels(), 2);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: if cfg!(miri) { 4 } else { 512 }, ..ProptestConfig::default() })]

    /// A subscription is let in if and only if all channels that have subscribers then are not too many, whatever
    /// lingers.
    #[test]
    fn channels_are_never_too_many_and_never_too_few(
        max in 1usize..7,
        has_history in any::<bool>(),
        steps in prop::collection::vec(step(), 0..60),
    ) {
        let hub = hub(max, if has_history { 1 << 16 } else { 0 });
        let mut readers: Vec<(Filter, Subscription)> = Vec::new();
        for step in steps {
            let live: BTreeSet<&Pattern> = readers.iter().flat_map(|(filter, _)| filter.patterns()).collect();
            match step {
                Step::Subscribe(paths) => {
                    let filter = filter(&paths);
                    let together = live.iter().copied().chain(filter.patterns()).collect::<BTreeSet<_>>().len();
                    match subscribe(&hub, &filter) {
                        Ok(subscription) => {
                            prop_assert!(together <= max);
                            readers.push((filter, subscription));
                        }
                        Err(error) => {
                            prop_assert_eq!(error, SubscribeError::TooManyChannels { limit: max });
                            prop_assert!(together > max);
                        }
                    }
                }
                Step::Unsubscribe(index) if !readers.is_empty() => {
                    readers.swap_remove(index % readers.len());
                }
                Step::Publish(path) => {
                    let namespace = path.parse().unwrap();
                    let covering = readers.iter().filter(|(filter, _)| filter.covers(&namespace)).count();
                    prop_assert_eq!(hub.subscriptions(&namespace), covering);
                    hub.publish(&Event::new(&path, "x")).unwrap();
                }
                Step::Tick => hub.tick(Duration::ZERO),
                Step::Unsubscribe(_) => {}
            }
            let live: BTreeSet<&Pattern> = readers.iter().flat_map(|(filter, _)| filter.patterns()).collect();
            prop_assert!((live.len()..=max).contains(&hub.channels()), "{} channels", hub.channels());
            prop_assert!(has_history || hub.channels() == live.len());
        }
        readers.clear();
        let all: Vec<Subscription> = (0..max).map(|n| subscribe(&hub, &filter(&[format!("/new/{n}")])).unwrap()).collect();
        prop_assert_eq!(hub.channels(), max);
        drop(all);
    }
}

/// Several threads at the limit.
#[test]
fn there_is_room_again_after_subscribers_have_come_and_gone() {
    const MAX: usize = 5;
    let rounds = if cfg!(miri) { 20 } else { 20_000 };
    for history_bytes in [0, 1 << 16] {
        let (hub, refused) = (hub(MAX, history_bytes), AtomicUsize::new(0));
        thread::scope(|scope| {
            for id in 0..4 {
                let (hub, refused) = (&hub, &refused);
                scope.spawn(move || {
                    let mut kept = None;
                    for round in id..id + rounds {
                        let paths: Vec<String> = (0..3).map(|n| format!("/{}", (round * 7 + n * id) % 9)).collect();
                        match subscribe(hub, &filter(&paths)) {
                            Ok(subscription) => kept = Some(subscription),
                            Err(error) => {
                                assert_eq!(error, SubscribeError::TooManyChannels { limit: MAX });
                                refused.fetch_add(1, Ordering::Relaxed); // read after the threads
                                kept = None;
                            }
                        }
                        assert!(hub.channels() <= MAX);
                    }
                    drop(kept);
                });
            }
        });
        assert!(refused.into_inner() > 0);
        let all: Vec<_> = (0..MAX).map(|n| subscribe(&hub, &filter(&[format!("/new/{n}")])).unwrap()).collect();
        assert_eq!(hub.channels(), MAX);
        drop(all);
    }
}

#[test]
fn a_channel_that_is_there_has_room_for_everyone() {
    for history_bytes in [0, 1 << 16] {
        let hub = hub(2, history_bytes);
        let first = subscribe(&hub, &filter(&["/a", "/b"])).unwrap();
        let others: Vec<_> = (0..100).map(|_| subscribe(&hub, &filter(&["/b"])).unwrap()).collect();
        let refused = subscribe(&hub, &filter(&["/a", "/c"])).unwrap_err();
        assert_eq!(refused, SubscribeError::TooManyChannels { limit: 2 });
        assert!(refused.to_string().contains("2 channels"));
        // It has not stayed in the channel that is there.
        assert_eq!(hub.subscriptions(&"/a".parse().unwrap()), 1);
        drop(first);
        assert!(subscribe(&hub, &filter(&["/c"])).is_ok());
        drop(others);
    }
}

#[test]
fn a_hub_holds_filters_to_its_own_limits() {
    let filter_limits = FilterLimits { patterns: 2, segments: 4, wildcards: 1 };
    let hub = Hub::new(HubConfig { filter_limits, ..HubConfig::default() });
    assert_eq!(hub.filter_limits(), &filter_limits);
    let refused = |paths: &[&str]| match subscribe(&hub, &filter(paths)) {
        Err(SubscribeError::Filter(error)) => Some(error),
        other => other.map(|_| None).unwrap(),
    };
    assert_eq!(refused(&["/a/*", "/b/c"]), None);
    assert_eq!(refused(&["/a", "/b", "/c"]), Some(FilterError::TooManyPatterns { limit: 2 }));
    assert_eq!(refused(&["/a/b/c/d/e"]), Some(FilterError::TooManySegments { segments: 5, limit: 4 }));
    assert_eq!(refused(&["/*/*"]), Some(FilterError::TooManyWildcards { wildcards: 2, limit: 1 }));
    assert_eq!(hub.channels(), 0);
}

/// A drop goes as deep as the trie does: here within a quarter of the stack that std gives a thread.
#[test]
fn a_hub_bounds_the_depth_of_its_paths() {
    let limits = Limits { segments: usize::MAX, segment_bytes: 1, bytes: usize::MAX };
    let filter_limits = FilterLimits { segments: usize::MAX, ..FilterLimits::default() };
    let hub = Hub::new(HubConfig { limits, filter_limits, ..HubConfig::default() });
    assert_eq!(hub.limits().segments, 1024);
    let parse = |path: &str| Filter::parse_within(path, &limits).unwrap();
    let refused = hub.subscribe(parse(&"/a".repeat(1025)), Waker::noop().clone()).map(drop);
    assert_eq!(refused, Err(SubscribeError::Pattern(NamespaceError::TooDeep { limit: 1024 })));
    let published = hub.publish(&Event::new(&"/a".repeat(1025), "too deep"));
    assert_eq!(published, Err(EventError::Namespace(NamespaceError::TooDeep { limit: 1024 })));

    // A node for each segment.
    let filters: Vec<Filter> = (1..=1024).map(|depth| parse(&"/a".repeat(depth))).collect();
    let deep = thread::Builder::new().stack_size(512 << 10).spawn(move || {
        let others: Vec<_> = filters.iter().map(|filter| subscribe(&hub, filter).unwrap()).collect();
        assert_eq!(hub.subscriptions(&Namespace::parse_within(&"/a".repeat(1024), &limits).unwrap()), 1024);
        drop(others);
        assert_eq!(hub.channels(), 0);
    });
    deep.unwrap().join().unwrap();
}
