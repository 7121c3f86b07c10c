//! Starting the event loops, and waiting for their end.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use mio::{Poll, Waker};
use sse_core::Hub;

use crate::config::Config;
use crate::event_loop::EventLoop;
use crate::handle::{Handle, Shared};
use crate::inbox::Inbox;
use crate::listener::Listeners;
use crate::mio_system::WAKER_TOKEN;
use crate::service::Service;
use crate::worker::Parts;

/// The running event loops, one thread each. Dropping it leaves them running; steer them by [`Handle`].
pub struct Workers<S> {
    handle: Handle<S>,
    threads: Vec<JoinHandle<io::Result<()>>>,
}

impl<S: Send + 'static> Workers<S> {
    /// Starts the threads.
    ///
    /// # Errors
    /// What the system says of a thread or a poll it can't give; [`io::ErrorKind::InvalidInput`] if the listeners
    /// were bound for another number of workers.
    pub fn spawn<V>(listeners: Listeners, hub: Hub, service: Arc<V>, config: Config) -> io::Result<Workers<S>>
    where
        V: Service<Session = S>,
    {
        let config = config.bounded();
        let sockets = listeners.into_parts();
        if sockets.len() != config.workers.max(1) {
            let text = format!("bound for {} workers, started for {}", sockets.len(), config.workers);
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        }
        let mut polls = Vec::with_capacity(sockets.len());
        let mut inboxes = Vec::with_capacity(sockets.len());
        for _ in &sockets {
            let poll = Poll::new()?;
            inboxes.push(Arc::new(Inbox::new(Waker::new(poll.registry(), WAKER_TOKEN)?)));
            polls.push(poll);
        }
        let shared = Arc::new(Shared::new(inboxes.into(), &config));
        let mut workers = Workers { handle: Handle::new(Arc::clone(&shared)), threads: Vec::new() };
        for (index, (poll, listeners)) in polls.into_iter().zip(sockets).enumerate() {
            let parts = Parts {
                inbox: Arc::clone(&shared.inboxes[index]),
                shared: Arc::clone(&shared),
                service: Arc::clone(&service),
                hub: hub.clone(),
                config: config.clone(),
                housekeeper: index == 0,
            };
            let started =
                EventLoop::new(poll, listeners, parts).and_then(|event_loop| workers.start(index, event_loop));
            if let Err(error) = started {
                // Those that run already must not run on without an owner.
                workers.handle.shutdown();
                return Err(error);
            }
        }
        Ok(workers)
    }

    fn start<V: Service<Session = S>>(&mut self, index: usize, event_loop: EventLoop<V>) -> io::Result<()> {
        let guard = ShutdownGuard { handle: Some(self.handle()) };
        let run = move || {
            let result = event_loop.run();
            if result.is_ok() {
                guard.disarm();
            }
            result
        };
        self.threads.push(thread::Builder::new().name(format!("sse-loop-{index}")).spawn(run)?);
        Ok(())
    }

    /// Steers and watches the loops.
    #[must_use]
    pub fn handle(&self) -> Handle<S> {
        self.handle.clone()
    }

    /// Waits until every loop has ended, as it does after [`Handle::drain`] or [`Handle::shutdown`].
    ///
    /// # Errors
    /// The first error that ended a loop. One loop's failure, or panic, ends the others.
    pub fn join(self) -> io::Result<()> {
        let mut result = Ok(());
        for thread in self.threads {
            let ended = thread.join().unwrap_or_else(|_| Err(io::Error::other("an event loop panicked")));
            result = result.and(ended);
        }
        result
    }
}

/// Shuts all loops down if one of them ends by an error or a panic: half a server would look alive, and refuse or
/// lose its share of the connections.
struct ShutdownGuard<S> {
    handle: Option<Handle<S>>,
}

impl<S> ShutdownGuard<S> {
    fn disarm(mut self) {
        self.handle = None;
    }
}

impl<S> Drop for ShutdownGuard<S> {
    fn drop(&mut self) {
        if let Some(handle) = &self.handle {
            handle.shutdown();
        }
    }
}

impl<S> fmt::Debug for Workers<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Workers").field("handle", &self.handle).field("threads", &self.threads.len()).finish()
    }
}
