//! What a hub is made with.

use std::time::Duration;

use crate::names::filter::FilterLimits;
use crate::names::namespace::Limits;

/// What a hub is made with.
#[derive(Clone, Debug)]
pub struct HubConfig {
    /// Names this history in every [`EventId`](crate::EventId), so that an id that another hub has given, or this
    /// program before it was started again, is recognised instead of trusted. `None`, the default: each hub draws one
    /// at random, of 64 bits. Set it only where ids are to be known beforehand, as in tests: two histories with one
    /// epoch trust each other's ids, and their clients lose events or get them twice.
    pub epoch: Option<u64>,
    /// How large namespaces and patterns may be. More than 1,024 segments are not allowed, whatever this says: the
    /// stack of the thread that takes a path away must hold it.
    pub limits: Limits,
    /// How large the filter of one subscription may be.
    pub filter_limits: FilterLimits,
    /// Most channels: distinct patterns that are subscribed to. 1,000,000 by default; each costs some 500 bytes, and
    /// more if its pattern is long. A subscription that needs one more is refused
    /// ([`SubscribeError::TooManyChannels`](crate::SubscribeError::TooManyChannels)), one to channels that have
    /// subscribers never is. With history, channels that had subscribers a moment ago count until someone needs their
    /// room.
    pub max_channels: usize,
    /// Most bytes of one event on the wire, its `id:` line aside. Without limit by default. Not more than readers may
    /// lag, or one event makes a reader that is a little slow lag too far.
    pub max_frame_bytes: usize,
    /// Events that publishers may be ahead of delivery, rounded up to a power of two.
    pub queue_events: usize,
    /// Bytes of past events that are kept for readers who come back, namespaces and ids included. As much again by half
    /// is kept of the channels' own logs. Once a reader has searched it, it has indexes of ten bytes for each event
    /// beside it: that is a tenth of what events of 80 bytes take, and a quarter for the smallest. 0, the default: no
    /// history, and frames without `id:` lines.
    pub history_bytes: usize,
    /// Without history: most bytes that slow readers keep of all channels' logs. 64 MiB by default. Beyond it the
    /// oldest go, and a reader that has not read them is told of a gap. (With history it is half of `history_bytes`,
    /// and what logs no longer have is read from there.)
    pub backlog_bytes: usize,
    /// How long past events are kept at most, by the time told to [`Hub::tick`](crate::Hub::tick). Without limit by
    /// default.
    pub history_age: Duration,
}

impl Default for HubConfig {
    fn default() -> Self {
        Self {
            epoch: None,
            limits: Limits::default(),
            filter_limits: FilterLimits::default(),
            max_channels: 1_000_000,
            max_frame_bytes: usize::MAX,
            queue_events: 1 << 12,
            history_bytes: 0,
            backlog_bytes: 64 << 20,
            history_age: Duration::MAX,
        }
    }
}
