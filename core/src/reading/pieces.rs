//! What a reader gets before it goes on with its source.
//!
//! ```text
//!   | rest of a frame | gap or opening | frames |        any of them may be missing
//!          ▲
//!        place       each piece: shared bytes of a block, up to an end
//! ```
//!
//! A piece knows which frames it holds from its block's index, so nobody looks for the ends of frames in their bytes.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::channels::segment::Segment;
use crate::reading::place::{Place, Tally};

/// Bytes of a frame's rest that a reader keeps a copy of. It shares the block of what is longer.
const MOST_COPIED_BYTES: usize = 4 << 10;

/// Pieces in the order in which they are read; never empty.
pub(crate) struct Pieces(VecDeque<Piece>);

/// Shared bytes, and what they are.
pub(crate) struct Piece {
    place: Place,
    /// Where it ends in its block.
    end: usize,
    /// The reader has everything through this sequence before the piece.
    after: u64,
    kind: Kind,
}

enum Kind {
    /// The rest of a frame that was begun elsewhere.
    Rest,
    /// A block that says where the stream begins, which is no event.
    Opening,
    /// The frame that tells a gap after this id.
    Gap { requested: Option<String> },
    /// Whole frames.
    Frames,
}

impl Piece {
    /// Whole frames, from a place to an end in its block, that come after `after`.
    pub(crate) fn frames(place: Place, end: usize, after: u64) -> Self {
        Self { place, end, after, kind: Kind::Frames }
    }

    /// What comes after a place in a sealed block, which is not older than `starts_after`.
    pub(crate) fn rest_of_block(place: Place, starts_after: u64) -> Self {
        let (end, after) = (place.block().view().bytes(), place.last_begun().max(starts_after));
        Self::frames(place, end, after)
    }

    /// The block with which a stream begins after `after`.
    pub(crate) fn opening(block: &str, after: u64) -> Self {
        Self::own(block.as_bytes(), after, Kind::Opening)
    }

    /// The frame of a gap, after which the stream goes on after `after`.
    pub(crate) fn gap(requested: Option<String>, frame: &str, after: u64) -> Self {
        Self::own(frame.as_bytes(), after, Kind::Gap { requested })
    }

    /// What is left of the frame that begins before `place` and ends after it. `None`: a frame begins here.
    pub(crate) fn rest(place: &Place) -> Option<Self> {
        let (at, end) = (place.at(), place.end_of_frame());
        (at < end).then(|| Self::rest_of(place, end))
    }

    fn rest_of(place: &Place, end: usize) -> Self {
        let after = place.last_begun();
        let bytes = &place.unread()[..end - place.at()];
        match bytes.len() <= MOST_COPIED_BYTES {
            true => Self::own(bytes, after, Kind::Rest),
            false => Self { place: Place::new(place.block().clone(), place.at()), end, after, kind: Kind::Rest },
        }
    }

    /// A piece with bytes of its own.
    fn own(bytes: &[u8], after: u64, kind: Kind) -> Self {
        let block = Segment::of_frames(&[(bytes, after)], after);
        Self { place: Place::new(Arc::new(block), 0), end: bytes.len(), after, kind }
    }

    #[inline]
    pub(crate) fn unread(&self) -> &[u8] {
        &self.place.unread()[..self.end - self.place.at()]
    }

    /// Whether a block of the stream begins after what is read, or would.
    fn at_block_boundary(&self) -> bool {
        let at_start = self.place.is_fresh() && !matches!(self.kind, Kind::Rest);
        let between_frames = matches!(self.kind, Kind::Frames) && self.place.at_frame_boundary();
        at_start || between_frames || self.place.at() == self.end
    }

    fn tally(&self) -> Tally {
        let tally = self.place.tally();
        let events = match self.kind {
            Kind::Opening => 0,
            Kind::Frames => tally.events,
            Kind::Rest | Kind::Gap { .. } => u64::from(self.place.at() == self.end),
        };
        Tally { events, ..tally }
    }

    /// Whether it can be had again, and nothing of it is lost if it is dropped.
    fn is_unbegun_frames(&self) -> bool {
        matches!(self.kind, Kind::Frames) && self.place.is_fresh()
    }
}

impl Pieces {
    pub(crate) fn new(first: Piece) -> Self {
        Self(VecDeque::from([first]))
    }

    pub(crate) fn push(&mut self, piece: Piece) {
        self.0.push_back(piece);
    }

    fn front(&self) -> &Piece {
        self.0.front().expect("the last piece takes its pieces along")
    }

    /// The contiguous bytes that come next; never empty.
    #[inline]
    pub(crate) fn chunk(&self) -> &[u8] {
        self.front().unread()
    }

    /// The bytes after the [`chunk`](Self::chunk). `None`: it is the last.
    #[inline]
    pub(crate) fn second(&self) -> Option<&[u8]> {
        self.0.get(1).map(Piece::unread)
    }

    /// Bytes of whole frames.
    pub(crate) fn of_logs(&self) -> u64 {
        let frames = self.0.iter().filter(|piece| matches!(piece.kind, Kind::Frames));
        frames.map(|piece| piece.unread().len() as u64).sum()
    }

    /// Whether the front is the reader's own: a notice, or the rest of a frame.
    pub(crate) fn is_notice(&self) -> bool {
        !matches!(self.front().kind, Kind::Frames)
    }

    /// Bytes of all pieces.
    pub(crate) fn unread(&self) -> u64 {
        self.0.iter().map(|piece| piece.unread().len() as u64).sum()
    }

    /// Where they are.
    #[inline]
    pub(crate) fn place(&self) -> &Place {
        &self.front().place
    }

    /// Passes over `n` bytes of the [`chunk`](Self::chunk); `true` if nothing is left. What is read of a piece that
    /// is left behind is added to `tally`.
    pub(crate) fn advance(&mut self, n: usize, tally: &mut Tally) -> bool {
        let front = self.0.front_mut().expect("as in `front`");
        assert!(n <= front.end - front.place.at(), "advanced past what was ready");
        front.place.read_to(front.place.at() + n);
        if front.place.at() == front.end {
            *tally += front.tally();
            self.0.pop_front();
        }
        self.0.is_empty()
    }

    /// What is read of the front.
    pub(crate) fn tally(&self) -> Tally {
        self.front().tally()
    }

    pub(crate) fn at_block_boundary(&self) -> bool {
        self.front().at_block_boundary()
    }

    /// Drops the frames that have not begun, since they can be had again. Gives what stays, if anything does, and the
    /// sequence through which the reader has everything once it has read that. (If frames have no ids, they can't be
    /// had again.) What is read of what is dropped is added to `tally`.
    pub(crate) fn without_frames(mut self, tally: &mut Tally) -> (Option<Self>, u64) {
        let mut after = self.0.back().expect("as in `front`").after;
        while self.0.back().is_some_and(Piece::is_unbegun_frames) {
            after = self.0.pop_back().expect("it was there").after;
        }
        if let Some(front) = self.0.front_mut().filter(|front| matches!(front.kind, Kind::Frames)) {
            // Only the front has been begun; nothing is behind it any more.
            *tally += front.tally();
            after = front.place.last_begun();
            let end =
                if front.at_block_boundary() { front.place.at() } else { front.place.end_of_frame().min(front.end) };
            match end > front.place.at() {
                true => *front = Piece::rest_of(&front.place, end),
                false => drop(self.0.pop_front()),
            }
        }
        ((!self.0.is_empty()).then_some(self), after)
    }

    /// Takes back a gap of which nothing has been read, with all that follows it; gives what stays before it, and
    /// what it said was requested.
    pub(crate) fn take_gap(mut self) -> (Option<Self>, Option<Option<String>>) {
        let untold = |piece: &Piece| matches!(piece.kind, Kind::Gap { .. }) && piece.place.is_fresh();
        let Some(index) = self.0.iter().position(untold) else { return (Some(self), None) };
        let mut gap = self.0.split_off(index);
        let requested = match gap.pop_front().map(|piece| piece.kind) {
            Some(Kind::Gap { requested }) => Some(requested),
            _ => None,
        };
        ((!self.0.is_empty()).then_some(self), requested)
    }
}
