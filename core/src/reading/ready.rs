//! What a reader can do next.

use std::fmt;

use crate::reading::place::Place;

/// What there is to do for a reader.
#[derive(Clone, Copy, Debug)]
#[must_use]
#[non_exhaustive]
pub enum Ready<'a> {
    /// Bytes to write. Say with [`Subscription::advance`](crate::Subscription::advance) how many were written.
    Bytes(Chunk<'a>),
    /// Nothing in the part of the history that was looked at. Ask again soon, after others have had their turn:
    /// nobody wakes this reader for it.
    Again,
    /// Nothing yet. The reader's waker is woken when there is something.
    Wait,
    /// Nothing, and nothing will come: the hub is [closed](crate::Hub::close), or the reader was further behind than
    /// it may be ([`Lagging::End`]).
    Ended,
}

/// What becomes of a reader that is further behind than it may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lagging {
    /// It jumps to the present, and is told of the gap ([`Subscription::skip`](crate::Subscription::skip)).
    Skip,
    /// It is given nothing more. With history its client comes back with its last id, and is given what is still there.
    End,
}

/// Bytes that are ready to be written: whole frames, or the rest of one and whole frames. There may be more after them.
#[derive(Clone, Copy)]
pub struct Chunk<'a> {
    /// Bytes, and those that follow them in another block, if any: for writers who take several pieces in one call.
    /// The first is never empty.
    pub pieces: [&'a [u8]; 2],
    /// Where they begin, if others come there, too.
    place: Option<&'a Place>,
}

/// Where a [chunk](Chunk) begins. What readers get from one place is the same, byte for byte, as far as each of them
/// goes: so what a writer has made of it for one, such as a copy in some framing, serves all.
///
/// It holds one block of bytes: keep it no longer than for a round over the readers.
pub struct ChunkStart(Place);

impl<'a> Chunk<'a> {
    #[inline]
    pub(crate) fn new(pieces: [&'a [u8]; 2], place: Option<&'a Place>) -> Self {
        Self { pieces, place }
    }

    /// Where it begins. `None`: nobody else gets these bytes.
    #[inline]
    #[must_use]
    pub fn start(&self) -> Option<ChunkStart> {
        self.place.map(|place| ChunkStart(place.clone()))
    }

    /// Whether it begins there.
    #[inline]
    #[must_use]
    pub fn is_at(&self, start: &ChunkStart) -> bool {
        self.place.is_some_and(|place| *place == start.0)
    }
}

impl fmt::Debug for Chunk<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.pieces.map(<[u8]>::len);
        f.debug_struct("Chunk").field("bytes", &bytes).field("start", &self.start()).finish()
    }
}

impl fmt::Debug for ChunkStart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ChunkStart").field(&self.0.position()).finish()
    }
}
