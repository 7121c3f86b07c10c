//! One run: a server, streams, a plan to publish, and what came of it.

use std::time::{Duration, Instant};

use crate::Result;
use crate::pace::{Plan, now_ns};
use crate::program::Program;
use crate::reader::{Manner, Reader};
use crate::server::{Cores, Server};

/// Streams of one namespace, all being read.
pub(crate) const STREAMS: usize = 1_000;

/// From the order to publish until the first message is due.
const LEAD: Duration = Duration::from_millis(30);

/// The first part of a run, whose latencies don't count: sockets and queues grow to their size in it.
const WARM_UP: f64 = 0.1;

/// How long streams may go without a byte, once everything is published, before what is missing is lost.
const PATIENCE: Duration = Duration::from_secs(3);

/// How much longer than planned a run may take altogether.
const OVERTIME: u32 = 6;

/// Messages a second, over all streams, up to which each tells its latency. Beyond, some do.
const ALL_SAMPLED: f64 = 500_000.0;

/// Every so manyth stream does then.
const SAMPLE_EVERY: usize = 125;

/// How late the last message may come for a server that keeps up: a part of the run, and a hiccup of the machine.
const LATE: f64 = 0.05;
const HICCUP: Duration = Duration::from_millis(50);

/// What a run has shown.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outcome {
    /// Messages a second that were to be published.
    pub(crate) offered: f64,
    /// Deliveries a second, from the first message's time to the last byte's.
    pub(crate) rate: f64,
    /// Whether every stream got every message once and in order.
    pub(crate) lossless: bool,
    /// Whether it did so about as fast as was published.
    pub(crate) in_time: bool,
    /// Streams that the server closed.
    pub(crate) closed: usize,
    /// From when a message was due until it was read; not a number if none came in time.
    pub(crate) p50_us: f64,
    pub(crate) p99_us: f64,
    /// The server's processor time.
    pub(crate) cpu_us: f64,
}

/// Runs the server, and publishes so many messages a second for so long.
pub(crate) fn run(program: &Program, cores: Cores, rate: f64, length: Duration) -> Result<Outcome> {
    let mut server = Server::start(program, cores)?;
    let everything = rate * STREAMS as f64;
    let sample_every = if everything <= ALL_SAMPLED { 1 } else { SAMPLE_EVERY };
    let manner = Manner { counting: program.counting, sample_every, publishers: server.publishers() };
    let mut reader = Reader::new()?;
    reader.open(STREAMS, (server.address, program.stream), &manner, || server.prime())?;

    let cpu_before = server.cpu()?;
    let length_ns = length.as_nanos() as f64;
    let start_ns = now_ns() + LEAD.as_nanos() as u64;
    let count = (rate * length.as_secs_f64()).ceil() as u64;
    let plan = Plan { count, interval_ns: 1e9 / rate, start_ns };
    reader.expect(plan, start_ns + (length_ns * WARM_UP) as u64);
    server.publish(&plan)?;
    let published = read(&mut reader, &mut server, &manner, length * OVERTIME)?;

    let deliveries = reader.count();
    let latency = reader.latency();
    let micros =
        |quantile| if latency.is_empty() { f64::NAN } else { latency.value_at_quantile(quantile) as f64 / 1e3 };
    let cpu = server.cpu()?.saturating_sub(cpu_before);
    let took = Duration::from_nanos(reader.last_ns().saturating_sub(start_ns).max(1));
    Ok(Outcome {
        offered: rate,
        rate: deliveries as f64 / took.as_secs_f64(),
        in_time: published == Some(count) && took <= length.mul_f64(1.0 + LATE) + HICCUP,
        lossless: published.is_some_and(|published| reader.is_exact(published)),
        closed: reader.closed,
        p50_us: micros(0.5),
        p99_us: micros(0.99),
        cpu_us: cpu.as_secs_f64() * 1e6 / deliveries.max(1) as f64,
    })
}

/// Reads until everything has come, or never will. Gives how many messages were published, if that was told in time.
fn read(reader: &mut Reader, server: &mut Server, manner: &Manner, limit: Duration) -> Result<Option<u64>> {
    let start = Instant::now();
    let mut published = None;
    let (mut have, mut last) = (0, Instant::now());
    // A closed stream has lost something: there is nothing to wait for.
    while reader.closed == 0 && start.elapsed() < limit + PATIENCE {
        // Without sleeping: woken up for each message, the reader would make the server pay for it.
        reader.turn(Duration::ZERO, manner)?;
        if published.is_none() {
            published = server.published()?;
            last = Instant::now();
            continue;
        }
        let count = reader.count();
        if count > have {
            (have, last) = (count, Instant::now());
        }
        if published.is_some_and(|published| have >= published * STREAMS as u64) || last.elapsed() > PATIENCE {
            break;
        }
    }
    Ok(published)
}
