//! The engine as its users see it: publish and subscribe.

use std::fmt;
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use crate::channels::channel::Channel;
use crate::channels::watchers::Watcher;
use crate::config::HubConfig;
use crate::delivery::calls;
use crate::delivery::engine::Engine;
use crate::delivery::statistics::Statistics;
use crate::events::event::{Event, EventError, PreparedEvent};
use crate::events::event_id::EventId;
use crate::history::resume_counts::ResumeCounts;
use crate::names::filter::{Filter, FilterError, FilterLimits};
use crate::names::namespace::{Limits, Namespace, NamespaceError};
use crate::names::pattern::Pattern;
use crate::reading::membership::Membership;
use crate::reading::subscription::Subscription;
use crate::routing::node::MOST_SEGMENTS;

/// The engine: takes events from any thread, and gives each to all its readers, in one order.
///
/// A handle; clones share the hub.
#[derive(Clone)]
pub struct Hub {
    engine: Arc<Engine>,
    limits: Limits,
    filter_limits: FilterLimits,
    max_frame_bytes: usize,
}

impl Hub {
    /// A hub without channels, whose first event will have the sequence 1.
    #[must_use]
    pub fn new(config: HubConfig) -> Self {
        let HubConfig { mut limits, filter_limits, max_frame_bytes, .. } = config;
        limits.segments = limits.segments.min(MOST_SEGMENTS);
        Self { engine: Arc::new(Engine::new(&config)), limits, filter_limits, max_frame_bytes }
    }

    /// Publishes an event: everyone who is subscribed to its namespace gets it.
    ///
    /// When this returns, the event has its place in the order, and it is delivered or someone is about to: this
    /// thread does not wait for another to do so.
    ///
    /// What it costs: this thread delivers for one turn at most, some 0.2 ms and one event that reaches many channels,
    /// and leaves the rest to a [driver](Hub::drive). Without a driver it goes on until another publisher comes, or
    /// until nothing is left; while no other comes, that is at most what the queue holds ([`HubConfig::queue_events`]).
    /// If the queue is full, it waits for room, and takes such a turn whenever nobody else delivers. So an event loop
    /// has drivers, and calls [`Hub::try_publish`], which neither waits nor helps to make room.
    pub fn publish(&self, event: &Event<'_>) -> Result<EventId, EventError> {
        self.publish_prepared(self.prepare(event)?)
    }

    /// Publishes an event unless the queue is full, as [`Hub::publish`] does: with a driver, it costs one turn at most.
    pub fn try_publish(&self, event: &Event<'_>) -> Result<EventId, TryPublishError> {
        let prepared = self.prepare(event)?;
        let refused = || if self.is_closed() { EventError::Closed.into() } else { TryPublishError::Full };
        calls::try_publish(&self.engine, prepared).map(|sequence| self.engine.id(sequence)).ok_or_else(refused)
    }

    /// Checks and encodes an event.
    pub fn prepare(&self, event: &Event<'_>) -> Result<PreparedEvent, EventError> {
        event.prepare(&self.limits, self.max_frame_bytes)
    }

    /// Publishes an event that is prepared, as [`Hub::publish`] does.
    pub fn publish_prepared(&self, event: PreparedEvent) -> Result<EventId, EventError> {
        calls::publish(&self.engine, event).map(|sequence| self.engine.id(sequence)).ok_or(EventError::Closed)
    }

    /// Ends the hub for all its handles: no event and no subscription is taken any more. Readers are woken, get what is
    /// published, and then [the end](Subscription::has_ended).
    ///
    /// Exact: an event that is taken, even at this very moment, is delivered to all its readers before their end; and
    /// none is delivered that is refused. A subscription that is taken at this moment has its end, too.
    ///
    /// When this returns, all that is done or someone is about to do it, as with [`Hub::publish`].
    pub fn close(&self) {
        calls::close(&self.engine);
    }

    /// Whether it is [closed](Self::close).
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.engine.is_closed()
    }

    /// Subscribes to a filter's events, from now on.
    ///
    /// The waker is woken when there is something new to read; read once after subscribing. One waker for all of a
    /// loop's subscriptions to a channel is woken once for all of them. The publisher's thread calls it. If it panics,
    /// the panic hook is told, and all others go on: the publisher, and the other wakers.
    ///
    /// Exact: the subscription gets every event whose sequence is greater than [`Subscription::starts_after`], once, in
    /// order, and none before, whatever is published meanwhile. With history it begins with the id of that place, so
    /// that a client that breaks off before its first event resumes there.
    pub fn subscribe(&self, filter: Filter, waker: Waker) -> Result<Subscription, SubscribeError> {
        self.subscribe_with(&filter, None, |_| waker.clone())
    }

    /// Subscribes to a filter's events after the one with this id, the last that a client has seen.
    ///
    /// The client gets the id once more and every event since, each once; or, if it can't have them, one frame
    /// `event:gap` that says why ([`GapReason`](crate::GapReason)), and then all events from where that frame says.
    /// [`Subscription::start`] tells which. Without history it gets what is published from now on.
    pub fn resume(&self, filter: Filter, last_event_id: &str, waker: Waker) -> Result<Subscription, SubscribeError> {
        self.subscribe_with(&filter, Some(last_event_id), |_| waker.clone())
    }

    /// Does either, with a waker for each of the filter's patterns: it is woken when that pattern's channel has
    /// something new. If `waker` panics, so does this, and no channel is joined.
    pub fn subscribe_with(
        &self,
        filter: &Filter,
        last_event_id: Option<&str>,
        waker: impl FnMut(&Pattern) -> Waker,
    ) -> Result<Subscription, SubscribeError> {
        if self.is_closed() {
            return Err(SubscribeError::Closed);
        }
        filter.check(&self.filter_limits).map_err(SubscribeError::Filter)?;
        for pattern in filter.patterns() {
            Pattern::parse_within(pattern.as_str(), &self.limits).map_err(SubscribeError::Pattern)?;
        }
        let members = Membership::join(self.engine.clone(), filter, waker)
            .ok_or_else(|| SubscribeError::TooManyChannels { limit: self.max_channels() })?;
        Ok(Subscription::new(members, last_event_id))
    }

    /// Does one bounded turn of delivering, if no one else is at it; `true` if something is left.
    ///
    /// For the drivers of [`Hub::drive`], who call it when they are woken, and again soon if something is left.
    #[must_use]
    pub fn drain(&self) -> bool {
        calls::drain(&self.engine)
    }

    /// Makes an event loop the one who goes on with what a turn leaves: it is woken, and calls [`Hub::drain`].
    ///
    /// A turn is bounded by the work in it, so that a loop that publishes is not held up by what all others publish.
    /// Several drivers take turns. A driver whose waker panics is passed over.
    #[must_use]
    pub fn drive(&self, waker: Waker) -> Driver {
        Driver { watcher: self.engine.drivers.join(waker), engine: self.engine.clone() }
    }

    /// Tells the time, about once a second. It must be called: without it nothing grows old, and what is kept only for
    /// a time is kept for ever. What it lets go of: events older than the history's age, channels that nobody has come
    /// back to for 15 s, and blocks of quiet channels that every reader has read.
    ///
    /// The engine has no clock: `now` is the time since any moment, the same in every call.
    pub fn tick(&self, now: Duration) {
        calls::tick(&self.engine, now);
    }

    /// Subscriptions that an event of this namespace would reach now, each counted once: for publishers who make an
    /// event only if somebody gets it.
    ///
    /// It is a lookup, and nothing more where there is no channel for the namespace. Where there is one, it also looks
    /// at each filter in the hub whose patterns overlap, as `/a/*` and `/*/b` do: once, however many subscriptions have
    /// it.
    #[must_use]
    pub fn subscriptions(&self, namespace: &Namespace) -> usize {
        let mut sole = None;
        let mut count = |channel: &Arc<Channel>| *sole.get_or_insert(0) += channel.sole_members();
        self.engine.trie.snapshot().for_each_match(namespace, &mut count);
        sole.map_or(0, |sole| sole + self.engine.overlaps.covering(namespace))
    }

    /// Events published so far.
    #[must_use]
    pub fn published(&self) -> u64 {
        self.engine.sequencer.queued()
    }

    /// What the hub has done, and what it holds. Takes no lock, and holds nobody up.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        Statistics::of(&self.engine)
    }

    /// How readers have come back so far.
    #[must_use]
    pub fn resume_counts(&self) -> ResumeCounts {
        self.engine.resume_counts.read()
    }

    /// Channels that have a subscriber; with history also those that had one a moment ago. Never more than
    /// [`HubConfig::max_channels`]; one that is being made or given up at this moment counts.
    #[must_use]
    pub fn channels(&self) -> usize {
        self.engine.trie.channels()
    }

    /// Most [channels](Self::channels).
    #[must_use]
    pub fn max_channels(&self) -> usize {
        self.engine.trie.max_channels()
    }

    /// How large namespaces and patterns may be.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// How large filters may be.
    #[must_use]
    pub fn filter_limits(&self) -> &FilterLimits {
        &self.filter_limits
    }

    /// The name of this history: [`HubConfig::epoch`], or what was drawn in its place.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.engine.epoch()
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
    watcher: Arc<Watcher>,
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.engine.drivers.leave(&self.watcher);
        calls::resign(&self.engine);
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
    /// A pattern of the filter is larger than this hub's [`Limits`] allow.
    Pattern(NamespaceError),
    /// The filter is larger than this hub's [`FilterLimits`] allow.
    Filter(FilterError),
    /// A channel that is not there yet is needed, and there are as many as [`HubConfig::max_channels`] allows. None of
    /// the filter's channels was joined. There is room again when others have left.
    TooManyChannels {
        /// Most channels allowed.
        limit: usize,
    },
    /// The hub is [closed](Hub::close).
    Closed,
}

impl fmt::Display for SubscribeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pattern(error) => error.fmt(f),
            Self::Filter(error) => error.fmt(f),
            Self::TooManyChannels { limit } => {
                write!(f, "there are {limit} channels, which is as many as there may be: try again later")
            }
            Self::Closed => EventError::Closed.fmt(f),
        }
    }
}

impl std::error::Error for SubscribeError {}
