//! Publishing over HTTP.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use sse_server::load::{Client, Observer, Reading, Target, Timing};

use crate::Result;
use crate::child::Child;
use crate::lab::{CLOCK_BYTES, Lab, TIME, median};
use crate::order::{Role, Settings};
use crate::poster::Poster;
use crate::report::Section;
use crate::table::{Table, count};

/// Connections that publish, each from a thread of its own, one request after the other.
const PUBLISHERS: u64 = 4;

/// Lines in a batch.
const BATCH: u64 = 1_000;

/// Streams that read everything, parsed.
const READERS: usize = 2;

/// How long readers may go without a byte before what is missing is lost.
const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) fn run(lab: &mut Lab) -> Result<Section> {
    let mut table = Table::new(&["requests", "requests/s", "events/s", "lost", "CPU µs/event"]);
    for (name, events) in [("one event each", 1), ("batches of 1,000 (NDJSON)", BATCH)] {
        let mut rounds = Vec::new();
        for _ in 0..lab.pick(1, 3) {
            rounds.push(measure(lab, events)?);
        }
        let rate = median(rounds.iter().map(|round| round.events as f64 / round.seconds));
        let cpu = median(rounds.iter().map(|round| round.cpu_seconds / round.events as f64));
        let lost: u64 = rounds.iter().map(|round| round.lost).sum();
        lab.report.lose(lost);
        eprintln!("  {name}: {} events/s, {lost} lost", count(rate));
        table.row(vec![
            name.to_owned(),
            count(rate / events as f64),
            count(rate),
            count(lost as f64),
            count(cpu * 1e6),
        ]);
        if events == BATCH {
            lab.findings.insert("batch events/s", rate);
        }
    }
    let text = format!(
        "{PUBLISHERS} keep-alive connections publish {CLOCK_BYTES} bytes an event, each waiting for its answer; {READERS} streams \
         read everything."
    );
    Ok(Section { title: "Publishing over HTTP".to_owned(), text, table, plots: Vec::new() })
}

struct Round {
    events: u64,
    seconds: f64,
    cpu_seconds: f64,
    lost: u64,
}

fn measure(lab: &Lab, events_per_request: u64) -> Result<Round> {
    let child = Child::start(&lab.setup(Role::Server(Settings::default())))?;
    let mut client = Client::new()?;
    let target = Target::new(child.address, "localhost", &format!("/subscribe{TIME}"));
    for _ in 0..READERS {
        client.connect(&target, Reading::Events);
    }
    if !client.await_opening(0, PATIENCE)? {
        return Err("streams were not answered".into());
    }
    client.observe(Observer::new(Timing::Stamped).stride(PUBLISHERS));
    let (start, cpu_before) = (Instant::now(), child.cpu()?);
    let length = Duration::from_millis(lab.pick(400, 2_000));
    let events = publish(child.address, events_per_request, length, &mut client)?;
    let seconds = start.elapsed().as_secs_f64();
    let cpu_seconds = (child.cpu()? - cpu_before).as_secs_f64();
    let last = Instant::now();
    while client.counts().events < events * READERS as u64 && last.elapsed() < PATIENCE {
        client.turn(Duration::from_millis(1))?;
    }
    let observer = client.observer();
    let missing = (events * READERS as u64).abs_diff(client.counts().events);
    Ok(Round { events, seconds, cpu_seconds, lost: missing + observer.missed() + observer.disordered() })
}

/// Publishes for so long, while the client reads; gives the number of events.
fn publish(address: SocketAddr, events: u64, length: Duration, client: &mut Client) -> Result<u64> {
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let over = &over;
        let publishers: Vec<_> = (0..PUBLISHERS)
            .map(|publisher| scope.spawn(move || Publisher::connect(address, publisher)?.publish_until(events, over)))
            .collect();
        let start = Instant::now();
        while start.elapsed() < length {
            client.turn(Duration::from_millis(1))?;
        }
        // Relaxed: a flag on its own.
        over.store(true, Ordering::Relaxed);
        let mut published = 0;
        for publisher in publishers {
            let count = publisher.join().map_err(|_| "a publisher panicked")?;
            published += count.map_err(|error| format!("a publisher failed: {error}"))?;
        }
        Ok(published)
    })
}

/// Who publishes on a connection of its own.
struct Publisher {
    poster: Poster,
    /// The next event's number.
    number: u64,
    lines: String,
}

impl Publisher {
    fn connect(address: SocketAddr, first_number: u64) -> std::io::Result<Publisher> {
        Ok(Publisher { poster: Poster::connect(address)?, number: first_number, lines: String::new() })
    }

    fn publish_until(mut self, events: u64, over: &AtomicBool) -> std::io::Result<u64> {
        let mut published = 0;
        // Relaxed: a flag on its own.
        while !over.load(Ordering::Relaxed) {
            self.publish(events)?;
            published += events;
        }
        Ok(published)
    }

    fn publish(&mut self, events: u64) -> std::io::Result<()> {
        self.lines.clear();
        for _ in 0..events {
            let number = self.number;
            self.number += PUBLISHERS;
            // Writing to a String never fails.
            let _ = match events {
                1 => write!(self.lines, "n={number:014}"),
                _ => writeln!(self.lines, r#"{{"namespace":"{TIME}","data":"n={number:014}"}}"#),
            };
        }
        let (namespace, kind) = match events {
            1 => (TIME, "text/plain"),
            _ => ("", "application/x-ndjson"),
        };
        self.poster.publish(namespace, kind, &self.lines)
    }
}
