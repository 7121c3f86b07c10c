//! Where a reader's frames come from.

use crate::reading::cursor::Cursor;
use crate::reading::merge::Merge;
use crate::reading::place::{Place, Tally};

/// Where frames come from.
pub(crate) enum Source {
    /// The log of the one channel.
    Log(Cursor),
    /// The same, and it may still have frames after the cursor that are not for this reader.
    Joining(Cursor),
    /// The logs of several channels, whose frames are taken out as pieces.
    Merge(Box<Merge>),
    /// What comes after this sequence is looked for when it is asked for. What the channels had written in all up to
    /// the reader's place; or, as long as that is not known, when it last asked.
    Journal { after: u64, written: u64 },
    /// Nowhere any more.
    Over,
}

impl Source {
    /// Whether looking for more could make a difference.
    #[inline]
    pub(crate) fn should_look(&self) -> bool {
        match self {
            Self::Log(cursor) => cursor.should_look(),
            Self::Joining(_) | Self::Merge(_) | Self::Journal { .. } | Self::Over => true,
        }
    }

    /// Bytes at hand.
    #[inline]
    pub(crate) fn chunk(&self) -> &[u8] {
        self.live().map_or(&[], Cursor::chunk)
    }

    /// Passes over `n` bytes of the chunk.
    #[inline]
    pub(crate) fn advance(&mut self, n: usize) {
        match self {
            Self::Log(cursor) => cursor.advance(n),
            _ => assert!(n == 0, "advanced past what was ready"),
        }
    }

    /// Where the chunk begins.
    #[inline]
    pub(crate) fn place(&self) -> Option<&Place> {
        self.live().map(Cursor::place)
    }

    pub(crate) fn at_frame_boundary(&self) -> bool {
        self.live().is_none_or(Cursor::at_frame_boundary)
    }

    /// What was read in the block that it is in.
    pub(crate) fn tally(&self) -> Tally {
        self.live().map(Cursor::tally).unwrap_or_default()
    }

    /// Bytes of the channels' logs before the reader's place.
    pub(crate) fn position(&self) -> u64 {
        match self {
            Self::Log(cursor) | Self::Joining(cursor) => cursor.position(),
            Self::Merge(merge) => merge.positions(),
            Self::Journal { written, .. } => *written,
            Self::Over => u64::MAX,
        }
    }

    #[inline]
    fn live(&self) -> Option<&Cursor> {
        match self {
            Self::Log(cursor) => Some(cursor),
            Self::Joining(_) | Self::Merge(_) | Self::Journal { .. } | Self::Over => None,
        }
    }
}
