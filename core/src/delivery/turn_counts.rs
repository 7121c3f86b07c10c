//! What turns count, for others to see.
//!
//! Only the one who drains changes these numbers. It has them in the [`Writer`](crate::delivery::writer::Writer), where
//! an event costs plain additions, and shows them to others once a turn.

use crate::sync::{AtomicU64, Ordering};

/// What the writer has counted, as it was when the last turn ended.
pub(crate) struct TurnCounters {
    turns: AtomicU64,
    work: AtomicU64,
    log_bytes: AtomicU64,
    log_evictions: AtomicU64,
}

/// What the writer has counted.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct TurnCounts {
    pub(crate) turns: u64,
    pub(crate) work: u64,
    pub(crate) log_bytes: u64,
    pub(crate) log_evictions: u64,
}

impl TurnCounters {
    pub(crate) fn new() -> Self {
        let zero = || AtomicU64::new(0);
        Self { turns: zero(), work: zero(), log_bytes: zero(), log_evictions: zero() }
    }

    /// Shows what the writer has counted. For the one who has the writer.
    pub(crate) fn show(&self, counts: TurnCounts) {
        // Relaxed, all: numbers that publish nothing, read one by one.
        self.turns.store(counts.turns, Ordering::Relaxed);
        self.work.store(counts.work, Ordering::Relaxed);
        self.log_bytes.store(counts.log_bytes, Ordering::Relaxed);
        self.log_evictions.store(counts.log_evictions, Ordering::Relaxed);
    }

    pub(crate) fn read(&self) -> TurnCounts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed); // as in `show`
        TurnCounts {
            turns: read(&self.turns),
            work: read(&self.work),
            log_bytes: read(&self.log_bytes),
            log_evictions: read(&self.log_evictions),
        }
    }
}
