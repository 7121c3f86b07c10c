//! The bounded, ordered history of every event: who returns is served from here what the logs of its channels no longer
//! have.
//!
//! ```text
//!   chain   after | block | block | block |          an entry: | length | namespace | frame with its id |
//!             ▲                       ▲
//!    all after this is here     the one being filled
//! ```
//!
//! The chain is an immutable value behind one pointer, as the trie is: a new block makes a new chain, with the oldest
//! blocks left out that are too much. A reader keeps no place here but a sequence; it looks it up, by binary search
//! among blocks and within one, and copies a slice. So whoever reads slowly, or not at all, holds nothing.

use std::sync::Arc;
use std::time::Duration;

use crate::segment::{Before, Segment};
use crate::sync::Swap;

/// Block sizes. A sixteenth of the journal is lost at a time, but what is copied for a new chain stays short.
const SHARE_OF_BLOCK: usize = 16;
const LEAST_BLOCK_BYTES: usize = if cfg!(loom) { 64 } else { 256 };
const LAST_BLOCK_BYTES: usize = 256 << 10;

/// Bytes copied for a reader at a time, or a frame more: a turn of an event loop.
const SLICE_BYTES: usize = 62 << 10;

/// Entries looked at for a reader at a time, times the patterns that each is held against: about a tenth of a millisecond.
const SLICE_LOOKS: usize = 4096;

/// Moments remembered to know how old events are: they are forgotten at most a 64th of the journal's age late.
const MARKS: u32 = 64;

/// All events, up to so many bytes and so old. One writer, any number of readers.
pub(crate) struct Journal {
    chain: Swap<Chain>,
    most_bytes: usize,
    age: Duration,
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
    blocks: Vec<Arc<Segment>>,
    bytes: usize,
}

/// Every event through `sequence` was there at this time.
#[derive(Clone, Copy)]
struct Mark {
    at: Duration,
    sequence: u64,
}

/// What a slice came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Slice {
    /// All that is to be had through this sequence has been copied now or before.
    Through(u64),
    /// The next event is gone. All after this sequence is still here.
    Evicted(u64),
}

impl Journal {
    pub(crate) fn new(most_bytes: usize, age: Duration) -> Self {
        Self { chain: Swap::new(Arc::default()), most_bytes, age }
    }

    /// Appends an event, whose frame is given in two pieces.
    #[inline]
    pub(crate) fn append(&self, _writer: &mut JournalWriter, namespace: &str, frame: [&[u8]; 2], sequence: u64) {
        // A namespace is far shorter than 4 GiB: `Limits` are counted in usize, but paths of that size are in no memory.
        let length = (namespace.len() as u32).to_ne_bytes();
        let entry: [&[u8]; 4] = [&length, namespace.as_bytes(), frame[0], frame[1]];
        let appended =
            |chain: &Arc<Chain>| chain.blocks.last().is_some_and(|last| last.append(&entry, sequence).is_ok());
        if !self.chain.with(appended) {
            self.grow(&entry, sequence);
        }
    }

    /// Goes on in a new block, and drops the oldest that are too much.
    #[cold]
    fn grow(&self, entry: &[&[u8]], sequence: u64) {
        let mut chain = (*self.chain.load()).clone();
        let length = entry.iter().map(|piece| piece.len()).sum();
        let usual = (self.most_bytes / SHARE_OF_BLOCK).clamp(LEAST_BLOCK_BYTES, LAST_BLOCK_BYTES);
        let before = Before { sequence: sequence - 1, ..Before::default() };
        let block = Segment::new(usual.max(Segment::room_for(length)), before, sequence);
        block.append(entry, sequence).expect("a new block has room for its first entry");
        chain.bytes += block.capacity();
        chain.blocks.push(Arc::new(block));
        let mut bytes = chain.bytes;
        let spare = chain.blocks.iter().take(chain.blocks.len() - 1).take_while(|block| {
            let too_much = bytes > self.most_bytes;
            bytes -= if too_much { block.capacity() } else { 0 };
            too_much
        });
        let spare = spare.count();
        chain.drop_first(spare);
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
        let old = chain.blocks.iter().take_while(|block| block.view().last_sequence() <= sequence).count();
        chain.drop_first(old);
        chain.after = chain.after.max(sequence);
        self.chain.store(Arc::new(chain));
    }

    /// Every event after this sequence is still here.
    pub(crate) fn after(&self) -> u64 {
        self.chain.with(|chain| chain.after)
    }

    /// Copies the frames after `after` whose namespaces are covered by one of so many patterns: some of them, the oldest
    /// first.
    pub(crate) fn read(&self, after: u64, patterns: usize, covers: impl Fn(&str) -> bool, into: &mut Vec<u8>) -> Slice {
        let chain = self.chain.load();
        if after < chain.after {
            return Slice::Evicted(chain.after);
        }
        let first = chain.blocks.partition_point(|block| block.before().sequence <= after).saturating_sub(1);
        let (mut through, mut looks) = (after, 0);
        for block in &chain.blocks[first..] {
            let view = block.view();
            for index in view.frames_through(through)..view.frames() {
                if looks >= SLICE_LOOKS || into.len() >= SLICE_BYTES {
                    return Slice::Through(through);
                }
                looks += patterns;
                let (namespace, frame) = parse_entry(view.frame(index));
                if covers(namespace) {
                    into.extend_from_slice(frame);
                }
                through = view.sequence(index);
            }
        }
        Slice::Through(through)
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
            self.after = self.after.max(block.view().last_sequence());
        }
    }
}

/// Namespace and frame.
fn parse_entry(entry: &[u8]) -> (&str, &[u8]) {
    let (length, rest) = entry.split_first_chunk().expect("an entry begins with a length");
    let (namespace, frame) = rest.split_at(u32::from_ne_bytes(*length) as usize);
    (str::from_utf8(namespace).expect("a namespace is text"), frame)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ANY_AGE: Duration = Duration::MAX;

    fn append(journal: &Journal, sequence: u64, namespace: &str, length: usize) -> Vec<u8> {
        let (frame, end) = (vec![b'x'; length], format!("id:0-{sequence}\n"));
        journal.append(&mut JournalWriter::new(), namespace, [&frame, end.as_bytes()], sequence);
        [frame, end.into_bytes()].concat()
    }

    /// All after `after`, however many slices it takes.
    fn read_all(journal: &Journal, mut after: u64, namespace: &str) -> Result<Vec<u8>, u64> {
        let mut bytes = Vec::new();
        loop {
            let mut slice = Vec::new();
            match journal.read(after, 1, |path| path == namespace, &mut slice) {
                Slice::Evicted(after) => return Err(after),
                Slice::Through(through) if through == after => return Ok(bytes),
                Slice::Through(through) => after = through,
            }
            bytes.append(&mut slice);
        }
    }

    proptest! {
        /// Against a `Vec`: what is after the promised sequence is there, whole and in order; nothing else is; and no
        /// more bytes are held than were asked for, but for one block.
        #[test]
        fn what_is_promised_is_there(
            most_bytes in 1usize..20_000,
            events in prop::collection::vec((any::<bool>(), 0usize..3_000), 1..80),
        ) {
            let journal = Journal::new(most_bytes, ANY_AGE);
            let mut model = Vec::new();
            for (sequence, (ours, length)) in (1..).zip(events) {
                let namespace = if ours { "/ours" } else { "/theirs" };
                let frame = append(&journal, sequence, namespace, length);
                model.push((sequence, ours, frame));
                let chain = journal.chain.load();
                prop_assert_eq!(chain.bytes, chain.blocks.iter().map(|block| block.capacity()).sum::<usize>());
                prop_assert!(chain.bytes <= most_bytes || chain.blocks.len() == 1);
            }
            let oldest = journal.after();
            for after in 0..=model.len() as u64 {
                let due = model.iter().filter(|(sequence, ours, _)| *sequence > after && *ours);
                let due = due.flat_map(|(_, _, frame)| frame.clone()).collect();
                prop_assert_eq!(read_all(&journal, after, "/ours"), if after < oldest { Err(oldest) } else { Ok(due) });
            }
        }
    }

    #[test]
    fn a_slice_is_bounded_and_says_how_far_it_went() {
        let journal = Journal::new(16 << 20, ANY_AGE);
        (1..=10_000).for_each(|sequence| drop(append(&journal, sequence, "/theirs", 0)));
        let mut bytes = Vec::new();
        assert_eq!(journal.read(0, 1, |path| path == "/ours", &mut bytes), Slice::Through(SLICE_LOOKS as u64));
        assert!(bytes.is_empty());
        let Slice::Through(through) = journal.read(0, 1, |_| true, &mut bytes) else { panic!("nothing was evicted") };
        assert_eq!(bytes, (1..=through).flat_map(|n| format!("id:0-{n}\n").into_bytes()).collect::<Vec<_>>());
    }

    #[test]
    fn events_are_forgotten_once_they_are_too_old() {
        let journal = Journal::new(1 << 20, Duration::from_secs(64));
        let (mut writer, seconds) = (JournalWriter::new(), Duration::from_secs);
        append(&journal, 1, "/a", 1);
        journal.expire(&mut writer, seconds(100), 1);
        append(&journal, 2, "/a", 1);
        journal.expire(&mut writer, seconds(101), 2);
        journal.expire(&mut writer, seconds(163), 2);
        assert_eq!(journal.after(), 0);
        journal.expire(&mut writer, seconds(164), 2);
        assert_eq!(journal.after(), 1);
        assert_eq!(read_all(&journal, 1, "/a").as_deref(), Ok(&b"xid:0-2\n"[..]));
        journal.expire(&mut writer, seconds(165), 2);
        assert_eq!((journal.after(), journal.chain.load().blocks.len()), (2, 0));
        append(&journal, 3, "/a", 1);
        assert_eq!(read_all(&journal, 2, "/a").as_deref(), Ok(&b"xid:0-3\n"[..]));
    }
}
