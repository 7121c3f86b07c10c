//! Quiet readers beside peers that ask without end.
//!
//! The peers pipeline `GET /healthz` as fast as the server takes it, from a thread of this process that gives way to the
//! readers: both ends share the machine's two cores, and what is asked is how the server divides its own.

use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use rustix::process::nice;

use crate::Result;
use crate::child::Child;
use crate::lab::{Lab, median};
use crate::order::Pace;
use crate::report::Section;
use crate::table::{Table, count};
use crate::trial::Trial;

const READERS: usize = 1_000;
const MESSAGES_PER_SECOND: f64 = 100.0;

/// Requests given to a socket at a time.
const PIPELINED: usize = 64;

/// The lowest priority there is.
const NICENESS: i32 = 19;

/// How long the peers may take until each has an answer.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) fn run(lab: &mut Lab) -> Result<Section> {
    let peers = lab.pick(500, 5_000);
    let trial = lab.clock(READERS, Pace::Rate(MESSAGES_PER_SECOND));
    let mut table = Table::of_outcomes("median of its round");
    let mut ratios = Vec::new();
    let mut rates = Vec::new();
    for _ in 0..lab.pick(1, 3) {
        let alone = lab.run("quiet readers alone", &trial)?;
        let child = Child::start(&lab.setup(trial.role.clone()))?;
        let (beside, answers) = beside_peers(&trial, child, peers)?;
        lab.note("beside peers that pipeline", &beside);
        let micros = [&alone, &beside].map(|outcome| outcome.micros(|latency| latency.p99));
        ratios.push(micros[1] / micros[0]);
        rates.push(answers / beside.seconds);
        table.outcome("alone", &alone);
        table.outcome("beside peers", &beside);
        lab.report.lose(alone.lost + beside.lost);
    }
    let ratio = median(ratios);
    lab.findings.insert("fairness p99 ratio", ratio);
    let text = format!(
        "{READERS} readers at {MESSAGES_PER_SECOND} msg/s, alone and beside {peers} peers that pipeline `GET /healthz` as fast as the \
         server takes it: {} answers a second. The readers' p99 is {} times that of the undisturbed (medians of the rounds).",
        count(median(rates)),
        count(ratio),
    );
    Ok(Section { title: "Fairness".to_owned(), text, table, plots: Vec::new() })
}

/// Runs the trial while so many peers ask; gives their answers, too.
fn beside_peers(trial: &Trial, child: Child, peers: usize) -> Result<(crate::outcome::Outcome, f64)> {
    let (address, over, answers) = (child.address, AtomicBool::new(false), AtomicU64::new(0));
    thread::scope(|scope| {
        let asking = scope.spawn(|| ask(address, peers, &over, &answers));
        let begun = Instant::now();
        // Each has had at least one turn's answers, or nearly.
        while answers.load(Ordering::Relaxed) < (peers * PIPELINED) as u64 && !asking.is_finished() {
            if begun.elapsed() > PATIENCE {
                over.store(true, Ordering::Relaxed); // a flag on its own
                return Err("the peers are not answered".into());
            }
            thread::yield_now();
        }
        let before = answers.load(Ordering::Relaxed); // a count on its own
        let outcome = trial.run_with(child);
        let count = answers.load(Ordering::Relaxed) - before; // a count on its own
        over.store(true, Ordering::Relaxed); // a flag on its own
        asking.join().map_err(|_| "a peer panicked")?.map_err(|error| format!("a peer failed: {error}"))?;
        Ok((outcome?.0, count as f64))
    })
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
