//! How far the readers are, as a publisher sees it.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, Thread};
use std::time::Duration;

/// Bytes that the slowest reader has seen. Told by the thread that hears the parent's orders, waited for by one
/// publisher.
#[derive(Default)]
pub(crate) struct Credit {
    seen: AtomicU64,
    stopped: AtomicBool,
    /// The one who waits, once it has.
    publisher: OnceLock<Thread>,
}

impl Credit {
    pub(crate) fn grant(&self, seen: u64) {
        // Relaxed: a count on its own; a publisher that misses it wakes up by itself.
        self.seen.store(seen, Ordering::Relaxed);
        if let Some(publisher) = self.publisher.get() {
            publisher.unpark();
        }
    }

    pub(crate) fn seen(&self) -> u64 {
        // Relaxed: as above.
        self.seen.load(Ordering::Relaxed)
    }

    /// Nobody wants any more.
    pub(crate) fn stop(&self) {
        // Relaxed: a flag on its own, which publishers look at again and again.
        self.stopped.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_stopped(&self) -> bool {
        // Relaxed: as above.
        self.stopped.load(Ordering::Relaxed)
    }

    /// Waits for more, not for long.
    pub(crate) fn wait(&self) {
        self.publisher.get_or_init(thread::current);
        thread::park_timeout(Duration::from_millis(1));
    }
}
