//! One block of a log: bytes that are written once and then only read.
//!
//! ```text
//!   block   | frame 0 | frame 1 | frame 2 |  free ...          ... | entry 2 | entry 1 | entry 0 |
//!           0                             ^ bytes                  ^ length - 8 * frames     length
//! ```
//!
//! Frames grow from the front, their index from the back, and the block is full when the two would meet. An entry is
//! eight bytes: where its frame ends, and its sequence counted from the segment's first. One word, `committed`, holds
//! both lengths, so that one release publishes a frame together with its entry.
//!
//! The law: bytes below `committed` never change again, and bytes above it belong to the writer alone. This is the
//! only file with `unsafe`, and all of it follows from that law.

#![expect(unsafe_code, reason = "readers share bytes of a block that is still being filled")]

use std::cell::UnsafeCell;
use std::mem::MaybeUninit;
use std::sync::Arc;

use crate::sync::{AtomicBool, AtomicU64, Once, Ordering, Tracker};

/// A fixed block of frames, and the link to the next.
///
/// Who may touch what: `block` above `committed`, and `committed` itself, only who holds `claimed`; everything else
/// anyone, at any time.
pub(crate) struct Segment {
    before: Before,
    /// The index counts sequences from here.
    first_sequence: u64,
    block: Box<[MaybeUninit<UnsafeCell<u8>>]>,
    /// `frames << 32 | bytes`.
    committed: AtomicU64,
    /// Someone is writing. There is one writer by design (`WriterToken`); this makes it a fact.
    claimed: AtomicBool,
    next: Once<Segment>,
    tracker: Tracker,
}

// SAFETY: `block` is the only field that is not `Sync` by itself. Bytes below `committed` are written before its
// release and never after, so shared reads of them don't race; bytes above are touched only between winning and giving
// up `claimed`, so by one thread at a time.
unsafe impl Sync for Segment {}

/// How much of a log lies before a segment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Before {
    pub(crate) bytes: u64,
    pub(crate) frames: u64,
    /// The sequence of the last frame; 0 if there was none.
    pub(crate) sequence: u64,
}

/// Bytes of one index entry.
const ENTRY_BYTES: usize = 8;

impl Segment {
    /// An empty segment that holds a block of `capacity` bytes, index included. Its first frame has `first_sequence`, or
    /// a later one.
    pub(crate) fn new(capacity: usize, before: Before, first_sequence: u64) -> Self {
        assert!(u32::try_from(capacity).is_ok(), "offsets within a segment are 32 bits wide");
        Self {
            before,
            first_sequence,
            block: Box::new_uninit_slice(capacity),
            committed: AtomicU64::new(0),
            claimed: AtomicBool::new(false),
            next: Once::new(),
            tracker: Tracker::new(capacity),
        }
    }

    /// Bytes of block that a frame of `length` bytes takes.
    pub(crate) fn room_for(length: usize) -> usize {
        length + ENTRY_BYTES
    }

    /// Bytes of the block; none for a segment that only marks a place.
    pub(crate) fn capacity(&self) -> usize {
        self.block.len()
    }

    /// What of the log lies before it.
    pub(crate) fn before(&self) -> Before {
        self.before
    }

    /// Appends a whole frame, given in pieces, or says that it does not fit.
    ///
    /// # Panics
    /// If two threads append at once: a log has one writer.
    pub(crate) fn append(&self, frame: &[&[u8]], sequence: u64) -> Result<(), Full> {
        // Acquire: with the release at the end, so that the last writer's `committed` and bytes are seen.
        let claimed = self.claimed.swap(true, Ordering::Acquire);
        assert!(!claimed, "a log has one writer");
        // Relaxed: only the holder of `claimed` stores it, and the claim has ordered us after the last one.
        let (frames, bytes) = unpack(self.committed.load(Ordering::Relaxed));
        let appended = self.write(frame, sequence, frames, bytes).map(|committed| {
            // Release: the frame and its entry, with the acquire in `view`.
            self.committed.store(committed, Ordering::Release);
        });
        // Release: with the acquire above, for the next writer.
        self.claimed.store(false, Ordering::Release);
        appended
    }

    /// Writes a frame and its entry past what is committed; gives the new value of `committed`.
    #[inline]
    fn write(&self, frame: &[&[u8]], sequence: u64, frames: usize, bytes: usize) -> Result<u64, Full> {
        let end = bytes + frame.iter().map(|piece| piece.len()).sum::<usize>();
        let entry = self.block.len().checked_sub(ENTRY_BYTES * (frames + 1)).ok_or(Full)?;
        let distance = u32::try_from(sequence - self.first_sequence).map_err(|_| Full)?;
        if end > entry {
            return Err(Full);
        }
        self.tracker.write(bytes..end);
        self.tracker.write(entry..entry + ENTRY_BYTES);
        let block = self.block.as_ptr().cast::<u8>().cast_mut();
        let packed = (u64::from(distance) << 32 | end as u64).to_ne_bytes();
        // SAFETY: bytes <= end <= entry <= length - 8, so both ranges lie within the block, and neither overlaps a
        // committed frame or entry: committed frames end at `bytes`, committed entries begin at `entry + 8`. The
        // pieces lie one after the other in the first range, since their lengths sum up to its own. The caller holds
        // `claimed`, so no one else writes, and no reader looks past `committed`. The cells allow writing through a
        // shared reference, and no piece can lie in uncommitted bytes, as no reference to those exists.
        unsafe {
            let mut at = block.add(bytes);
            for piece in frame {
                at.copy_from_nonoverlapping(piece.as_ptr(), piece.len());
                at = at.add(piece.len());
            }
            block.add(entry).copy_from_nonoverlapping(packed.as_ptr(), ENTRY_BYTES);
        }
        Ok(pack(frames + 1, end))
    }

    /// What is committed so far.
    #[inline]
    pub(crate) fn view(&self) -> View<'_> {
        // Acquire: with the release in `append`; every byte and entry below is written.
        let (frames, bytes) = unpack(self.committed.load(Ordering::Acquire));
        View { segment: self, frames, bytes }
    }

    /// The segment after this one. Once it is there, nothing more is committed here.
    #[inline]
    pub(crate) fn next(&self) -> Option<&Arc<Self>> {
        self.next.get()
    }

    /// Ends this segment: the log goes on in `next`.
    ///
    /// # Panics
    /// If it has ended before: a log has one writer.
    pub(crate) fn link(&self, next: Arc<Self>) {
        assert!(self.next.set(next), "a log has one writer");
    }
}

impl Drop for Segment {
    /// A chain is taken apart link by link: a million segments must not need a million stack frames.
    fn drop(&mut self) {
        let mut next = self.next.take();
        while let Some(mut segment) = next.and_then(Arc::into_inner) {
            next = segment.next.take();
        }
    }
}

/// The frame needs a larger block, or a new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Full;

/// The committed part of a segment at one moment.
///
/// It can only be made by acquiring `committed`, and its lengths are of that very segment: that is what the `unsafe`
/// below rests on.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    segment: &'a Segment,
    frames: usize,
    bytes: usize,
}

impl<'a> View<'a> {
    pub(crate) fn frames(self) -> usize {
        self.frames
    }

    pub(crate) fn bytes(self) -> usize {
        self.bytes
    }

    /// The committed bytes from `offset` on.
    #[inline]
    pub(crate) fn bytes_from(self, offset: usize) -> &'a [u8] {
        assert!(offset <= self.bytes, "a cursor stays within what is committed");
        self.segment.tracker.read(offset..self.bytes);
        let block = self.segment.block.as_ptr().cast::<u8>();
        // SAFETY: offset <= bytes <= length, and all bytes below `bytes` were written before the release that `view`
        // acquired, and are never written again while the segment lives, which the borrow `'a` makes sure of.
        unsafe { std::slice::from_raw_parts(block.add(offset), self.bytes - offset) }
    }

    /// Where frame `index` ends: the offset of the byte after it.
    pub(crate) fn frame_end(self, index: usize) -> usize {
        (self.entry(index) & u64::from(u32::MAX)) as usize
    }

    /// The sequence of frame `index`.
    pub(crate) fn sequence(self, index: usize) -> u64 {
        self.segment.first_sequence + (self.entry(index) >> 32)
    }

    /// The bytes of frame `index`.
    pub(crate) fn frame(self, index: usize) -> &'a [u8] {
        let start = if index == 0 { 0 } else { self.frame_end(index - 1) };
        &self.bytes_from(start)[..self.frame_end(index) - start]
    }

    /// The sequence of the last frame; if there is none, of the last one before the segment.
    pub(crate) fn last_sequence(self) -> u64 {
        self.sequence_before(self.frames)
    }

    /// The sequence of the frame before frame `index`, be it in an earlier segment.
    pub(crate) fn sequence_before(self, index: usize) -> u64 {
        if index == 0 { self.segment.before.sequence } else { self.sequence(index - 1) }
    }

    /// How many frames end at or before `offset`.
    pub(crate) fn frames_until(self, offset: usize) -> usize {
        self.partition_point(|index| self.frame_end(index) <= offset)
    }

    /// How many frames have a sequence of at most `sequence`.
    pub(crate) fn frames_through(self, sequence: u64) -> usize {
        self.partition_point(|index| self.sequence(index) <= sequence)
    }

    /// The first frame for which `before` is false, by binary search.
    fn partition_point(self, before: impl Fn(usize) -> bool) -> usize {
        let (mut low, mut high) = (0, self.frames);
        while low < high {
            let middle = low + (high - low) / 2;
            if before(middle) { low = middle + 1 } else { high = middle }
        }
        low
    }

    fn entry(self, index: usize) -> u64 {
        assert!(index < self.frames, "only committed frames have entries");
        let at = self.segment.block.len() - ENTRY_BYTES * (index + 1);
        self.segment.tracker.read(at..at + ENTRY_BYTES);
        let mut packed = [0; ENTRY_BYTES];
        let block = self.segment.block.as_ptr().cast::<u8>();
        // SAFETY: index < frames, so the entry lies within the block and was written before the release that `view`
        // acquired; it is never written again.
        unsafe { block.add(at).copy_to_nonoverlapping(packed.as_mut_ptr(), ENTRY_BYTES) };
        u64::from_ne_bytes(packed)
    }
}

fn pack(frames: usize, bytes: usize) -> u64 {
    (frames as u64) << 32 | bytes as u64
}

fn unpack(committed: u64) -> (usize, usize) {
    ((committed >> 32) as usize, (committed & u64::from(u32::MAX)) as usize)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn frames_and_index_fill_the_block_to_the_last_byte() {
        let segment = Segment::new(2 * (5 + ENTRY_BYTES), Before::default(), 10);
        assert_eq!(segment.append(&[b"first"], 10), Ok(()));
        assert_eq!(segment.append(&[b"sixsix"], 11), Err(Full));
        assert_eq!(segment.append(&[b"fifth"], 14), Ok(()));
        assert_eq!(segment.append(&[b""], 15), Err(Full));
        let view = segment.view();
        assert_eq!(view.bytes_from(0), b"firstfifth");
        assert_eq!(view.bytes_from(7), b"fth");
        assert_eq!((view.frames(), view.frame_end(0), view.frame_end(1)), (2, 5, 10));
        assert_eq!((view.sequence(0), view.sequence(1)), (10, 14));
    }

    #[test]
    fn ids_and_offsets_are_found() {
        let segment = Segment::new(1024, Before::default(), 100);
        for sequence in [100, 103, 104, 110] {
            segment.append(&[b"abc"], sequence).unwrap();
        }
        let view = segment.view();
        let through: Vec<_> = [99, 100, 102, 103, 104, 109, 110, 200].map(|s| view.frames_through(s)).into();
        assert_eq!(through, [0, 1, 1, 2, 3, 3, 4, 4]);
        let until: Vec<_> = [0, 2, 3, 5, 6, 11, 12].map(|offset| view.frames_until(offset)).into();
        assert_eq!(until, [0, 0, 1, 1, 2, 3, 4]);
    }

    #[test]
    fn a_sequence_too_far_from_the_first_needs_a_new_segment() {
        let segment = Segment::new(1024, Before::default(), 1);
        assert_eq!(segment.append(&[b"a"], 1 + u64::from(u32::MAX)), Ok(()));
        assert_eq!(segment.append(&[b"b"], 2 + u64::from(u32::MAX)), Err(Full));
    }

    #[test]
    fn a_view_does_not_grow() {
        let segment = Segment::new(64, Before::default(), 1);
        segment.append(&[b"a"], 1).unwrap();
        let before = segment.view();
        segment.append(&[b"b"], 2).unwrap();
        assert_eq!(before.bytes_from(0), b"a");
        assert_eq!(segment.view().bytes_from(0), b"ab");
    }

    #[test]
    fn a_long_chain_drops_without_recursion() {
        const LINKS: usize = if cfg!(miri) { 1_000 } else { 1_000_000 };
        let first = Arc::new(Segment::new(0, Before::default(), 1));
        let mut last = first.clone();
        for _ in 1..LINKS {
            let next = Arc::new(Segment::new(0, Before::default(), 1));
            last.link(next.clone());
            last = next;
        }
        let end = Arc::downgrade(&last);
        drop(last);
        assert!(end.upgrade().is_some());
        drop(first);
        assert!(end.upgrade().is_none());
    }
}
