//! The one way into an event loop from other threads.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering, fence};
use std::time::Duration;

use crossbeam::queue::SegQueue;

use crate::reply::Reply;
use crate::roster::Key;
use crate::stream_end::StreamView;

/// What [`Handle::visit_streams`](crate::Handle::visit_streams) runs for each stream.
pub(crate) type Visitor<S> = Arc<dyn Fn(&StreamView<'_, S>) + Send + Sync>;

/// What other threads tell a worker.
pub(crate) enum Message<S> {
    /// A deferred answer. `None`: its responder was dropped unsent.
    Reply(Ticket, Option<Box<Reply<S>>>),
    /// The topic with this key has new frames.
    Topic(u32),
    /// The hub has something left to drain.
    Hub,
    /// Close the streams over this time.
    Drain(Duration),
    /// End at once.
    Shutdown,
    /// Show all streams.
    Visit(Visitor<S>),
}

/// Names one request of one connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ticket {
    pub(crate) key: Key,
    /// The request's number on this worker, which is never used twice: an answer to an earlier request finds nobody.
    pub(crate) request: u64,
}

/// A queue without a lock, and a bell that is rung only while the worker may be asleep.
///
/// The race between a pusher and a worker about to sleep, both orders:
/// - the pusher's message is in the queue before the worker looks a last time: `park` sees it and doesn't sleep;
/// - the worker has looked and seen nothing: it had cleared `awake` before, so the pusher finds it cleared, and wakes.
pub(crate) struct Inbox<S> {
    queue: SegQueue<Message<S>>,
    /// True while no wake-up is needed: the worker is running, or one is already under way.
    awake: AtomicBool,
    /// The worker is gone; what is pushed now is dropped by its pusher.
    closed: AtomicBool,
    waker: mio::Waker,
}

impl<S> Inbox<S> {
    pub(crate) fn new(waker: mio::Waker) -> Inbox<S> {
        Inbox { queue: SegQueue::new(), awake: AtomicBool::new(false), closed: AtomicBool::new(false), waker }
    }

    /// Hands a message to the worker, and wakes it if it may be asleep.
    pub(crate) fn push(&self, message: Message<S>) {
        self.queue.push(message);
        // SeqCst: the push comes before the loads below for everyone. Partners: the fences in `park` and `close`.
        fence(Ordering::SeqCst);
        // Relaxed: ordered by the fence above.
        if self.closed.load(Ordering::Relaxed) {
            self.clear();
            return;
        }
        // AcqRel: as a read-modify-write it sees the latest value, so one of many pushers rings; the order with
        // the queue is the fence's work. The load first spares the busy case a write to a shared cache line.
        if !self.awake.load(Ordering::Relaxed) && !self.awake.swap(true, Ordering::AcqRel) {
            self.wake();
        }
    }

    /// The next message, for the worker.
    pub(crate) fn pop(&self) -> Option<Message<S>> {
        self.queue.pop()
    }

    /// The worker is about to sleep. False: it must not, something has come.
    #[must_use]
    pub(crate) fn park(&self) -> bool {
        // Relaxed: ordered by the fence below.
        self.awake.store(false, Ordering::Relaxed);
        // SeqCst: the store above comes before the look at the queue. Partner: the fence in `push`.
        fence(Ordering::SeqCst);
        self.queue.is_empty()
    }

    /// The worker is awake, and needs no bell until it parks again.
    pub(crate) fn unpark(&self) {
        // Relaxed: a pusher that still reads false only rings once too often.
        self.awake.store(true, Ordering::Relaxed);
    }

    /// The worker is gone: drops what is waiting and whatever comes.
    pub(crate) fn close(&self) {
        // Relaxed: ordered by the fence below.
        self.closed.store(true, Ordering::Relaxed);
        // SeqCst: the store above comes before the queue is emptied, so that a pusher either sees `closed` or has
        // its message dropped here. Partner: the fence in `push`.
        fence(Ordering::SeqCst);
        self.clear();
    }

    fn clear(&self) {
        while self.queue.pop().is_some() {}
    }

    #[cold]
    fn wake(&self) {
        // Waking writes to an eventfd or a pipe of ours. It fails only if that descriptor is broken.
        let woken: io::Result<()> = self.waker.wake();
        debug_assert!(woken.is_ok(), "{woken:?}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inbox() -> (mio::Poll, Inbox<u32>) {
        let poll = mio::Poll::new().unwrap();
        let waker = mio::Waker::new(poll.registry(), mio::Token(0)).unwrap();
        (poll, Inbox::new(waker))
    }

    #[test]
    fn one_wake_for_many_messages() {
        let (mut poll, inbox) = inbox();
        let mut events = mio::Events::with_capacity(8);
        assert!(inbox.park());
        for key in 0..10 {
            inbox.push(Message::Topic(key));
        }
        poll.poll(&mut events, Some(Duration::from_secs(10))).unwrap();
        assert_eq!(events.iter().count(), 1);
        assert!(!inbox.park(), "there is something to read");
        inbox.unpark();
        inbox.push(Message::Topic(10));
        poll.poll(&mut events, Some(Duration::ZERO)).unwrap();
        assert!(events.is_empty(), "a worker that is awake isn't woken");
        assert_eq!(std::iter::from_fn(|| inbox.pop()).count(), 11);
        assert!(inbox.park());
    }

    /// Two threads play ping-pong over the bell: a wake-up lost would leave the worker asleep for ever.
    #[test]
    fn no_wake_is_lost() {
        const MESSAGES: usize = if cfg!(miri) { 20 } else { 20_000 };
        let (mut poll, inbox) = inbox();
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| (0..MESSAGES).for_each(|_| inbox.push(Message::Hub)));
            }
            let mut events = mio::Events::with_capacity(8);
            let mut seen = 0;
            while seen < 2 * MESSAGES {
                let timeout = if inbox.park() { Duration::from_secs(20) } else { Duration::ZERO };
                poll.poll(&mut events, Some(timeout)).unwrap();
                assert!(timeout.is_zero() || !events.is_empty(), "slept through, {seen} seen");
                inbox.unpark();
                seen += std::iter::from_fn(|| inbox.pop()).count();
            }
        });
    }

    #[test]
    fn a_closed_inbox_keeps_nothing() {
        let (_poll, inbox) = inbox();
        let visitor: Visitor<u32> = Arc::new(|_| {});
        inbox.push(Message::Visit(Arc::clone(&visitor)));
        inbox.close();
        inbox.push(Message::Visit(Arc::clone(&visitor)));
        assert_eq!(Arc::strong_count(&visitor), 1);
    }
}
