//! A worker's thread: mio's poll and the clock, around a worker. Nobody else calls [`Poll::poll`].

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use mio::{Events, Poll};

use crate::inbox::Inbox;
use crate::listener::Listener;
use crate::mio_system::{MioSystem, edge_of};
use crate::service::Service;
use crate::worker::{Now, Parts, Worker};

/// Readiness taken from the kernel in one call. What doesn't fit comes with the next.
const EVENTS_PER_PASS: usize = 1024;

pub(crate) struct EventLoop<V: Service> {
    poll: Poll,
    events: Events,
    inbox: Arc<Inbox<V::Session>>,
    listeners: usize,
    worker: Worker<V, MioSystem>,
}

impl<V: Service> EventLoop<V> {
    /// A loop that waits by `poll`, which the waker of the worker's inbox belongs to.
    ///
    /// # Errors
    /// What the system says of a listener that can't be watched.
    pub(crate) fn new(poll: Poll, listeners: Vec<Listener>, parts: Parts<V>) -> io::Result<EventLoop<V>> {
        let inbox = Arc::clone(&parts.inbox);
        let system = MioSystem::new(listeners, poll.registry().try_clone()?)?;
        let listeners = system.listeners();
        let worker = Worker::new(parts, system, listeners, now());
        Ok(EventLoop { poll, events: Events::with_capacity(EVENTS_PER_PASS), inbox, listeners, worker })
    }

    /// Runs until a shutdown, or until a drain is over.
    ///
    /// # Errors
    /// If the poll fails, which it does only if it is broken.
    pub(crate) fn run(mut self) -> io::Result<()> {
        while !self.worker.has_ended() {
            let timeout = self.time_to_sleep();
            self.turn(timeout)?;
        }
        Ok(())
    }

    /// Waits for edges, and has the worker make a pass.
    fn turn(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        match self.poll.poll(&mut self.events, timeout) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
            _ => {}
        }
        self.inbox.unpark();
        self.worker.pass(now(), self.events.iter().filter_map(|event| edge_of(event, self.listeners)));
        Ok(())
    }

    /// How long to wait for edges: not at all while something is undone. `None`: until one comes.
    fn time_to_sleep(&self) -> Option<Duration> {
        if !self.worker.is_idle() || !self.inbox.park() {
            return Some(Duration::ZERO);
        }
        Some(self.worker.poll_timeout()?.saturating_duration_since(Instant::now()))
    }
}

fn now() -> Now {
    Now { instant: Instant::now(), system: SystemTime::now() }
}
