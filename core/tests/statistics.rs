//! What a hub says of itself, against what was done with it.

#![cfg(not(loom))]

use std::collections::BTreeMap;
use std::task::Waker;
use std::time::Duration;

use proptest::prelude::*;
use sse_core::{Event, Filter, Frame, GapReason, Hub, HubConfig, Namespace, Start, Subscription};

#[derive(Clone, Debug)]
enum Step {
    Subscribe(Vec<String>),
    Unsubscribe(usize),
    Publish {
        namespace: String,
        length: usize,
    },
    Read(usize),
    /// So many seconds later.
    Tick(u64),
}

fn path(names: &'static [&'static str]) -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(names), 0..3).prop_map(|segments| format!("/{}", segments.join("/")))
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => prop::collection::vec(path(&["a", "b", "*"]), 1..3).prop_map(Step::Subscribe),
        2 => any::<usize>().prop_map(Step::Unsubscribe),
        6 => (path(&["a", "b", "c"]), 0usize..3_000)
            .prop_map(|(namespace, length)| Step::Publish { namespace, length }),
        2 => any::<usize>().prop_map(Step::Read),
        1 => (0u64..20).prop_map(Step::Tick),
    ]
}

/// What was done, as simply as it can be told.
#[derive(Default)]
struct Model {
    published: u64,
    readers: Vec<(Filter, Subscription)>,
    seconds: u64,
}

impl Model {
    /// The patterns that have subscriptions, and how many.
    fn patterns(&self) -> BTreeMap<String, usize> {
        let mut patterns = BTreeMap::new();
        for pattern in self.readers.iter().flat_map(|(filter, _)| filter.patterns()) {
            *patterns.entry(pattern.to_string()).or_default() += 1;
        }
        patterns
    }

    fn publish(&mut self, hub: &Hub, namespace: &str, length: usize, has_history: bool) -> Result<(), TestCaseError> {
        let (before, data) = (hub.statistics(), "x".repeat(length));
        hub.publish(&Event::new(namespace, &data)).unwrap();
        self.published += 1;
        let (after, namespace) = (hub.statistics(), namespace.parse::<Namespace>().unwrap());
        prop_assert_eq!(after.turns, before.turns + 1, "who publishes alone takes one turn");
        let frame_kib = Frame::encode(None, data.as_bytes()).unwrap().as_bytes().len() as u64 / 1024;
        let covers = |pattern: &&String| Filter::parse(pattern).unwrap().covers(&namespace);
        let channels = self.patterns().keys().filter(covers).count() as u64;
        let work = 1 + channels * (1 + frame_kib);
        match has_history {
            // Lingering channels have it too, and the history itself.
            true => prop_assert!(after.work - before.work >= work + frame_kib),
            false => prop_assert_eq!(after.work - before.work, work),
        }
        Ok(())
    }

    fn check(&self, hub: &Hub, has_history: bool, is_after_tick: bool) -> Result<(), TestCaseError> {
        let now = hub.statistics();
        prop_assert_eq!((now.published, now.delivered, now.queued), (self.published, self.published, 0));
        prop_assert_eq!((now.subscriptions, now.channels), (self.readers.len(), hub.channels()));
        let left = now.channels - self.patterns().len();
        match has_history {
            false => prop_assert_eq!((now.lingering, left), (0, 0)),
            true if is_after_tick => prop_assert_eq!(now.lingering, left),
            true => prop_assert!(now.lingering >= left),
        }
        Ok(())
    }

    /// Where the history begins, as one finds who asks for it.
    fn check_history(&self, hub: &Hub) -> Result<(), TestCaseError> {
        let now = hub.statistics();
        let oldest = now.history_oldest.expect("there is a history");
        let resume = |after: u64| {
            let id = format!("e-{after}");
            hub.resume(Filter::parse("/").unwrap(), &id, Waker::noop().clone()).unwrap().start()
        };
        prop_assert!((1..=self.published + 1).contains(&oldest));
        prop_assert_eq!(resume(oldest - 1), Start::Exact);
        prop_assert_eq!(now.history_evictions > 0, oldest > 1, "it has no limit but that on bytes");
        if oldest > 1 {
            prop_assert_eq!(resume(oldest - 2), Start::Gap(GapReason::Evicted));
        }
        Ok(())
    }
}

proptest! {
    #[test]
    fn numbers_say_what_was_done(
        steps in prop::collection::vec(step(), 0..100),
        history_bytes in prop_oneof![Just(0usize), 256usize..100_000],
        backlog_bytes in 1usize..50_000,
    ) {
        let hub = Hub::new(HubConfig { epoch: Some(0xe), history_bytes, backlog_bytes, ..HubConfig::default() });
        let (mut model, has_history) = (Model::default(), history_bytes > 0);
        for step in steps {
            let mut is_after_tick = false;
            match step {
                Step::Subscribe(paths) => {
                    let filter = Filter::any_of(paths.iter().map(|path| path.parse().unwrap())).unwrap();
                    let subscription = hub.subscribe(filter.clone(), Waker::noop().clone()).unwrap();
                    model.readers.push((filter, subscription));
                }
                Step::Unsubscribe(index) if !model.readers.is_empty() => {
                    model.readers.swap_remove(index % model.readers.len());
                }
                Step::Publish { namespace, length } => model.publish(&hub, &namespace, length, has_history)?,
                Step::Read(index) if !model.readers.is_empty() => {
                    let index = index % model.readers.len();
                    let reader = &mut model.readers[index].1;
                    let length = reader.chunk().len();
                    reader.advance(length);
                }
                Step::Tick(seconds) => {
                    model.seconds += seconds;
                    hub.tick(Duration::from_secs(model.seconds));
                    is_after_tick = true;
                }
                Step::Unsubscribe(_) | Step::Read(_) => {}
            }
            model.check(&hub, has_history, is_after_tick)?;
        }
        let lost = hub.resume_counts().lagged;
        prop_assert!(lost == 0 || hub.statistics().log_evictions > 0, "{lost} gaps, and nothing was let go of");
        match has_history {
            true => model.check_history(&hub)?,
            false => prop_assert_eq!(hub.statistics().history_oldest, None),
        }
        model.readers.clear();
        prop_assert_eq!(hub.statistics().subscriptions, 0);
    }
}

#[test]
fn a_reader_that_stands_still_costs_the_budget_and_no_more() {
    let hub = Hub::new(HubConfig { backlog_bytes: 16 << 10, ..HubConfig::default() });
    let mut reader = hub.subscribe(Filter::parse("/a").unwrap(), Waker::noop().clone()).unwrap();
    assert_eq!(hub.statistics().log_bytes, 0);
    let data = "x".repeat(100);
    for _ in 0..20 {
        hub.publish(&Event::new("/a", &data)).unwrap();
    }
    let now = hub.statistics();
    assert!(now.log_bytes >= reader.lag() && now.log_evictions == 0, "{now:?}");
    for _ in 0..2_000 {
        hub.publish(&Event::new("/a", &data)).unwrap();
    }
    let now = hub.statistics();
    // Blocks double up to 256 KiB, and the newest stays.
    assert!((1..=256 << 10).contains(&now.log_bytes) && now.log_evictions > 0, "{now:?}");
    while !reader.chunk().is_empty() {
        let length = reader.chunk().len();
        reader.advance(length);
    }
    assert_eq!(hub.resume_counts().lagged, 1);
}

#[test]
fn a_refused_subscription_is_none() {
    let hub = Hub::new(HubConfig { max_channels: 1, ..HubConfig::default() });
    let two = Filter::any_of(["/a", "/b"].map(|path| path.parse().unwrap())).unwrap();
    assert!(hub.subscribe(two, Waker::noop().clone()).is_err());
    assert_eq!((hub.statistics().subscriptions, hub.statistics().channels), (0, 0));
}
