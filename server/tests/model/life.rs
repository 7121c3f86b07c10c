//! One life of the server, and the list of all that was published in it.

use std::net::SocketAddr;
use std::sync::RwLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use fastrand::Rng;
use sse_server::{Config, EventId, Publisher, Server, ServerHandle};

use crate::PATIENCE;
use crate::events::{MAX_DATA_BYTES, SKIPPING};

/// No event may be larger on the wire than readers may lag; of many short lines, it takes a fifth more than its data.
const LEAST_LAG: u64 = MAX_DATA_BYTES as u64 * 5 / 4;

/// What makes this server forget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Forgets {
    /// Too many bytes; nothing is ever too old.
    BySize,
    /// Too old; there is room for everything.
    ByAge,
    /// Nothing: there is room for more than will come.
    Never,
    /// There is hardly room for one large event.
    AtOnce,
}

/// A server, from its start to its end.
pub(crate) struct Life {
    pub(crate) forgets: Forgets,
    pub(crate) address: SocketAddr,
    pub(crate) epoch: u64,
    pub(crate) publisher: Publisher,
    pub(crate) retry: Option<Duration>,
    history_bytes: usize,
    ending: AtomicBool,
    /// Every event through this sequence is in the ledger.
    complete: AtomicU64,
    /// By sequence, from 1. An event may be published, and not be here yet.
    ledger: RwLock<Vec<Option<Entry>>>,
}

/// An event in the order of the model.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    pub(crate) namespace: u8,
    pub(crate) publisher: u16,
    pub(crate) number: u32,
    /// Bytes of its data.
    pub(crate) size: u32,
}

impl Life {
    /// Starts the `nth` server. Each forgets in another way than the one before.
    pub(crate) fn begin(nth: u64, random: &mut Rng) -> (Life, ServerHandle) {
        let forgets = [Forgets::BySize, Forgets::ByAge, Forgets::Never, Forgets::AtOnce][(nth % 4) as usize];
        let (history_bytes, history_age) = match forgets {
            Forgets::BySize => (random.usize(1 << 20..8 << 20), Duration::MAX),
            Forgets::ByAge => (256 << 20, Duration::from_millis(random.u64(1..500))),
            Forgets::Never => (256 << 20, Duration::MAX),
            Forgets::AtOnce => (random.usize(1..200 << 10), Duration::MAX),
        };
        let retry = random.bool().then(|| Duration::from_millis(random.u64(2..1000)));
        let server = Server::bind(Config {
            // Another port for each life: one that is free for a moment may be anyone's.
            listen: vec!["127.0.0.1:0".parse().expect("an address")],
            workers: 2,
            history_bytes,
            history_age,
            // Some let nobody be behind by more than they must, which is one large event, and some are patient.
            max_lag: if random.u8(..3) == 0 { LEAST_LAG } else { LEAST_LAG << random.u32(..7) },
            slow_consumers: SKIPPING.iter().map(|prefix| format!("{prefix}=skip")).collect(),
            retry,
            // So often that it gets between events, and wakes readers who wait for one.
            keepalive: Some(Duration::from_millis(random.u64(20..200))),
            ..Config::default()
        });
        let server = server.expect("the system has a port left");
        let epoch = server.hub().epoch();
        let handle = server.spawn().expect("the system has threads left");
        let life = Life {
            forgets,
            address: handle.local_addrs()[0],
            epoch,
            publisher: handle.publisher(),
            retry,
            history_bytes,
            ending: AtomicBool::new(false),
            complete: AtomicU64::new(0),
            ledger: RwLock::default(),
        };
        (life, handle)
    }

    /// From here on connections may end at any time.
    pub(crate) fn end(&self) {
        self.ending.store(true, Ordering::Release); // before the server is told to end
    }

    pub(crate) fn is_ending(&self) -> bool {
        self.ending.load(Ordering::Acquire) // after a connection has ended
    }

    pub(crate) fn id(&self, sequence: u64) -> EventId {
        EventId { epoch: self.epoch, sequence }
    }

    /// Enters an event under the id that its publisher was given.
    pub(crate) fn enter(&self, id: EventId, entry: Entry) -> Result<(), String> {
        let mut ledger = self.ledger.write().expect("no one panics with it");
        let index = (id.sequence as usize).checked_sub(1).filter(|_| id.epoch == self.epoch);
        let index = index.ok_or_else(|| format!("publishing gave {id} in the life {:x}", self.epoch))?;
        if ledger.len() <= index {
            ledger.resize(index + 1, None);
        }
        if let Some(earlier) = ledger[index].replace(entry) {
            return Err(format!("publishing gave {id} twice, for {earlier:?} and {entry:?}"));
        }
        let complete = self.complete.load(Ordering::Relaxed) as usize; // written under the lock
        let more = ledger[complete..].iter().take_while(|entry| entry.is_some()).count();
        self.complete.store((complete + more) as u64, Ordering::Release); // with `complete`
        Ok(())
    }

    /// Every event through this sequence is in the ledger.
    pub(crate) fn complete(&self) -> u64 {
        self.complete.load(Ordering::Acquire) // with `enter`
    }

    /// The event of this sequence, as soon as its publisher has entered it.
    pub(crate) fn event(&self, sequence: u64) -> Result<Entry, String> {
        let begun = Instant::now();
        while self.complete() < sequence {
            if begun.elapsed() > PATIENCE {
                return Err(format!("{} was never published", self.id(sequence)));
            }
            thread::yield_now();
        }
        let ledger = self.ledger.read().expect("no one panics with it");
        Ok(ledger[sequence as usize - 1].expect("it is complete so far"))
    }

    /// The first event after `after` that is covered, of those that are known to be published through `last`.
    pub(crate) fn next_covered(&self, after: u64, last: u64, covered: &[bool]) -> Option<u64> {
        let ledger = self.ledger.read().expect("no one panics with it");
        let last = last.min(self.complete()) as usize;
        let covers = |entry: &&Option<Entry>| entry.is_some_and(|entry| covered[usize::from(entry.namespace)]);
        let rest = ledger[..last].iter().enumerate().skip(after as usize);
        rest.into_iter().find(|(_, entry)| covers(entry)).map(|(index, _)| index as u64 + 1)
    }

    /// Whether the server may have forgotten all through this sequence.
    pub(crate) fn may_forget(&self, through: u64) -> bool {
        if self.forgets == Forgets::ByAge || through == 0 {
            return true;
        }
        // Blocks are not filled to the last byte, and go one at a time, some of them as large as an event. So what is kept
        // may be less than what there is room for, but not far less.
        let ledger = self.ledger.read().expect("no one panics with it");
        let kept: usize = ledger.iter().skip(through as usize).flatten().map(|entry| entry.size as usize + 64).sum();
        kept + MAX_DATA_BYTES >= self.history_bytes / 4
    }
}
