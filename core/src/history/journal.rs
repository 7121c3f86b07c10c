//! The bounded, ordered history of every event: who returns is served from here what the logs of its channels no longer
//! have.
//!
//! ```text
//!   chain   after | block | block | block |
//!             ▲                       ▲
//!    all after this is here     the one being filled
//! ```
//!
//! The chain is an immutable value behind one pointer, as the trie is: a new block makes a new chain, with the oldest
//! blocks left out that are too much. A reader keeps no place here but a sequence; it looks it up, by binary search
//! among blocks and within one, and is given a slice. So a reader that is slow, or doesn't read, holds only that.
//!
//! The writer makes no index: the first reader that searches a full block makes it, for all who come after. So a replay
//! costs what it gives, and a few steps for each block, whatever others have published.

use std::sync::Arc;
use std::time::Duration;

use crate::history::block::Block;
use crate::history::index::SegmentHasher;
use crate::history::slice::{Slice, SliceBuilder};
use crate::names::pattern_set::PatternSet;
use crate::sync::Swap;

/// Moments remembered to know how old events are: they are forgotten at most a 64th of the journal's age late.
const MARKS: u32 = 64;

/// All events, up to so many bytes and so old. One writer, any number of readers.
pub(crate) struct Journal {
    chain: Swap<Chain>,
    most_bytes: usize,
    age: Duration,
    hasher: SegmentHasher,
}

/// The side of the journal that is written: who has this may write.
pub(crate) struct JournalWriter {
    /// Oldest first.
    marks: Vec<Mark>,
}

/// The whole journal at one moment; its last block may still grow.
#[derive(Clone, Default)]
struct Chain {
    /// Every event after this sequence is in the blocks.
    after: u64,
    blocks: Vec<Block>,
    bytes: usize,
    /// Blocks dropped, so far, since there were too many bytes.
    evictions: u64,
}

/// What a journal has.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Holding {
    /// Every event after this sequence is here.
    pub(crate) after: u64,
    pub(crate) bytes: usize,
    /// Blocks dropped, so far, since there were too many bytes.
    pub(crate) evictions: u64,
}

/// Every event through `sequence` was there at this time.
#[derive(Clone, Copy)]
struct Mark {
    at: Duration,
    sequence: u64,
}

impl Journal {
    pub(crate) fn new(most_bytes: usize, age: Duration) -> Self {
        let hasher = SegmentHasher::new();
        Self { chain: Swap::new(Arc::default()), most_bytes, age, hasher }
    }

    /// Appends an event, whose frame is given in two pieces.
    #[inline]
    pub(crate) fn append(&self, _writer: &mut JournalWriter, namespace: &str, frame: [&[u8]; 2], sequence: u64) {
        let appended = |chain: &Arc<Chain>| {
            chain.blocks.last().is_some_and(|last| last.append(namespace, frame, sequence).is_ok())
        };
        if !self.chain.with(appended) {
            self.grow(namespace, frame, sequence);
        }
    }

    /// Goes on in a new block, and drops the oldest that are too much.
    #[cold]
    fn grow(&self, namespace: &str, frame: [&[u8]; 2], sequence: u64) {
        let mut chain = (*self.chain.load()).clone();
        let block = Block::beginning_with(namespace, frame, sequence, self.most_bytes);
        chain.bytes += block.capacity();
        chain.blocks.push(block);
        let mut bytes = chain.bytes;
        let spare = chain.blocks.iter().take(chain.blocks.len() - 1).take_while(|block| {
            let too_much = bytes > self.most_bytes;
            bytes -= if too_much { block.capacity() } else { 0 };
            too_much
        });
        let spare = spare.count();
        chain.drop_first(spare);
        chain.evictions += spare as u64;
        self.chain.store(Arc::new(chain));
    }

    /// Forgets what is older than the journal's age. `now` is the time since any fixed moment, and every event through
    /// `newest` is here.
    pub(crate) fn expire(&self, writer: &mut JournalWriter, now: Duration, newest: u64) {
        let marks = &mut writer.marks;
        let due = marks.last().is_none_or(|mark| now.saturating_sub(mark.at) >= self.age / MARKS);
        let expired = marks.iter().take_while(|mark| now.saturating_sub(mark.at) >= self.age).count();
        if let Some(mark) = marks[..expired].last() {
            self.forget_through(mark.sequence);
        }
        marks.drain(..expired);
        marks.extend(due.then_some(Mark { at: now, sequence: newest }));
    }

    fn forget_through(&self, sequence: u64) {
        let mut chain = (*self.chain.load()).clone();
        if sequence <= chain.after {
            return;
        }
        let old = chain.blocks.iter().take_while(|block| block.last_sequence() <= sequence).count();
        chain.drop_first(old);
        chain.after = chain.after.max(sequence);
        self.chain.store(Arc::new(chain));
    }

    /// Every event after this sequence is still here.
    pub(crate) fn after(&self) -> u64 {
        self.chain.with(|chain| chain.after)
    }

    /// What is here now.
    pub(crate) fn holding(&self) -> Holding {
        self.chain.with(|chain| Holding { after: chain.after, bytes: chain.bytes, evictions: chain.evictions })
    }

    /// Gives the frames after `after` that the patterns cover: some of them, the oldest first.
    pub(crate) fn read(&self, after: u64, patterns: &PatternSet<'_>) -> Slice {
        let chain = self.chain.load();
        if after < chain.after {
            return Slice::Evicted(chain.after);
        }
        let first = chain.blocks.partition_point(|block| block.starts_after() <= after).saturating_sub(1);
        let mut slice = SliceBuilder::new(after, patterns, &self.hasher);
        for (index, block) in chain.blocks.iter().enumerate().skip(first) {
            // Nothing is appended to a block any more from before the chain is stored in which another follows it.
            let is_growing = index + 1 == chain.blocks.len();
            if slice.search(block, is_growing).is_break() {
                break;
            }
        }
        slice.finish()
    }
}

impl JournalWriter {
    pub(crate) fn new() -> Self {
        Self { marks: Vec::new() }
    }
}

impl Chain {
    fn drop_first(&mut self, count: usize) {
        for block in self.blocks.drain(..count) {
            self.bytes -= block.capacity();
            self.after = self.after.max(block.last_sequence());
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests;
