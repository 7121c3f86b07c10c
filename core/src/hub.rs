//! The engine as its users see it: publish and subscribe.

use std::fmt;
use std::sync::Arc;
use std::task::Waker;

use crate::engine::Engine;
use crate::event::{Event, EventError, EventId, Prepared};
use crate::filter::{Filter, Pattern};
use crate::namespace::{Limits, Namespace, NamespaceError};
use crate::subscription::Subscription;
use crate::watchers::WatcherId;

/// What a hub is made with.
#[derive(Clone, Debug)]
pub struct HubConfig {
    /// Names this history in every [`EventId`]. A server takes another one at each start.
    pub epoch: u64,
    /// How large namespaces and patterns may be.
    pub limits: Limits,
    /// Events that publishers may be ahead of delivery, rounded up to a power of two.
    pub queue_events: usize,
}

impl Default for HubConfig {
    fn default() -> Self {
        Self { epoch: 0, limits: Limits::default(), queue_events: 1 << 12 }
    }
}

/// The engine: takes events from any thread, and gives each to all whom it concerns, in one order.
///
/// A handle; clones share the hub.
#[derive(Clone)]
pub struct Hub {
    engine: Arc<Engine>,
    epoch: u64,
    limits: Limits,
}

impl Hub {
    /// A hub without channels, whose first event will have the sequence 1.
    #[must_use]
    pub fn new(config: HubConfig) -> Self {
        Self { engine: Arc::new(Engine::new(config.queue_events)), epoch: config.epoch, limits: config.limits }
    }

    /// Publishes an event: everyone who is subscribed to its namespace gets it.
    ///
    /// When this returns, the event has its place in the order, and it is delivered or someone is about to: this
    /// thread does not wait for another to do so. It helps to deliver if the queue is full.
    pub fn publish(&self, event: &Event<'_>) -> Result<EventId, EventError> {
        Ok(self.publish_prepared(self.prepare(event)?))
    }

    /// Publishes an event unless the queue is full.
    pub fn try_publish(&self, event: &Event<'_>) -> Result<EventId, TryPublishError> {
        let prepared = self.prepare(event)?;
        self.engine.try_publish(prepared).map(|sequence| self.id(sequence)).ok_or(TryPublishError::Full)
    }

    /// Checks and encodes an event.
    pub fn prepare(&self, event: &Event<'_>) -> Result<Prepared, EventError> {
        event.prepare(self.limits())
    }

    /// Publishes an event that is prepared, as [`Hub::publish`] does.
    pub fn publish_prepared(&self, event: Prepared) -> EventId {
        self.id(self.engine.publish(event))
    }

    /// Subscribes to a filter's events, from now on.
    ///
    /// The waker is woken when there is something new to read; read once after subscribing. One waker for all of a
    /// loop's subscriptions to a channel is woken once for all of them.
    ///
    /// Exact: the subscription gets every event whose sequence is greater than [`Subscription::starts_after`], once, and
    /// none before, whoever publishes meanwhile.
    pub fn subscribe(&self, filter: Filter, waker: Waker) -> Result<Subscription, SubscribeError> {
        let pattern = filter.pattern();
        if let Err(error) = Pattern::parse_within(pattern.as_str(), &self.limits) {
            return Err(SubscribeError::Limit(error));
        }
        let channel = self.engine.trie.join(pattern);
        let watcher = channel.watchers.join(&waker);
        // First the place, then the position: all that lies before this segment is older than the position, so that
        // what is newer can be found from here on.
        let cursor = channel.log.cursor();
        let position = self.engine.sequencer.position();
        Ok(Subscription::new(self.engine.clone(), channel, watcher, cursor, position))
    }

    /// Does one bounded turn of delivering, if no one else is at it; `true` if something is left.
    ///
    /// For the drivers of [`Hub::drive`], who call it when they are woken, and again soon if something is left.
    #[must_use]
    pub fn drain(&self) -> bool {
        self.engine.drain()
    }

    /// Makes an event loop the one who goes on with what a turn leaves: it is woken, and calls [`Hub::drain`].
    ///
    /// A turn is bounded, so that a loop that publishes is not held up by what all others publish. Without a driver
    /// publishers go on until nothing is left.
    #[must_use]
    pub fn drive(&self, waker: Waker) -> Driver {
        Driver { watcher: self.engine.drivers.join(&waker), engine: self.engine.clone() }
    }

    /// Frees the blocks of channels that were quiet since the last call, and that every reader has read.
    ///
    /// Call it about once a second. The engine has no clock, and a block that is freed too eagerly is soon needed again.
    pub fn trim(&self) {
        self.engine.trim();
    }

    /// Subscriptions that an event of this namespace would reach now: a lookup, for publishers whose events are dear to
    /// make.
    #[must_use]
    pub fn subscriptions(&self, namespace: &Namespace) -> usize {
        let mut subscriptions = 0;
        self.engine.trie.snapshot().for_each_match(namespace, |channel| subscriptions += channel.members());
        subscriptions
    }

    /// Events published so far.
    #[must_use]
    pub fn published(&self) -> u64 {
        self.engine.sequencer.queued()
    }

    /// Channels that have a subscriber.
    #[must_use]
    pub fn channels(&self) -> usize {
        self.engine.trie.channels()
    }

    /// How large namespaces and patterns may be.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The name of this history.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    fn id(&self, sequence: u64) -> EventId {
        EventId { epoch: self.epoch(), sequence }
    }
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hub").field("published", &self.published()).field("channels", &self.channels()).finish()
    }
}

/// An event loop's word that it drains what others leave; dropping it resigns.
pub struct Driver {
    engine: Arc<Engine>,
    watcher: WatcherId,
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.engine.drivers.leave(self.watcher);
        // What was left to this driver, and not begun.
        self.engine.drain_or_hand_on();
    }
}

impl fmt::Debug for Driver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Driver").finish_non_exhaustive()
    }
}

/// Why [`Hub::try_publish`] did not publish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TryPublishError {
    /// Publishers are too far ahead of delivery. Try again later, or let [`Hub::publish`] help to deliver.
    Full,
    /// The event can't be published at all.
    Event(EventError),
}

impl From<EventError> for TryPublishError {
    fn from(error: EventError) -> Self {
        Self::Event(error)
    }
}

impl fmt::Display for TryPublishError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full => f.write_str("the queue of events is full"),
            Self::Event(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for TryPublishError {}

/// Why a subscription was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SubscribeError {
    /// The filter is larger than this hub's limits allow.
    Limit(NamespaceError),
}

impl fmt::Display for SubscribeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Limit(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for SubscribeError {}
