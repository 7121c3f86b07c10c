//! A reader's place in a log: it holds the block that it stands in.

use std::sync::Arc;

use crate::channels::log::{Log, Next};
use crate::channels::segment::Segment;
use crate::reading::place::{Place, Tally};

/// Bytes left in a block from which on the next one is looked at, too: a turn of an event loop.
const NEAR_THE_END: usize = if cfg!(loom) { usize::MAX } else { 64 << 10 };

/// A reader's place in a log.
pub(crate) struct Cursor(Place);

/// What follows is no longer in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Gone;

impl Cursor {
    /// At the beginning of a block.
    pub(crate) fn new(block: Arc<Segment>) -> Self {
        Self(Place::new(block, 0))
    }

    /// Whether [`Cursor::look`] could make a difference.
    #[inline]
    pub(crate) fn should_look(&self) -> bool {
        let view = self.0.block().view();
        view.is_sealed() && view.bytes() - self.0.at() < NEAR_THE_END
    }

    /// Whether it stands in a block to which nothing more comes, and which it has read.
    pub(crate) fn has_read_a_sealed_block(&self) -> bool {
        let view = self.0.block().view();
        view.is_sealed() && view.bytes() > 0 && view.bytes() == self.0.at()
    }

    /// Crosses to the next block, if this one is at its end, or near it. Gives the place that it has left before the
    /// end: so both can be written in one call. What was read in a block that is left with nothing in it is added to
    /// `tally`.
    #[cold]
    pub(crate) fn look(&mut self, log: &Log, tally: &mut Tally) -> Result<Option<Place>, Gone> {
        // Ends: each block begins where the one before ends.
        while self.should_look() {
            let is_at_end = self.0.unread().is_empty();
            match log.next(self.0.block()) {
                Next::Block(next) if is_at_end => {
                    *tally += self.0.tally();
                    *self = Self::new(next);
                }
                Next::Block(next) => return Ok(Some(std::mem::replace(self, Self::new(next)).0)),
                Next::Gone if is_at_end => return Err(Gone),
                Next::Gone | Next::Pending => break,
            }
        }
        Ok(None)
    }

    /// The contiguous bytes after this place; empty if there are none yet.
    #[inline]
    pub(crate) fn chunk(&self) -> &[u8] {
        self.0.unread()
    }

    /// Passes over `n` bytes of [`Cursor::chunk`].
    #[inline]
    pub(crate) fn advance(&mut self, n: usize) {
        let at = self.0.at();
        assert!(n <= self.0.block().view().bytes() - at, "advanced past what was ready");
        self.0.read_to(at + n);
    }

    /// Passes over whole frames up to and including `sequence`, which count as not read; `true` once a later frame is
    /// there.
    pub(crate) fn skip_through(&mut self, sequence: u64, log: &Log) -> Result<bool, Gone> {
        loop {
            let view = self.0.block().view();
            let (passed, frames, is_sealed) = (view.frames_through(sequence), view.frames(), view.is_sealed());
            self.0.skip_frames(passed);
            if passed < frames {
                return Ok(true);
            }
            if !is_sealed {
                return Ok(false);
            }
            match log.next(self.0.block()) {
                Next::Block(next) => *self = Self::new(next),
                Next::Pending => return Ok(false),
                Next::Gone => return Err(Gone),
            }
        }
    }

    /// The sequence of the first frame after this place, which is a boundary, if there is one yet.
    pub(crate) fn next_sequence(&mut self, log: &Log) -> Result<Option<u64>, Gone> {
        loop {
            let view = self.0.block().view();
            let index = view.frames_until(self.0.at());
            if index < view.frames() {
                return Ok(Some(view.sequence(index)));
            }
            if !view.is_sealed() {
                return Ok(None);
            }
            match log.next(self.0.block()) {
                Next::Block(next) => *self = Self::new(next),
                Next::Pending => return Ok(None),
                Next::Gone => return Err(Gone),
            }
        }
    }

    /// Passes over the contiguous whole frames whose sequences are at most `sequence`. Gives the place where they
    /// begin, and where they end in its block.
    pub(crate) fn take_through(&mut self, sequence: u64) -> (Place, usize) {
        let start = Place::new(self.0.block().clone(), self.0.at());
        let view = start.block().view();
        self.0.skip_frames(view.frames_through(sequence));
        let end = self.0.at();
        (start, end)
    }

    /// Bytes of the log before this place.
    pub(crate) fn position(&self) -> u64 {
        self.0.position()
    }

    /// What has been read in the block that it stands in.
    pub(crate) fn tally(&self) -> Tally {
        self.0.tally()
    }

    pub(crate) fn at_frame_boundary(&self) -> bool {
        self.0.at_frame_boundary()
    }

    #[inline]
    pub(crate) fn place(&self) -> &Place {
        &self.0
    }
}
