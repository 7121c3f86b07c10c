//! A channel's append-only chain of segments, and a reader's place in it.
//!
//! ```text
//!   head ─▶ segment ──next──▶ segment ──next──▶ segment ◀─ tail
//!              ▲                 ▲                 ▲
//!           cursor             cursor           cursors that are caught up
//! ```
//!
//! A cursor holds the segment it stands in, and through the links all that follow. The log holds its tail, and, for
//! those who return, what lies between its head and the tail; without history the head is the tail. What lies behind
//! the head and every cursor frees itself.

use std::sync::Arc;

use crate::segment::{Before, Segment};
use crate::sync::{AtomicU64, Ordering, Swap};
use crate::writer_token::WriterToken;

/// Blocks double from the first size to the last: a channel that says a word a minute stays small, a busy one crosses
/// a segment's end rarely. 256 KiB is four turns of a reader, and a block the allocator keeps mapped.
const FIRST_BLOCK_BYTES: usize = if cfg!(loom) { 32 } else { 1 << 10 };
const LAST_BLOCK_BYTES: usize = if cfg!(loom) { 32 } else { 256 << 10 };

/// Frames in order of their sequences. One writer, any number of cursors.
pub(crate) struct Log {
    head: Swap<Segment>,
    tail: Swap<Segment>,
    /// Bytes ever appended. A cursor's lag is this less its position.
    written: AtomicU64,
    /// The channel's events after this sequence are all appended here. Unknown, and so none, at first.
    complete_after: AtomicU64,
}

/// What becomes of a block once the tail is beyond it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Past {
    /// It stays for those who return, until [`Log::forget_block`].
    Kept,
    /// It is its readers'.
    Dropped,
}

/// A block that an append has begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Growth {
    pub(crate) bytes: usize,
    /// The log held no block before.
    pub(crate) first: bool,
}

impl Log {
    pub(crate) fn new() -> Self {
        let first = Arc::new(Segment::new(0, Before::default(), 0));
        Self {
            head: Swap::new(first.clone()),
            tail: Swap::new(first),
            written: AtomicU64::new(0),
            complete_after: AtomicU64::new(u64::MAX),
        }
    }

    /// Appends a frame, given in pieces; says if it has begun a block.
    #[inline]
    pub(crate) fn append(
        &self,
        _token: &mut WriterToken,
        frame: &[&[u8]],
        sequence: u64,
        past: Past,
    ) -> Option<Growth> {
        let length = frame.iter().map(|piece| piece.len()).sum::<usize>();
        // Relaxed: only the writer stores it, and who has the token is ordered after who had it. Readers take it for
        // their lag, which is a measure and publishes nothing.
        let written = self.written.load(Ordering::Relaxed) + length as u64;
        let full = self.tail.with(|tail| tail.append(frame, sequence).is_err().then(|| tail.clone()));
        let growth = full.map(|full| self.grow(&full, length, frame, sequence, past));
        self.written.store(written, Ordering::Relaxed); // see above
        growth
    }

    /// Goes on in a new segment, whose first frame is `frame`.
    #[cold]
    fn grow(&self, full: &Arc<Segment>, length: usize, frame: &[&[u8]], sequence: u64, past: Past) -> Growth {
        let capacity = (full.capacity() * 2).clamp(FIRST_BLOCK_BYTES, LAST_BLOCK_BYTES).max(Segment::room_for(length));
        let next = self.follow(full, capacity, sequence);
        next.append(frame, sequence).expect("a new block has room for its first frame");
        self.go_on_in(full, next.clone());
        if past == Past::Dropped {
            self.head.store(next);
        }
        Growth { bytes: capacity, first: full.capacity() == 0 }
    }

    /// A segment that begins where `last` ends.
    fn follow(&self, last: &Segment, capacity: usize, first_sequence: u64) -> Arc<Segment> {
        let (before, end) = (last.before(), last.view());
        let before = Before {
            bytes: before.bytes + end.bytes() as u64,
            frames: before.frames + end.frames() as u64,
            sequence: end.last_sequence(),
        };
        Arc::new(Segment::new(capacity, before, first_sequence))
    }

    /// Links first, so that a cursor that starts from either end finds its way.
    fn go_on_in(&self, last: &Segment, next: Arc<Segment>) {
        last.link(next.clone());
        self.tail.store(next);
    }

    /// Lets go of the oldest block, so that it goes when the last cursor has left it. `true` if it was the tail's: then
    /// readers who have caught up stand in it until they look again.
    #[must_use]
    pub(crate) fn forget_block(&self, _token: &mut WriterToken) -> bool {
        let mut oldest = self.head.load();
        // Marks hold no block.
        while oldest.capacity() == 0 {
            let Some(next) = oldest.next().cloned() else { return false };
            oldest = next;
        }
        let mut sealed = false;
        let next = oldest.next().cloned().unwrap_or_else(|| {
            sealed = true;
            let mark = self.follow(&oldest, 0, 0);
            self.go_on_in(&oldest, mark.clone());
            mark
        });
        self.head.store(next);
        sealed
    }

    /// A cursor at the beginning of the tail segment.
    pub(crate) fn cursor(&self) -> Cursor {
        Cursor { segment: self.tail.load(), offset: 0 }
    }

    /// A cursor from which every event of the channel after `sequence` will be read, if they are all still here. It may
    /// have to skip some through `sequence` that are yet to come.
    pub(crate) fn cursor_after(&self, sequence: u64) -> Option<Cursor> {
        // The tail is tried first: who returns has seldom missed much.
        let mut segment = self.tail.load();
        if sequence < segment.before().sequence {
            segment = self.head.load();
            while let Some(next) = segment.next().filter(|next| next.before().sequence <= sequence).cloned() {
                segment = next;
            }
        }
        // Relaxed: the caller has lowered it itself, by its own `is_complete_after`; an older value asks for more.
        let complete = self.complete_after.load(Ordering::Relaxed).max(segment.before().sequence) <= sequence;
        complete.then(|| {
            let mut cursor = Cursor { segment, offset: 0 };
            cursor.skip_through(sequence);
            cursor
        })
    }

    /// Notes that every event of the channel after `sequence` is appended here.
    pub(crate) fn is_complete_after(&self, sequence: u64) {
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

/// A reader's place in a log.
#[derive(Clone)]
pub(crate) struct Cursor {
    segment: Arc<Segment>,
    /// Bytes of the segment that are read.
    offset: usize,
}

impl Cursor {
    /// The contiguous bytes after this place; empty if there are none yet.
    #[inline]
    pub(crate) fn chunk(&mut self) -> &[u8] {
        self.chunks()[0]
    }

    /// The contiguous bytes after this place, and those that follow them in the next block; either may be empty.
    #[inline]
    pub(crate) fn chunks(&mut self) -> [&[u8]; 2] {
        self.chunks_here().0
    }

    /// The same, and the place where they begin.
    #[inline]
    pub(crate) fn chunks_here(&mut self) -> ([&[u8]; 2], &Self) {
        if self.segment.view().bytes() == self.offset {
            self.cross();
        }
        // The link first: once it is there, nothing more can come before it.
        let next = self.segment.next();
        let first = self.segment.view().bytes_from(self.offset);
        ([first, next.map_or(&[], |next| next.view().bytes_from(0))], self)
    }

    /// Moves on while the place is the end of a segment that has ended.
    fn cross(&mut self) {
        while let Some(next) = self.segment.next().cloned() {
            // Frames may have come between the last look and the link; after it, none can.
            if self.segment.view().bytes() != self.offset {
                return;
            }
            *self = Self { segment: next, offset: 0 };
        }
    }

    /// Passes over `n` bytes of [`Cursor::chunks`].
    #[inline]
    pub(crate) fn advance(&mut self, n: usize) {
        let left = self.segment.view().bytes() - self.offset;
        if n <= left {
            self.offset += n;
        } else {
            self.advance_beyond(n - left);
        }
    }

    #[cold]
    fn advance_beyond(&mut self, n: usize) {
        let next = self.segment.next().cloned().expect("advanced past what chunk() gave");
        *self = Self { segment: next, offset: 0 };
        self.advance(n);
    }

    /// Passes over whole frames up to and including `sequence`; `true` once a later frame is there.
    pub(crate) fn skip_through(&mut self, sequence: u64) -> bool {
        loop {
            let next = self.segment.next().cloned();
            let view = self.segment.view();
            let passed = view.frames_through(sequence);
            if passed > 0 {
                self.offset = self.offset.max(view.frame_end(passed - 1));
            }
            if passed < view.frames() {
                return true;
            }
            // The link was read before the view, so nothing can be committed here any more.
            let Some(next) = next else { return false };
            *self = Self { segment: next, offset: 0 };
        }
    }

    /// Bytes of the log before this place.
    pub(crate) fn position(&self) -> u64 {
        self.segment.before().bytes + self.offset as u64
    }

    /// Whole frames of the log before this place.
    pub(crate) fn frames(&self) -> u64 {
        self.segment.before().frames + self.segment.view().frames_until(self.offset) as u64
    }

    /// Whether a frame begins here, or would.
    pub(crate) fn at_frame_boundary(&self) -> bool {
        let view = self.segment.view();
        match view.frames_until(self.offset) {
            0 => self.offset == 0,
            passed => view.frame_end(passed - 1) == self.offset,
        }
    }

    /// The sequence of the last frame that begins before this place; 0 if there was none.
    pub(crate) fn last_begun(&self) -> u64 {
        let view = self.segment.view();
        let whole = view.frames_until(self.offset);
        view.sequence_before(whole + usize::from(!self.at_frame_boundary()))
    }

    /// What is left of a frame that begins before this place and ends after it.
    pub(crate) fn rest_of_frame(&self) -> &[u8] {
        if self.at_frame_boundary() {
            return &[];
        }
        let view = self.segment.view();
        &view.bytes_from(self.offset)[..view.frame_end(view.frames_until(self.offset)) - self.offset]
    }

    /// The sequence of the frame that begins here, if there is one yet. At a frame boundary only.
    pub(crate) fn next_sequence(&mut self) -> Option<u64> {
        if self.segment.view().bytes() == self.offset {
            self.cross();
        }
        let view = self.segment.view();
        let index = view.frames_until(self.offset);
        (index < view.frames()).then(|| view.sequence(index))
    }

    /// Contiguous bytes of whole frames from here on whose sequences are at most `sequence`.
    pub(crate) fn bytes_through(&self, sequence: u64) -> usize {
        let view = self.segment.view();
        if view.last_sequence() <= sequence {
            return view.bytes() - self.offset;
        }
        match view.frames_through(sequence) {
            0 => 0,
            frames => view.frame_end(frames - 1).saturating_sub(self.offset),
        }
    }

    /// The sequence of the last whole frame before the place `bytes` further on in this segment.
    pub(crate) fn sequence_within(&self, bytes: usize) -> u64 {
        let view = self.segment.view();
        view.sequence_before(view.frames_until(self.offset + bytes))
    }

    /// The segment this place is in, and the offset within.
    #[cfg(feature = "stream")]
    pub(crate) fn place(&self) -> (&Arc<Segment>, usize) {
        (&self.segment, self.offset)
    }
}

impl PartialEq for Cursor {
    /// Whether both stand in one block, at one byte of it.
    fn eq(&self, other: &Self) -> bool {
        self.offset == other.offset && Arc::ptr_eq(&self.segment, &other.segment)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn append(log: &Log, frame: &[u8], sequence: u64) -> Option<Growth> {
        log.append(&mut WriterToken::new(), &[frame], sequence, Past::Dropped)
    }

    fn read_all(cursor: &mut Cursor) -> Vec<u8> {
        let mut bytes = Vec::new();
        loop {
            let chunk = cursor.chunk();
            if chunk.is_empty() {
                return bytes;
            }
            let length = chunk.len();
            bytes.extend_from_slice(chunk);
            cursor.advance(length);
        }
    }

    #[test]
    fn a_sealed_block_goes_with_its_last_reader() {
        let log = Log::new();
        let mut cursor = log.cursor();
        assert_eq!(append(&log, b"one", 1).map(|growth| growth.first), Some(true));
        assert_eq!(append(&log, b"two", 2), None);
        let block = Arc::downgrade(&log.tail.load());
        assert!(log.forget_block(&mut WriterToken::new()));
        assert_eq!(cursor.chunk(), b"onetwo");
        cursor.advance(6);
        assert!(block.upgrade().is_some());
        assert_eq!(cursor.chunk(), b"");
        assert!(block.upgrade().is_none());
        assert!(append(&log, b"three", 3).is_some());
        assert_eq!(read_all(&mut cursor), b"three");
        assert_eq!((cursor.position(), cursor.frames()), (11, 3));
    }

    #[test]
    fn blocks_double_and_a_giant_gets_its_own() {
        let log = Log::new();
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

    proptest! {
        /// Cursors that start anywhere, read in pieces of any size, and seals at any time, against one `Vec`.
        #[test]
        fn cursors_read_what_was_appended(
            frames in prop::collection::vec((1usize..600, any::<bool>(), 0usize..700), 1..60),
            skip in 0u64..80,
        ) {
            let log = Log::new();
            let mut reader = log.cursor();
            let mut late = log.cursor();
            let (mut model, mut starts, mut read) = (Vec::new(), vec![0], Vec::new());
            for (sequence, (length, seal, step)) in (1..).zip(&frames) {
                let frame = vec![sequence as u8; *length];
                append(&log, &frame, sequence);
                model.extend_from_slice(&frame);
                starts.push(model.len());
                if *seal {
                    assert!(log.forget_block(&mut WriterToken::new()));
                }
                let ready = reader.chunks().concat();
                let step = ready.len().min(*step);
                read.extend_from_slice(&ready[..step]);
                reader.advance(step);
                prop_assert_eq!(&read[..], &model[..read.len()]);
                prop_assert_eq!(reader.position(), read.len() as u64);
                prop_assert_eq!(log.written() - reader.position(), (model.len() - read.len()) as u64);
                prop_assert_eq!(reader.at_frame_boundary(), starts.contains(&read.len()));
                let whole = starts[1..].iter().filter(|end| **end <= read.len()).count();
                prop_assert_eq!(reader.frames(), whole as u64);
            }
            read.extend(read_all(&mut reader));
            prop_assert_eq!(&read, &model);
            let found = late.skip_through(skip);
            prop_assert_eq!(found, (skip as usize) < frames.len());
            prop_assert_eq!(read_all(&mut late), &model[starts[(skip as usize).min(frames.len())]..]);
        }

        /// Who returns gets all after its sequence, or is told that it can't have it; blocks are forgotten oldest first.
        #[test]
        fn who_returns_gets_what_it_missed(
            lengths in prop::collection::vec(1usize..600, 1..60),
            forgotten in 0usize..12,
            late in prop::collection::vec(1usize..600, 0..5),
        ) {
            let log = Log::new();
            log.is_complete_after(4);
            let (mut model, mut blocks) = (Vec::new(), 0);
            // Sequences have gaps: other channels' events lie between.
            let add = |model: &mut Vec<(u64, Vec<u8>)>, length: usize| {
                let sequence = 5 + 3 * model.len() as u64;
                model.push((sequence, vec![sequence as u8; length]));
                log.append(&mut WriterToken::new(), &[&model[model.len() - 1].1], sequence, Past::Kept).is_some()
            };
            for length in lengths {
                blocks += usize::from(add(&mut model, length));
            }
            for _ in 0..forgotten.min(blocks) {
                let _ = log.forget_block(&mut WriterToken::new());
            }
            let last = model[model.len() - 1].0;
            let cursors: Vec<_> = (0..=last + 2).map(|after| (after, log.cursor_after(after))).collect();
            for length in late {
                add(&mut model, length);
            }
            let mut reached = false;
            for (after, cursor) in cursors {
                let due = |sequence| model.iter().filter(move |(s, _)| *s > sequence).flat_map(|(_, frame)| frame.clone());
                if let Some(mut cursor) = cursor {
                    cursor.skip_through(after);
                    prop_assert_eq!(read_all(&mut cursor), due(after).collect::<Vec<_>>());
                    reached = true;
                } else {
                    prop_assert!(!reached && (after < 4 || forgotten > 0));
                }
            }
            prop_assert!(reached);
        }
    }
}
