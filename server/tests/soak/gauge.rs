//! What the server takes, from the outside.

use std::fmt;
use std::io;

use serde_json::Value;

use crate::PATIENCE;
use crate::account::HISTORY_BYTES;
use crate::caller::Caller;
use crate::child::Server;
use crate::plan::Plan;

/// What must be as before when everyone has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Footprint {
    pub(crate) streams: usize,
    descriptors: usize,
    threads: usize,
}

impl Footprint {
    pub(crate) fn of(server: &Server) -> io::Result<Footprint> {
        let descriptors = server.descriptors();
        let threads = server.status("Threads");
        let health = Caller::new(server.address, PATIENCE)?.get("/health")?;
        let streams = health.rsplit(' ').next().and_then(|count| count.parse().ok());
        let streams = streams.ok_or_else(|| io::Error::other(health))?;
        Ok(Footprint { streams, descriptors, threads })
    }
}

impl fmt::Display for Footprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Footprint { descriptors, threads, .. } = self;
        write!(f, "{descriptors} descriptors, {threads} threads")
    }
}

/// How many streams `status.json` lists.
pub(crate) fn listed_streams(server: &Server) -> io::Result<usize> {
    let status: Value = serde_json::from_str(&Caller::new(server.address, PATIENCE)?.get("/admin/status.json")?)?;
    let connections = status["connections"].as_array();
    Ok(connections.ok_or_else(|| io::Error::other(format!("no connections in {status}")))?.len())
}

/// The server's resident memory over time.
#[derive(Default)]
pub(crate) struct Memory(Vec<Sample>);

struct Sample {
    resident: usize,
    published: u64,
}

/// Memory comes and goes with the readers who are behind, and the allocator keeps some of what it was given back. On two
/// cores the medians of half an hour lay within 0.1 MiB of each other; more cores have more arenas.
const NOISE: usize = 8 << 20;

/// Patterns that cover one event, about.
const PATTERNS: usize = 6;

/// Medians of two parts of a run, and how far they may lie apart.
#[derive(Debug)]
pub(crate) struct Growth {
    pub(crate) early: usize,
    pub(crate) late: usize,
    /// What the later may be, and what remains when all have left.
    pub(crate) bound: usize,
}

impl Memory {
    pub(crate) fn sample(&mut self, server: &Server, published: u64) -> usize {
        let resident = server.status("VmRSS");
        self.0.push(Sample { resident, published });
        resident
    }

    /// Compares the end with the first quarter. By then a server has seen everything that happens, and has the memory that
    /// it goes on with, but for the history, where that is not full yet. What it leaks comes on top: between the two, half an
    /// hour of 200 clients has 44,000 connections and 405,000 events, so 190 bytes of each connection are too much, or 20 of
    /// each event. A limit for one sample would say nothing: that depends on who was behind just then.
    pub(crate) fn growth(&self) -> Growth {
        let all = self.0.len();
        let (early, late) = (&self.0[all / 8..=all / 4], &self.0[all * 7 / 8..]);
        let history = kept(late[late.len() - 1].published) - kept(early[0].published);
        let (early, late) = (median(early), median(late));
        Growth { early, late, bound: early + NOISE + history * 5 / 4 }
    }
}

/// What the server keeps of so many events: its history, and half as much in the logs of channels, where each event lies as
/// often as there are patterns that cover it.
fn kept(published: u64) -> usize {
    let bytes = Plan::bytes(published);
    bytes.min(HISTORY_BYTES) + (bytes * PATTERNS).min(HISTORY_BYTES / 2)
}

fn median(samples: &[Sample]) -> usize {
    let mut resident: Vec<_> = samples.iter().map(|sample| sample.resident).collect();
    resident.sort_unstable();
    resident[resident.len() / 2]
}
