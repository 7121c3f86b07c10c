//! Publishing from the program that embeds the server.

use std::fmt;

use sse_core::{Event, EventError, EventId, Hub};

/// Publishes events. Clones are alike and cheap; all may be used from any thread, and none ever waits for another.
///
/// It stays valid when the server has ended; its events then reach no one.
#[derive(Clone)]
pub struct Publisher(Hub);

impl Publisher {
    pub(crate) fn new(hub: Hub) -> Publisher {
        Publisher(hub)
    }

    /// Sends an event to every subscriber of its namespace and of those above it.
    ///
    /// All subscribers see all events in one and the same order. Returns at once with the event's place in it.
    ///
    /// # Errors
    ///
    /// If the namespace, the event's name or its data can't go on the wire, or if the event takes more bytes there than
    /// readers may [lag](crate::Config::max_lag); then nothing was published.
    pub fn publish(&self, event: Event<'_>) -> Result<EventId, EventError> {
        self.0.publish(&event)
    }

    /// How many events were published so far, by this publisher and all others.
    pub fn published(&self) -> u64 {
        self.0.published()
    }
}

impl fmt::Debug for Publisher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Publisher").field("published", &self.published()).finish()
    }
}
