//! One block of frames: bytes that are written once and then only read.
//!
//! ```text
//!   block   | frame 0 | frame 1 | frame 2 |  free ...          ... | entry 2 | entry 1 | entry 0 |
//!           0                             ^ bytes                  ^ length - 8 * frames     length
//! ```
//!
//! Frames grow from the front, their index from the back, and the block is full when the two would meet. An entry is
//! eight bytes: where its frame ends, and its sequence counted from the segment's first. One word, `committed`, holds
//! both lengths, so that one release publishes a frame together with its entry; its top bit says that the block is
//! sealed, and nothing more will come.
//!
//! A block knows no other block. Which one follows is for its owner to say: so who holds bytes of a block keeps that
//! block, and nothing else.
//!
//! The law: bytes below `committed` never change again, and bytes above it belong to the writer alone. This is the
//! only file with `unsafe`, and all of it follows from that law.

#![expect(unsafe_code, reason = "readers share bytes of a block that is still being filled")]

use std::cell::UnsafeCell;
use std::mem::MaybeUninit;

use crate::sync::{AtomicBool, AtomicU64, Ordering, Tracker};

/// A fixed block of frames.
///
/// Who may touch what: `block` above `committed`, and `committed` itself, only who holds `claimed`; everything else
/// anyone, at any time.
pub(crate) struct Segment {
    before: Before,
    /// The index counts sequences from here.
    first_sequence: u64,
    block: Box<[MaybeUninit<UnsafeCell<u8>>]>,
    /// `sealed << 63 | frames << 32 | bytes`.
    committed: AtomicU64,
    /// Someone is writing. There is one writer by design (`WriterToken`); this makes it a fact.
    claimed: AtomicBool,
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
    /// The sequence of the last frame; 0 if there was none.
    pub(crate) sequence: u64,
}

/// Bytes of one index entry.
const ENTRY_BYTES: usize = 8;

/// The bit of `committed` that says that nothing more will come. A block has fewer than 2^31 frames, since each has an
/// entry.
const SEALED: u64 = 1 << 63;

impl Segment {
    /// Most that the sequences in one segment are apart.
    pub(crate) const MOST_DISTANCE: u64 = u32::MAX as u64;

    /// An empty segment that holds a block of `capacity` bytes, index included. Its first frame has `first_sequence`,
    /// or a later one.
    pub(crate) fn new(capacity: usize, before: Before, first_sequence: u64) -> Self {
        assert!(u32::try_from(capacity).is_ok(), "offsets within a segment are 32 bits wide");
        Self {
            before,
            first_sequence,
            block: Box::new_uninit_slice(capacity),
            committed: AtomicU64::new(0),
            claimed: AtomicBool::new(false),
            tracker: Tracker::new(capacity),
        }
    }

    /// A sealed segment without a block, for readers to stand in at the end of a log that keeps none.
    pub(crate) fn mark(before: Before) -> Self {
        let mark = Self::new(0, before, 0);
        mark.seal();
        mark
    }

    /// A sealed block of these frames and their sequences, in order, the first of which comes after `after`.
    ///
    /// # Panics
    /// If the sequences are more than [`Segment::MOST_DISTANCE`] apart.
    pub(crate) fn of_frames(frames: &[(&[u8], u64)], after: u64) -> Self {
        let capacity = frames.iter().map(|(frame, _)| Self::room_for(frame.len())).sum();
        let first_sequence = frames.first().map_or(0, |(_, sequence)| *sequence);
        let segment = Self::new(capacity, Before { sequence: after, ..Before::default() }, first_sequence);
        let committed = frames.iter().fold(0, |committed, (frame, sequence)| {
            let (frames, bytes) = unpack(committed);
            segment.write(&[frame], *sequence, frames, bytes).expect("it was made for these frames")
        });
        segment.committed.store(committed | SEALED, Ordering::Release); // with the acquire in `view`
        segment
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
        self.change(|committed| {
            let (frames, bytes) = unpack(committed);
            if committed & SEALED == 0 { self.write(frame, sequence, frames, bytes) } else { Err(Full) }
        })
    }

    /// Ends this segment: nothing more is committed here.
    ///
    /// # Panics
    /// If another thread appends at once: a log has one writer.
    pub(crate) fn seal(&self) {
        self.change(|committed| Ok(committed | SEALED)).expect("sealing takes no room");
    }

    /// Stores what `change` makes of `committed`, if anything.
    #[inline]
    fn change(&self, change: impl FnOnce(u64) -> Result<u64, Full>) -> Result<(), Full> {
        // Acquire: with the release at the end, so that the last writer's `committed` and bytes are seen.
        let claimed = self.claimed.swap(true, Ordering::Acquire);
        assert!(!claimed, "a log has one writer");
        // Relaxed: only the holder of `claimed` stores it, and the claim has ordered us after the last one.
        let changed = change(self.committed.load(Ordering::Relaxed)).map(|committed| {
            // Release: the frame and its entry, with the acquire in `view`.
            self.committed.store(committed, Ordering::Release);
        });
        // Release: with the acquire above, for the next writer.
        self.claimed.store(false, Ordering::Release);
        changed
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
        // `claimed`, or has just made the segment, so no one else writes, and no reader looks past `committed`. The
        // cells allow writing through a shared reference, and no piece can lie in uncommitted bytes, as no reference to
        // those exists.
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
        let committed = self.committed.load(Ordering::Acquire);
        let (frames, bytes) = unpack(committed);
        View { segment: self, frames, bytes, is_sealed: committed & SEALED != 0 }
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
    is_sealed: bool,
}

impl<'a> View<'a> {
    /// Whether this is all that will ever be here.
    #[inline]
    pub(crate) fn is_sealed(self) -> bool {
        self.is_sealed
    }

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

    /// The sequence of the frame before frame `index`, which may be in an earlier segment.
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

/// Frames and bytes.
fn unpack(committed: u64) -> (usize, usize) {
    (((committed & !SEALED) >> 32) as usize, (committed & u64::from(u32::MAX)) as usize)
}

#[cfg(all(test, not(loom)))]
mod tests;
