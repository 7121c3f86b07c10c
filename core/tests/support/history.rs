//! What a hub's history may have lost, at most: what its bounds let go, and nothing that they don't.

use std::time::Duration;

use sse_core::{EventId, GapReason, Start};

use crate::support::{Client, Note};

/// The bounds of a history, and what it was given.
pub(crate) struct History {
    most_bytes: usize,
    age: Duration,
    /// Bytes of each event in the history, by its sequence less one.
    sizes: Vec<usize>,
    /// Times of ticks, and how many events there were by then.
    ticks: Vec<(Duration, u64)>,
    /// All through this sequence was there for as long as events are kept.
    expired: u64,
}

impl History {
    pub(crate) fn new(most_bytes: usize, age: Duration) -> Self {
        Self { most_bytes, age, sizes: Vec::new(), ticks: Vec::new(), expired: 0 }
    }

    /// An event with one line of data, and no name.
    pub(crate) fn publish(&mut self, path: &str, data: &str) {
        let frame = format!("data:{data}\nid:e-{}\n\n", self.sizes.len() + 1);
        // Beside its bytes, an entry has a length and a place in the block's index.
        self.sizes.push(size_of::<u32>() + path.len() + frame.len() + size_of::<u64>());
    }

    pub(crate) fn tick(&mut self, now: Duration) {
        let old = self.ticks.iter().filter(|(at, _)| now - *at >= self.age);
        self.expired = old.map(|(_, events)| *events).max().unwrap_or(0);
        self.ticks.push((now, self.sizes.len() as u64));
    }

    /// Everything after this sequence is in the history.
    ///
    /// An event is there as long as twice what came after it, and twice its block, have room. Twice: the first entry of
    /// a block had no room in the block before it, so two neighbours have more bytes than one of them has room for.
    pub(crate) fn gone(&self) -> u64 {
        let block_bytes = (self.most_bytes / 16).clamp(256, 256 << 10);
        let mut later = 0;
        let kept = self.sizes.iter().rev().take_while(|size| {
            let is_kept = 2 * later + 2 * block_bytes.max(**size) <= self.most_bytes;
            later += **size;
            is_kept
        });
        self.expired.max((self.sizes.len() - kept.count()) as u64)
    }

    /// A client that has just connected begins in the present if it has no id, and else after its id, unless what comes
    /// next may be gone.
    pub(crate) fn check_start(&self, client: &Client) -> Result<(), String> {
        let how = client.subscription.as_ref().expect("it is connected").start();
        match (last_sequence(client), how) {
            (None, Start::Live) | (Some(_), Start::Exact) => Ok(()),
            (Some(last), Start::Gap(GapReason::Evicted)) if last < self.gone() => Ok(()),
            (last, _) => Err(format!("{how:?} after {last:?}, and only {} may be gone", self.gone())),
        }
    }

    /// A gap that nobody has asked for says that events are gone that may be, and names the first that is not.
    pub(crate) fn check_gaps(&self, client: &Client) -> Result<(), String> {
        let gone = self.gone();
        let wrong = client.notes.iter().find(|note| match note {
            Note::Gap { after, requested, oldest, reason, .. } => {
                let is_explained = match reason.as_str() {
                    "lagged" => true,
                    "evicted" => *requested < gone && *after <= gone,
                    _ => false,
                };
                // All before the oldest is gone; if there is none, all through the place where the stream goes on.
                !is_explained || oldest.map_or(*after, |oldest| oldest - 1) > gone
            }
            Note::Opening(_) | Note::Event { .. } => false,
        });
        wrong.map_or(Ok(()), |gap| Err(format!("{gap:?}, and only {gone} may be gone")))
    }
}

/// The sequence of the last id that the client has.
fn last_sequence(client: &Client) -> Option<u64> {
    Some(client.last_event_id.as_ref()?.parse::<EventId>().expect("it was given this id").sequence)
}
