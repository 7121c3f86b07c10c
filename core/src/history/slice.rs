//! What a reader of the journal is given at a time.
//!
//! ```text
//!   blocks     |..x.....x|.........|..x......|......        the last one still grows
//!                ▼     ▼  no x here   ▼        ▼▼▼▼
//!   slice      | frame | frame |   | frame |   ...          small frames: copied together, in a segment of their own
//!                                                           a large frame: a slice by itself, in the journal's block
//! ```
//!
//! In a block that no longer grows, only the entries that its index names are looked at. If these are many, all entries
//! are looked at. What is done for one slice is bounded, whatever is found: `SLICE_LOOKS`, `SLICE_BYTES`.

use std::ops::{ControlFlow, Range};
use std::sync::Arc;

use crate::channels::segment::{Segment, View};
use crate::history::block::{Block, parse_entry};
use crate::history::index::{Probe, SegmentHasher};
use crate::names::pattern_set::PatternSet;

/// Bytes copied for a reader at a time, or a small frame more: a turn of an event loop.
const SLICE_BYTES: usize = 62 << 10;

/// A frame of so many bytes is shared, not copied: a reader that is blocked within it holds no copy of its own.
const SHARED_BYTES: usize = 16 << 10;

/// Steps taken for a reader at a time, some 25 ns each: about a tenth of a millisecond. One index of a block may be
/// made in addition: 0.2 ms for events of 80 bytes, once for all readers.
pub(crate) const SLICE_LOOKS: usize = 4096;

/// Steps that it takes to find one path in an index.
const PROBE_LOOKS: usize = 2;

/// Steps that it takes to index one entry.
const INDEX_LOOKS: usize = 2;

/// If more than one in so many entries of a block would be looked at, all of them are.
const DENSE: usize = 4;

/// What a slice came to.
pub(crate) enum Slice {
    /// All that is to be had through this sequence is in these frames, or in those of slices before.
    Through { frames: Option<Frames>, through: u64 },
    /// The next event is gone. All after this sequence is still here.
    Evicted(u64),
}

/// Whole frames, one after the other.
///
/// Where each ends and what sequence it has says the index of the segment: for those in the range, and for no others.
pub(crate) struct Frames {
    pub(crate) segment: Arc<Segment>,
    /// The bytes of the segment that they are.
    pub(crate) range: Range<usize>,
}

impl Frames {
    /// Their bytes.
    #[cfg(test)]
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.segment.view().bytes_from(self.range.start)[..self.range.len()]
    }
}

/// A slice in the making.
pub(crate) struct SliceBuilder<'a> {
    patterns: &'a PatternSet<'a>,
    hasher: &'a SegmentHasher,
    /// Where to look for what the patterns cover; `None` if anything may be covered.
    probes: Option<Vec<Probe<'a>>>,
    after: u64,
    through: u64,
    looks: usize,
    /// Frames to be copied, and their sequences.
    found: Vec<(&'a [u8], u64)>,
    found_bytes: usize,
    large: Option<Frames>,
}

impl<'a> SliceBuilder<'a> {
    /// Begins with what comes after `after`.
    pub(crate) fn new(after: u64, patterns: &'a PatternSet<'a>, hasher: &'a SegmentHasher) -> Self {
        Self {
            patterns,
            hasher,
            probes: patterns.places().into_iter().map(|path| Probe::new(path, hasher)).collect(),
            after,
            through: after,
            looks: 0,
            found: Vec::new(),
            found_bytes: 0,
            large: None,
        }
    }

    /// Takes what is covered from the next block. Breaks when the slice is full.
    pub(crate) fn search(&mut self, block: &'a Block, is_growing: bool) -> ControlFlow<()> {
        self.check_room()?;
        let view = block.view();
        let entries = view.frames_through(self.through)..view.frames();
        let candidates = if is_growing { None } else { self.candidates(block, view, entries.clone()) };
        match candidates {
            Some(some) => some.into_iter().try_for_each(|index| self.look_at(block, view, usize::from(index)))?,
            None => entries.into_iter().try_for_each(|index| self.look_at(block, view, index))?,
        }
        self.through = self.through.max(view.last_sequence());
        ControlFlow::Continue(())
    }

    /// The entries that have to be looked at, in order; `None` if they are many, or the block is small: then all are.
    fn candidates(&mut self, block: &Block, view: View<'_>, entries: Range<usize>) -> Option<Vec<u16>> {
        let probes = self.probes.as_ref().filter(|probes| probes.len() < entries.len())?;
        let index = block.index().unwrap_or_else(|| {
            self.looks += INDEX_LOOKS * view.frames();
            block.make_index(view, self.hasher)
        });
        let (mut candidates, mut found_in_all) = (Vec::new(), 0);
        for probe in probes {
            self.looks += PROBE_LOOKS;
            let found = index.find(probe, |entry| parse_entry(view.frame(usize::from(entry))).namespace);
            found_in_all += found.len();
            if found_in_all > view.frames() / DENSE {
                return None;
            }
            candidates.extend(found.iter().filter(|entry| usize::from(**entry) >= entries.start));
        }
        // Sorting takes far less than looking at each.
        candidates.sort_unstable();
        candidates.dedup();
        Some(candidates)
    }

    /// Takes one entry if it is covered. Breaks when the slice is full: not before, so that each slice gets on.
    #[inline]
    fn look_at(&mut self, block: &Block, view: View<'a>, index: usize) -> ControlFlow<()> {
        let entry = parse_entry(view.frame(index));
        if self.patterns.covers(entry.namespace, &mut self.looks) {
            self.take(block, view, index, entry.frame)?;
        }
        self.through = view.sequence(index);
        self.check_room()
    }

    /// Breaks if no more is to be done for this slice.
    #[inline]
    fn check_room(&self) -> ControlFlow<()> {
        let is_full = self.looks >= SLICE_LOOKS || self.found_bytes >= SLICE_BYTES || self.large.is_some();
        if is_full { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    /// Takes a frame. Breaks, without it, if it has to be the first of a slice.
    #[inline]
    fn take(&mut self, block: &Block, view: View<'a>, index: usize, frame: &'a [u8]) -> ControlFlow<()> {
        let sequence = view.sequence(index);
        if let Some((_, first)) = self.found.first() {
            let is_too_far = sequence - first > Segment::MOST_DISTANCE;
            if is_too_far || frame.len() >= SHARED_BYTES {
                return ControlFlow::Break(());
            }
        }
        if frame.len() >= SHARED_BYTES {
            let (segment, range) = block.share_frame(view, index);
            self.large = Some(Frames { segment, range });
        } else {
            self.found.push((frame, sequence));
            self.found_bytes += frame.len();
        }
        ControlFlow::Continue(())
    }

    pub(crate) fn finish(self) -> Slice {
        Slice::Through { through: self.through, frames: self.large.or_else(|| copy(&self.found, self.after)) }
    }
}

/// A copy of frames with their sequences, which come after `after`.
fn copy(frames: &[(&[u8], u64)], after: u64) -> Option<Frames> {
    let segment = (!frames.is_empty()).then(|| Arc::new(Segment::of_frames(frames, after)))?;
    let range = 0..segment.view().bytes();
    Some(Frames { segment, range })
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::names::pattern::Pattern;

    #[test]
    fn a_large_frame_is_shared_and_others_are_copied() {
        let block = |length, sequence| Block::beginning_with("/a", [&vec![b'x'; length], b"\n\n"], sequence, 0);
        let blocks = [block(10, 1), block(SHARED_BYTES - 2, 2), block(SHARED_BYTES - 3, 3), block(10, 4)];
        let (pattern, hasher) = (Pattern::parse("/a").unwrap(), SegmentHasher::new());
        let patterns = PatternSet::new([&pattern].into_iter());
        let slice = |after| {
            let mut slice = SliceBuilder::new(after, &patterns, &hasher);
            let _ = blocks[after as usize..].iter().try_for_each(|block| slice.search(block, false));
            let Slice::Through { frames: Some(frames), through } = slice.finish() else { panic!("nothing there") };
            (frames, through)
        };
        let ((small, through), (large, through_large), (last, through_last)) = (slice(0), slice(1), slice(2));
        assert_eq!([through, through_large, through_last], [1, 2, 4]);
        assert!(Arc::ptr_eq(&large.segment, &slice(1).0.segment));
        assert_eq!(large.bytes().len(), SHARED_BYTES);
        assert!(!Arc::ptr_eq(&small.segment, &slice(0).0.segment));
        assert_eq!((last.bytes().len(), last.segment.view().frames()), (SHARED_BYTES - 1 + 12, 2));
        assert_eq!(last.segment.capacity(), last.bytes().len() + 2 * Segment::room_for(0));
    }
}
