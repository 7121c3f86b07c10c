//! A reader of one channel.

use std::fmt;
use std::sync::Arc;
use std::task::Waker;

use crate::channel::Channel;
use crate::engine::Engine;
use crate::log::Cursor;
use crate::watchers::WatcherId;

/// A reader's share of a channel: a cursor in its log. Dropping it unsubscribes.
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
    cursor: Cursor,
    /// The log may still have frames after the cursor that are not newer than `starts_after`.
    joining: bool,
    starts_after: u64,
    /// Bytes and frames of the log before the subscription's first.
    bytes_before: u64,
    frames_before: u64,
    channel: Arc<Channel>,
    watcher: WatcherId,
    engine: Arc<Engine>,
}

impl Subscription {
    /// A member of `channel`, and one of its watchers, that is to read all after `position` from `cursor` on.
    pub(crate) fn new(
        engine: Arc<Engine>,
        channel: Arc<Channel>,
        watcher: WatcherId,
        cursor: Cursor,
        position: u64,
    ) -> Self {
        let mut new = Self {
            cursor,
            joining: true,
            starts_after: position,
            bytes_before: 0,
            frames_before: 0,
            channel,
            watcher,
            engine,
        };
        new.settle();
        new
    }

    /// The contiguous bytes that are ready to write: whole frames, or the rest of one and whole frames. Empty when the
    /// reader has caught up; there may be more after what it gives.
    #[inline]
    pub fn chunk(&mut self) -> &[u8] {
        if self.joining {
            self.settle();
            if self.joining {
                return &[];
            }
        }
        self.cursor.chunk()
    }

    /// Says that the first `n` bytes of the [`chunk`](Self::chunk) are written, or won't be.
    ///
    /// # Panics
    /// If there are not so many.
    #[inline]
    pub fn advance(&mut self, n: usize) {
        self.cursor.advance(n);
    }

    /// Passes over frames that are not newer than `starts_after`, until the first that is.
    #[cold]
    fn settle(&mut self) {
        self.joining = !self.cursor.skip_through(self.starts_after);
        self.bytes_before = self.cursor.position();
        self.frames_before = self.cursor.frames();
    }

    /// Bytes that are published and not yet advanced over.
    #[must_use]
    pub fn lag(&self) -> u64 {
        self.channel.log.lag(&self.cursor)
    }

    /// Whether the next byte of [`chunk`](Self::chunk) begins a frame, so that something else, such as a comment, may be
    /// written before it.
    #[must_use]
    pub fn at_frame_boundary(&self) -> bool {
        self.cursor.at_frame_boundary()
    }

    /// The sequence of the last event before this subscription: it gets every one after it.
    #[must_use]
    pub fn starts_after(&self) -> u64 {
        self.starts_after
    }

    /// Frames wholly advanced over.
    #[must_use]
    pub fn events_read(&self) -> u64 {
        self.cursor.frames() - self.frames_before
    }

    /// Bytes advanced over.
    #[must_use]
    pub fn bytes_read(&self) -> u64 {
        self.cursor.position() - self.bytes_before
    }

    /// Wakes another waker from now on. Read once after this.
    pub fn set_waker(&mut self, waker: &Waker) {
        let watchers = &self.channel.watchers;
        if !watchers.wakes(self.watcher, waker) {
            let old = std::mem::replace(&mut self.watcher, watchers.join(waker));
            watchers.leave(old);
        }
    }

    /// The cursor, once it has something to read.
    #[cfg(feature = "stream")]
    pub(crate) fn cursor(&self) -> &Cursor {
        &self.cursor
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.channel.watchers.leave(self.watcher);
        self.engine.trie.leave(&self.channel);
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription")
            .field("pattern", self.channel.pattern())
            .field("starts_after", &self.starts_after)
            .field("lag", &self.lag())
            .finish_non_exhaustive()
    }
}
