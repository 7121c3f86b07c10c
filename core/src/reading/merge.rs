//! Several logs read as one, in order of sequences.
//!
//! ```text
//!   log of /time     12 13 14 .. .. 17         runs: [12 13 14] [15 16] [17]
//!   log of /users/7           15 16 17                                   once, though two patterns match it
//! ```
//!
//! What comes next is a *run*: the longest contiguous piece of the log that is first, up to where another log's next
//! frame comes before. A heap knows which log is first, so a run costs what it takes to find its two neighbours,
//! however many logs there are. Runs go no further than delivery has completed in every log, so that nothing can turn
//! up that should have come earlier.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

use smallvec::SmallVec;

use crate::channels::log::Log;
use crate::channels::segment::Segment;
use crate::reading::cursor::{Cursor, Gone};
use crate::reading::pieces::Piece;
use crate::reading::place::Place;

/// A run that is not worth a call of its own.
const SHORT_RUN_BYTES: usize = 2 << 10;

/// Bytes given at a time, or a run more: a turn of an event loop.
const TURN_BYTES: usize = 64 << 10;

/// Cursors in several logs.
pub(crate) struct Merge {
    cursors: Box<[Cursor]>,
    /// Cursors that have a frame to come, by its sequence.
    ready: BinaryHeap<Reverse<(u64, usize)>>,
    /// The others: they have none through `looked_through`.
    idle: SmallVec<[usize; 4]>,
    looked_through: u64,
    /// All frames through this one have been given.
    through: u64,
    /// The last run was short.
    after_short: bool,
    /// What follows in one of the logs is no longer there.
    is_gone: bool,
}

/// What comes next: two pieces, or three.
pub(crate) type NextPieces = SmallVec<[Piece; 3]>;

/// Frames of one log that come next.
struct Run {
    start: Place,
    end: usize,
}

impl Merge {
    /// Reads on after `through` from these places.
    pub(crate) fn new<'a>(mut cursors: Box<[Cursor]>, through: u64, log: impl Fn(usize) -> &'a Log) -> Self {
        // What is passed over is not behind the reader.
        let skipped = cursors.iter_mut().enumerate().map(|(index, cursor)| cursor.skip_through(through, log(index)));
        let is_gone = skipped.fold(false, |is_gone, skipped| is_gone | skipped.is_err());
        let idle = (0..cursors.len()).collect();
        Self { cursors, ready: BinaryHeap::new(), idle, looked_through: 0, through, after_short: false, is_gone }
    }

    /// The next frames, if there are any yet: runs as they are in their logs, and short runs copied together. Every
    /// log has all its frames through `completed`; `log` gives the log of each cursor.
    ///
    /// Two busy channels take turns frame by frame, and a call for each frame is what the logs are there to spare.
    pub(crate) fn next<'a>(&mut self, completed: u64, log: impl Fn(usize) -> &'a Log) -> Result<NextPieces, Gone> {
        let (mut pieces, mut short) = (NextPieces::new(), SmallVec::<[Run; 8]>::new());
        let (mut bytes, mut after) = (0, self.through);
        while pieces.len() < 2 && bytes < TURN_BYTES {
            let before = self.through;
            let run = match self.next_run(completed, &log) {
                Ok(Some(run)) => run,
                Ok(None) => {
                    self.after_short = false;
                    break;
                }
                // What is taken is given; it is said again next time.
                Err(Gone) if bytes > 0 => break,
                Err(Gone) => return Err(Gone),
            };
            bytes += run.bytes();
            let is_short = run.bytes() < SHORT_RUN_BYTES;
            let gathers = std::mem::replace(&mut self.after_short, is_short);
            if gathers && is_short && self.through - after <= Segment::MOST_DISTANCE {
                short.push(run);
            } else {
                pieces.extend(gathered(&short, after));
                short.clear();
                pieces.push(Piece::frames(run.start, run.end, before));
                after = self.through;
            }
        }
        pieces.extend(gathered(&short, after));
        Ok(pieces)
    }

    /// The next run. What follows it may be [`Gone`]: this is said when it is asked for.
    fn next_run<'a>(&mut self, completed: u64, log: &impl Fn(usize) -> &'a Log) -> Result<Option<Run>, Gone> {
        if self.peek().is_none_or(|next| next > self.looked_through) && completed > self.looked_through {
            std::mem::take(&mut self.idle).into_iter().for_each(|index| self.sort_in(index, log));
            self.looked_through = completed;
        } else if self.ready.is_empty() && self.idle.iter().any(|index| self.cursors[*index].has_read_a_sealed_block())
        {
            // Nothing new, but a block that is not to be held for a channel that is quiet.
            std::mem::take(&mut self.idle).into_iter().for_each(|index| self.sort_in(index, log));
        }
        if self.is_gone {
            return Err(Gone);
        }
        let Some((next, index)) = self.pop_through(self.looked_through) else { return Ok(None) };
        // A frame that two logs have is read from the first of them, and passed over in the other.
        let limit = self.peek().map_or(self.looked_through, |second| (second - 1).clamp(next, self.looked_through));
        let (start, end) = self.cursors[index].take_through(limit);
        self.through = self.cursors[index].place().last_begun();
        self.sort_in(index, log);
        while let Some((_, index)) = self.pop_through(self.through) {
            self.sort_in(index, log);
        }
        Ok(Some(Run { start, end }))
    }

    /// Takes the first of the cursors from the heap, if its next frame is not after `sequence`.
    fn pop_through(&mut self, sequence: u64) -> Option<(u64, usize)> {
        self.peek().filter(|next| *next <= sequence)?;
        self.ready.pop().map(|Reverse(first)| first)
    }

    /// The sequence of the next frame of all.
    fn peek(&self) -> Option<u64> {
        self.ready.peek().map(|Reverse((next, _))| *next)
    }

    /// Puts a cursor where its next frame that has not been given belongs.
    fn sort_in<'a>(&mut self, index: usize, log: &impl Fn(usize) -> &'a Log) {
        match next_after(&mut self.cursors[index], self.through, log(index)) {
            Ok(Some(next)) => self.ready.push(Reverse((next, index))),
            Ok(None) => self.idle.push(index),
            Err(Gone) => self.is_gone = true,
        }
    }

    /// All frames through this one have been given.
    pub(crate) fn through(&self) -> u64 {
        self.through
    }

    /// Bytes of the logs before the places of the cursors, summed up.
    pub(crate) fn positions(&self) -> u64 {
        self.cursors.iter().map(Cursor::position).sum()
    }
}

impl Run {
    fn bytes(&self) -> usize {
        self.end - self.start.at()
    }
}

/// The sequence of the first frame after `through`, to whose beginning the cursor goes.
fn next_after(cursor: &mut Cursor, through: u64, log: &Log) -> Result<Option<u64>, Gone> {
    match cursor.next_sequence(log)? {
        Some(next) if next <= through => {
            cursor.skip_through(through, log)?;
            cursor.next_sequence(log)
        }
        next => Ok(next),
    }
}

/// The runs in a block of their own.
fn gathered(runs: &[Run], after: u64) -> Option<Piece> {
    let mut frames = SmallVec::<[(&[u8], u64); 64]>::new();
    for run in runs {
        let view = run.start.block().view();
        let indices = view.frames_until(run.start.at())..view.frames_until(run.end);
        frames.extend(indices.map(|index| (view.frame(index), view.sequence(index))));
    }
    let block = (!frames.is_empty()).then(|| Arc::new(Segment::of_frames(&frames, after)))?;
    let end = block.view().bytes();
    Some(Piece::frames(Place::new(block, 0), end, after))
}
