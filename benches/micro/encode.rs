//! Framing an event.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput};
use sse_core::Frame;

pub(crate) fn bench(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("encode");
    let clock = "3:04:05 pm (UTC)".to_owned();
    for (what, data) in [("16 B", clock), ("1 KiB", "x".repeat(1 << 10)), ("64 lines", "a line of it\n".repeat(64))] {
        group.throughput(Throughput::Bytes(data.len() as u64));
        group.bench_with_input(BenchmarkId::from_parameter(what), &data, |bencher, data| {
            bencher.iter(|| Frame::encode(black_box(Some("tick")), black_box(data.as_bytes())));
        });
    }
}
