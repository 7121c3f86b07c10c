//! `sse-server bench`: drives an event stream, ours or another's, and says what came.

use std::fmt;
use std::io;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use sse_server::load::{Client, Counts, Observer, Reading, Target};

/// Connections under way at once: fewer than most servers' listening queues hold.
const IN_FLIGHT: usize = 64;

/// Time given to a connection to be opened.
const PATIENCE: Duration = Duration::from_secs(10);

/// Time between two looks at the clock while there is nothing to read.
const LOOK: Duration = Duration::from_millis(50);

/// Drive an event stream, of this server or any other, and report what comes
///
/// Opens the connections, then reads for the duration. Latency and gaps are known where the data of events begins with
/// t=NANOSECONDS (Unix time at which it was sent) and n=NUMBER (which counts up): data:t=1735689600123456789 n=42
#[derive(Clone, Debug, Parser)]
pub(crate) struct LoadCommand {
    /// Event stream to read, such as http://localhost:8001/subscribe/pets
    #[arg(value_parser = Target::parse)]
    url: Target,

    /// Connections to open
    #[arg(long, short = 'c', value_name = "N", default_value_t = 100)]
    connections: usize,

    /// How long to read once they are open
    #[arg(long, short = 'd', value_name = "DURATION", default_value = "10s", value_parser = humantime::parse_duration)]
    duration: Duration,

    /// Connections whose events are parsed [default: all]; of the others only bytes are counted, which costs far less
    #[arg(long, value_name = "N")]
    sample: Option<usize>,
}

impl LoadCommand {
    /// Runs it, and prints a report.
    pub(crate) fn run(&self) -> ExitCode {
        match self.measure() {
            Ok(report) => {
                print!("{report}");
                if report.counts.opened == 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS }
            }
            Err(error) => {
                eprintln!("error: {error}");
                ExitCode::FAILURE
            }
        }
    }

    fn measure(&self) -> io::Result<Report> {
        let mut client = Client::new()?;
        let opening = self.open(&mut client)?;
        client.observe(Observer::default());
        let before = client.counts();
        let start = Instant::now();
        while start.elapsed() < self.duration && client.counts().closed + client.counts().failed < self.connections {
            client.turn(LOOK.min(self.duration.saturating_sub(start.elapsed())))?;
        }
        Ok(Report {
            opening,
            elapsed: start.elapsed(),
            before,
            counts: client.counts(),
            parsed: self.sampled(),
            observer: client.observer().clone(),
            failure: client.first_failure().map(str::to_owned),
        })
    }

    /// Opens the connections; gives the time it took.
    fn open(&self, client: &mut Client) -> io::Result<Duration> {
        let start = Instant::now();
        for index in 0..self.connections {
            let reading = if index < self.sampled() { Reading::Events } else { Reading::Bytes };
            client.connect(&self.url, reading);
            client.await_opening(IN_FLIGHT, PATIENCE)?;
        }
        client.await_opening(0, PATIENCE)?;
        Ok(start.elapsed())
    }

    fn sampled(&self) -> usize {
        self.sample.unwrap_or(self.connections).min(self.connections)
    }
}

struct Report {
    opening: Duration,
    elapsed: Duration,
    /// What had happened before the reading began.
    before: Counts,
    counts: Counts,
    /// Connections whose events were parsed.
    parsed: usize,
    observer: Observer,
    failure: Option<String>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counts { connecting, opened, failed, closed, .. } = self.counts;
        write!(f, "connections   {opened} opened, {failed} failed, {closed} closed by the server")?;
        if connecting > 0 {
            write!(f, ", {connecting} without an answer")?;
        }
        if let Some(failure) = &self.failure {
            write!(f, " (first failure: {failure})")?;
        }
        let seconds = self.elapsed.as_secs_f64();
        let events = self.counts.events - self.before.events;
        let bytes = self.counts.bytes - self.before.bytes;
        writeln!(f, "\nconnect rate  {:.0}/s", opened as f64 / self.opening.as_secs_f64())?;
        writeln!(f, "events        {events}, {:.0}/s, on {} connections", events as f64 / seconds, self.parsed)?;
        writeln!(f, "bytes         {bytes}, {:.0}/s, on all", bytes as f64 / seconds)?;
        let latency = self.observer.latency();
        if latency.is_empty() {
            writeln!(f, "latency       unknown: no data begins with t=")?;
        } else {
            let micros = |quantile| latency.value_at_quantile(quantile) as f64 / 1e3;
            let (p50, p99, p999) = (micros(0.5), micros(0.99), micros(0.999));
            let max = latency.max() as f64 / 1e3;
            writeln!(f, "latency       p50 {p50:.0} µs, p99 {p99:.0} µs, p99.9 {p999:.0} µs, max {max:.0} µs")?;
        }
        writeln!(f, "gaps          {} missed, {} out of order", self.observer.missed(), self.observer.disordered())
    }
}
