//! How often readers were given everything after their last event, and how often they were told of a gap.

use crate::events::gap::GapReason;
use crate::sync::{AtomicU64, Ordering};

/// Resumptions since the hub was made. A reader that asks for nothing in particular counts nowhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ResumeCounts {
    /// Readers that get everything after their last event.
    pub exact: u64,
    /// Gaps told because the next event was no longer in the history.
    pub evicted: u64,
    /// Gaps told because the id was never given to an event.
    pub unknown: u64,
    /// Gaps told because the id is of another life of the server.
    pub restarted: u64,
    /// Gaps told because the reader fell too far behind.
    pub lagged: u64,
}

/// The same, being counted. Every field may be touched by any thread; none guards another.
pub(crate) struct ResumeCounters {
    exact: AtomicU64,
    evicted: AtomicU64,
    unknown: AtomicU64,
    restarted: AtomicU64,
    lagged: AtomicU64,
}

impl ResumeCounters {
    pub(crate) fn new() -> Self {
        let zero = || AtomicU64::new(0);
        Self { exact: zero(), evicted: zero(), unknown: zero(), restarted: zero(), lagged: zero() }
    }

    pub(crate) fn count_exact(&self) {
        self.exact.fetch_add(1, Ordering::Relaxed); // a count on its own
    }

    pub(crate) fn count_gap(&self, reason: GapReason) {
        let counter = match reason {
            GapReason::Evicted => &self.evicted,
            GapReason::Unknown => &self.unknown,
            GapReason::Restarted => &self.restarted,
            GapReason::Lagged => &self.lagged,
        };
        counter.fetch_add(1, Ordering::Relaxed); // a count on its own
    }

    pub(crate) fn read(&self) -> ResumeCounts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed); // counts on their own
        ResumeCounts {
            exact: read(&self.exact),
            evicted: read(&self.evicted),
            unknown: read(&self.unknown),
            restarted: read(&self.restarted),
            lagged: read(&self.lagged),
        }
    }
}
