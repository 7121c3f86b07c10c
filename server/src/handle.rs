//! A running server, from the outside.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sse_core::Hub;
use sse_net::{Handle, Workers};

use crate::publisher::Publisher;
use crate::session::Session;

/// A server that runs on threads of its own.
///
/// Dropping this leaves it running, as dropping a [`JoinHandle`](std::thread::JoinHandle) does a thread.
pub struct ServerHandle {
    workers: Workers<Session>,
    local_addrs: Vec<SocketAddr>,
    control: Control,
}

impl ServerHandle {
    pub(crate) fn new(workers: Workers<Session>, local_addrs: Vec<SocketAddr>, control: Control) -> ServerHandle {
        ServerHandle { workers, local_addrs, control }
    }

    /// The IP addresses served, with the ports that were picked.
    pub fn local_addrs(&self) -> &[SocketAddr] {
        &self.local_addrs
    }

    /// Publishes to this server's subscribers.
    pub fn publisher(&self) -> Publisher {
        self.control.publisher()
    }

    /// Steers and watches the server from elsewhere.
    pub fn control(&self) -> Control {
        self.control.clone()
    }

    /// See [`Control::drain`].
    pub fn drain(&self, over: Duration) {
        self.control.drain(over);
    }

    /// See [`Control::shutdown`].
    pub fn shutdown(&self) {
        self.control.shutdown();
    }

    /// See [`Control::connections`].
    pub fn connections(&self) -> usize {
        self.control.connections()
    }

    /// See [`Control::published`].
    pub fn published(&self) -> u64 {
        self.control.published()
    }

    /// Waits until the server has ended: for ever, unless it is drained or shut down.
    ///
    /// # Errors
    ///
    /// If an event loop ended by an error.
    pub fn join(self) -> io::Result<()> {
        self.workers.join()
    }
}

impl fmt::Debug for ServerHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerHandle")
            .field("local_addrs", &self.local_addrs)
            .field("control", &self.control)
            .finish_non_exhaustive()
    }
}

/// Steers and watches a server. Clones are alike and cheap; all may be used from any thread.
#[derive(Clone)]
pub struct Control {
    hub: Hub,
    phase: Arc<Mutex<Phase>>,
}

/// How far the server is. The mutex is never held while anything waits.
enum Phase {
    /// Not running yet; perhaps told to stop already.
    Bound {
        stopped: bool,
    },
    Running(Handle<Session>),
}

impl Control {
    pub(crate) fn new(hub: Hub) -> Control {
        Control { hub, phase: Arc::new(Mutex::new(Phase::Bound { stopped: false })) }
    }

    /// The event loops have started.
    pub(crate) fn started(&self, handle: Handle<Session>) {
        let mut phase = self.phase();
        if matches!(*phase, Phase::Bound { stopped: true }) {
            handle.shutdown();
        }
        *phase = Phase::Running(handle);
    }

    /// Ends the server gently: open streams are closed one by one, spread over this time, so that their clients don't
    /// come back (to another server, or to this one's successor) all at once. New subscribers are told to come back
    /// later, other requests answered. The server ends when no connection is left, or shortly after the time is up.
    pub fn drain(&self, over: Duration) {
        self.stop(|handle| handle.drain(over));
    }

    /// Ends the server at once.
    pub fn shutdown(&self) {
        self.stop(Handle::shutdown);
    }

    fn stop(&self, running: impl FnOnce(&Handle<Session>)) {
        match &mut *self.phase() {
            Phase::Bound { stopped } => *stopped = true,
            Phase::Running(handle) => running(handle),
        }
    }

    /// How many streams are open.
    pub fn connections(&self) -> usize {
        match &*self.phase() {
            Phase::Bound { .. } => 0,
            Phase::Running(handle) => handle.streams(),
        }
    }

    /// How many events were published so far, by whatever way.
    pub fn published(&self) -> u64 {
        self.hub.published()
    }

    /// Publishes to the server's subscribers.
    pub fn publisher(&self) -> Publisher {
        Publisher::new(self.hub.clone())
    }

    fn phase(&self) -> MutexGuard<'_, Phase> {
        self.phase.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Control")
            .field("connections", &self.connections())
            .field("published", &self.published())
            .finish()
    }
}
