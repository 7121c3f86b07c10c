//! An event loop in the simulated world: it sleeps and wakes as the real one does, and is told the time.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use sse_core::{Hub, HubConfig};

use super::desk::Desk;
use super::wire::{self, SimulatedSystem};
use crate::config::Config;
use crate::handle::{Handle, Shared};
use crate::inbox::Inbox;
use crate::worker::{Now, Parts, Worker};

/// Calls of sockets in a pass, beside those for each stream: what the budgets of a pass come to, and some more.
const MOST_CALLS: usize = 4096;

pub(super) struct SimulatedLoop {
    pub(super) world: wire::Shared,
    pub(super) worker: Worker<Desk, SimulatedSystem>,
    pub(super) handle: Handle<()>,
    pub(super) desk: Arc<Desk>,
    pub(super) hub: Hub,
    pub(super) now: Now,
    inbox: Arc<Inbox<()>>,
    /// The inbox's waker belongs to it. Nobody polls it.
    _poll: mio::Poll,
}

impl SimulatedLoop {
    pub(super) fn new(seed: u64, hub: HubConfig, config: Config) -> SimulatedLoop {
        // The worker draws its phases from this thread's.
        fastrand::seed(seed);
        let poll = mio::Poll::new().unwrap();
        let inbox = Arc::new(Inbox::new(mio::Waker::new(poll.registry(), mio::Token(0)).unwrap()));
        let shared = Arc::new(Shared::new([Arc::clone(&inbox)].into()));
        let desk = Arc::new(Desk::default());
        let hub = Hub::new(hub);
        let world = Rc::new(RefCell::new(wire::World::new(seed)));
        let now = Now { instant: Instant::now(), system: SystemTime::UNIX_EPOCH };
        let parts = Parts {
            inbox: Arc::clone(&inbox),
            shared: Arc::clone(&shared),
            service: Arc::clone(&desk),
            hub: hub.clone(),
            config,
            housekeeper: true,
        };
        let worker = Worker::new(parts, SimulatedSystem(Rc::clone(&world)), 1, now);
        SimulatedLoop { world, worker, handle: Handle::new(shared), desk, hub, now, inbox, _poll: poll }
    }

    /// Lets time pass, and the worker do what it wakes up for. Gives whether there was anything.
    pub(super) fn pass(&mut self, time: Duration) -> bool {
        self.now.instant += time;
        self.now.system += time;
        let edges = self.world.borrow_mut().edges();
        let sleeps = self.worker.is_idle() && self.inbox.park();
        let is_due = self.worker.poll_timeout().is_some_and(|due| due <= self.now.instant);
        if edges.is_empty() && sleeps && !is_due {
            return false;
        }
        let before = self.world.borrow().calls;
        self.inbox.unpark();
        self.worker.pass(self.now, edges.into_iter());
        let calls = self.world.borrow().calls - before;
        let most = MOST_CALLS + 20 * self.handle.streams();
        assert!(calls <= most, "{calls} calls of sockets in one pass, {} streams", self.handle.streams());
        true
    }
}
