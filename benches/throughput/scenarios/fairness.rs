//! Quiet readers and a publisher beside peers that ask without end.
//!
//! The peers pipeline `GET /healthz` as fast as the server takes it, from a thread of this process that gives way to the
//! readers: both ends share the machine's two cores, and what is asked is how the server divides its own. The events come over
//! HTTP, so their way leads through the same loop: a publisher's request is one among the peers'.

use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use rustix::process::nice;
use socket2::SockRef;
use sse_server::load::{Client, Observer, Reading, Target, Timing, now_ns};

use crate::Result;
use crate::child::Child;
use crate::lab::{Lab, TIME, median};
use crate::order::{Role, Settings};
use crate::poster::Poster;
use crate::report::Section;
use crate::table::{Table, count};

const READERS: usize = 1_000;

/// Streams that are opened at once.
const IN_FLIGHT: usize = 256;

/// Time between two events.
const PERIOD: Duration = Duration::from_millis(10);

/// Requests given to a socket at a time.
const PIPELINED: usize = 64;

/// What the kernel keeps of a peer's requests on this side. By itself it would keep some MiB, and 5,000 peers would use up what this
/// one machine has for both ends of all connections.
const SEND_BUFFER_BYTES: usize = 32 << 10;

/// The lowest priority there is.
const NICENESS: i32 = 19;

/// How long the peers may take until each has an answer, and readers may go without an event before it is lost.
const PATIENCE: Duration = Duration::from_secs(20);

/// What came of some events.
struct Round {
    /// From the time an event was sent, or was due if the answer to the one before came later than that.
    delivery: Histogram<u64>,
    /// How long the publisher has waited for its answers.
    answer: Histogram<u64>,
    lost: u64,
    /// The peers' answers a second.
    answers: f64,
}

pub(crate) fn run(lab: &mut Lab) -> Result<Section> {
    let most = lab.pick(500, 5_000);
    let events = lab.pick(50, 400);
    let mut table = Table::new(&[
        "peers",
        "their answers/s",
        "lost",
        "delivery: p50 µs",
        "p99 µs",
        "answer to the publisher: p50 µs",
        "p99 µs",
    ]);
    let mut ratios = Vec::new();
    for _ in 0..lab.pick(1, 5) {
        let mut p99 = [0.0; 2];
        for (peers, p99) in [0, most].into_iter().zip(&mut p99) {
            let child = Child::start(&lab.setup(Role::Server(Settings::default())))?;
            let round = beside_peers(&child, peers, events)?;
            let micros = |times: &Histogram<u64>, quantile| times.value_at_quantile(quantile) as f64 / 1e3;
            *p99 = micros(&round.delivery, 0.99);
            eprintln!("  beside {peers} peers: p99 {p99:.0} µs, {} lost", round.lost);
            lab.report.lose(round.lost);
            table.row(vec![
                count(peers as f64),
                count(round.answers),
                count(round.lost as f64),
                count(micros(&round.delivery, 0.5)),
                count(*p99),
                count(micros(&round.answer, 0.5)),
                count(micros(&round.answer, 0.99)),
            ]);
        }
        ratios.push(p99[1] / p99[0]);
    }
    let ratio = median(ratios);
    lab.findings.insert("fairness p99 ratio", ratio);
    let text = format!(
        "{READERS} readers of 100 msg/s that are published over HTTP, alone and beside {most} peers that pipeline `GET /healthz` as \
         fast as the server takes it. The readers' p99 is {} times that of the undisturbed (median of the rounds).",
        count(ratio),
    );
    Ok(Section { title: "Fairness".to_owned(), text, table, plots: Vec::new() })
}

/// Publishes and reads while so many peers ask.
fn beside_peers(child: &Child, peers: usize, events: u64) -> Result<Round> {
    let (address, over, answers) = (child.address, AtomicBool::new(false), AtomicU64::new(0));
    // Relaxed, all: a flag and a count on their own.
    thread::scope(|scope| {
        let asking = scope.spawn(|| if peers == 0 { Ok(()) } else { ask(address, peers, &over, &answers) });
        let measured = (|| {
            let begun = Instant::now();
            // Each has had at least one turn's answers, or nearly.
            while answers.load(Ordering::Relaxed) < (peers * PIPELINED) as u64 && !asking.is_finished() {
                if begun.elapsed() > PATIENCE {
                    return Err("the peers are not answered".into());
                }
                thread::yield_now();
            }
            let (begun, before) = (Instant::now(), answers.load(Ordering::Relaxed));
            let mut round = measure(address, events)?;
            round.answers = (answers.load(Ordering::Relaxed) - before) as f64 / begun.elapsed().as_secs_f64();
            Ok(round)
        })();
        over.store(true, Ordering::Relaxed);
        asking.join().map_err(|_| "a peer panicked")?.map_err(|error| format!("a peer failed: {error}"))?;
        measured
    })
}

fn measure(address: SocketAddr, events: u64) -> Result<Round> {
    let mut client = Client::new()?;
    let target = Target::new(address, "localhost", &format!("/subscribe{TIME}"));
    for _ in 0..READERS {
        client.connect(&target, Reading::Events);
        client.await_opening(IN_FLIGHT, PATIENCE)?;
    }
    if !client.await_opening(0, PATIENCE)? {
        return Err("streams were not answered".into());
    }
    client.observe(Observer::new(Timing::Stamped));
    thread::scope(|scope| {
        let publishing = scope.spawn(|| publish(address, events));
        let (mut last, mut seen) = (Instant::now(), 0);
        while client.counts().events < events * READERS as u64 && last.elapsed() < PATIENCE {
            client.turn(Duration::from_millis(1))?;
            if client.counts().events > seen {
                (last, seen) = (Instant::now(), client.counts().events);
            }
        }
        let answer = publishing.join().map_err(|_| "the publisher panicked")?;
        let answer = answer.map_err(|error| format!("the publisher failed: {error}"))?;
        let observer = client.observer();
        let missing = (events * READERS as u64).abs_diff(client.counts().events);
        let lost = missing + observer.missed() + observer.disordered();
        Ok(Round { delivery: observer.latency().clone(), answer, lost, answers: 0.0 })
    })
}

/// Publishes one event after the other. Gives the times until they were answered.
fn publish(address: SocketAddr, events: u64) -> io::Result<Histogram<u64>> {
    let mut poster = Poster::connect(address)?;
    let mut answers = Histogram::new(3).map_err(io::Error::other)?;
    let mut due = Instant::now();
    for number in 0..events {
        due += PERIOD;
        // Since when the answer to the last event keeps this one. If the thread sleeps too long, that is not the server's fault.
        let late = due.elapsed();
        thread::sleep(due.saturating_duration_since(Instant::now()));
        let sent = Instant::now() - late;
        poster.publish(TIME, "text/plain", &format!("t={} n={number}", now_ns() - late.as_nanos() as u64))?;
        answers.record(sent.elapsed().as_nanos() as u64).map_err(io::Error::other)?;
    }
    Ok(answers)
}

/// Asks on all connections for as long as it is not over.
fn ask(address: SocketAddr, peers: usize, over: &AtomicBool, answers: &AtomicU64) -> io::Result<()> {
    nice(NICENESS)?;
    let mut poll = Poll::new()?;
    let mut events = Events::with_capacity(1024);
    let mut sockets = Vec::with_capacity(peers);
    for index in 0..peers {
        // Blocking, so that the server's queue is never full.
        let socket = std::net::TcpStream::connect(address)?;
        SockRef::from(&socket).set_send_buffer_size(SEND_BUFFER_BYTES)?;
        socket.set_nonblocking(true)?;
        let mut socket = TcpStream::from_std(socket);
        poll.registry().register(&mut socket, Token(index), Interest::READABLE | Interest::WRITABLE)?;
        sockets.push(Peer { socket, unsent: 0 });
    }
    let requests = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(PIPELINED);
    let mut scratch = vec![0; 64 << 10];
    // Relaxed: a flag on its own.
    while !over.load(Ordering::Relaxed) {
        poll.poll(&mut events, Some(Duration::from_millis(10)))?;
        for event in &events {
            let count = sockets[event.token().0].go_on(&requests, &mut scratch)?;
            answers.fetch_add(count, Ordering::Relaxed); // a count on its own
        }
    }
    Ok(())
}

struct Peer {
    socket: TcpStream,
    /// Bytes of the requests begun that are not sent yet.
    unsent: usize,
}

impl Peer {
    /// Takes what has been answered, and asks until the socket is full. Gives the number of answers.
    fn go_on(&mut self, requests: &[u8], scratch: &mut [u8]) -> io::Result<u64> {
        let mut answers = 0;
        loop {
            match self.socket.read(scratch) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(length) => answers += memchr::memmem::find_iter(&scratch[..length], b"HTTP/1.1 200").count() as u64,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        loop {
            if self.unsent == 0 {
                self.unsent = requests.len();
            }
            match self.socket.write(&requests[requests.len() - self.unsent..]) {
                Ok(sent) => self.unsent -= sent,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(answers),
                Err(error) => return Err(error),
            }
        }
    }
}
