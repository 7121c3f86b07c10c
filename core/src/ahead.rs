//! Bytes that a reader gets before it goes on with its logs.
//!
//! ```text
//!   | rest of a frame | notices | frames of the journal |
//!          ▲          ▲         ▲
//!        offset   rest_end  slice.start          any of the three may be missing
//!
//! Frames of several logs that were copied together come as frames of the journal do.
//! ```

use memchr::memmem;

/// The rest of a frame, and whole blocks of an event stream.
pub(crate) struct Ahead {
    bytes: Vec<u8>,
    /// Bytes that are read.
    offset: usize,
    /// Where the rest of a frame ends that was begun elsewhere.
    rest_end: usize,
    gap: Option<PendingGap>,
    slice: Slice,
}

/// A gap that is told in the bytes ahead.
struct PendingGap {
    start: usize,
    requested: Option<String>,
}

/// Frames of the journal.
#[derive(Clone, Copy)]
struct Slice {
    start: usize,
    /// They come after this sequence.
    after: u64,
}

impl Ahead {
    /// Begins with the rest of a frame, or with nothing, and goes on after `after`.
    pub(crate) fn new(rest_of_frame: &[u8], after: u64) -> Self {
        Self {
            bytes: rest_of_frame.to_vec(),
            offset: 0,
            rest_end: rest_of_frame.len(),
            gap: None,
            slice: Slice { start: rest_of_frame.len(), after },
        }
    }

    /// Frames that come after `after`.
    pub(crate) fn of_frames(bytes: Vec<u8>, after: u64) -> Self {
        Self { bytes, offset: 0, rest_end: 0, gap: None, slice: Slice { start: 0, after } }
    }

    /// Appends a notice that tells no gap. What follows comes after `after`.
    pub(crate) fn push_opening(&mut self, opening: &str, after: u64) {
        self.bytes.extend_from_slice(opening.as_bytes());
        self.slice = Slice { start: self.bytes.len(), after };
    }

    /// Appends the frame of a gap. What follows comes after `after`.
    pub(crate) fn push_gap(&mut self, requested: Option<String>, frame: &str, after: u64) {
        self.gap = Some(PendingGap { start: self.bytes.len(), requested });
        self.push_opening(frame, after);
    }

    /// Takes back a gap of which nothing has been read, with all that follows it; gives what it said was requested.
    pub(crate) fn take_gap(&mut self) -> Option<Option<String>> {
        let gap = self.gap.take_if(|gap| self.offset <= gap.start)?;
        self.bytes.truncate(gap.start);
        Some(gap.requested)
    }

    /// Drops the frames that have not begun, since they can be had again; gives the sequence that they come after. (If
    /// frames have no ids, they can't be had again, and the sequence says nothing.)
    pub(crate) fn drop_frames(&mut self) -> u64 {
        let Slice { start, after } = self.slice;
        let end = match self.offset {
            offset if offset <= start => start,
            offset => offset + self.rest_of_block(),
        };
        self.bytes.truncate(end);
        // Given back, not kept for more: whoever is here may stay for long.
        self.bytes.shrink_to_fit();
        blocks(&self.bytes[start..]).last().and_then(sequence_of).unwrap_or(after)
    }

    /// The rest of the frame that has begun, if there is nothing else to be read, and everything else is read.
    pub(crate) fn rest_alone(&self) -> Option<&[u8]> {
        let is_frame = self.offset > self.slice.start && !self.unread().is_empty();
        is_frame.then(|| self.unread())
    }

    /// What is still to be read.
    pub(crate) fn unread(&self) -> &[u8] {
        &self.bytes[self.offset..]
    }

    /// Passes over `n` bytes; `true` if none are left.
    pub(crate) fn advance(&mut self, n: usize) -> bool {
        assert!(n <= self.bytes.len() - self.offset, "advanced past what chunk() gave");
        self.offset += n;
        self.offset == self.bytes.len()
    }

    pub(crate) fn at_block_boundary(&self) -> bool {
        self.offset == self.rest_end || (self.offset > self.rest_end && self.bytes[..self.offset].ends_with(END))
    }

    /// Bytes from here to the end of the block that has begun.
    fn rest_of_block(&self) -> usize {
        if self.at_block_boundary() {
            return 0;
        }
        if self.offset < self.rest_end {
            return self.rest_end - self.offset;
        }
        // The end may have begun before this place, but not have ended.
        let from = self.rest_end.max(self.offset - (END.len() - 1));
        memmem::find(&self.bytes[from..], END).map_or(self.bytes.len(), |at| from + at + END.len()) - self.offset
    }

    /// Bytes read.
    pub(crate) fn bytes_read(&self) -> u64 {
        self.offset as u64
    }

    /// Events wholly read. A block without data is none (WHATWG HTML §9.2.6).
    pub(crate) fn events_read(&self) -> u64 {
        if self.offset < self.rest_end {
            return 0;
        }
        let blocks = blocks(&self.bytes[self.rest_end..self.offset]).filter(|block| has_data(block)).count();
        u64::from(self.rest_end > 0) + blocks as u64
    }
}

/// A blank line ends a block; no frame of ours has one within.
const END: &[u8] = b"\n\n";

/// The whole blocks in `bytes`.
fn blocks(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut start = 0;
    memmem::find_iter(bytes, END).map(move |at| {
        let block = &bytes[start..at];
        start = at + END.len();
        block
    })
}

fn has_data(block: &[u8]) -> bool {
    block.starts_with(b"data:") || memmem::find(block, b"\ndata:").is_some()
}

/// The sequence in a block that ends with its id.
fn sequence_of(block: &[u8]) -> Option<u64> {
    let line = block.rsplit(|byte| *byte == b'\n').next()?.strip_prefix(b"id:")?;
    let digits = line.rsplit(|byte| *byte == b'-').next()?;
    str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    const FRAMES: &[u8] = b"data:x\nid:a-7\n\nevent:y\ndata:\nid:a-9\n\ndata:z\nid:a-12\n\n";

    #[test]
    fn frames_that_have_begun_stay() {
        let starts = [0, 15, 37, FRAMES.len()];
        for offset in 0..FRAMES.len() {
            let mut ahead = Ahead::of_frames(FRAMES.to_vec(), 5);
            ahead.advance(offset);
            let whole = starts.iter().filter(|start| **start <= offset).count() - 1;
            assert_eq!((ahead.events_read(), ahead.bytes_read()), (whole as u64, offset as u64));
            assert_eq!(ahead.at_block_boundary(), starts.contains(&offset));
            let begun = starts.iter().position(|start| *start >= offset).unwrap();
            assert_eq!(ahead.drop_frames(), [5, 7, 9, 12][begun]);
            assert_eq!(ahead.unread(), &FRAMES[offset..starts[begun]]);
        }
    }

    #[test]
    fn notices_and_the_rest_of_a_frame_stay_too() {
        let mut ahead = Ahead::new(b":x\n\n", 3);
        ahead.push_opening("id:a-4\n\n", 4);
        assert!(!ahead.at_block_boundary());
        assert_eq!(ahead.drop_frames(), 4);
        assert!(!ahead.advance(4));
        assert!(ahead.at_block_boundary());
        assert_eq!((ahead.unread(), ahead.events_read()), (&b"id:a-4\n\n"[..], 1));
        assert!(ahead.advance(8));
        assert_eq!(ahead.events_read(), 1);
    }

    #[test]
    fn a_gap_is_taken_back_only_whole() {
        let gap = || {
            let mut ahead = Ahead::new(b"x\n\n", 3);
            ahead.push_gap(Some("a-3".to_owned()), "event:gap\ndata:\nid:a-9\n\n", 9);
            ahead
        };
        let mut ahead = gap();
        ahead.advance(3);
        assert_eq!(ahead.take_gap(), Some(Some("a-3".to_owned())));
        assert!(ahead.unread().is_empty());
        let mut ahead = gap();
        ahead.advance(4);
        assert_eq!(ahead.take_gap(), None);
        assert_eq!(ahead.unread(), b"vent:gap\ndata:\nid:a-9\n\n");
    }
}
