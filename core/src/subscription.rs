//! A reader of one channel or several.
//!
//! ```text
//!   subscribe ──▶ joining ──first frame──▶ live         read from the logs, nothing is copied
//!                    ▲                      │
//!        the logs reach back far enough     │ park, skip
//!                    │                      ▼
//!   resume ────▶ replaying ◀────────────────┘           a sequence; slices of the journal are read ahead
//! ```
//!
//! Whoever replays holds no place in a log, only the sequence up to which it has everything. As soon as the logs of all
//! its channels have all that comes after, it goes on there. So the joint is a comparison of sequences, whatever is
//! published meanwhile, and a reader that does not read holds nothing but the rest of a frame.

use std::fmt;
use std::task::Waker;

use smallvec::SmallVec;

use crate::ahead::Ahead;
use crate::gap::{Gap, GapReason, opening};
use crate::journal::Slice;
use crate::log::Cursor;
use crate::membership::Membership;
use crate::merge::Merge;
use crate::resume::{Resume, start};

/// A reader's share of its channels: a cursor in the log of each. Dropping it unsubscribes.
///
/// ```
/// # use sse_core::{Event, Filter, Hub, HubConfig};
/// # use std::task::Waker;
/// let hub = Hub::new(HubConfig::default());
/// let mut subscription = hub.subscribe(Filter::parse("/pets")?, Waker::noop().clone())?;
/// hub.publish(&Event::new("/pets/dogs", "Corgi").named("new-dog"))?;
///
/// assert_eq!(subscription.chunk(), b"event:new-dog\ndata:Corgi\n\n");
/// subscription.advance(8); // as many bytes as the socket took
/// assert_eq!(subscription.chunk(), b"w-dog\ndata:Corgi\n\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Subscription {
    feed: Feed,
    /// Read before anything of the feed.
    ahead: Option<Box<Ahead>>,
    /// Nothing up to this sequence is read from the logs.
    starts_after: u64,
    /// What the channels had written in all when the reader came back: up to there it is owed, and not behind.
    owed_through: u64,
    /// What was read before the feed, less what the feed counts as read already. They wrap.
    bytes_before: u64,
    events_before: u64,
    members: Membership,
    resume: Resume,
}

/// What a subscription has ready to be written.
#[derive(Clone, Copy)]
pub struct Ready<'a> {
    /// As [`Subscription::chunks`] gives them.
    pub pieces: [&'a [u8]; 2],
    /// The place in a log where they begin.
    cursor: Option<&'a Cursor>,
}

impl Ready<'_> {
    /// Where in its channel's log it begins. `None` for what comes from elsewhere: a notice, the history, several logs.
    #[inline]
    #[must_use]
    pub fn start(&self) -> Option<ChunkStart> {
        self.cursor.map(|cursor| ChunkStart(cursor.clone()))
    }

    /// Whether it begins there.
    #[inline]
    #[must_use]
    pub fn is_at(&self, start: &ChunkStart) -> bool {
        self.cursor.is_some_and(|cursor| *cursor == start.0)
    }
}

/// Where in its channel's log something [ready](Ready) begins. What readers get from one place is the same, byte for byte,
/// as far as each of them goes: so what a writer has made of it for one, such as a copy in some framing, serves all.
///
/// It holds the log from there on, as a reader does: keep it no longer than for a round over the readers.
pub struct ChunkStart(Cursor);

/// Where frames come from.
enum Feed {
    /// The log of the one channel.
    One(Cursor),
    /// The same, and it may still have frames after the cursor that are not newer than `starts_after`.
    Joining(Cursor),
    /// The logs of several channels.
    Many(Box<Merge>),
    /// What comes after this sequence is looked for when it is asked for. What the channels had written in all up to the
    /// reader's place; or, as long as that is not known, when it last asked.
    Replay { after: u64, written: u64 },
}

/// Bytes of a frame that a reader without a place keeps at most. Those who are blocked within a larger one share the log's.
const MOST_PARKED_BYTES: usize = 64 << 10;

/// A cursor for each channel.
type Cursors = SmallVec<[Cursor; 1]>;

impl Subscription {
    /// The reader that `members` are of, beginning where `last_event_id` says.
    pub(crate) fn new(members: Membership, last_event_id: Option<&str>) -> Self {
        let mut new = Self {
            feed: Feed::Replay { after: 0, written: 0 },
            ahead: None,
            starts_after: 0,
            owed_through: 0,
            bytes_before: 0,
            events_before: 0,
            members,
            resume: Resume::Live,
        };
        let (cursors, position) = new.present();
        for member in new.members.iter() {
            member.channel.log.is_complete_after(position);
        }
        (new.resume, new.starts_after) = start(last_event_id, &new.members.engine, position);
        let after = new.starts_after;
        match new.resume {
            Resume::Live if !new.has_opening() => {}
            Resume::Live => new.tell_place(after),
            Resume::Exact => {
                new.tell_place(after);
                new.members.engine.resumes.count_exact();
            }
            Resume::Gap(reason) => new.tell_gap(last_event_id.map(str::to_owned), reason, after),
        }
        if after >= position {
            new.go_live(cursors, after);
        } else {
            new.set_feed(Feed::Replay { after, written: new.written() });
        }
        new
    }

    /// The contiguous bytes that are ready to write: whole frames, or the rest of one and whole frames. There may be more
    /// after what it gives.
    ///
    /// Empty when the reader has caught up; it is woken when there is more. While it
    /// [is replaying](Self::is_replaying), empty only means that a slice of the history had nothing for it.
    #[inline]
    pub fn chunk(&mut self) -> &[u8] {
        self.chunks()[0]
    }

    /// The [`chunk`](Self::chunk), and bytes that follow it in another place, if any: for writers who take several pieces
    /// in one call.
    #[inline]
    pub fn chunks(&mut self) -> [&[u8]; 2] {
        self.ready().pieces
    }

    /// The [`chunks`](Self::chunks), and where they begin: for writers who make something of them that serves others, too.
    #[inline]
    pub fn ready(&mut self) -> Ready<'_> {
        if !matches!(self.feed, Feed::One(_)) && self.ahead.is_none() {
            self.prepare();
        }
        let pieces: [&[u8]; 2] = match (&self.ahead, &mut self.feed) {
            (None, Feed::One(cursor)) => {
                let (pieces, cursor) = cursor.chunks_here();
                return Ready { pieces, cursor: Some(cursor) };
            }
            (None, Feed::Many(merge)) => [merge.chunk(self.members.engine.completed()), &[]],
            (Some(ahead), _) => [ahead.unread(), &[]],
            (None, Feed::Joining(_) | Feed::Replay { .. }) => [&[], &[]],
        };
        Ready { pieces, cursor: None }
    }

    fn prepare(&mut self) {
        match self.feed {
            Feed::Replay { .. } => self.replay(),
            Feed::Joining(_) => self.settle(),
            Feed::Many(_) => self.gather(),
            Feed::One(_) => {}
        }
    }

    /// Says that the first `n` bytes of the [`chunk`](Self::chunk), or of the [`chunks`](Self::chunks), are written, or
    /// won't be.
    ///
    /// # Panics
    /// If there are not so many.
    #[inline]
    pub fn advance(&mut self, n: usize) {
        match (&mut self.ahead, &mut self.feed) {
            (None, Feed::One(cursor) | Feed::Joining(cursor)) => cursor.advance(n),
            (None, Feed::Many(merge)) => merge.advance(n),
            (None, Feed::Replay { .. }) => assert!(n == 0, "advanced past what chunk() gave"),
            (Some(ahead), _) => {
                if ahead.advance(n) {
                    self.close_ahead();
                }
            }
        }
    }

    /// Whether what comes next is in the history, and no longer or not yet to be had from the channels' logs. Then an empty
    /// [`chunk`](Self::chunk) means: ask again soon, without waiting to be woken.
    #[must_use]
    pub fn is_replaying(&self) -> bool {
        matches!(self.feed, Feed::Replay { .. })
    }

    /// Whether the hub is [closed](crate::Hub::close), and everything that was published is read: nothing more will come.
    /// Ask when the [`chunk`](Self::chunk) is empty; the reader is woken when it becomes so.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        // Asked in this order: what is delivered by the end is behind the reader, or counts as its lag.
        self.members.engine.has_ended() && !self.is_catching_up() && self.lag() == 0
    }

    /// Whether the reader is still owed what it had missed when it came back.
    #[must_use]
    pub fn is_catching_up(&self) -> bool {
        self.is_replaying() || self.position() < self.owed_through
    }

    /// Whether the first [`chunk`](Self::chunk) is, or was, a block of its own that says where the stream begins: it is so
    /// with history. The block is the id of that place, or a gap with that id; a line that is written before it, such as
    /// `retry:`, becomes part of it.
    #[must_use]
    pub fn has_opening(&self) -> bool {
        self.members.engine.journal.is_some()
    }

    /// How it has begun.
    #[must_use]
    pub fn resume(&self) -> Resume {
        self.resume
    }

    /// Lets go of the logs, so that a reader who can't read now holds nothing of what is published meanwhile. It goes on
    /// where it was when it is asked for a [`chunk`](Self::chunk) again: from the logs or the history, or with a gap that
    /// is told. Without history this does nothing, nor in the midst of a large frame, of which each reader would have to
    /// keep a copy.
    #[cold]
    pub fn park(&mut self) {
        if self.members.engine.journal.is_none() || self.rest_of_frame().len() > MOST_PARKED_BYTES {
            return;
        }
        let written = match self.feed {
            Feed::Replay { written, .. } => written,
            // Who is still catching up is not behind what is published meanwhile.
            _ if self.is_catching_up() => self.written(),
            _ => self.position(),
        };
        let after = self.leave_feed();
        self.set_feed(Feed::Replay { after, written });
    }

    /// Jumps to the present. The reader gets the rest of the frame that has begun, one frame `event:gap`, and then what is
    /// published from now on.
    #[cold]
    pub fn skip(&mut self) {
        let after = self.leave_feed();
        // A gap that has not been told yet is part of this one.
        let earlier = self.ahead.as_mut().and_then(|ahead| ahead.take_gap());
        let requested = earlier.unwrap_or_else(|| {
            self.members.engine.journal.is_some().then(|| self.members.engine.id(after).to_string())
        });
        let (cursors, position) = self.present();
        self.tell_gap(requested, GapReason::Lagged, position);
        self.go_live(cursors, position);
    }

    /// Bytes that are published and not yet advanced over. What the reader had missed when it came back doesn't count:
    /// that is owed to it, and may take its time.
    #[must_use]
    pub fn lag(&self) -> u64 {
        let ahead = self.ahead.as_ref().map_or(0, |ahead| ahead.unread().len() as u64);
        // Slices of the journal are owed too.
        if self.is_replaying() { self.feed_lag() } else { ahead + self.feed_lag() }
    }

    /// Whether the next byte of [`chunk`](Self::chunk) begins a frame, so that something else, such as a comment, may be
    /// written before it.
    #[must_use]
    pub fn at_frame_boundary(&self) -> bool {
        match (&self.ahead, &self.feed) {
            (Some(ahead), _) => ahead.at_block_boundary(),
            (None, Feed::One(cursor) | Feed::Joining(cursor)) => cursor.at_frame_boundary(),
            (None, Feed::Many(merge)) => merge.at_frame_boundary(),
            (None, Feed::Replay { .. }) => true,
        }
    }

    /// The sequence after which this subscription reads from its channels' logs: every one of its events after it. What
    /// was before is none of its events, or was replayed, or told as a gap.
    #[must_use]
    pub fn starts_after(&self) -> u64 {
        self.starts_after
    }

    /// Frames wholly advanced over. A gap's counts.
    #[must_use]
    pub fn events_read(&self) -> u64 {
        let ahead = self.ahead.as_ref().map_or(0, |ahead| ahead.events_read());
        self.events_before.wrapping_add(self.feed.events()).wrapping_add(ahead)
    }

    /// Bytes advanced over.
    #[must_use]
    pub fn bytes_read(&self) -> u64 {
        let ahead = self.ahead.as_ref().map_or(0, |ahead| ahead.bytes_read());
        self.bytes_before.wrapping_add(self.feed.bytes()).wrapping_add(ahead)
    }

    /// Wakes another waker from now on. Read once after this.
    pub fn set_waker(&mut self, waker: &Waker) {
        self.members.set_waker(waker);
    }

    /// The cursor that the chunk is of, if it is of a log.
    #[cfg(feature = "stream")]
    pub(crate) fn cursor(&self) -> Option<&Cursor> {
        match (&self.ahead, &self.feed) {
            (None, Feed::One(cursor)) => Some(cursor),
            (None, Feed::Many(merge)) => Some(merge.current()),
            _ => None,
        }
    }

    /// Places from which everything after a position is to be found in the logs.
    ///
    /// First the places, then the position: all that lies before a place is older than the position.
    fn present(&self) -> (Cursors, u64) {
        let cursors = self.members.iter().map(|member| member.channel.log.cursor()).collect();
        (cursors, self.members.engine.sequencer.position())
    }

    /// Goes on in the logs, with what comes after `after`.
    fn go_live(&mut self, mut cursors: Cursors, after: u64) {
        self.starts_after = after;
        if cursors.len() == 1 {
            let cursor = cursors.pop().expect("there is one");
            self.set_feed(Feed::Joining(cursor));
            self.settle();
        } else {
            self.set_feed(Feed::Many(Box::new(Merge::new(cursors.into_vec().into(), after))));
        }
    }

    /// Passes over frames that are not newer than `starts_after`, until the first that is.
    #[cold]
    fn settle(&mut self) {
        let Feed::Joining(cursor) = &mut self.feed else { return };
        let (bytes, events) = (cursor.position(), cursor.frames());
        let joined = cursor.skip_through(self.starts_after);
        // What was passed over was not read.
        self.bytes_before = self.bytes_before.wrapping_add(bytes).wrapping_sub(cursor.position());
        self.events_before = self.events_before.wrapping_add(events).wrapping_sub(cursor.frames());
        if joined {
            let feed = std::mem::replace(&mut self.feed, Feed::Replay { after: 0, written: 0 });
            if let Feed::Joining(cursor) = feed {
                self.feed = Feed::One(cursor);
            }
        }
    }

    /// Copies short runs of several logs together.
    fn gather(&mut self) {
        let Feed::Many(merge) = &mut self.feed else { return };
        let (after, events) = (merge.last_begun(), merge.frames_read());
        let mut frames = Vec::new();
        merge.gather(self.members.engine.completed(), &mut frames);
        if !frames.is_empty() {
            // The merge counts as read what is only ahead now.
            self.bytes_before = self.bytes_before.wrapping_sub(frames.len() as u64);
            self.events_before = self.events_before.wrapping_sub(merge.frames_read() - events);
            self.ahead = Some(Box::new(Ahead::of_frames(frames, after)));
        }
    }

    /// Goes on in the logs if they reach back far enough, or else reads a slice of the journal ahead.
    #[cold]
    fn replay(&mut self) {
        let Feed::Replay { after, written } = self.feed else { return };
        let cursors = self.members.iter().map(|member| member.channel.log.cursor_after(after));
        if let Some(cursors) = cursors.collect() {
            self.owed_through = written;
            return self.go_live(cursors, after);
        }
        let Some(journal) = &self.members.engine.journal else { return };
        let covers = |path: &str| self.members.iter().any(|member| member.channel.pattern().covers_path(path));
        let mut frames = Vec::new();
        let through = match journal.read(after, self.members.len(), covers, &mut frames) {
            Slice::Through(through) => through,
            Slice::Evicted(oldest) => {
                let requested = self.members.engine.id(after).to_string();
                self.tell_gap(Some(requested), GapReason::Evicted, oldest);
                oldest
            }
        };
        if !frames.is_empty() {
            self.ahead = Some(Box::new(Ahead::of_frames(frames, after)));
        }
        self.set_feed(Feed::Replay { after: through, written: self.written() });
    }

    /// Lets go of the logs, and of what was read ahead but for notices and the frame that has begun. Gives the sequence
    /// through which the reader has everything once it has read what is left ahead.
    fn leave_feed(&mut self) -> u64 {
        if let Some(ahead) = &mut self.ahead {
            // It comes before all that the feed still has, so its place is the reader's.
            let after = ahead.drop_frames();
            // What is read of it is not kept.
            let rest = ahead.rest_alone().map(|rest| Box::new(Ahead::new(rest, after)));
            if rest.is_some() || ahead.unread().is_empty() {
                self.close_ahead();
                self.ahead = rest;
            }
            return after;
        }
        let after = match &self.feed {
            // Frames before the first that is for this reader are not newer than `starts_after`.
            Feed::One(cursor) | Feed::Joining(cursor) => cursor.last_begun().max(self.starts_after),
            Feed::Many(merge) => merge.last_begun(),
            Feed::Replay { after, .. } => *after,
        };
        let rest = self.rest_of_frame();
        if !rest.is_empty() {
            self.ahead = Some(Box::new(Ahead::new(rest, after)));
        }
        after
    }

    /// All that was ahead is read.
    fn close_ahead(&mut self) {
        if let Some(ahead) = self.ahead.take() {
            self.bytes_before = self.bytes_before.wrapping_add(ahead.bytes_read());
            self.events_before = self.events_before.wrapping_add(ahead.events_read());
        }
    }

    /// The stream begins after `after`: told by the id, which its client has from then on.
    fn tell_place(&mut self, after: u64) {
        let opening = opening(self.members.engine.id(after));
        self.ahead.insert(Box::new(Ahead::new(&[], after))).push_opening(&opening, after);
    }

    fn tell_gap(&mut self, requested: Option<String>, reason: GapReason, after: u64) {
        let journal = self.members.engine.journal.as_ref();
        let oldest =
            journal.map(|journal| journal.after() + 1).filter(|oldest| *oldest <= self.members.engine.completed());
        let gap = Gap {
            id: journal.map(|_| self.members.engine.id(after)),
            requested: requested.as_deref(),
            oldest: oldest.map(|oldest| self.members.engine.id(oldest)),
            reason,
        };
        let frame = gap.encode();
        self.ahead.get_or_insert_with(|| Box::new(Ahead::new(&[], after))).push_gap(requested, &frame, after);
        self.members.engine.resumes.count_gap(reason);
    }

    /// Reads from elsewhere from now on. What was read stays read.
    fn set_feed(&mut self, feed: Feed) {
        self.bytes_before = self.bytes_before.wrapping_add(self.feed.bytes()).wrapping_sub(feed.bytes());
        self.events_before = self.events_before.wrapping_add(self.feed.events()).wrapping_sub(feed.events());
        self.feed = feed;
    }

    /// Bytes that the channels have written in all.
    fn written(&self) -> u64 {
        self.members.iter().map(|member| member.channel.log.written()).sum()
    }

    /// Bytes of the channels' logs before the reader's place.
    fn position(&self) -> u64 {
        match &self.feed {
            Feed::One(cursor) | Feed::Joining(cursor) => cursor.position(),
            Feed::Many(merge) => merge.positions(),
            Feed::Replay { written, .. } => *written,
        }
    }

    fn feed_lag(&self) -> u64 {
        // The sum may be older than what the cursors have seen.
        self.written().saturating_sub(self.position().max(self.owed_through))
    }

    /// What is left of the frame of a log that has begun.
    fn rest_of_frame(&self) -> &[u8] {
        match &self.feed {
            Feed::One(cursor) | Feed::Joining(cursor) => cursor.rest_of_frame(),
            Feed::Many(merge) => merge.rest_of_frame(),
            Feed::Replay { .. } => &[],
        }
    }
}

impl Feed {
    /// Bytes that it counts as read.
    fn bytes(&self) -> u64 {
        match self {
            Self::One(cursor) | Self::Joining(cursor) => cursor.position(),
            Self::Many(merge) => merge.bytes_read(),
            Self::Replay { .. } => 0,
        }
    }

    /// Frames that it counts as read.
    fn events(&self) -> u64 {
        match self {
            Self::One(cursor) | Self::Joining(cursor) => cursor.frames(),
            Self::Many(merge) => merge.frames_read(),
            Self::Replay { .. } => 0,
        }
    }
}

impl fmt::Debug for Ready<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.pieces.map(<[u8]>::len);
        f.debug_struct("Ready").field("bytes", &bytes).field("start", &self.start()).finish()
    }
}

impl fmt::Debug for ChunkStart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ChunkStart").field(&self.0.position()).finish()
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription")
            .field("patterns", &self.members.iter().map(|member| member.channel.pattern()).collect::<Vec<_>>())
            .field("starts_after", &self.starts_after)
            .field("lag", &self.lag())
            .finish_non_exhaustive()
    }
}
