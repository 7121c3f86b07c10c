//! Tasks that each read one channel as a `Stream`, on one thread; and the same tasks at tokio's broadcast, which is given
//! the same bytes. A round publishes a burst, and ends when every task has read all of it; a delivery is one event read by
//! one task. Of a burst a stream takes all that is ready as one piece, a broadcast's receiver one event after the other.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use criterion::{BenchmarkId, Criterion, Throughput};
use futures_core::Stream;
use sse_core::{Event, Subscription};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{Notify, broadcast};

use crate::crowd::{hub, subscribe};

const PATH: &str = "/hot/pets";
const DATA: &str = "3:04:05 pm (UTC)";

/// The frame of such an event.
const FRAME: &[u8] = b"data:3:04:05 pm (UTC)\n\n";

const READERS: [usize; 4] = [10, 100, 1_000, 10_000];

/// Events that a round publishes.
const BURSTS: [usize; 2] = [1, 100];

pub(crate) fn bench(criterion: &mut Criterion) {
    for burst in BURSTS {
        let mut group = criterion.benchmark_group(format!("async readers/burst of {burst}"));
        for readers in READERS {
            group.throughput(Throughput::Elements((readers * burst) as u64));
            let mut measure = |name, crowd: Crowd, publish: &dyn Fn()| {
                let run = |rounds| crowd.run(rounds, readers * burst, || (0..burst).for_each(|_| publish()));
                group.bench_function(BenchmarkId::new(name, readers), |bencher| bencher.iter_custom(run));
            };
            let hub = hub();
            measure("stream", Crowd::new(readers, |round| read_stream(subscribe(&hub, PATH), round)), &|| {
                hub.publish(&Event::new(PATH, DATA)).expect("valid");
            });
            let (sender, _) = broadcast::channel(burst);
            measure("tokio broadcast", Crowd::new(readers, |round| receive(sender.subscribe(), round)), &|| {
                sender.send(Bytes::from_static(FRAME)).expect("there are receivers");
            });
        }
        group.finish();
    }
}

async fn read_stream(mut subscription: Subscription, round: Arc<Round>) {
    while let Some(bytes) = poll_fn(|cx| Pin::new(&mut subscription).poll_next(cx)).await {
        round.count(bytes.len() / FRAME.len());
    }
}

async fn receive(mut receiver: broadcast::Receiver<Bytes>, round: Arc<Round>) {
    while receiver.recv().await.is_ok() {
        round.count(1);
    }
}

/// Readers, each a task of one thread's runtime.
struct Crowd {
    runtime: Runtime,
    round: Arc<Round>,
}

impl Crowd {
    fn new<R: Future<Output = ()> + Send + 'static>(readers: usize, reader: impl Fn(Arc<Round>) -> R) -> Self {
        let runtime = Builder::new_current_thread().build().expect("a runtime without I/O");
        let round = Arc::<Round>::default();
        for _ in 0..readers {
            runtime.spawn(reader(round.clone()));
        }
        Self { runtime, round }
    }

    /// The time that so many rounds take.
    fn run(&self, rounds: u64, deliveries: usize, publish: impl Fn()) -> Duration {
        self.runtime.block_on(async {
            let start = Instant::now();
            for _ in 0..rounds {
                self.round.left.store(deliveries, Ordering::Relaxed); // one thread
                publish();
                self.round.over.notified().await;
            }
            start.elapsed()
        })
    }
}

/// What is read from one burst to the next.
#[derive(Default)]
struct Round {
    /// Deliveries to come.
    left: AtomicUsize,
    over: Notify,
}

impl Round {
    fn count(&self, deliveries: usize) {
        // Relaxed: one thread.
        if self.left.fetch_sub(deliveries, Ordering::Relaxed) == deliveries {
            self.over.notify_one();
        }
    }
}
