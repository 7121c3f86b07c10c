//! What a pass over the readers of one channel costs besides the system calls.

use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput};
use sse_core::{Event, Hub, HubConfig, Subscription};

use crate::crowd::{catch_up, subscribe};

const READERS: usize = 1_000;

/// What a connection is given in one pass at most.
const PASS_BYTES: usize = 64 << 10;

pub(crate) fn bench(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("cursor pass");
    group.throughput(Throughput::Elements(READERS as u64));
    let hub = Hub::new(HubConfig::default());
    let mut readers: Vec<Subscription> = (0..READERS).map(|_| subscribe(&hub, "/time")).collect();
    let frame_bytes = "data:3:04:05 pm (UTC)\n\n".len();
    for events in [1, PASS_BYTES / frame_bytes] {
        group.bench_function(BenchmarkId::new("events", events), |bencher| {
            bencher.iter_custom(|passes| (0..passes).map(|_| pass(&hub, &mut readers, events)).sum());
        });
    }
}

/// The time in which all readers take what `events` new events brought.
fn pass(hub: &Hub, readers: &mut [Subscription], events: usize) -> Duration {
    for _ in 0..events {
        hub.publish(&Event::new("/time", "3:04:05 pm (UTC)")).expect("valid");
    }
    let start = Instant::now();
    readers.iter_mut().for_each(catch_up);
    start.elapsed()
}
