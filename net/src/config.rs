//! What the operator of the event loops may choose.

use std::time::Duration;

use crate::proto;

/// Connections too many that each worker takes up at a time, be it for [`Config::max_connections`] or for want of a
/// [permit](crate::Service::accept), so that each can be told why it is turned away.
/// What comes beyond these is dropped.
pub const EXCESS_CONNECTIONS: usize = 64;

/// How the event loops behave. All fields are public: start from [`Config::default`] and change what you need.
#[derive(Clone, Debug)]
pub struct Config {
    /// Event-loop threads, at least 1. The [`Listeners`](crate::Listeners) must have been bound for as many.
    pub workers: usize,
    /// No stream is silent for longer than this: a comment fills the gap. `None` sends none. Default 15 s.
    pub keepalive: Option<Duration>,
    /// Least time between two passes over the streams: trades latency for CPU. It gathers events, and doesn't hold
    /// back a stream that has more to send than fits in one pass. Zero (the default) flushes at once.
    pub flush_interval: Duration,
    /// Bytes a reader whose socket is full may fall behind before [`SlowConsumer`](crate::SlowConsumer) applies. Default
    /// 1 MiB.
    pub max_lag: u64,
    /// What clients are told to wait before they come back when their stream has ended (`retry:`, WHATWG HTML §9.2.6), on
    /// average: each is told a time of its own, at most half as much longer or shorter, so that they don't come all at
    /// once. `None` (the default) tells them nothing.
    pub retry: Option<Duration>,
    /// How long a reader may accept no byte at all while some are owed to it. An answer must be taken at a least average
    /// rate of 1 KiB/s as well, once this time is used up. Default 10 s.
    pub stall_timeout: Duration,
    /// From the first byte of a request head (or from the connection's start) to its last. Absolute: a
    /// trickle of bytes doesn't extend it. Default 10 s.
    pub head_timeout: Duration,
    /// How long a request body may rest, from the end of its head or from its last byte. It must come at a least average
    /// rate of 1 KiB/s as well, once this time is used up. Default 60 s.
    pub body_timeout: Duration,
    /// How long a kept-alive connection may rest between requests. Default 90 s: longer than the 60 s that load balancers
    /// commonly keep a connection to us, for who closes it just as the other sends a request is blamed for a `502`.
    pub idle_timeout: Duration,
    /// Connections served in the ordinary way, over all workers. Those beyond are marked
    /// [`Peer::excess`](crate::Peer::excess) and get one answer. Default: no limit.
    pub max_connections: usize,
    /// Bytes of requests and answers that are held for their peers, over all connections: heads and bodies that have come, bodies
    /// that the service has and answers that are not taken yet, unless others share their bytes. What grows beyond is refused
    /// ([`RequestError::NoRoom`](crate::RequestError::NoRoom)); connections that hold no more than
    /// [`ALLOWANCE_BYTES`](crate::ALLOWANCE_BYTES) each never are, and come on top. Let it be a few times what
    /// [`limits`](Self::limits) say of a body, whose buffer grows by doubling. Default 256 MiB.
    pub max_buffered: usize,
    /// What a request may measure.
    pub limits: proto::Limits,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            workers: 1,
            keepalive: Some(Duration::from_secs(15)),
            flush_interval: Duration::ZERO,
            max_lag: 1 << 20,
            retry: None,
            stall_timeout: Duration::from_secs(10),
            head_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(60),
            idle_timeout: Duration::from_secs(90),
            max_connections: usize::MAX,
            max_buffered: 256 << 20,
            limits: proto::Limits::default(),
        }
    }
}

impl Config {
    /// The same, with times that a clock can reach.
    pub(crate) fn bounded(mut self) -> Config {
        self.keepalive = self.keepalive.map(bounded);
        self.retry = self.retry.map(bounded);
        let timeouts =
            [&mut self.stall_timeout, &mut self.head_timeout, &mut self.body_timeout, &mut self.idle_timeout];
        for time in timeouts.into_iter().chain([&mut self.flush_interval]) {
            *time = bounded(*time);
        }
        self
    }
}

/// What "never" means to a clock: adding it to the present overflows nothing.
const FOREVER: Duration = Duration::from_secs(365 * 24 * 3600);

/// The longest time that can be waited for, up to `time`.
pub(crate) fn bounded(time: Duration) -> Duration {
    time.min(FOREVER)
}
