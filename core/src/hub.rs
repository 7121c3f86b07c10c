//! The engine as its users see it: publish and subscribe.
//!
//! The way of one event:
//!
//! ```text
//!   publish(&Event)
//!     prepare     namespace parsed, frame encoded              publisher's thread, before any ordering
//!     put         ticket = sequence                            sequencer
//!     ring        no one drains? then it is our turn           sequencer
//!     turn        take a batch ─▶ match each event ─▶ append   trie, logs
//!     wake        each touched channel's watchers, once        watchers
//! ```

use std::fmt;
use std::sync::{Arc, Weak};
use std::task::Waker;

use crossbeam::queue::SegQueue;
use crossbeam::utils::Backoff;
use smallvec::SmallVec;

use crate::channel::Channel;
use crate::event::{Event, EventError, EventId};
use crate::filter::Filter;
use crate::frame::Frame;
use crate::namespace::{Limits, Namespace, NamespaceError};
use crate::sequencer::{Finish, Ring, Sequencer};
use crate::subscription::Subscription;
use crate::sync::{AtomicBool, AtomicU64, Ordering, pause};
use crate::trie::Trie;
use crate::watchers::Watchers;

/// Events that one turn of draining delivers at most; what is left is handed on. At some 100 ns an event it holds a
/// publisher, which may be an event loop with connections to serve, for a tenth of a millisecond.
const TURN_EVENTS: usize = if cfg!(loom) { 2 } else { 1024 };

/// Events between two looks at the trie: they share one fence and one snapshot.
const BATCH_EVENTS: usize = 64;

/// Channels that one turn looks at to free their blocks; a later [`Hub::trim`] goes on with the rest.
const TRIM_CHANNELS: usize = 4096;

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
pub struct Hub(Arc<Shared>);

pub(crate) struct Shared {
    config: HubConfig,
    sequencer: Sequencer<Prepared>,
    pub(crate) trie: Trie,
    /// Event loops that take over what a turn leaves.
    drivers: Watchers,
    /// Turns so far. The drainer's own.
    turns: AtomicU64,
    /// The next turn looks for blocks to free.
    trim_due: AtomicBool,
    /// Channels whose log may hold a block. The drainer's own.
    holding: SegQueue<Weak<Channel>>,
}

/// Channels that a turn has something new for.
type Touched = SmallVec<[Arc<Channel>; 16]>;

/// An event that is checked and encoded: publishing it can't fail any more.
///
/// Prepare a batch, then publish it: all or nothing.
#[derive(Clone, Debug)]
pub struct Prepared {
    namespace: Namespace,
    frame: Frame,
}

impl Hub {
    /// A hub without channels, whose first event will have the sequence 1.
    #[must_use]
    pub fn new(config: HubConfig) -> Self {
        Self(Arc::new(Shared {
            sequencer: Sequencer::new(config.queue_events),
            config,
            trie: Trie::new(),
            drivers: Watchers::new(),
            turns: AtomicU64::new(0),
            trim_due: AtomicBool::new(false),
            holding: SegQueue::new(),
        }))
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
        let prepared = Box::new(self.prepare(event)?);
        let sequence = self.0.sequencer.try_put(prepared).map_err(|_| TryPublishError::Full)?;
        self.0.drain_or_hand_on();
        Ok(self.id(sequence))
    }

    /// Checks and encodes an event.
    pub fn prepare(&self, event: &Event<'_>) -> Result<Prepared, EventError> {
        Ok(Prepared {
            namespace: Namespace::parse_within(event.namespace, &self.0.config.limits)?,
            frame: Frame::encode(event.name, event.data)?,
        })
    }

    /// Publishes an event that is prepared, as [`Hub::publish`] does.
    pub fn publish_prepared(&self, event: Prepared) -> EventId {
        let mut event = Box::new(event);
        let mut round = Backoff::new();
        let sequence = loop {
            match self.0.sequencer.try_put(event) {
                Ok(sequence) => break sequence,
                Err(back) => event = back,
            }
            // Help; what this leaves, the ring below finds.
            if self.0.sequencer.role().ring() == Ring::Drain {
                self.0.turn();
            }
            // Another has the role, or a ticket whose slot it has not filled yet.
            pause(&mut round);
        };
        self.0.drain_or_hand_on();
        self.id(sequence)
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
        if let Err(error) = crate::Pattern::parse_within(pattern.as_str(), &self.0.config.limits) {
            return Err(SubscribeError::Limit(error));
        }
        let channel = self.0.trie.join(pattern);
        channel.watchers.join(&waker);
        // First the place, then the position: all that lies before this segment is older than the position, so that
        // what is newer can be found from here on.
        let cursor = channel.log.cursor();
        let position = self.0.sequencer.position();
        Ok(Subscription::new(self.0.clone(), channel, cursor, position, waker))
    }

    /// Does one bounded turn of delivering, if no one else is at it; `true` if something is left.
    ///
    /// For the drivers of [`Hub::drive`], who call it when they are woken, and again soon if something is left.
    #[must_use]
    pub fn drain(&self) -> bool {
        match self.0.sequencer.role().ring() {
            Ring::Drain => self.0.turn(),
            Ring::Leave => false,
        }
    }

    /// Makes an event loop the one who goes on with what a turn leaves: it is woken, and calls [`Hub::drain`].
    ///
    /// A turn is bounded, so that a loop that publishes is not held up by what all others publish. Without a driver
    /// publishers go on until nothing is left.
    #[must_use]
    pub fn drive(&self, waker: Waker) -> Driver {
        self.0.drivers.join(&waker);
        Driver { hub: self.clone(), waker }
    }

    /// Frees the blocks of channels that were quiet since the last call, and that every reader has read.
    ///
    /// Call it about once a second. The engine has no clock, and a block that is freed too eagerly is soon needed again.
    pub fn trim(&self) {
        self.0.trim_due.store(true, Ordering::Relaxed); // released by the ring
        self.0.drain_or_hand_on();
    }

    /// Events published so far.
    #[must_use]
    pub fn published(&self) -> u64 {
        self.0.sequencer.queued()
    }

    /// Channels that have a subscriber.
    #[must_use]
    pub fn channels(&self) -> usize {
        self.0.trie.channels()
    }

    /// How large namespaces and patterns may be.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.0.config.limits
    }

    /// The name of this history.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.0.config.epoch
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

impl Shared {
    /// Drains until nothing is left, or until a driver goes on.
    ///
    /// A driver that resigns against a turn that leaves something, both orders:
    /// - it resigns before the turn ends: the list is empty when we look, and we go on ourselves;
    /// - it resigns after: its own ring (in `Driver::drop`) finds the role free, and it drains.
    fn drain_or_hand_on(&self) {
        while self.sequencer.role().ring() == Ring::Drain && self.turn() {
            if self.drivers.wake_one() {
                return;
            }
        }
    }

    /// Delivers at most [`TURN_EVENTS`]; `true` if something may be left. Drainer only, and gives up the role.
    fn turn(&self) -> bool {
        let turn = self.turns.fetch_add(1, Ordering::Relaxed) + 1; // the drainer's own
        let mut touched = Touched::new();
        let mut budget = TURN_EVENTS;
        let left = loop {
            self.sequencer.role().look();
            // Relaxed: acquired by the look.
            if self.trim_due.swap(false, Ordering::Relaxed) {
                self.free_blocks(&mut touched);
            }
            // A look counts too, so that rings alone can't keep us here.
            budget = budget.saturating_sub(1 + self.deliver(budget, turn, &mut touched));
            if budget == 0 {
                self.sequencer.role().leave();
                break true;
            }
            if self.sequencer.role().finish() == Finish::Done {
                break false;
            }
        };
        for channel in touched {
            channel.watchers.wake_all();
        }
        left
    }

    /// Moves up to `most` events from the queue to the logs; gives their number. Drainer only.
    fn deliver(&self, most: usize, turn: u64, touched: &mut Touched) -> usize {
        let mut batch: SmallVec<[Box<Prepared>; BATCH_EVENTS]> = SmallVec::new();
        let mut delivered = 0;
        while delivered < most {
            let first = self.sequencer.take(BATCH_EVENTS.min(most - delivered), &mut batch);
            if batch.is_empty() {
                break;
            }
            delivered += batch.len();
            // Loaded after the batch is announced: see `Sequencer::take`.
            let trie = self.trie.snapshot();
            for (sequence, event) in (first..).zip(batch.drain(..)) {
                trie.for_each_match(&event.namespace, |channel| {
                    if channel.log.append(event.frame.as_bytes(), sequence) {
                        self.holding.push(Arc::downgrade(channel));
                    }
                    if channel.touch(turn) {
                        touched.push(channel.clone());
                    }
                });
            }
        }
        delivered
    }

    /// Ends the blocks of quiet channels; their readers are to be woken, so that they let go of them. Drainer only.
    #[cold]
    fn free_blocks(&self, touched: &mut Touched) {
        for _ in 0..self.holding.len().min(TRIM_CHANNELS) {
            let Some(channel) = self.holding.pop() else { return };
            let Some(alive) = channel.upgrade() else { continue };
            if alive.log.is_quiet() {
                alive.log.seal();
                touched.push(alive);
            } else {
                self.holding.push(channel);
            }
        }
    }
}

/// An event loop's word that it drains what others leave; dropping it resigns.
pub struct Driver {
    hub: Hub,
    waker: Waker,
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.hub.0.drivers.leave(&self.waker);
        // What was left to this driver, and not begun.
        self.hub.0.drain_or_hand_on();
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
