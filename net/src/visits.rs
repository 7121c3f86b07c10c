//! Visitors: who is shown all streams, some at a time, so that no loop is held up.

use std::collections::VecDeque;

use crate::connection::Connection;
use crate::inbox::Visitor;
use crate::roster::Roster;

/// Slots looked at in one pass: about a millisecond of a visitor who writes JSON.
const SLOTS_PER_PASS: usize = 1024;

/// Those who have not seen everything yet. The first is shown around; each is dropped when it is through.
pub(crate) struct Visits<S> {
    waiting: VecDeque<Visitor<S>>,
    /// The slot that the first one sees next.
    next: usize,
}

impl<S> Visits<S> {
    pub(crate) fn new() -> Visits<S> {
        Visits { waiting: VecDeque::new(), next: 0 }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    pub(crate) fn add(&mut self, visitor: Visitor<S>) {
        self.waiting.push_back(visitor);
    }

    /// Shows the first visitor some more.
    pub(crate) fn go_on<K, P>(&mut self, connections: &Roster<Connection<K, S, P>>) {
        let Some(visitor) = self.waiting.front() else { return };
        let end = (self.next + SLOTS_PER_PASS).min(connections.slots());
        for slot in self.next..end {
            if let Some(stream) = connections.in_slot(slot).and_then(Connection::stream) {
                visitor(&stream.view());
            }
        }
        self.next = end;
        if end == connections.slots() {
            self.waiting.pop_front();
            self.next = 0;
        }
    }
}
