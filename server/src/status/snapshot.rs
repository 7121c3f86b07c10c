//! What snapshots cost, and so for how long one serves all who ask.
//!
//! An answer that costs little is made anew for each round, so that a script which has just done something sees it. One
//! that is large costs the event loops and a core, and a slow reader keeps the one it has begun for as long as it reads. So:
//!
//! - A snapshot of more than [`FRESH_BYTES`] serves everyone for a second.
//! - While earlier ones are still being read, any snapshot serves for as many seconds as they hold [`BYTES_PER_SECOND`].
//!
//! - While they hold [`MOST_BYTES`], no new one is made: the latest of them serves all who ask, and its `reported_at` says how old
//!   it is.
//!
//! Readers who come one by one and never finish thus hold fewer and fewer new ones: 7 of 2 MiB after twelve seconds, 20 after
//! a hundred, 32 at most, however many they are. (Answers must be taken at a least rate, which ends the row.)

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use bytes::Bytes;

/// Snapshots up to this size are made for each who asks: some 2,500 streams, which take some five milliseconds.
const FRESH_BYTES: usize = 1 << 20;

/// What slow readers may make us hold without anyone noticing; each time as much makes what others see a second older.
const BYTES_PER_SECOND: usize = 4 << 20;

/// What all snapshots may come to before one is made anew, which comes on top.
const MOST_BYTES: usize = 64 << 20;

/// The snapshots that someone still reads.
#[derive(Debug, Default)]
pub(super) struct Snapshots {
    /// Their bytes in all.
    held: Arc<AtomicUsize>,
    /// From the earliest to the latest, with some that nobody reads any more.
    kept: Mutex<Vec<Weak<Held>>>,
}

impl Snapshots {
    /// Counts these bytes for as long as anyone has a clone of what this gives.
    pub(super) fn keep(&self, mut json: Vec<u8>) -> Bytes {
        json.shrink_to_fit(); // It grew by doubling, and may be read for long.
        self.held.fetch_add(json.len(), Ordering::Relaxed); // a count on its own
        let snapshot = Arc::new(Held { json, held: Arc::clone(&self.held) });
        let mut kept = self.kept();
        kept.retain(|earlier| earlier.strong_count() > 0);
        kept.push(Arc::downgrade(&snapshot));
        Bytes::from_owner(Share(snapshot))
    }

    /// The latest that someone reads, if there are so many that no new one is to be made.
    pub(super) fn again(&self) -> Option<Bytes> {
        // Relaxed: a count on its own. At worst one more is made, or one is shared that need not be.
        if self.held.load(Ordering::Relaxed) < MOST_BYTES {
            return None;
        }
        let latest = self.kept().iter().rev().find_map(Weak::upgrade)?;
        Some(Bytes::from_owner(Share(latest)))
    }

    fn kept(&self) -> MutexGuard<'_, Vec<Weak<Held>>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How long a new snapshot of so many bytes serves all who ask, those that are kept being the earlier ones.
    pub(super) fn shared_for(&self, bytes: usize) -> Duration {
        let earlier = self.held.load(Ordering::Relaxed); // a count on its own
        let seconds = (earlier / BYTES_PER_SECOND).max(usize::from(bytes > FRESH_BYTES));
        Duration::from_secs(seconds as u64)
    }
}

/// A snapshot's bytes, counted.
#[derive(Debug)]
struct Held {
    json: Vec<u8>,
    held: Arc<AtomicUsize>,
}

/// A share in it.
struct Share(Arc<Held>);

impl AsRef<[u8]> for Share {
    fn as_ref(&self) -> &[u8] {
        &self.0.json
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.held.fetch_sub(self.json.len(), Ordering::Relaxed); // a count on its own
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_costs_little_is_fresh() {
        let snapshots = Snapshots::default();
        assert_eq!(snapshots.shared_for(FRESH_BYTES), Duration::ZERO);
        assert_eq!(snapshots.shared_for(FRESH_BYTES + 1), Duration::from_secs(1));
        let few: Vec<_> = (0..3).map(|_| snapshots.keep(vec![b'x'; FRESH_BYTES])).collect();
        assert_eq!(snapshots.shared_for(FRESH_BYTES), Duration::ZERO, "some are read at any time");
        drop(few);
    }

    #[test]
    fn what_is_read_counts_until_its_last_reader_is_done() {
        let snapshots = Snapshots::default();
        let snapshot = snapshots.keep(vec![b'x'; 2 * BYTES_PER_SECOND]);
        let readers = vec![snapshot.clone(); 200];
        drop(snapshot);
        assert_eq!(snapshots.shared_for(1), Duration::from_secs(2), "once, however many read it");
        drop(readers);
        assert_eq!(snapshots.shared_for(1), Duration::ZERO);
    }

    /// A new one each second, each begun by a reader who never finishes.
    #[test]
    fn they_have_a_limit() {
        const BYTES: usize = 3 << 20;
        let snapshots = Snapshots::default();
        let mut readers = Vec::new();
        let mut made = 0;
        for _ in 0..1_000 {
            readers.push(snapshots.again().unwrap_or_else(|| {
                made += 1;
                snapshots.keep(vec![made; BYTES])
            }));
            assert!(snapshots.held.load(Ordering::Relaxed) < MOST_BYTES + BYTES);
        }
        assert_eq!(usize::from(made), MOST_BYTES / BYTES + 1);
        assert!(readers.iter().skip(made.into()).all(|reader| reader[0] == made), "the latest is shared");
        drop(readers);
        assert!(snapshots.again().is_none(), "who is done holds none");
    }

    /// Two hundred readers who come 60 ms apart and never finish, on a clock of our own.
    #[test]
    fn slow_readers_share() {
        let snapshots = Snapshots::default();
        let (mut made, mut shared_until) = (Vec::new(), Duration::ZERO);
        for now in (0..200).map(|reader| Duration::from_millis(60 * reader)) {
            if now >= shared_until {
                let bytes = vec![b'x'; 2 << 20];
                shared_until = now + snapshots.shared_for(bytes.len());
                made.push(snapshots.keep(bytes));
            }
        }
        assert!((2..=8).contains(&made.len()), "{}", made.len());
    }
}
