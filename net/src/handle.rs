//! The grip on running event loops.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use crate::config::Config;
use crate::inbox::{Inbox, Message};
use crate::ledger::Ledger;
use crate::stream_end::StreamView;

/// Steers and watches the event loops. Clones are alike and cheap; all may be used from any thread.
pub struct Handle<S> {
    shared: Arc<Shared<S>>,
}

impl<S> Handle<S> {
    pub(crate) fn new(shared: Arc<Shared<S>>) -> Handle<S> {
        Handle { shared }
    }

    /// Closes the open streams at random times over `over`, each once what is pending for it is sent.
    ///
    /// Listeners go on accepting, so that health probes are answered; finite answers say `Connection: close`.
    /// Refusing new streams is the service's business (see [`is_draining`](Self::is_draining)). A loop ends when it
    /// has no connection left, or shortly after the time is up.
    pub fn drain(&self, over: Duration) {
        // Relaxed: a flag on its own; the loops learn of it by message.
        self.shared.draining.store(true, Ordering::Relaxed);
        self.broadcast(|| Message::Drain(over));
    }

    /// Ends all loops at once. Open streams end as [`Drained`](crate::EndReason::Drained).
    pub fn shutdown(&self) {
        // Relaxed: as in `drain`.
        self.shared.draining.store(true, Ordering::Relaxed);
        self.broadcast(|| Message::Shutdown);
    }

    /// Whether [`drain`](Self::drain) or [`shutdown`](Self::shutdown) was called.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        // Relaxed: a flag on its own.
        self.shared.draining.load(Ordering::Relaxed)
    }

    /// Connections open now, streams or not.
    #[must_use]
    pub fn connections(&self) -> usize {
        // Relaxed: a count on its own.
        self.shared.connections.load(Ordering::Relaxed)
    }

    /// Streams open now.
    #[must_use]
    pub fn streams(&self) -> usize {
        // Relaxed: a count on its own.
        self.shared.streams.load(Ordering::Relaxed)
    }

    /// Streams that are still owed what they had missed when they came back.
    #[must_use]
    pub fn replays(&self) -> usize {
        // Relaxed: a count on its own.
        self.shared.replays.load(Ordering::Relaxed)
    }

    /// Bytes of requests and answers that are held for their peers, over all connections that hold more than
    /// [`ALLOWANCE_BYTES`](crate::ALLOWANCE_BYTES), and in bodies that the service has of them. At most
    /// [`Config::max_buffered`](crate::Config::max_buffered).
    #[must_use]
    pub fn buffered(&self) -> usize {
        self.shared.ledger.held()
    }

    /// What has happened so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        // Relaxed: counts on their own, read one by one.
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counters {
            accepted: read(&self.shared.accepted),
            accept_errors: read(&self.shared.accept_errors),
            lagged: read(&self.shared.lagged),
            stalled: read(&self.shared.stalled),
            skipped: read(&self.shared.skipped),
            full: read(&self.shared.full),
            unpermitted: read(&self.shared.unpermitted),
            dropped: read(&self.shared.dropped),
            no_room: self.shared.ledger.refused(),
        }
    }

    /// Runs `f` on every loop for each of its streams, in slices so that no loop is held up.
    ///
    /// Streams that come or go meanwhile may or may not be seen. `f` is dropped when the last loop is through, which
    /// is how a caller learns that it has seen them all: let it own the sender of a channel.
    pub fn visit_streams(&self, f: impl Fn(&StreamView<'_, S>) + Send + Sync + 'static) {
        let visitor: crate::inbox::Visitor<S> = Arc::new(f);
        self.broadcast(|| Message::Visit(Arc::clone(&visitor)));
    }

    fn broadcast(&self, message: impl Fn() -> Message<S>) {
        for inbox in &self.shared.inboxes {
            inbox.push(message());
        }
    }
}

impl<S> Clone for Handle<S> {
    fn clone(&self) -> Self {
        Handle { shared: Arc::clone(&self.shared) }
    }
}

impl<S> fmt::Debug for Handle<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle")
            .field("connections", &self.connections())
            .field("streams", &self.streams())
            .field("draining", &self.is_draining())
            .finish_non_exhaustive()
    }
}

/// What has happened since the start, over all loops.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counters {
    /// Connections accepted.
    pub accepted: u64,
    /// Failures to accept, such as a lack of file descriptors.
    pub accept_errors: u64,
    /// Streams ended because their reader fell too far behind.
    pub lagged: u64,
    /// Streams ended because their reader took nothing for too long.
    pub stalled: u64,
    /// Times that a reader fell too far behind and jumped to the present.
    pub skipped: u64,
    /// Connections that were one too many for [`Config::max_connections`](crate::Config::max_connections).
    pub full: u64,
    /// Connections that the service had no permit for ([`Service::accept`](crate::Service::accept)).
    pub unpermitted: u64,
    /// Those of the last two that were closed without a word, since there were
    /// [`EXCESS_CONNECTIONS`](crate::EXCESS_CONNECTIONS) too many already.
    pub dropped: u64,
    /// Requests refused, and answers left out, because all connections together held as much as they may.
    pub no_room: u64,
}

/// What all workers and handles share. Every field may be touched by any thread; none guards another.
pub(crate) struct Shared<S> {
    pub(crate) inboxes: Box<[Arc<Inbox<S>>]>,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) draining: AtomicBool,
    pub(crate) connections: AtomicUsize,
    pub(crate) streams: AtomicUsize,
    pub(crate) replays: AtomicUsize,
    pub(crate) accepted: AtomicU64,
    pub(crate) accept_errors: AtomicU64,
    pub(crate) lagged: AtomicU64,
    pub(crate) stalled: AtomicU64,
    pub(crate) skipped: AtomicU64,
    pub(crate) full: AtomicU64,
    pub(crate) unpermitted: AtomicU64,
    pub(crate) dropped: AtomicU64,
}

impl<S> Shared<S> {
    pub(crate) fn new(inboxes: Box<[Arc<Inbox<S>>]>, config: &Config) -> Shared<S> {
        Shared {
            inboxes,
            ledger: Ledger::new(config.max_buffered),
            draining: AtomicBool::new(false),
            connections: AtomicUsize::new(0),
            streams: AtomicUsize::new(0),
            replays: AtomicUsize::new(0),
            accepted: AtomicU64::new(0),
            accept_errors: AtomicU64::new(0),
            lagged: AtomicU64::new(0),
            stalled: AtomicU64::new(0),
            skipped: AtomicU64::new(0),
            full: AtomicU64::new(0),
            unpermitted: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
        }
    }
}
