//! What one client has been given, and what is due to it.

use std::time::{Duration, Instant};

use sse_server::EventId;

use crate::plan::{Issue, PLACES, Plan};
use crate::tally::Tally;

/// The server's defaults: what it keeps.
pub(crate) const HISTORY_BYTES: usize = 32 << 20;
const HISTORY_AGE: Duration = Duration::from_secs(600);

pub(crate) struct Account<'s> {
    plan: &'s Plan,
    tally: &'s Tally,
    covered: [bool; PLACES],
    /// The number that comes next in each place. None: no stream has said yet where it begins.
    next: Option<[u64; PLACES]>,
    /// Nothing through this sequence is due.
    after: u64,
    /// When something last came.
    pub(crate) heard: Instant,
}

impl<'s> Account<'s> {
    pub(crate) fn new(plan: &'s Plan, tally: &'s Tally, covered: [bool; PLACES]) -> Account<'s> {
        Account { plan, tally, covered, next: None, after: 0, heard: Instant::now() }
    }

    /// The stream says that it goes on after this place: what came before is not due.
    pub(crate) fn begin(&mut self, place: EventId) {
        self.next = Some(std::array::from_fn(|at| self.plan.count(at, place.sequence)));
        self.after = place.sequence;
        self.heard = Instant::now();
    }

    pub(crate) fn take(&mut self, id: EventId, data: &str) -> Result<(), String> {
        let (tally, plan) = (self.tally, self.plan);
        let issue = Issue::parse(data).filter(|issue| id.sequence > 0 && plan.issue(id.sequence) == *issue);
        let issue = issue.ok_or_else(|| format!("{id} is not what was published: {data:.100}"))?;
        let next = self.next.as_mut().ok_or_else(|| format!("{id} before anyone said where the stream begins"))?;
        if !self.covered[issue.place] {
            return Err(format!("{id} of {}, which is not subscribed to", issue.namespace()));
        }
        tally.delivered.add(1);
        self.heard = Instant::now();
        let due = next[issue.place];
        if issue.number < due || id.sequence <= self.after {
            tally.doubled.add(1);
            tally.describe(|| format!("{id} after {}: {data:.100}, where {due} is next", self.after));
            return Ok(());
        }
        if issue.number > due {
            tally.lost.add(issue.number - due);
            tally.describe(|| format!("{id} after {}: {data:.100}, where {due} is next", self.after));
        }
        next[issue.place] = issue.number + 1;
        self.after = id.sequence;
        Ok(())
    }

    /// Whether the server may have forgotten what is due: blocks are not filled to the last byte and go one at a time, so
    /// it keeps less than it has room for, but not far less.
    pub(crate) fn may_be_forgotten(&self) -> bool {
        let missed = self.tally.published.get().saturating_sub(self.after);
        Plan::bytes(missed) >= HISTORY_BYTES / 4 || self.heard.elapsed() >= HISTORY_AGE / 2
    }

    /// How many events are due, of those through `last`. None before a stream has begun.
    pub(crate) fn due(&self, last: u64) -> Option<u64> {
        let next = self.next.as_ref()?;
        let covered = (0..PLACES).filter(|&place| self.covered[place]);
        Some(covered.map(|place| self.plan.count(place, last).saturating_sub(next[place])).sum())
    }
}
