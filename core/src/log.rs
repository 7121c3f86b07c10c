//! A channel's append-only log: a chain of blocks, and the end where it grows.
//!
//! ```text
//!   chain   | block | block | block |                each begins where the one before it ends
//!                ▲              ▲
//!          cursor at rest     tail, being filled      cursors that have caught up stand here
//! ```
//!
//! The chain is an immutable value behind one pointer, as the trie is, and only it knows which block follows which. A cursor
//! holds the block it stands in and asks the log for the next, so it keeps nothing of what is appended after that block. If
//! the next one has been let go of, the cursor is told that its way on is gone.
//!
//! Who lets go of blocks is the [retention](crate::retention): with history, when they are more than its budget; without
//! history, also as soon as no cursor stands in or before them.

use std::sync::Arc;

use smallvec::SmallVec;

use crate::segment::{Before, Segment};
use crate::sync::{AtomicU64, Ordering, Swap, fence};

/// Blocks double from the first size to the last: a channel that says a word a minute stays small, a busy one crosses
/// a segment's end rarely. 256 KiB is four turns of a reader, and a block the allocator keeps mapped.
const FIRST_BLOCK_BYTES: usize = if cfg!(loom) { 32 } else { 1 << 10 };
const LAST_BLOCK_BYTES: usize = if cfg!(loom) { 32 } else { 256 << 10 };

/// Frames in order of their sequences. One writer at a time (the drainer), any number of cursors.
pub(crate) struct Log {
    chain: Swap<Chain>,
    /// The last of the chain: what the writer needs each time.
    tail: Swap<Segment>,
    /// Bytes ever appended. A cursor's lag is this less its position.
    written: AtomicU64,
    /// The channel's events after this sequence are all appended here. Unknown, and so none, at first.
    complete_after: AtomicU64,
}

/// The blocks that can be found, oldest first, and marks: blocks of no bytes, for readers to stand in where there is no other. Never empty.
type Chain = SmallVec<[Arc<Segment>; 1]>;

/// What becomes of blocks that the tail has gone beyond.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Past {
    /// They stay for those who return, until [`Log::forget`].
    Kept,
    /// They go when every reader has read them.
    Dropped,
}

/// Where the logs of a hub begin: a chain of one mark.
pub(crate) enum Origin {
    /// All of them share it until they have a block.
    Shared(Arc<Chain>),
    /// Each has its own: it is to be known who has left it.
    Own,
}

impl Origin {
    pub(crate) fn new(past: Past) -> Self {
        match past {
            Past::Kept => Self::Shared(beginning()),
            Past::Dropped => Self::Own,
        }
    }
}

fn beginning() -> Arc<Chain> {
    Arc::new(Chain::from_buf([Arc::new(Segment::mark(Before::default()))]))
}

/// A block that an append has begun.
pub(crate) struct Growth {
    pub(crate) block: Arc<Segment>,
    /// The log held no block before.
    pub(crate) first: bool,
}

/// What readers have read of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Read {
    /// Everything: it holds no block.
    All,
    /// Not everything, or not for long. The tail has been ended: readers who have caught up stand in it until they look again.
    ToTheEnd,
    /// Not everything.
    Some,
}

/// What there is after a block.
pub(crate) enum Next {
    Block(Arc<Segment>),
    /// Nothing yet.
    Pending,
    /// Something that is no longer here.
    Gone,
}

impl Log {
    pub(crate) fn new(origin: &Origin) -> Self {
        let chain = match origin {
            Origin::Shared(chain) => chain.clone(),
            Origin::Own => beginning(),
        };
        Self {
            tail: Swap::new(chain[0].clone()),
            chain: Swap::new(chain),
            written: AtomicU64::new(0),
            complete_after: AtomicU64::new(u64::MAX),
        }
    }

    /// Appends a frame, given in pieces; gives the block that it has begun, if it has begun one.
    ///
    /// Writer only.
    #[inline]
    pub(crate) fn append(&self, frame: &[&[u8]], sequence: u64, past: Past) -> Option<Growth> {
        let length = frame.iter().map(|piece| piece.len()).sum::<usize>();
        // Relaxed: only the writer stores it, and drainers are ordered one after the other. Readers take it for
        // their lag, which is a measure and publishes nothing.
        let written = self.written.load(Ordering::Relaxed) + length as u64;
        let full = self.tail.with(|tail| tail.append(frame, sequence).is_err().then(|| tail.clone()));
        let begun = full.map(|full| self.grow(&full, length, frame, sequence, past));
        self.written.store(written, Ordering::Relaxed); // see above
        begun
    }

    /// Goes on in a new block, whose first frame is `frame`.
    #[cold]
    fn grow(&self, full: &Segment, length: usize, frame: &[&[u8]], sequence: u64, past: Past) -> Growth {
        let capacity = (full.capacity() * 2).clamp(FIRST_BLOCK_BYTES, LAST_BLOCK_BYTES).max(Segment::room_for(length));
        let next = Arc::new(Segment::new(capacity, end_of(full), sequence));
        next.append(frame, sequence).expect("a new block has room for its first frame");
        let chain = self.chain.load();
        let first = chain.len() == 1 && full.capacity() == 0;
        let kept = match past {
            // A mark has nothing that anyone could come back for.
            Past::Kept if first => &[],
            Past::Kept => &chain[..],
            Past::Dropped => &chain[blocks_read(&chain)..],
        };
        self.go_on_in(full, &next, kept.iter().cloned().chain([next.clone()]).collect());
        Growth { block: next, first }
    }

    /// The chain first: a cursor that finds its block sealed finds there what follows.
    fn go_on_in(&self, last: &Segment, next: &Arc<Segment>, chain: Chain) {
        self.chain.store(Arc::new(chain));
        self.tail.store(next.clone());
        if !last.view().is_sealed() {
            last.seal();
        }
    }

    /// Lets go of a block, if it is still here, and of those before it. `true` if the tail was among them: then readers who have
    /// caught up stand in it until they look again. Writer only.
    #[must_use]
    pub(crate) fn forget(&self, block: &Segment) -> bool {
        let chain = self.chain.load();
        let count = chain.partition_point(|other| other.before().bytes <= block.before().bytes);
        let kept = &chain[count..];
        match chain.last().filter(|_| kept.is_empty()) {
            Some(tail) => self.end(tail, kept),
            None => {
                self.chain.store(Arc::new(kept.into()));
                false
            }
        }
    }

    /// Lets go of the blocks that every reader has read. If the log `is_quiet`, it ends the tail, so that it goes when its readers have left it.
    /// Writer only.
    pub(crate) fn forget_read(&self, is_quiet: bool) -> Read {
        let chain = self.chain.load();
        let kept = &chain[blocks_read(&chain)..];
        let ended = is_quiet && chain.last().is_some_and(|tail| self.end(tail, kept));
        if !ended && kept.len() < chain.len() {
            self.chain.store(Arc::new(kept.into()));
        }
        match kept {
            [tail] if tail.capacity() == 0 => Read::All,
            _ if ended => Read::ToTheEnd,
            _ => Read::Some,
        }
    }

    /// Goes on in a mark after `kept`, whose last is, or was, the tail; `false` if that is one.
    fn end(&self, tail: &Segment, kept: &[Arc<Segment>]) -> bool {
        if tail.capacity() == 0 {
            return false;
        }
        let mark = Arc::new(Segment::mark(end_of(tail)));
        self.go_on_in(tail, &mark, kept.iter().cloned().chain([mark.clone()]).collect());
        true
    }

    /// What follows a sealed block.
    pub(crate) fn next(&self, block: &Segment) -> Next {
        let end = end_of(block).bytes;
        self.chain.with(|chain| {
            let first = chain.partition_point(|other| other.before().bytes < end);
            // A mark ends where it begins.
            match chain[first..].iter().find(|other| !std::ptr::eq(&***other, block)) {
                Some(next) if next.before().bytes == end => Next::Block(next.clone()),
                Some(_) => Next::Gone,
                None => Next::Pending,
            }
        })
    }

    /// The block that grows.
    pub(crate) fn tail(&self) -> Arc<Segment> {
        self.tail.load()
    }

    /// The block from whose beginning every event of the channel after `sequence` will be read, if they are all still here. It may
    /// have some through `sequence` that are yet to come.
    pub(crate) fn block_after(&self, sequence: u64) -> Option<Arc<Segment>> {
        // Relaxed: the caller has lowered it itself, by its own `note_complete_after`; an older value asks for more.
        if self.complete_after.load(Ordering::Relaxed) > sequence {
            return None;
        }
        self.chain.with(|chain| {
            let later = chain.partition_point(|block| block.before().sequence <= sequence);
            chain[..later].last().cloned()
        })
    }

    /// Notes that every event of the channel after `sequence` is appended here.
    pub(crate) fn note_complete_after(&self, sequence: u64) {
        // Relaxed, both: each value is true by itself; the load spares most a locked instruction.
        if sequence < self.complete_after.load(Ordering::Relaxed) {
            self.complete_after.fetch_min(sequence, Ordering::Relaxed); // as above
        }
    }

    /// Bytes ever appended.
    pub(crate) fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed) // a measure; it may be older than what a cursor has seen
    }
}

/// How many of the first blocks have no reader in them or before them. The tail is never among these.
fn blocks_read(chain: &Chain) -> usize {
    // A reader takes hold of a block before it lets go of the one before, so the first block that is held has all readers
    // in it or after it. One that finds no block left after its own has come from a block that was let go of over its head.
    let is_free = |block: &&Arc<Segment>| {
        let is_free = Arc::strong_count(block) == 1;
        fence(Ordering::Acquire); // with the release by which `Arc` lets go: what its reader took hold of before is seen
        is_free
    };
    chain[..chain.len() - 1].iter().take_while(is_free).count()
}

/// What of the log lies before the end of the block, as it is now.
fn end_of(block: &Segment) -> Before {
    let (before, view) = (block.before(), block.view());
    Before { bytes: before.bytes + view.bytes() as u64, sequence: view.last_sequence() }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::cursor::{Cursor, Gone};
    use crate::pieces::{Piece, Pieces};
    use crate::place::Tally;

    fn append(log: &Log, frame: &[u8], sequence: u64) -> Option<Arc<Segment>> {
        log.append(&[frame], sequence, Past::Dropped).map(|growth| growth.block)
    }

    /// A cursor, and what a look has left to be read before it.
    struct Reader {
        cursor: Cursor,
        left: Option<Pieces>,
        tally: Tally,
    }

    impl Reader {
        fn new(log: &Log) -> Self {
            Self { cursor: Cursor::new(log.tail()), left: None, tally: Tally::default() }
        }

        /// Reads up to so many bytes.
        fn read(&mut self, log: &Log, most: usize) -> Result<Vec<u8>, Gone> {
            if self.left.is_none() {
                let left = self.cursor.look(log, &mut self.tally)?;
                self.left = left.map(|place| Pieces::new(Piece::rest_of_block(place, 0)));
            }
            let chunk = self.left.as_ref().map_or_else(|| self.cursor.chunk(), Pieces::chunk);
            let bytes = chunk[..chunk.len().min(most)].to_vec();
            let Some(left) = &mut self.left else {
                self.cursor.advance(bytes.len());
                return Ok(bytes);
            };
            if left.advance(bytes.len(), &mut self.tally) {
                self.left = None;
            }
            Ok(bytes)
        }

        fn read_all(&mut self, log: &Log) -> Vec<u8> {
            let mut all = Vec::new();
            loop {
                let bytes = self.read(log, usize::MAX).unwrap();
                if bytes.is_empty() {
                    return all;
                }
                all.extend(bytes);
            }
        }

        fn at_boundary(&self) -> bool {
            self.left.as_ref().map_or_else(|| self.cursor.at_frame_boundary(), Pieces::at_block_boundary)
        }

        fn tally(&self) -> Tally {
            self.tally + self.left.as_ref().map_or_else(|| self.cursor.tally(), Pieces::tally)
        }
    }

    #[test]
    fn a_quiet_block_goes_when_its_last_reader_has_left_it() {
        let log = Log::new(&Origin::new(Past::Dropped));
        let mut reader = Reader::new(&log);
        let block = Arc::downgrade(&append(&log, b"one", 1).expect("the first block"));
        assert_eq!(log.forget_read(false), Read::Some);
        assert_eq!(log.forget_read(true), Read::ToTheEnd);
        assert_eq!(log.forget_read(true), Read::Some, "a reader has yet to come to it");
        assert_eq!(reader.read_all(&log), b"one");
        assert_eq!(log.forget_read(true), Read::All);
        assert!(block.upgrade().is_none());
        append(&log, b"two", 2);
        assert_eq!(reader.read_all(&log), b"two");
        assert_eq!(reader.tally(), Tally { bytes: 6, events: 2 });
    }

    proptest! {
        /// Cursors that start anywhere and read in pieces of any size, blocks that go at any time, against one `Vec`. Without history
        /// nothing goes that a cursor has yet to read; a block that every cursor has read is gone at the next look.
        #[test]
        fn cursors_read_what_was_appended(
            frames in prop::collection::vec((1usize..600, 0usize..3, 0usize..700), 1..60),
            skip in 0u64..80,
        ) {
            let log = Log::new(&Origin::new(Past::Dropped));
            let (mut reader, mut late) = (Reader::new(&log), Reader::new(&log));
            let (mut model, mut starts, mut read) = (Vec::new(), vec![0], Vec::new());
            let mut blocks = Vec::new();
            for (sequence, (length, look, step)) in (1..).zip(&frames) {
                let frame = vec![sequence as u8; *length];
                blocks.extend(append(&log, &frame, sequence).as_ref().map(Arc::downgrade));
                model.extend_from_slice(&frame);
                starts.push(model.len());
                read.extend(reader.read(&log, *step).unwrap());
                prop_assert_eq!(reader.at_boundary(), starts.contains(&read.len()));
                let whole = starts[1..].iter().filter(|end| **end <= read.len()).count();
                prop_assert_eq!(reader.tally(), Tally { bytes: read.len() as u64, events: whole as u64 });
                if *look > 0 {
                    let _read = log.forget_read(*look == 2);
                }
                prop_assert_eq!(log.written(), model.len() as u64);
            }
            read.extend(reader.read_all(&log));
            prop_assert_eq!(&read, &model);
            late.cursor.skip_through(skip, &log).unwrap();
            let start = starts[(skip as usize).min(frames.len())];
            prop_assert_eq!(late.read_all(&log), &model[start..]);
            // All is read: what is still here is the tail, and goes when it is quiet.
            let _read = log.forget_read(false);
            prop_assert!(blocks.iter().filter(|block| block.strong_count() > 0).count() <= 1);
            let _read = log.forget_read(true);
            for reader in [&mut reader, &mut late] {
                prop_assert!(reader.read_all(&log).is_empty());
            }
            prop_assert_eq!(log.forget_read(true), Read::All);
            prop_assert!(blocks.iter().all(|block| block.strong_count() == 0));
        }

        /// Blocks that are kept go by name. Who stands in one, or before it, reads on to its end and is then told; and keeps nothing else.
        #[test]
        fn a_cursor_keeps_its_own_block_only(frames in 20usize..100, stop in 0usize..500, forgotten in 0usize..8) {
            let log = Log::new(&Origin::new(Past::Kept));
            let mut reader = Reader::new(&log);
            let append = |n: u64| log.append(&[&[n as u8; 100]], n, Past::Kept).map(|growth| growth.block);
            let mut blocks: Vec<_> = append(1).into_iter().collect();
            reader.read(&log, stop).unwrap();
            blocks.extend((2..=frames as u64).filter_map(append));
            let forgotten = forgotten.min(blocks.len() - 1);
            let alive: Vec<_> = blocks.iter().map(Arc::downgrade).collect();
            if forgotten > 0 {
                prop_assert!(!log.forget(&blocks[forgotten - 1]));
            }
            drop(blocks);
            let kept = alive.iter().enumerate().filter(|(_, block)| block.strong_count() > 0).map(|(index, _)| index);
            let expected = (0..alive.len()).filter(|index| *index == 0 || *index >= forgotten);
            prop_assert!(kept.eq(expected));
            let mut read = 0;
            let gone = loop {
                match reader.read(&log, usize::MAX) {
                    Ok(bytes) if bytes.is_empty() => break false,
                    Ok(bytes) => read += bytes.len(),
                    Err(Gone) => break true,
                }
            };
            prop_assert_eq!(gone, forgotten > 1);
            prop_assert!(gone || read + stop.min(100) == 100 * frames);
        }
    }

    #[test]
    fn blocks_double_and_a_giant_gets_its_own() {
        let log = Log::new(&Origin::new(Past::Dropped));
        let capacity = || log.tail.load().capacity();
        append(&log, &[b'x'; 900], 1);
        assert_eq!(capacity(), FIRST_BLOCK_BYTES);
        append(&log, &[b'x'; 900], 2);
        assert_eq!(capacity(), 2 * FIRST_BLOCK_BYTES);
        append(&log, &[b'x'; 1 << 20], 3);
        assert_eq!(capacity(), Segment::room_for(1 << 20));
        append(&log, b"x", 4);
        assert_eq!(capacity(), LAST_BLOCK_BYTES);
    }
}
