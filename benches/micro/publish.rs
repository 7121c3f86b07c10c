//! Publishing among other subscriptions: `publish` as a whole, and `match`, which begins with the event prepared and
//! ends with no one to give it to.

use std::time::{Duration, Instant};

use criterion::Criterion;
use sse_core::{Event, Hub, PreparedEvent, Subscription};

use crate::crowd::{catch_up, hub, path, sizes, subscribe};

/// The message of the clock example.
const DATA: &str = "3:04:05 pm (UTC)";

const HEARD: &str = "/hot/pets/dogs/corgi";

/// Events between two untimed pauses, in which readers catch up: their logs stay in the cache, as they do in use.
const BATCH: u64 = 1_024;

/// Paths tried, so many that a million others' nodes are met at random and rarely in the cache.
const PATHS: usize = 1 << 16;

pub(crate) fn bench(criterion: &mut Criterion) {
    for &others in sizes() {
        let hub = hub();
        let crowd: Vec<Subscription> = (0..others).map(|index| subscribe(&hub, &path(index, "leaf"))).collect();
        let unheard = random_paths(others);
        matching(criterion, &hub, &unheard, others);
        let heard = [HEARD.to_owned()];
        publish(criterion, &hub, &[], &unheard, others);
        publish(criterion, &hub, &[HEARD], &heard, others);
        publish(criterion, &hub, &["/hot", "/hot/pets", HEARD], &heard, others);
        drop(crowd);
    }
}

fn matching(criterion: &mut Criterion, hub: &Hub, paths: &[String], others: usize) {
    let mut paths = paths.iter().cycle();
    let mut prepare = || hub.prepare(&Event::new(paths.next().expect("a cycle has no end"), DATA)).expect("valid");
    criterion.bench_function(&format!("match/{others}"), |bencher| {
        bencher.iter_custom(|events| {
            in_batches(events, |batch| {
                let prepared: Vec<PreparedEvent> = (0..batch).map(|_| prepare()).collect();
                let start = Instant::now();
                for event in prepared {
                    hub.publish_prepared(event).expect("open");
                }
                start.elapsed()
            })
        });
    });
}

fn publish(criterion: &mut Criterion, hub: &Hub, readers: &[&str], paths: &[String], others: usize) {
    let mut subscriptions: Vec<Subscription> = readers.iter().map(|path| subscribe(hub, path)).collect();
    let mut paths = paths.iter().cycle();
    let id = format!("publish to {}/{others}", readers.len());
    criterion.bench_function(&id, |bencher| {
        bencher.iter_custom(|events| {
            in_batches(events, |batch| {
                let start = Instant::now();
                for path in paths.by_ref().take(batch) {
                    hub.publish(&Event::new(path, DATA)).expect("valid");
                }
                let elapsed = start.elapsed();
                subscriptions.iter_mut().for_each(catch_up);
                elapsed
            })
        });
    });
}

/// The time that `run` takes for so many events, a batch at a time.
fn in_batches(events: u64, mut run: impl FnMut(usize) -> Duration) -> Duration {
    let batches = (0..events).step_by(BATCH as usize).map(|done| BATCH.min(events - done));
    batches.map(|batch| run(batch as usize)).sum()
}

/// Paths beside those of the crowd, in an order without a pattern: all but the last segment exists.
fn random_paths(others: usize) -> Vec<String> {
    // A multiplicative congruence (Knuth's MMIX): its high bits are random enough to miss the cache.
    let step =
        |state: &u64| Some(state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407));
    let indices = std::iter::successors(Some(1_u64), step).map(|state| (state >> 33) as usize % others);
    indices.take(PATHS).map(|index| path(index, "none")).collect()
}
