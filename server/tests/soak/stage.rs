//! What all who take part wait for: the end.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    /// Events are published, clients come and go.
    Open,
    /// All is published: clients leave as soon as they have it.
    Finale,
    /// Something went so wrong that nobody can go on.
    Failed,
}

#[derive(Default)]
pub(crate) struct Stage {
    acts: Mutex<Acts>,
    changed: Condvar,
}

struct Acts {
    phase: Phase,
    /// Events published in all, once that is known.
    last: u64,
    failure: Option<String>,
}

impl Default for Acts {
    fn default() -> Acts {
        Acts { phase: Phase::Open, last: 0, failure: None }
    }
}

impl Stage {
    pub(crate) fn phase(&self) -> Phase {
        self.acts().phase
    }

    /// The last sequence, if all is published.
    pub(crate) fn last(&self) -> Option<u64> {
        let acts = self.acts();
        (acts.phase == Phase::Finale).then_some(acts.last)
    }

    /// Does nothing for so long, or until the phase is another. That is what clients and publishers do now and then, never
    /// to wait for each other.
    pub(crate) fn rest(&self, time: Duration) {
        let phase = self.phase();
        let rested = self.changed.wait_timeout_while(self.acts(), time, |acts| acts.phase == phase);
        drop(rested.unwrap_or_else(PoisonError::into_inner));
    }

    /// Everything through `last` is published.
    pub(crate) fn close(&self, last: u64) {
        let mut acts = self.acts();
        acts.phase = acts.phase.max(Phase::Finale);
        acts.last = last;
        self.changed.notify_all();
    }

    /// Ends everything; the first reason counts.
    pub(crate) fn fail(&self, what: String) {
        let mut acts = self.acts();
        acts.phase = Phase::Failed;
        acts.failure.get_or_insert(what);
        self.changed.notify_all();
    }

    pub(crate) fn failure(&self) -> Option<String> {
        self.acts().failure.clone()
    }

    fn acts(&self) -> MutexGuard<'_, Acts> {
        // Who panics leaves it whole.
        self.acts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Fails the stage if its thread panics, so that nobody goes on for hours.
pub(crate) struct Sentry<'s>(pub(crate) &'s Stage);

impl Drop for Sentry<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.fail("a thread panicked".to_owned());
        }
    }
}
