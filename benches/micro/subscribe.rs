//! Joining and leaving a channel of one's own, beside siblings.

use std::task::Waker;

use criterion::{BenchmarkId, Criterion};
use sse_core::{Filter, Subscription};

use crate::crowd::{hub, sizes, subscribe};

/// Names joined in turn, so that no step profits from the one before.
const NAMES: usize = 1_024;

pub(crate) fn bench(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("subscribe and leave");
    for &siblings in sizes() {
        let hub = hub();
        let crowd: Vec<Subscription> = (0..siblings).map(|id| subscribe(&hub, &format!("/users/{id}"))).collect();
        let filter = |id| Filter::parse(&format!("/users/new-{id}")).expect("valid");
        let filters: Vec<Filter> = (0..NAMES).map(filter).collect();
        let mut filters = filters.iter().cycle();
        group.bench_function(BenchmarkId::from_parameter(siblings), |bencher| {
            bencher.iter(|| {
                let filter = filters.next().expect("a cycle has no end").clone();
                hub.subscribe(filter, Waker::noop().clone()).expect("room for one more")
            });
        });
        drop(crowd);
    }
}
