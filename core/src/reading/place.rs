//! A place in a block, and what has been read there.

use std::ops::{Add, AddAssign};
use std::sync::Arc;

use crate::channels::segment::Segment;

/// A place in a block, and where reading began in it.
#[derive(Clone)]
pub(crate) struct Place {
    block: Arc<Segment>,
    /// Bytes of the block before the place.
    at: u32,
    /// The bytes before this one are not the reader's, or have been counted.
    from: u32,
}

/// How much has been read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) bytes: u64,
    /// Frames whose last byte has been read.
    pub(crate) events: u64,
}

impl Place {
    /// Where reading begins.
    pub(crate) fn new(block: Arc<Segment>, at: usize) -> Self {
        let at = offset(at);
        Self { block, at, from: at }
    }

    #[inline]
    pub(crate) fn block(&self) -> &Arc<Segment> {
        &self.block
    }

    /// Bytes of the block before the place.
    #[inline]
    pub(crate) fn at(&self) -> usize {
        self.at as usize
    }

    /// Nothing has been read here yet, or it is counted already.
    pub(crate) fn is_fresh(&self) -> bool {
        self.at == self.from
    }

    /// The bytes after the place.
    #[inline]
    pub(crate) fn unread(&self) -> &[u8] {
        self.block.view().bytes_from(self.at())
    }

    /// Goes on to a later place. What is between has been read.
    #[inline]
    pub(crate) fn read_to(&mut self, at: usize) {
        self.at = offset(at);
    }

    /// Goes on to the end of frame `index`, if that is later. What is between has not been read.
    pub(crate) fn skip_frames(&mut self, count: usize) {
        if count > 0 {
            *self = Self::new(self.block.clone(), self.at().max(self.block.view().frame_end(count - 1)));
        }
    }

    /// What has been read here.
    pub(crate) fn tally(&self) -> Tally {
        let view = self.block.view();
        let events = match self.is_fresh() {
            true => 0,
            false => view.frames_until(self.at()) - view.frames_until(self.from as usize),
        };
        Tally { bytes: u64::from(self.at - self.from), events: events as u64 }
    }

    /// Bytes of the log before this place.
    pub(crate) fn position(&self) -> u64 {
        self.block.before().bytes + u64::from(self.at)
    }

    /// Whether a frame begins here, or would.
    pub(crate) fn at_frame_boundary(&self) -> bool {
        self.end_of_frame() == self.at()
    }

    /// Where the frame ends that begins before this place and ends after it. At a boundary: this place.
    pub(crate) fn end_of_frame(&self) -> usize {
        let view = self.block.view();
        match view.frames_until(self.at()) {
            0 if self.at == 0 => 0,
            passed if passed > 0 && view.frame_end(passed - 1) == self.at() => self.at(),
            passed => view.frame_end(passed),
        }
    }

    /// The sequence of the last frame that begins before this place; if none does, of the last one before the block.
    pub(crate) fn last_begun(&self) -> u64 {
        let view = self.block.view();
        view.sequence_before(view.frames_until(self.at()) + usize::from(!self.at_frame_boundary()))
    }
}

impl PartialEq for Place {
    /// Whether both are at one byte of one block.
    fn eq(&self, other: &Self) -> bool {
        self.at == other.at && Arc::ptr_eq(&self.block, &other.block)
    }
}

impl Add for Tally {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { bytes: self.bytes + other.bytes, events: self.events + other.events }
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

/// Half the size of a `usize`: places are many, and blocks are smaller than 4 GiB.
fn offset(at: usize) -> u32 {
    u32::try_from(at).expect("a block is smaller than 4 GiB")
}
