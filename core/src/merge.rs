//! Several logs read as one, in order of sequences.
//!
//! ```text
//!   log of /time     12 13 14 .. .. 17         runs: [12 13 14] [15 16] [17]
//!   log of /users/7           15 16 17                                   once, though two patterns match it
//! ```
//!
//! What comes next is a *run*: the longest contiguous piece of the log that is first, up to where another log's next
//! frame comes before. Runs go no further than delivery has completed in every log, so that nothing can turn up that
//! should have come earlier.

use crate::log::Cursor;

/// A run that is not worth a call of its own.
const SHORT_RUN_BYTES: usize = 2 << 10;

/// Bytes of short runs that are copied together, or a short run more.
const GATHERED_BYTES: usize = 16 << 10;

/// Cursors in several logs, and the run that is being read.
pub(crate) struct Merge {
    cursors: Box<[Cursor]>,
    /// Whose run it is.
    current: usize,
    /// Bytes of the run that are left.
    run_bytes: usize,
    /// The sequence of the run's last frame. All frames through this one have been read, or are in the run.
    through: u64,
    /// The same of what was read before the run.
    before: u64,
    /// The run before this one was short.
    after_short: bool,
    /// Bytes and frames of runs that are over.
    bytes: u64,
    frames: u64,
    /// Where the run began in its log.
    run_start: Start,
}

#[derive(Clone, Copy)]
struct Start {
    position: u64,
    frames: u64,
}

impl Start {
    fn of(cursor: &Cursor) -> Self {
        Self { position: cursor.position(), frames: cursor.frames() }
    }
}

impl Merge {
    /// Reads on after `through` from these places.
    pub(crate) fn new(mut cursors: Box<[Cursor]>, through: u64) -> Self {
        // What is passed over is not behind the reader, and not before it.
        cursors.iter_mut().for_each(|cursor| _ = cursor.skip_through(through));
        let run_start = Start::of(&cursors[0]);
        let (before, after_short) = (through, false);
        Self { cursors, current: 0, run_bytes: 0, through, before, after_short, bytes: 0, frames: 0, run_start }
    }

    /// What is left of the run, or the next one. Every log has all its frames through `completed`.
    pub(crate) fn chunk(&mut self, completed: u64) -> &[u8] {
        if self.run_bytes == 0 {
            self.begin_run(completed);
        }
        if self.run_bytes == 0 {
            return &[];
        }
        &self.cursors[self.current].chunk()[..self.run_bytes]
    }

    fn begin_run(&mut self, completed: u64) {
        // Before any cursor is moved over what it need not read.
        (self.bytes, self.frames) = (self.bytes_read(), self.frames_read());
        self.before = self.through;
        self.after_short = false;
        let (mut first, mut second) = (None, completed.saturating_add(1));
        for (index, cursor) in self.cursors.iter_mut().enumerate() {
            let Some(next) = next_after(cursor, self.through) else { continue };
            match first {
                Some((_, earliest)) if next >= earliest => second = second.min(next),
                _ => {
                    second = first.map_or(second, |(_, earliest)| second.min(earliest));
                    first = Some((index, next));
                }
            }
        }
        if let Some((index, next)) = first
            && next <= completed
        {
            // A frame that two logs have is read from the first of them, and passed over in the other.
            let limit = if second == next { next } else { second - 1 };
            let cursor = &self.cursors[index];
            self.current = index;
            self.run_bytes = cursor.bytes_through(limit);
            self.through = cursor.sequence_within(self.run_bytes);
            self.after_short = self.run_bytes < SHORT_RUN_BYTES;
        }
        self.run_start = Start::of(&self.cursors[self.current]);
    }

    pub(crate) fn advance(&mut self, n: usize) {
        assert!(n <= self.run_bytes, "advanced past what chunk() gave");
        if n > 0 {
            self.cursors[self.current].advance(n);
            self.run_bytes -= n;
        }
    }

    /// Copies the next runs together, and passes over them, if they are short and the last one was.
    ///
    /// Two busy channels take turns frame by frame, and a call for each frame is what the logs are there to spare.
    pub(crate) fn gather(&mut self, completed: u64, into: &mut Vec<u8>) {
        while self.run_bytes == 0 && self.after_short {
            self.begin_run(completed);
            if self.run_bytes == 0 || self.run_bytes >= SHORT_RUN_BYTES {
                return;
            }
            into.extend_from_slice(&self.cursors[self.current].chunk()[..self.run_bytes]);
            self.advance(self.run_bytes);
            if into.len() >= GATHERED_BYTES {
                return;
            }
        }
    }

    /// The sequence of the last frame that is read, or has begun to be.
    pub(crate) fn last_begun(&self) -> u64 {
        // Other logs may have newer ones than the run's: as long as nothing of it is read, theirs count.
        if self.run_bytes == 0 { self.through } else { self.cursors[self.current].last_begun().max(self.before) }
    }

    pub(crate) fn rest_of_frame(&self) -> &[u8] {
        if self.run_bytes == 0 { &[] } else { self.cursors[self.current].rest_of_frame() }
    }

    pub(crate) fn at_frame_boundary(&self) -> bool {
        self.run_bytes == 0 || self.cursors[self.current].at_frame_boundary()
    }

    /// Bytes read.
    pub(crate) fn bytes_read(&self) -> u64 {
        self.bytes + self.cursors[self.current].position() - self.run_start.position
    }

    /// Frames wholly read.
    pub(crate) fn frames_read(&self) -> u64 {
        self.frames + self.cursors[self.current].frames() - self.run_start.frames
    }

    /// Bytes of the logs before the places of the cursors, summed up.
    pub(crate) fn positions(&self) -> u64 {
        self.cursors.iter().map(Cursor::position).sum()
    }

    /// The cursor that the chunk is of.
    #[cfg(feature = "stream")]
    pub(crate) fn current(&self) -> &Cursor {
        &self.cursors[self.current]
    }
}

/// The sequence of the first frame after `through`, to whose beginning the cursor goes.
fn next_after(cursor: &mut Cursor, through: u64) -> Option<u64> {
    let next = cursor.next_sequence()?;
    if next > through {
        return Some(next);
    }
    if cursor.skip_through(through) { cursor.next_sequence() } else { None }
}
