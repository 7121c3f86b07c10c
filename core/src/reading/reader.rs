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
//! A reader that replays holds no place in a log, only the sequence up to which it has everything. As soon as the
//! logs of all its channels have all that comes after, it goes on there. So the joint is a comparison of sequences,
//! whatever is published meanwhile. A reader that does not read holds one block of bytes at most, and none after
//! [`Reader::park`].

use smallvec::SmallVec;

use crate::events::frame::id_block;
use crate::events::gap::{Gap, GapReason};
use crate::history::slice::{Frames, Slice};
use crate::names::pattern_set::PatternSet;
use crate::reading::cursor::{Cursor, Gone};
use crate::reading::membership::Membership;
use crate::reading::merge::Merge;
use crate::reading::pieces::{Piece, Pieces};
use crate::reading::place::{Place, Tally};
use crate::reading::ready::{Chunk, Ready};
use crate::reading::source::Source;
use crate::reading::start::Start;

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

/// A cursor for each channel.
type Cursors = SmallVec<[Cursor; 1]>;

impl Reader {
    /// The reader that `members` are of, beginning where `last_event_id` says, and how it has begun.
    pub(crate) fn new(members: &Membership, last_event_id: Option<&str>) -> (Self, Start) {
        let mut new =
            Self { source: Source::Over, pieces: None, starts_after: 0, owed_through: 0, tally: Tally::default() };
        let (cursors, position) = present(members);
        for member in members.iter() {
            member.channel.log.note_complete_after(position);
        }
        let (start, after) = Start::after(last_event_id, &members.engine, position);
        new.starts_after = after;
        match start {
            Start::Live if members.engine.journal.is_none() => {}
            Start::Live => new.tell_place(members, after),
            Start::Exact => {
                new.tell_place(members, after);
                members.engine.resume_counts.count_exact();
            }
            Start::Gap(reason) => new.tell_gap(members, last_event_id.map(str::to_owned), reason, after),
        }
        match after >= position {
            true => new.go_live(members, cursors, after),
            false => new.source = Source::Journal { after, written: members.written() },
        }
        (new, start)
    }

    /// Whether [`Reader::prepare`] could make a difference.
    #[inline]
    pub(crate) fn should_prepare(&self) -> bool {
        self.pieces.is_none() && self.source.should_look()
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
                if let Some(place) = cursor.look(members.log(0), &mut self.tally)? {
                    push(&mut self.pieces, Piece::rest_of_block(place, self.starts_after));
                }
            }
            Source::Merge(merge) => {
                let next = merge.next(members.engine.completed(), |index| members.log(index))?;
                next.into_iter().for_each(|piece| push(&mut self.pieces, piece));
            }
            Source::Joining(_) | Source::Journal { .. } | Source::Over => {}
        }
        Ok(())
    }

    /// What comes next, as far as it is at hand.
    #[inline]
    pub(crate) fn ready(&self) -> Ready<'_> {
        let chunk = match &self.pieces {
            None => Chunk::new([self.source.chunk(), &[]], self.source.place()),
            Some(pieces) => {
                let second = pieces.second().unwrap_or_else(|| self.source.chunk());
                // What follows in this reader's stream need not follow in the log.
                let place = (pieces.second().is_none() && !pieces.is_notice()).then(|| pieces.place());
                Chunk::new([pieces.chunk(), second], place)
            }
        };
        match &self.source {
            _ if !chunk.pieces[0].is_empty() => Ready::Bytes(chunk),
            Source::Journal { .. } => Ready::Again,
            Source::Over => Ready::Ended,
            Source::Log(_) | Source::Joining(_) | Source::Merge(_) => Ready::Wait,
        }
    }

    #[inline]
    pub(crate) fn advance(&mut self, n: usize) {
        match &self.pieces {
            None => self.source.advance(n),
            Some(_) => self.advance_pieces(n),
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
        self.is_replaying() || self.source.position() < self.owed_through
    }

    pub(crate) fn starts_after(&self) -> u64 {
        self.starts_after
    }

    /// Lets go of the logs, and of everything else but notices and the rest of the frame that has begun. Without
    /// history there is nothing to come back to, and this does nothing.
    pub(crate) fn park(&mut self, members: &Membership) {
        if members.engine.journal.is_none() || matches!(self.source, Source::Over) {
            return;
        }
        let written = match self.source {
            Source::Journal { written, .. } => written,
            // Who is still catching up is not behind what is published meanwhile.
            _ if self.is_catching_up() => members.written(),
            _ => self.source.position().saturating_sub(self.pieces.as_ref().map_or(0, |pieces| pieces.of_logs())),
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

    /// Gives nothing more, but for the rest of what has been begun.
    pub(crate) fn end(&mut self) {
        self.leave_source();
        self.source = Source::Over;
    }

    /// Bytes that are published and not read yet, but for what the reader was owed when it came back.
    pub(crate) fn lag(&self, members: &Membership) -> u64 {
        // The sum may be older than what the cursors have seen.
        let behind = members.written().saturating_sub(self.source.position().max(self.owed_through));
        let pieces = self.pieces.as_ref().map_or(0, |pieces| pieces.unread());
        // Slices of the journal are owed, too.
        if self.is_replaying() { behind } else { behind + pieces }
    }

    pub(crate) fn at_frame_boundary(&self) -> bool {
        self.pieces.as_ref().map_or_else(|| self.source.at_frame_boundary(), |pieces| pieces.at_block_boundary())
    }

    /// What has been read in all.
    pub(crate) fn tally(&self) -> Tally {
        self.tally + self.pieces.as_ref().map_or_else(|| self.source.tally(), |pieces| pieces.tally())
    }

    /// The place in a block where the chunk is.
    #[cfg(feature = "stream")]
    pub(crate) fn place(&self) -> Option<&Place> {
        self.pieces.as_ref().map(|pieces| pieces.place()).or_else(|| self.source.place())
    }

    /// Goes on in the logs, with what comes after `after`.
    fn go_live(&mut self, members: &Membership, mut cursors: Cursors, after: u64) {
        self.starts_after = after;
        if cursors.len() > 1 {
            let merge = Merge::new(cursors.into_vec().into(), after, |index| members.log(index));
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
        if cursor.skip_through(self.starts_after, members.log(0))? {
            let joined = std::mem::replace(&mut self.source, Source::Over);
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
        let patterns = PatternSet::new(members.iter().map(|member| member.channel.pattern()));
        let through = match journal.read(after, &patterns) {
            Slice::Through { frames, through } => {
                if let Some(Frames { segment, range }) = frames {
                    push(&mut self.pieces, Piece::frames(Place::new(segment, range.start), range.end, after));
                }
                through
            }
            Slice::Evicted(oldest) => {
                let requested = members.engine.id(after).to_string();
                self.tell_gap(members, Some(requested), GapReason::Evicted, oldest);
                oldest
            }
        };
        self.source = Source::Journal { after: through, written: members.written() };
    }

    /// Drops everything but notices and the rest of the frame that has begun. Gives the sequence through which the
    /// reader has everything once it has read these. The source is to be replaced.
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
        push(&mut self.pieces, Piece::opening(&id_block(members.engine.id(after)), after));
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
        engine.resume_counts.count_gap(reason);
    }
}

fn push(pieces: &mut Option<Box<Pieces>>, piece: Piece) {
    match pieces {
        Some(pieces) => pieces.push(piece),
        None => *pieces = Some(Box::new(Pieces::new(piece))),
    }
}

/// Places from which everything after a position is to be found in the logs.
///
/// First the places, then the position: all that lies before a place is older than the position.
fn present(members: &Membership) -> (Cursors, u64) {
    let cursors = members.iter().map(|member| Cursor::new(member.channel.log.tail())).collect();
    (cursors, members.engine.sequencer.position())
}
