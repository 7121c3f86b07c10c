//! An event loop in the simulated world: it sleeps and wakes as the real one does, and is told the time.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use sse_core::{Hub, HubConfig};

use super::desk::{Desk, Permit};
use super::wire::{self, SimulatedSystem};
use crate::config::{Config, EXCESS_CONNECTIONS};
use crate::handle::{Handle, Shared};
use crate::inbox::Inbox;
use crate::ledger::counted;
use crate::worker::{Now, Parts, Worker};

/// Calls of sockets in a pass, beside those for each stream: what the budgets of a pass come to, and some more.
const MOST_CALLS: usize = 4096;

/// An answer's head, in this world.
const MOST_HEAD_BYTES: usize = 256;

pub(super) struct SimulatedLoop {
    pub(super) world: wire::Shared,
    pub(super) worker: Worker<Desk, SimulatedSystem>,
    pub(super) handle: Handle<Permit>,
    pub(super) desk: Arc<Desk>,
    pub(super) hub: Hub,
    pub(super) now: Now,
    pub(super) max_buffered: usize,
    pub(super) most_permits: usize,
    inbox: Arc<Inbox<Permit>>,
    /// The inbox's waker belongs to it. Nobody polls it.
    _poll: mio::Poll,
}

impl SimulatedLoop {
    pub(super) fn new(seed: u64, hub: HubConfig, config: Config, most_permits: usize) -> SimulatedLoop {
        // The worker draws its phases from this thread's.
        fastrand::seed(seed);
        let poll = mio::Poll::new().unwrap();
        let inbox = Arc::new(Inbox::new(mio::Waker::new(poll.registry(), mio::Token(0)).unwrap()));
        let shared = Arc::new(Shared::new([Arc::clone(&inbox)].into(), &config));
        let desk = Arc::new(Desk::new(most_permits));
        let hub = Hub::new(hub);
        let world = Rc::new(RefCell::new(wire::World::new(seed)));
        let now = Now { instant: Instant::now(), system: SystemTime::UNIX_EPOCH };
        let max_buffered = config.max_buffered;
        let parts = Parts {
            inbox: Arc::clone(&inbox),
            shared: Arc::clone(&shared),
            service: Arc::clone(&desk),
            hub: hub.clone(),
            config,
            housekeeper: true,
        };
        let worker = Worker::new(parts, SimulatedSystem(Rc::clone(&world)), 1, now);
        let handle = Handle::new(shared);
        SimulatedLoop { world, worker, handle, desk, hub, now, max_buffered, most_permits, inbox, _poll: poll }
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
        self.check_counts();
        true
    }

    /// What is counted is what is there, and bounded: but for the head, an answer is only given if there is room for it.
    fn check_counts(&self) {
        let held: Vec<_> = self.worker.exchanges().map(|exchange| counted(exchange.http.held())).collect();
        let waiting = self.desk.waiting.lock().unwrap();
        let bodies: usize = waiting.iter().map(|(_, _, body)| counted(body.len())).sum();
        let buffered = self.handle.buffered();
        assert_eq!(buffered, held.iter().sum::<usize>() + bodies);
        let heads = MOST_HEAD_BYTES * held.iter().filter(|held| **held > 0).count();
        assert!(buffered <= self.max_buffered.saturating_add(heads), "{held:?} in exchanges, {bodies} in bodies");

        let refused = self.worker.exchanges().filter(|exchange| exchange.permit.is_err()).count();
        assert_eq!(self.worker.excess(), refused);
        assert_eq!(self.desk.permits(), self.handle.connections() - refused);
        assert!(refused <= EXCESS_CONNECTIONS, "{refused} too many");
        let (counted, catching_up) = self.worker.catching_up();
        assert_eq!((self.handle.replays(), counted), (counted, catching_up));
    }
}
