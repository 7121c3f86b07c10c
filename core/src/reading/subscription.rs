//! A reader of one channel or several.

use std::fmt;
use std::task::Waker;

use crate::reading::membership::Membership;
use crate::reading::reader::Reader;
use crate::reading::ready::{Lagging, Ready};
use crate::reading::start::Start;

/// A reader's share of its channels: a cursor in the log of each. Dropping it unsubscribes.
///
/// ```
/// # use sse_core::{Event, Filter, Hub, HubConfig, Ready};
/// # use std::task::Waker;
/// let hub = Hub::new(HubConfig::default());
/// let mut subscription = hub.subscribe(Filter::parse("/pets")?, Waker::noop().clone())?;
/// hub.publish(&Event::new("/pets/dogs", "Corgi").named("new-dog"))?;
///
/// let Ready::Bytes(chunk) = subscription.ready() else { panic!("there is an event") };
/// assert_eq!(chunk.pieces[0], b"event:new-dog\ndata:Corgi\n\n");
/// subscription.advance(8); // as many bytes as the socket took
/// assert_eq!(subscription.chunk(), b"w-dog\ndata:Corgi\n\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # What it holds
///
/// A reader that does not read holds the one block of bytes that it stands in, 256 KiB at most or one large event,
/// and nothing that is published after it: that is bounded for all readers together, by the hub's history or, without
/// one, by [`HubConfig::backlog_bytes`](crate::HubConfig::backlog_bytes). A reader for which the way on is no longer
/// there is served from the history, or is told of a gap.
pub struct Subscription {
    reader: Reader,
    members: Membership,
    /// Further behind than so many KiB it may not be: in half the size, since subscriptions are many.
    max_lag_kib: u32,
    lagging: Lagging,
    start: Start,
}

impl Subscription {
    /// The reader that `members` are of, beginning where `last_event_id` says.
    pub(crate) fn new(members: Membership, last_event_id: Option<&str>) -> Self {
        let (reader, start) = Reader::new(&members, last_event_id);
        Self { reader, members, max_lag_kib: u32::MAX, lagging: Lagging::Skip, start }
    }

    /// Bounds how far the reader may fall behind, in bytes, and says what happens to one that is further behind. It
    /// is looked at when the reader asks for more and is near the end of the block that it is in, so it is exact to a
    /// block.
    pub fn limit_lag(&mut self, max_bytes: u64, lagging: Lagging) {
        let kib = max_bytes.div_ceil(1 << 10);
        (self.max_lag_kib, self.lagging) = (u32::try_from(kib).unwrap_or(u32::MAX), lagging);
    }

    /// What there is to do for this reader: write bytes, ask again, wait, or end.
    #[inline]
    pub fn ready(&mut self) -> Ready<'_> {
        if self.reader.should_prepare() || self.members.engine.is_closed() {
            self.prepare();
        }
        self.reader.ready()
    }

    #[inline(never)]
    fn prepare(&mut self) {
        // Asked first: what is delivered by then is found below.
        let is_last = self.members.engine.has_ended();
        // Not before what was begun is read: it comes here at the end of a hub, too.
        if self.max_lag_kib < u32::MAX && self.reader.should_prepare() && self.lag() > u64::from(self.max_lag_kib) << 10
        {
            match self.lagging {
                Lagging::Skip => self.skip(),
                Lagging::End => self.reader.end(),
            }
        }
        self.reader.prepare(&self.members);
        if is_last && matches!(self.reader.ready(), Ready::Wait) {
            self.reader.end();
        }
    }

    /// The first bytes of what is [ready](Self::ready); none if there are none now.
    #[inline]
    pub fn chunk(&mut self) -> &[u8] {
        match self.ready() {
            Ready::Bytes(chunk) => chunk.pieces[0],
            Ready::Again | Ready::Wait | Ready::Ended => &[],
        }
    }

    /// Says that the first `n` bytes of what is [ready](Self::ready) are written, or won't be.
    ///
    /// # Panics
    /// If there are not so many.
    #[inline]
    pub fn advance(&mut self, n: usize) {
        self.reader.advance(n);
    }

    /// Whether what comes next is in the history, and no longer or not yet to be had from the channels' logs.
    #[must_use]
    pub fn is_replaying(&self) -> bool {
        self.reader.is_replaying()
    }

    /// Whether the hub is [closed](crate::Hub::close), and everything that was published is read: nothing more will
    /// come. Ask when the [`chunk`](Self::chunk) is empty; the reader is woken when it becomes so.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        // Asked in this order: what is delivered by the end is behind the reader, or counts as its lag.
        self.members.engine.has_ended() && !self.is_catching_up() && self.lag() == 0
    }

    /// Whether the reader is still owed what it had missed when it came back.
    #[must_use]
    pub fn is_catching_up(&self) -> bool {
        self.reader.is_catching_up()
    }

    /// Whether the first [`chunk`](Self::chunk) is, or was, a block of its own that says where the stream begins: it
    /// is so with history. The block is the id of that place, or a gap with that id; a line that is written before
    /// it, such as `retry:`, becomes part of it.
    #[must_use]
    pub fn has_opening(&self) -> bool {
        self.members.engine.journal.is_some()
    }

    /// How it has begun.
    #[must_use]
    pub fn start(&self) -> Start {
        self.start
    }

    /// Lets go of the block that the reader stands in, for a reader that can't read now: it keeps the rest of the
    /// frame that it has begun. (It shares a rest of more than 4 KiB with all others who have not read it.) It goes
    /// on where it was when it is asked what is [ready](Self::ready) again: from the logs or the history, or with a
    /// gap that is told. Without history this does nothing.
    #[cold]
    pub fn park(&mut self) {
        self.reader.park(&self.members);
    }

    /// Jumps to the present. The reader gets the rest of the frame that has begun, one frame `event:gap`, and then
    /// what is published from now on.
    #[cold]
    pub fn skip(&mut self) {
        self.reader.skip(&self.members);
    }

    /// Bytes that are published and not yet advanced over. What the reader had missed when it came back doesn't count:
    /// that is owed to it, and may take its time.
    #[must_use]
    pub fn lag(&self) -> u64 {
        self.reader.lag(&self.members)
    }

    /// Whether the next byte of [`chunk`](Self::chunk) begins a frame, so that something else, such as a comment, may
    /// be written before it.
    #[must_use]
    pub fn at_frame_boundary(&self) -> bool {
        self.reader.at_frame_boundary()
    }

    /// The sequence after which this subscription reads from its channels' logs: every one of its events after it. What
    /// was before is none of its events, or was replayed, or told as a gap.
    #[must_use]
    pub fn starts_after(&self) -> u64 {
        self.reader.starts_after()
    }

    /// Frames wholly advanced over. A gap's counts.
    #[must_use]
    pub fn events_read(&self) -> u64 {
        self.reader.tally().events
    }

    /// Bytes advanced over.
    #[must_use]
    pub fn bytes_read(&self) -> u64 {
        self.reader.tally().bytes
    }

    /// Wakes another waker from now on. Read once after this.
    pub fn set_waker(&mut self, waker: &Waker) {
        self.members.set_waker(waker);
    }

    /// The place in a block where the chunk is.
    #[cfg(feature = "stream")]
    pub(crate) fn place(&self) -> Option<&crate::reading::place::Place> {
        self.reader.place()
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription")
            .field("patterns", &self.members.iter().map(|member| member.channel.pattern()).collect::<Vec<_>>())
            .field("starts_after", &self.starts_after())
            .field("lag", &self.lag())
            .finish_non_exhaustive()
    }
}
