//! Who waits for another turn, and how much of each kind of work a pass has room for.
//!
//! An edge comes once, so who stops before `WouldBlock` is put on a list here, and its turn comes from there alone: an
//! edge meanwhile gives no second one. Each list is worked off in order, who has waited longest first, and only as far as
//! its budget goes, so that a pass has an end: thousands of peers that pipeline, come or catch up share the budget of their
//! kind, and those who keep up are flushed in every pass.
//!
//! | list | who | a pass |
//! |---|---|---|
//! | attention | exchanges to carry on, streams whose client says something: a short turn each | [`ACTIONS_PER_PASS`] with the next one |
//! | overtime | those of them whose short turn was not enough | what attention leaves, but at least [`OVERTIME_PER_PASS`] |
//! | backlog | streams with more to send than a turn takes | [`BACKLOG_TURNS`] |
//! | rush | listeners with more to accept | [`ACCEPTS_PER_PASS`] |

use std::collections::VecDeque;

use crate::roster::Key;

/// Actions of exchanges in a pass. Each is a call of a socket or of the service, so they take half a millisecond: little beside a
/// pass over a thousand streams, which take turns with them. (By the scenario `fairness` of the throughput harness: beside 5,000
/// peers that pipeline, the median latency of a thousand readers is 2.4 ms, with 512 it is 2.8; 285,000 answers a second with both.)
pub(crate) const ACTIONS_PER_PASS: usize = 256;

/// Actions of a first turn: enough for a request and its answer, of which each takes a few. So who asks for one thing waits for as
/// little of each other peer, and not for those who pipeline without end.
pub(crate) const ACTIONS_PER_TURN: usize = 8;

/// Actions of a turn in overtime. A pipelined request takes two, or three with a body, so it is about thirty answers.
pub(crate) const ACTIONS_PER_OVERTIME: usize = 64;

/// Actions of a pass that are for overtime if anybody is there, so that those who come anew don't keep them waiting for ever.
pub(crate) const OVERTIME_PER_PASS: usize = ACTIONS_PER_PASS / 4;

/// Turns given to streams in the backlog in a pass: a few milliseconds' work.
pub(crate) const BACKLOG_TURNS: usize = 128;

/// Connections accepted in a pass: a rush of new ones must not starve those who are there.
pub(crate) const ACCEPTS_PER_PASS: usize = 128;

/// Entries that a list keeps room for.
const KEPT_ENTRIES: usize = 1024;

#[derive(Debug, Default)]
pub(crate) struct Turns {
    /// Connections with something to read or to do. Each is on it once, or in overtime.
    pub(crate) attention: VecDeque<Key>,
    /// Connections that have more to do than their turn had room for.
    pub(crate) overtime: VecDeque<Key>,
    /// Streams with more to send. Each is on it once.
    pub(crate) backlog: VecDeque<Key>,
    /// Listeners with more to accept. Each is on it once.
    pub(crate) rush: VecDeque<usize>,
}

impl Turns {
    /// Whether nobody waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.attention.is_empty() && self.overtime.is_empty() && self.backlog.is_empty() && self.rush.is_empty()
    }

    /// Gives back what a crowd has left behind.
    pub(crate) fn trim(&mut self) {
        self.attention.shrink_to(KEPT_ENTRIES);
        self.overtime.shrink_to(KEPT_ENTRIES);
        self.backlog.shrink_to(KEPT_ENTRIES);
    }
}
