//! Coming back with an old id for 100 patterns that match nothing, beside 32 MiB of others' events.

use std::task::Waker;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, SamplingMode};
use sse_core::{Event, Filter, Hub, HubConfig, Pattern};

const HISTORY_BYTES: usize = 32 << 20;

/// Of one frame, its `id:` line included.
const FRAME_BYTES: usize = 80;

/// `data:` and its line end, `id:` with an epoch and a sequence of six digits, and a blank line.
const FRAMING_BYTES: usize = 6 + 3 + 3 + 6 + 2;

const PATTERNS: usize = 100;

pub(crate) fn bench(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("replay");
    group.sample_size(10).sampling_mode(SamplingMode::Flat).warm_up_time(Duration::from_millis(500));
    let only_checks = std::env::args().any(|argument| argument == "--test");
    let events = if only_checks { 10_000 } else { HISTORY_BYTES / FRAME_BYTES };
    let nothing: Vec<String> = (0..PATTERNS).map(|n| format!("/shops/{n}/orders/none")).collect();
    let wild: Vec<String> = (0..PATTERNS).map(|n| format!("/*/{n}/none")).collect();
    for namespaces in [1_000, 100_000] {
        let filter = filter(&nothing);
        group.bench_function(BenchmarkId::new("nothing, first time", namespaces), |bencher| {
            bencher.iter_custom(|times| {
                (0..times).map(|_| replay(&filter, &hub_with_history(namespaces, events), 0)).sum()
            });
        });
        let hub = hub_with_history(namespaces, events);
        group.bench_function(BenchmarkId::new("nothing", namespaces), |bencher| {
            bencher.iter_custom(|times| (0..times).map(|_| replay(&filter, &hub, 0)).sum());
        });
        let wild = self::filter(&wild);
        group.bench_function(BenchmarkId::new("nothing, by wildcards", namespaces), |bencher| {
            bencher.iter_custom(|times| (0..times).map(|_| replay(&wild, &hub, 0)).sum());
        });
        let everything = Filter::parse("/shops").expect("valid");
        group.bench_function(BenchmarkId::new("everything", namespaces), |bencher| {
            bencher.iter_custom(|times| (0..times).map(|_| replay(&everything, &hub, events - 1)).sum());
        });
    }
}

fn filter(paths: &[String]) -> Filter {
    let patterns = paths.iter().map(|path| Pattern::parse(path).expect("valid"));
    Filter::any_of(patterns).expect("within the limits")
}

/// A hub that has had so many events, and still has them all.
fn hub_with_history(namespaces: usize, events: usize) -> Hub {
    let hub = Hub::new(HubConfig { epoch: Some(0xbed), history_bytes: 2 * HISTORY_BYTES, ..HubConfig::default() });
    let data = "x".repeat(FRAME_BYTES - FRAMING_BYTES);
    for event in 0..events {
        // Coprime to the number of namespaces, so that all are met in turn and neighbours are no neighbours.
        let id = event * 7_919 % namespaces;
        hub.publish(&Event::new(&format!("/shops/{}/orders/{}", id % 100, id / 100), &data)).expect("valid");
    }
    hub
}

/// The time in which a client that has only seen the first event gets `expected` more, until it is live.
fn replay(filter: &Filter, hub: &Hub, expected: usize) -> Duration {
    let start = Instant::now();
    let mut subscription = hub.resume(filter.clone(), "bed-1", Waker::noop().clone()).expect("room for one more");
    while subscription.is_replaying() {
        let ready = subscription.chunk().len();
        subscription.advance(ready);
    }
    let elapsed = start.elapsed();
    assert_eq!(subscription.events_read(), expected as u64);
    elapsed
}
