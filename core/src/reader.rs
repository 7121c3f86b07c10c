//! A reader's way through its channels' logs and the history.
//!
//! ```text
//!   subscribe ──▶ joining ──first frame──▶ live         read from the logs, nothing is copied
//!                    ▲                      │
//!        the logs reach back far enough     │ park, skip, the way on is gone
//!                    │                      ▼
//!   resume ────▶ replaying ◀────────────────┘           a sequence; slices of the journal are read
//! ```
//!
//! A reader that replays holds no place in a log, only the sequence up to which it has everything. As soon as the logs of all
//! its channels have all that comes after, it goes on there. So the joint is a comparison of sequences, whatever is
//! published meanwhile. A reader that does not read holds one block of bytes at most, and none after [`Reader::park`].

use smallvec::SmallVec;

use crate::cursor::{Cursor, Gone};
use crate::gap::{Gap, GapReason, opening};
use crate::journal::Slice;
use crate::log::Log;
use crate::membership::Membership;
use crate::merge::Merge;
use crate::pieces::{Piece, Pieces};
use crate::place::Tally;
use crate::ready::{Chunk, Ready};
use crate::resume::{Resume, start};

/// Where a reader stands, and what it has read.
pub(crate) struct Reader {
    source: Source,
    /// Read before anything of the source.
    pieces: Option<Box<Pieces>>,
    /// Nothing up to this sequence is read from the logs.
    starts_after: u64,
    /// What the channels had written in all when the reader came back: up to there it is owed, and not behind.
    owed_through: u64,
    /// What was read before the piece or the block that it is in.
    tally: Tally,
}

/// Where frames come from.
enum Source {
    /// The log of the one channel.
    Log(Cursor),
    /// The same, and it may still have frames after the cursor that are not newer than `starts_after`.
    Joining(Cursor),
    /// The logs of several channels.
    Merge(Box<Merge>),
    /// What comes after this sequence is looked for when it is asked for. What the channels had written in all up to the
    /// reader's place; or, as long as that is not known, when it last asked.
    Journal { after: u64, written: u64 },
    /// Nowhere any more.
    Over,
}

impl Source {
    /// Bytes at hand.
    fn chunk(&self) -> &[u8] {
        match self {
            Self::Log(cursor) => cursor.chunk(),
            Self::Joining(_) | Self::Merge(_) | Self::Journal { .. } | Self::Over => &[],
        }
    }
}

/// A cursor for each channel.
type Cursors = SmallVec<[Cursor; 1]>;

impl Reader {
    /// The reader that `members` are of, beginning where `last_event_id` says, and how it has begun.
    pub(crate) fn new(members: &Membership, last_event_id: Option<&str>) -> (Self, Resume) {
        let source = Source::Journal { after: 0, written: 0 };
        let mut new = Self { source, pieces: None, starts_after: 0, owed_through: 0, tally: Tally::default() };
        let (cursors, position) = present(members);
        for member in members.iter() {
            member.channel.log.note_complete_after(position);
        }
        let (resume, after) = start(last_event_id, &members.engine, position);
        new.starts_after = after;
        match resume {
            Resume::Live if members.engine.journal.is_none() => {}
            Resume::Live => new.tell_place(members, after),
            Resume::Exact => {
                new.tell_place(members, after);
                members.engine.resumes.count_exact();
            }
            Resume::Gap(reason) => new.tell_gap(members, last_event_id.map(str::to_owned), reason, after),
        }
        match after >= position {
            true => new.go_live(members, cursors, after),
            false => new.source = Source::Journal { after, written: written(members) },
        }
        (new, resume)
    }

    /// Whether [`Reader::prepare`] could make a difference.
    #[inline]
    pub(crate) fn should_prepare(&self) -> bool {
        match (&self.pieces, &self.source) {
            (Some(_), _) => false,
            (None, Source::Log(cursor)) => cursor.should_look(),
            (None, _) => true,
        }
    }

    /// Looks for what comes next, if it is not at hand.
    #[inline(never)]
    pub(crate) fn prepare(&mut self, members: &Membership) {
        if self.is_replaying() && self.pieces.is_none() {
            self.replay(members);
        }
        if self.settle(members).and_then(|()| self.look(members)) == Err(Gone) {
            self.fall_back(members);
        }
    }

    /// Looks in the logs.
    fn look(&mut self, members: &Membership) -> Result<(), Gone> {
        match &mut self.source {
            _ if self.pieces.is_some() => {}
            Source::Log(cursor) => {
                if let Some(place) = cursor.look(log(members, 0), &mut self.tally)? {
                    push(&mut self.pieces, Piece::rest_of_block(place, self.starts_after));
                }
            }
            Source::Merge(merge) => {
                let next = merge.next(members.engine.completed(), |index| log(members, index))?;
                next.into_iter().for_each(|piece| push(&mut self.pieces, piece));
            }
            Source::Joining(_) | Source::Journal { .. } | Source::Over => {}
        }
        Ok(())
    }

    /// What comes next, as far as it is at hand.
    #[inline]
    pub(crate) fn ready(&self) -> Ready<'_> {
        let chunk = match (&self.pieces, &self.source) {
            (None, Source::Log(cursor)) => Chunk::new([cursor.chunk(), &[]], Some(cursor.place())),
            (Some(pieces), source) => {
                let second = pieces.second().unwrap_or_else(|| source.chunk());
                // What follows in this reader's stream need not follow in the log.
                let place = (pieces.second().is_none() && !pieces.is_notice()).then(|| pieces.place());
                Chunk::new([pieces.chunk(), second], place)
            }
            (None, Source::Journal { .. }) => return Ready::Again,
            (None, Source::Joining(_) | Source::Merge(_)) => return Ready::Wait,
            (None, Source::Over) => return Ready::Ended,
        };
        if chunk.pieces[0].is_empty() { Ready::Wait } else { Ready::Bytes(chunk) }
    }

    #[inline]
    pub(crate) fn advance(&mut self, n: usize) {
        match (&mut self.pieces, &mut self.source) {
            (None, Source::Log(cursor)) => cursor.advance(n),
            (None, _) => assert!(n == 0, "advanced past what was ready"),
            (Some(_), _) => self.advance_pieces(n),
        }
    }

    #[inline(never)]
    fn advance_pieces(&mut self, n: usize) {
        let Some(pieces) = &mut self.pieces else { return };
        let here = n.min(pieces.chunk().len());
        if pieces.advance(here, &mut self.tally) {
            self.pieces = None;
        }
        if n > here {
            self.advance(n - here);
        }
    }

    pub(crate) fn is_replaying(&self) -> bool {
        matches!(self.source, Source::Journal { .. })
    }

    pub(crate) fn is_catching_up(&self) -> bool {
        self.is_replaying() || self.position() < self.owed_through
    }

    pub(crate) fn starts_after(&self) -> u64 {
        self.starts_after
    }

    /// Lets go of the logs, and of everything else but notices and the rest of the frame that has begun. Without history there is nothing
    /// to come back to, and this does nothing.
    pub(crate) fn park(&mut self, members: &Membership) {
        if members.engine.journal.is_none() || matches!(self.source, Source::Over) {
            return;
        }
        let written = match self.source {
            Source::Journal { written, .. } => written,
            // Who is still catching up is not behind what is published meanwhile.
            _ if self.is_catching_up() => written(members),
            _ => self.position(),
        };
        let after = self.leave_source();
        self.source = Source::Journal { after, written };
    }

    /// Jumps to the present, and tells the gap.
    pub(crate) fn skip(&mut self, members: &Membership) {
        if matches!(self.source, Source::Over) {
            return;
        }
        let after = self.leave_source();
        // A gap that has not been told yet is part of this one.
        let (pieces, earlier) = self.pieces.take().map_or((None, None), |pieces| pieces.take_gap());
        self.pieces = pieces.map(Box::new);
        let engine = &members.engine;
        let requested = earlier.unwrap_or_else(|| engine.journal.is_some().then(|| engine.id(after).to_string()));
        let (cursors, position) = present(members);
        self.tell_gap(members, requested, GapReason::Lagged, position);
        self.go_live(members, cursors, position);
    }

    /// Gives nothing more.
    pub(crate) fn end(&mut self) {
        self.tally = self.tally();
        (self.source, self.pieces) = (Source::Over, None);
    }

    /// Bytes that are published and not read yet, but for what the reader was owed when it came back.
    pub(crate) fn lag(&self, members: &Membership) -> u64 {
        // The sum may be older than what the cursors have seen.
        let behind = written(members).saturating_sub(self.position().max(self.owed_through));
        let pieces = self.pieces.as_ref().map_or(0, |pieces| pieces.unread());
        // Slices of the journal are owed, too.
        if self.is_replaying() { behind } else { behind + pieces }
    }

    pub(crate) fn at_frame_boundary(&self) -> bool {
        match (&self.pieces, &self.source) {
            (Some(pieces), _) => pieces.at_block_boundary(),
            (None, Source::Log(cursor)) => cursor.at_frame_boundary(),
            (None, _) => true,
        }
    }

    /// What has been read in all.
    pub(crate) fn tally(&self) -> Tally {
        let here = match (&self.pieces, &self.source) {
            (Some(pieces), _) => pieces.tally(),
            (None, Source::Log(cursor)) => cursor.tally(),
            (None, _) => Tally::default(),
        };
        self.tally + here
    }

    /// The place in a block where the chunk is.
    #[cfg(feature = "stream")]
    pub(crate) fn place(&self) -> Option<&crate::place::Place> {
        match (&self.pieces, &self.source) {
            (Some(pieces), _) => Some(pieces.place()),
            (None, Source::Log(cursor)) => Some(cursor.place()),
            (None, _) => None,
        }
    }

    /// Bytes of the channels' logs before the reader's place.
    fn position(&self) -> u64 {
        match &self.source {
            Source::Log(cursor) | Source::Joining(cursor) => cursor.position(),
            Source::Merge(merge) => merge.positions(),
            Source::Journal { written, .. } => *written,
            Source::Over => u64::MAX,
        }
    }

    /// Goes on in the logs, with what comes after `after`.
    fn go_live(&mut self, members: &Membership, mut cursors: Cursors, after: u64) {
        self.starts_after = after;
        if cursors.len() > 1 {
            let merge = Merge::new(cursors.into_vec().into(), after, |index| log(members, index));
            self.source = Source::Merge(Box::new(merge));
        } else if let Some(cursor) = cursors.pop() {
            self.source = Source::Joining(cursor);
            // If the way on is gone already, the next look tells.
            self.settle(members).ok();
        }
    }

    /// Passes over frames that are not newer than `starts_after`, until the first that is.
    #[cold]
    fn settle(&mut self, members: &Membership) -> Result<(), Gone> {
        let Source::Joining(cursor) = &mut self.source else { return Ok(()) };
        if cursor.skip_through(self.starts_after, log(members, 0))? {
            let joined = std::mem::replace(&mut self.source, Source::Journal { after: 0, written: 0 });
            if let Source::Joining(cursor) = joined {
                self.source = Source::Log(cursor);
            }
        }
        Ok(())
    }

    /// The way on in the logs is gone: what they no longer have is in the journal, or told as a gap.
    #[cold]
    fn fall_back(&mut self, members: &Membership) {
        match members.engine.journal {
            Some(_) => self.park(members),
            None => self.skip(members),
        }
    }

    /// Goes on in the logs if they reach back far enough, or else takes a slice of the journal.
    #[cold]
    fn replay(&mut self, members: &Membership) {
        let Source::Journal { after, written: seen } = self.source else { return };
        let cursors = members.iter().map(|member| member.channel.log.block_after(after).map(Cursor::new));
        if let Some(cursors) = cursors.collect() {
            self.owed_through = seen;
            return self.go_live(members, cursors, after);
        }
        let Some(journal) = &members.engine.journal else { return };
        let covers = |path: &str| members.iter().any(|member| member.channel.pattern().covers_path(path));
        let through = match journal.read(after, members.len(), covers) {
            Slice::Through { frames, through } => {
                frames.into_iter().for_each(|piece| push(&mut self.pieces, piece));
                through
            }
            Slice::Evicted(oldest) => {
                let requested = members.engine.id(after).to_string();
                self.tell_gap(members, Some(requested), GapReason::Evicted, oldest);
                oldest
            }
        };
        self.source = Source::Journal { after: through, written: written(members) };
    }

    /// Drops everything but notices and the rest of the frame that has begun. Gives the sequence through which the reader has everything
    /// once it has read these. The source is to be replaced.
    fn leave_source(&mut self) -> u64 {
        if let Some(pieces) = self.pieces.take() {
            // They come before all that the source still has.
            let (left, after) = pieces.without_frames(&mut self.tally);
            self.pieces = left.map(Box::new);
            return after;
        }
        match &self.source {
            Source::Log(cursor) => {
                self.tally += cursor.tally();
                self.pieces = Piece::rest(cursor.place()).map(|rest| Box::new(Pieces::new(rest)));
                // Frames before the first that is for this reader are not newer than `starts_after`.
                cursor.place().last_begun().max(self.starts_after)
            }
            Source::Joining(_) => self.starts_after,
            Source::Merge(merge) => merge.through(),
            Source::Journal { after, .. } => *after,
            Source::Over => 0,
        }
    }

    /// The stream begins after `after`: told by the id, which its client has from then on.
    fn tell_place(&mut self, members: &Membership, after: u64) {
        push(&mut self.pieces, Piece::opening(&opening(members.engine.id(after)), after));
    }

    fn tell_gap(&mut self, members: &Membership, requested: Option<String>, reason: GapReason, after: u64) {
        let engine = &members.engine;
        let journal = engine.journal.as_ref();
        let oldest = journal.map(|journal| journal.after() + 1).filter(|oldest| *oldest <= engine.completed());
        let gap = Gap {
            id: journal.map(|_| engine.id(after)),
            requested: requested.as_deref(),
            oldest: oldest.map(|oldest| engine.id(oldest)),
            reason,
        };
        let frame = gap.encode();
        push(&mut self.pieces, Piece::gap(requested, &frame, after));
        engine.resumes.count_gap(reason);
    }
}

fn push(pieces: &mut Option<Box<Pieces>>, piece: Piece) {
    match pieces {
        Some(pieces) => pieces.push(piece),
        None => *pieces = Some(Box::new(Pieces::new(piece))),
    }
}

/// The log of one of the reader's channels.
fn log(members: &Membership, index: usize) -> &Log {
    &members[index].channel.log
}

/// Bytes that the channels have written in all.
fn written(members: &Membership) -> u64 {
    members.iter().map(|member| member.channel.log.written()).sum()
}

/// Places from which everything after a position is to be found in the logs.
///
/// First the places, then the position: all that lies before a place is older than the position.
fn present(members: &Membership) -> (Cursors, u64) {
    let cursors = members.iter().map(|member| Cursor::new(member.channel.log.tail())).collect();
    (cursors, members.engine.sequencer.position())
}
