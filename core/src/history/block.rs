//! One block of the journal: entries in the order of their events, and the index by which they are searched.
//!
//! ```text
//!   an entry   | length | namespace | frame with its id |        length: of the namespace, 32 bits
//! ```

use std::ops::Range;
use std::sync::Arc;

use crate::channels::segment::{Before, Full, Segment, View};
use crate::history::index::{JournalIndex, SegmentHasher};
use crate::sync::Once;

/// Block sizes. A sixteenth of the journal is lost at a time, but what is copied for a new chain stays short.
const SHARE_OF_BLOCK: usize = 16;
const LEAST_BLOCK_BYTES: usize = if cfg!(loom) { 64 } else { 256 };
const LAST_BLOCK_BYTES: usize = 256 << 10;

/// The bytes of an entry's length.
const LENGTH_BYTES: usize = size_of::<u32>();

/// A handle; clones share the block.
#[derive(Clone)]
pub(crate) struct Block {
    segment: Arc<Segment>,
    /// Made by the first reader who searches the block, once nothing more is appended to it; gone with the block.
    index: Arc<Once<JournalIndex>>,
}

/// One event of a block.
#[derive(Clone, Copy)]
pub(crate) struct Entry<'a> {
    pub(crate) namespace: &'a [u8],
    pub(crate) frame: &'a [u8],
}

impl Block {
    /// A block that begins with this event, in a journal of so many bytes.
    pub(crate) fn beginning_with(namespace: &str, frame: [&[u8]; 2], sequence: u64, most_bytes: usize) -> Self {
        // An index counts entries by 16 bits. Each takes a length and a slash at least; a larger block has one entry.
        const { assert!(LAST_BLOCK_BYTES / (LENGTH_BYTES + 1) <= 1 << u16::BITS) };
        let usual = (most_bytes / SHARE_OF_BLOCK).clamp(LEAST_BLOCK_BYTES, LAST_BLOCK_BYTES);
        let length = LENGTH_BYTES + namespace.len() + frame[0].len() + frame[1].len();
        let before = Before { sequence: sequence - 1, ..Before::default() };
        let segment = Arc::new(Segment::new(usual.max(Segment::room_for(length)), before, sequence));
        let block = Self { segment, index: Arc::new(Once::new()) };
        block.append(namespace, frame, sequence).expect("a new block has room for its first entry");
        block
    }

    /// Appends an event, whose frame is given in two pieces, or says that it does not fit.
    #[inline]
    pub(crate) fn append(&self, namespace: &str, frame: [&[u8]; 2], sequence: u64) -> Result<(), Full> {
        // A namespace is far shorter than 4 GiB: `Limits` are counted in usize, but no memory has paths of that size.
        let length = (namespace.len() as u32).to_ne_bytes();
        self.segment.append(&[&length, namespace.as_bytes(), frame[0], frame[1]], sequence)
    }

    /// Bytes that it takes, its index aside.
    pub(crate) fn capacity(&self) -> usize {
        self.segment.capacity()
    }

    /// The sequence before which it has nothing.
    pub(crate) fn starts_after(&self) -> u64 {
        self.segment.before().sequence
    }

    pub(crate) fn last_sequence(&self) -> u64 {
        self.view().last_sequence()
    }

    pub(crate) fn view(&self) -> View<'_> {
        self.segment.view()
    }

    /// The segment that its entries are in, and where in it the frame of one of them is.
    pub(crate) fn share_frame(&self, view: View<'_>, index: usize) -> (Arc<Segment>, Range<usize>) {
        let end = view.frame_end(index);
        (self.segment.clone(), end - parse_entry(view.frame(index)).frame.len()..end)
    }

    /// The index of a block to which nothing more is appended, if there is one already.
    pub(crate) fn index(&self) -> Option<&JournalIndex> {
        self.index.get().map(|index| &**index)
    }

    /// Makes the index of a block to which nothing more is appended, of which this is the view. Two readers may do it
    /// at once, and one of the two stays: they are the same.
    #[cold]
    pub(crate) fn make_index(&self, view: View<'_>, hasher: &SegmentHasher) -> &JournalIndex {
        let namespaces = (0..view.frames()).map(|index| parse_entry(view.frame(index)).namespace);
        self.index.set(Arc::new(JournalIndex::new(namespaces, hasher)));
        self.index().expect("it has just been set, by this reader or another")
    }
}

/// Takes a committed entry apart.
pub(crate) fn parse_entry(entry: &[u8]) -> Entry<'_> {
    let (length, rest) = entry.split_first_chunk().expect("an entry begins with a length");
    let (namespace, frame) = rest.split_at(u32::from_ne_bytes(*length) as usize);
    Entry { namespace, frame }
}
