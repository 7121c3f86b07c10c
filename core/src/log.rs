//! A channel's append-only chain of segments, and a reader's place in it.
//!
//! ```text
//!   segment ──next──▶ segment ──next──▶ segment ◀── tail (the log's)
//!      ▲                 ▲                 ▲
//!   cursor             cursor           cursors that are caught up
//! ```
//!
//! The log holds only its tail. A cursor holds the segment it stands in, and through the links all that follow; what
//! lies behind every cursor frees itself.

use std::sync::Arc;

use crate::segment::Segment;
use crate::sync::{AtomicU64, Ordering, Swap};

/// Blocks double from the first size to the last: a channel that says a word a minute stays small, a busy one crosses
/// a segment's end rarely. 256 KiB is four passes of 64 KiB for a reader, and a block the allocator keeps mapped.
const FIRST_BLOCK_BYTES: usize = if cfg!(loom) { 32 } else { 1 << 10 };
const LAST_BLOCK_BYTES: usize = if cfg!(loom) { 32 } else { 256 << 10 };

/// Frames in order of their sequences. One writer at a time (whoever drains), any number of cursors.
pub(crate) struct Log {
    tail: Swap<Segment>,
    /// Bytes ever appended. A cursor's lag is this less its position.
    written: AtomicU64,
    /// `written` at the last look of [`Log::is_quiet`].
    looked: AtomicU64,
}

impl Log {
    pub(crate) fn new() -> Self {
        Self {
            tail: Swap::new(Arc::new(Segment::new(0, 0, 0, 0))),
            written: AtomicU64::new(0),
            looked: AtomicU64::new(0),
        }
    }

    /// Appends a frame; `true` if the log holds a block now and held none before.
    ///
    /// Writer only.
    pub(crate) fn append(&self, frame: &[u8], sequence: u64) -> bool {
        // Relaxed: only the writer stores it, and drainers are ordered one after the other. Readers take it for
        // their lag, which is a measure and publishes nothing.
        let written = self.written.load(Ordering::Relaxed) + frame.len() as u64;
        let full = self.tail.with(|tail| tail.append(frame, sequence).is_err().then(|| tail.clone()));
        let woke = full.is_some_and(|full| self.grow(&full, frame, sequence));
        self.written.store(written, Ordering::Relaxed); // see above
        woke
    }

    /// Goes on in a new segment, whose first frame is `frame`.
    #[cold]
    fn grow(&self, full: &Arc<Segment>, frame: &[u8], sequence: u64) -> bool {
        let capacity =
            (full.capacity() * 2).clamp(FIRST_BLOCK_BYTES, LAST_BLOCK_BYTES).max(Segment::room_for(frame.len()));
        let next = self.follow(full, capacity, sequence);
        next.append(frame, sequence).expect("a new block has room for its first frame");
        self.go_on_in(full, next);
        full.capacity() == 0
    }

    /// A segment that begins where `last` ends.
    fn follow(&self, last: &Segment, capacity: usize, first_sequence: u64) -> Arc<Segment> {
        let end = last.view();
        let bytes_before = last.bytes_before() + end.bytes() as u64;
        let frames_before = last.frames_before() + end.frames() as u64;
        Arc::new(Segment::new(capacity, bytes_before, frames_before, first_sequence))
    }

    /// Links first, so that a cursor that starts from either end finds its way.
    fn go_on_in(&self, last: &Segment, next: Arc<Segment>) {
        last.link(next.clone());
        self.tail.store(next);
    }

    /// Whether nothing was appended since the last call. Writer only.
    pub(crate) fn is_quiet(&self) -> bool {
        // Relaxed: both are the writer's own.
        let written = self.written.load(Ordering::Relaxed);
        let looked = self.looked.load(Ordering::Relaxed);
        self.looked.store(written, Ordering::Relaxed); // the writer's own
        written == looked
    }

    /// Ends the tail's block, so that it goes when the last cursor has left it. Writer only.
    pub(crate) fn seal(&self) {
        let last = self.tail.load();
        if last.capacity() > 0 {
            let mark = self.follow(&last, 0, 0);
            self.go_on_in(&last, mark);
        }
    }

    /// A cursor at the beginning of the tail segment.
    pub(crate) fn cursor(&self) -> Cursor {
        Cursor { segment: self.tail.load(), offset: 0 }
    }

    /// Bytes appended after `cursor`'s place.
    pub(crate) fn lag(&self, cursor: &Cursor) -> u64 {
        // Relaxed: a measure; it may be older than what the cursor has seen.
        self.written.load(Ordering::Relaxed).saturating_sub(cursor.position())
    }
}

/// A reader's place in a log.
pub(crate) struct Cursor {
    segment: Arc<Segment>,
    /// Bytes of the segment that are read.
    offset: usize,
}

impl Cursor {
    /// The contiguous bytes after this place; empty if there are none yet.
    #[inline]
    pub(crate) fn chunk(&mut self) -> &[u8] {
        if self.segment.view().bytes() == self.offset {
            self.cross();
        }
        self.segment.view().bytes_from(self.offset)
    }

    /// Moves on while the place is the end of a segment that has ended.
    fn cross(&mut self) {
        while let Some(next) = self.segment.next() {
            // Frames may have come between the last look and the link; after it, none can.
            if self.segment.view().bytes() != self.offset {
                return;
            }
            *self = Self { segment: next, offset: 0 };
        }
    }

    /// Passes over `n` bytes of [`Cursor::chunk`].
    #[inline]
    pub(crate) fn advance(&mut self, n: usize) {
        let offset = self.offset + n;
        assert!(offset <= self.segment.view().bytes(), "advanced past what chunk() gave");
        self.offset = offset;
    }

    /// Passes over whole frames up to and including `sequence`; `true` once a later frame is there.
    pub(crate) fn skip_through(&mut self, sequence: u64) -> bool {
        loop {
            let next = self.segment.next();
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
        self.segment.bytes_before() + self.offset as u64
    }

    /// Whole frames of the log before this place.
    pub(crate) fn frames(&self) -> u64 {
        self.segment.frames_before() + self.segment.view().frames_until(self.offset) as u64
    }

    /// Whether a frame begins here, or would.
    pub(crate) fn at_frame_boundary(&self) -> bool {
        let view = self.segment.view();
        match view.frames_until(self.offset) {
            0 => self.offset == 0,
            passed => view.frame_end(passed - 1) == self.offset,
        }
    }

    /// The segment this place is in, and the offset within.
    #[cfg(feature = "stream")]
    pub(crate) fn place(&self) -> (&Arc<Segment>, usize) {
        (&self.segment, self.offset)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use proptest::prelude::*;

    use super::*;

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
        assert!(log.append(b"one", 1));
        assert!(!log.append(b"two", 2));
        let block = Arc::downgrade(&log.tail.load());
        log.seal();
        assert_eq!(cursor.chunk(), b"onetwo");
        cursor.advance(6);
        assert!(block.upgrade().is_some());
        assert_eq!(cursor.chunk(), b"");
        assert!(block.upgrade().is_none());
        assert!(log.append(b"three", 3));
        assert_eq!(read_all(&mut cursor), b"three");
        assert_eq!((cursor.position(), cursor.frames()), (11, 3));
    }

    #[test]
    fn quiet_is_since_the_last_look() {
        let log = Log::new();
        assert!(log.is_quiet());
        log.append(b"a", 1);
        assert!(!log.is_quiet());
        assert!(log.is_quiet());
    }

    #[test]
    fn blocks_double_and_a_giant_gets_its_own() {
        let log = Log::new();
        let capacity = || log.tail.load().capacity();
        log.append(&[b'x'; 900], 1);
        assert_eq!(capacity(), FIRST_BLOCK_BYTES);
        log.append(&[b'x'; 900], 2);
        assert_eq!(capacity(), 2 * FIRST_BLOCK_BYTES);
        log.append(&[b'x'; 1 << 20], 3);
        assert_eq!(capacity(), Segment::room_for(1 << 20));
        log.append(b"x", 4);
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
                log.append(&frame, sequence);
                model.extend_from_slice(&frame);
                starts.push(model.len());
                if *seal {
                    log.seal();
                }
                let step = reader.chunk().len().min(*step);
                read.extend_from_slice(&reader.chunk()[..step]);
                reader.advance(step);
                prop_assert_eq!(&read[..], &model[..read.len()]);
                prop_assert_eq!(reader.position(), read.len() as u64);
                prop_assert_eq!(log.lag(&reader), (model.len() - read.len()) as u64);
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
    }
}
