//! The engine alone, in this process: no sockets. The micro-benchmarks look closer.

use std::task::Waker;
use std::time::{Duration, Instant};

use sse_core::{Event, Filter, Hub, HubConfig, PreparedEvent, Subscription};

use crate::Result;
use crate::lab::{Lab, TIME, median};
use crate::report::Section;
use crate::table::{Table, count};

const DATA: &str = "3:04:05 pm (UTC)";

/// Events published between two times that readers catch up, and matched between two looks at the clock.
const BATCH: usize = 1_024;

pub(crate) fn run(lab: &mut Lab) -> Result<Section> {
    let rounds = lab.pick(3, 15);
    let mut table = Table::new(&["what", "among", "ns each", "a second"]);
    let mut row = |what: &str, among: usize, ns: f64| {
        table.row(vec![what.to_owned(), count(among as f64), count(ns), count(1e9 / ns)]);
        ns
    };
    let publish = median((0..rounds).map(|_| publish_ns()));
    lab.findings.insert("hub events/s", 1e9 / row("publish to one subscriber", 1, publish));
    let nobody = Hub::new(HubConfig::default());
    let unmatched = median((0..rounds).map(|round| match_ns(&nobody, 1_000, round)));
    let mut subscribing = Vec::new();
    // A crowd, and room for those who come beside it.
    let config = HubConfig { max_channels: 2_000_000, ..HubConfig::default() };
    for (others, finding) in [(1_000, "match small ns"), (lab.pick(10_000, 1_000_000), "match large ns")] {
        let hub = Hub::new(config.clone());
        let crowd: Vec<Subscription> = (0..others).map(|index| subscribe(&hub, &path(index))).collect();
        let matching = median((0..rounds).map(|round| match_ns(&hub, others, round))) - unmatched;
        lab.findings.insert(finding, row("match a namespace of depth 4", others, matching));
        drop(crowd);

        let hub = Hub::new(config.clone());
        let crowd: Vec<Subscription> = (0..others).map(|index| subscribe(&hub, &format!("/users/{index}"))).collect();
        let ns = median((0..rounds).map(|_| subscribe_ns(&hub)));
        subscribing.push(row("join and leave a sibling", others, ns));
        drop(crowd);
    }
    lab.findings.insert("subscribe ratio", subscribing[1] / subscribing[0]);
    if lab.options.quick {
        // A hundredth of the crowd that these are about.
        lab.findings.remove("match large ns");
        lab.findings.remove("subscribe ratio");
    }
    let text = format!(
        "Medians. Matching: events that no one gets, on paths beside those of the others, at random; what publishing them \
         takes longer than among nobody ({} ns).",
        count(unmatched)
    );
    Ok(Section { title: "The engine alone".to_owned(), text, table, plots: Vec::new() })
}

fn subscribe(hub: &Hub, path: &str) -> Subscription {
    let filter = Filter::parse(path).expect("the harness's own paths are valid");
    hub.subscribe(filter, Waker::noop().clone()).expect("a hub takes a million subscriptions")
}

/// Ten wide at the top, a hundred below, and the rest at the bottom.
fn path(index: usize) -> String {
    format!("/r{}/s{}/t{}/leaf{index}", index % 10, index / 10 % 100, index / 1_000 % 100)
}

fn per(elapsed: Duration, number: usize) -> f64 {
    elapsed.as_nanos() as f64 / number as f64
}

/// The time to publish an event that one subscriber gets, who reads now and then.
fn publish_ns() -> f64 {
    const BATCHES: usize = 100;
    let hub = Hub::new(HubConfig::default());
    let mut reader = subscribe(&hub, TIME);
    let start = Instant::now();
    for _ in 0..BATCHES {
        for _ in 0..BATCH {
            hub.publish(&Event::new(TIME, DATA)).expect("valid");
        }
        while let length @ 1.. = reader.chunk().len() {
            reader.advance(length);
        }
    }
    per(start.elapsed(), BATCHES * BATCH)
}

/// The time to find out that no one gets an event which is prepared, on paths that differ in the last segment from
/// those of a crowd.
fn match_ns(hub: &Hub, crowd: usize, round: usize) -> f64 {
    // A stride of a large prime goes through the crowd as if at random.
    let path = |index: usize| format!("{}-none", path((round * BATCH + index) * 7_368_787 % crowd));
    let prepare = |index| hub.prepare(&Event::new(&path(index), DATA)).expect("valid");
    let prepared: Vec<PreparedEvent> = (0..BATCH).map(prepare).collect();
    let start = Instant::now();
    for event in prepared {
        hub.publish_prepared(event).expect("open");
    }
    per(start.elapsed(), BATCH)
}

fn subscribe_ns(hub: &Hub) -> f64 {
    let filters: Vec<Filter> =
        (0..BATCH).map(|index| Filter::parse(&format!("/users/new-{index}")).expect("valid")).collect();
    let start = Instant::now();
    for filter in filters {
        drop(hub.subscribe(filter, Waker::noop().clone()).expect("there is room for one more"));
    }
    per(start.elapsed(), BATCH)
}
