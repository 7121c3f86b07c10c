//! The document: what it holds, and under which names.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use serde::{Serialize, Serializer};
use sse_core::{Hub, ResumeCounts};
use sse_net::{Counters, StreamView};

use super::facts::Facts;
use crate::namespaces::Namespaces;
use crate::session::Session;
use crate::shed::Shedder;

/// What the document says, beside the streams.
pub(super) struct Report<'a> {
    pub(super) facts: &'a Facts,
    pub(super) hub: &'a Hub,
    pub(super) counters: Counters,
    /// Bytes of requests and answers that are held for their peers.
    pub(super) buffered: usize,
    /// Streams that catch up.
    pub(super) replays: usize,
    pub(super) draining: bool,
    pub(super) shedder: &'a Shedder,
}

impl Report<'_> {
    /// The document, with these streams.
    pub(super) fn write(&self, mut rows: Vec<Row>) -> Vec<u8> {
        let &Report { facts, hub, ref counters, draining, shedder, .. } = self;
        rows.sort_by_key(|row| row.opened);
        let now = Instant::now();
        let status = Status {
            node: &facts.node,
            status: "OK",
            reported_at: facts.unix_secs(now),
            startup_time: facts.unix_secs(facts.started),
            msgs_broadcast: hub.published(),
            connections: Connections { rows: &rows, facts },
            version: env!("CARGO_PKG_VERSION"),
            uptime_seconds: now.saturating_duration_since(facts.started).as_secs(),
            draining,
            channels: hub.channels(),
            max_channels: hub.max_channels(),
            accepted: counters.accepted,
            shed: shedder.streams(),
            disconnected: Disconnected { lagged: counters.lagged, stalled: counters.stalled },
            slow_consumers: SlowConsumers::from(counters),
            resumes: Resumptions::from(&hub.resume_counts()),
            limits: Limits::from(self),
            lag: Lag::over(rows.iter().map(|row| row.lag)),
        };
        serde_json::to_vec(&status).expect("strings and numbers are always JSON")
    }
}

/// What one stream looked like when the visitor came by.
pub(super) struct Row {
    path: Box<str>,
    /// Joined.
    namespaces: Box<str>,
    agent: Arc<str>,
    client: IpAddr,
    opened: Instant,
    events_sent: u64,
    bytes_sent: u64,
    lag: u64,
}

impl Row {
    pub(super) fn new(stream: &StreamView<'_, Session>) -> Row {
        let session = stream.session;
        Row {
            path: session.path().into(),
            namespaces: session.namespaces().as_joined().into(),
            agent: Arc::clone(session.agent()),
            client: session.client(),
            opened: session.opened(),
            events_sent: stream.events_sent,
            bytes_sent: stream.bytes_sent,
            lag: stream.lag,
        }
    }

    fn connection(&self, facts: &Facts) -> Connection<'_> {
        let namespaces = Namespaces::of(&self.namespaces);
        Connection {
            request_path: &self.path,
            namespace: namespaces.with_commas(),
            created_at: facts.unix_secs(self.opened),
            client_ip: self.client,
            user_agent: &self.agent,
            msgs_sent: self.events_sent,
            namespaces,
            bytes_sent: self.bytes_sent,
            lag: self.lag,
        }
    }
}

#[derive(Serialize)]
struct Status<'a> {
    node: &'a str,
    status: &'static str,
    reported_at: u64,
    startup_time: u64,
    msgs_broadcast: u64,
    connections: Connections<'a>,
    // Ours, beside them.
    version: &'static str,
    uptime_seconds: u64,
    draining: bool,
    /// Distinct patterns subscribed to, now or a moment ago.
    channels: usize,
    /// As many as there may be.
    max_channels: usize,
    /// Connections accepted since the start.
    accepted: u64,
    /// Subscribers turned away since the start.
    shed: u64,
    disconnected: Disconnected,
    slow_consumers: SlowConsumers,
    resumes: Resumptions,
    limits: Limits,
    lag: Lag,
}

/// Streams ended by us since the start, by reason.
#[derive(Serialize)]
struct Disconnected {
    lagged: u64,
    stalled: u64,
}

/// What became of readers too far behind, since the start: streams ended, and times that one was taken on to what is new.
#[derive(Serialize)]
struct SlowConsumers {
    disconnected: u64,
    skipped: u64,
}

impl From<&Counters> for SlowConsumers {
    fn from(counters: &Counters) -> SlowConsumers {
        SlowConsumers { disconnected: counters.lagged, skipped: counters.skipped }
    }
}

/// What is limited: how much of it there is now, and how often a limit was reached since the start.
#[derive(Serialize)]
struct Limits {
    /// Bytes of requests and answers that are held for their peers.
    buffered_bytes: usize,
    /// Requests refused, and answers left out, for want of room for them.
    buffered_refused: u64,
    /// Connections that were one too many for the server, or for their network.
    connections_full: u64,
    connections_per_address: u64,
    /// Those of both that were closed without a word.
    connections_dropped: u64,
    /// Subscribers turned away because they needed a channel and there were as many as may be.
    channels_refused: u64,
    /// Those turned away because the filters of their network were as large as they may be.
    filters_refused: u64,
    /// Streams that catch up.
    replays: usize,
    /// Those turned away because too many did.
    replays_refused: u64,
}

impl From<&Report<'_>> for Limits {
    fn from(report: &Report<'_>) -> Limits {
        let &Report { ref counters, buffered, replays, shedder, .. } = report;
        Limits {
            buffered_bytes: buffered,
            buffered_refused: counters.no_room,
            connections_full: counters.full,
            connections_per_address: counters.unpermitted,
            connections_dropped: counters.dropped,
            channels_refused: shedder.channels(),
            filters_refused: shedder.filters(),
            replays,
            replays_refused: shedder.replays(),
        }
    }
}

/// How streams were resumed since the start.
#[derive(Serialize)]
struct Resumptions {
    /// With every event since the id.
    exact: u64,
    gap: Gaps,
}

/// How often a client was told that it has missed something, by the reason it was given.
#[derive(Serialize)]
struct Gaps {
    evicted: u64,
    unknown: u64,
    restarted: u64,
    lagged: u64,
}

impl From<&ResumeCounts> for Resumptions {
    fn from(counts: &ResumeCounts) -> Resumptions {
        let &ResumeCounts { exact, evicted, unknown, restarted, lagged, .. } = counts;
        Resumptions { exact, gap: Gaps { evicted, unknown, restarted, lagged } }
    }
}

/// Bytes that wait for the readers of the open streams.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Lag {
    greatest: u64,
    mean: u64,
}

impl Lag {
    fn over(lags: impl ExactSizeIterator<Item = u64> + Clone) -> Lag {
        let streams = lags.len().max(1) as u128;
        let sum: u128 = lags.clone().map(u128::from).sum();
        let mean = u64::try_from(sum / streams).expect("a mean is no greater than the greatest");
        Lag { greatest: lags.max().unwrap_or_default(), mean }
    }
}

/// Written row by row: there may be very many.
struct Connections<'a> {
    rows: &'a [Row],
    facts: &'a Facts,
}

impl Serialize for Connections<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.rows.iter().map(|row| row.connection(self.facts)))
    }
}

#[derive(Serialize)]
struct Connection<'a> {
    request_path: &'a str,
    /// Several are separated by commas, which may be part of a name as well.
    namespace: Cow<'a, str>,
    created_at: u64,
    client_ip: IpAddr,
    user_agent: &'a str,
    msgs_sent: u64,
    // Ours, beside them.
    namespaces: Namespaces<'a>,
    bytes_sent: u64,
    /// Bytes that wait for this reader.
    lag: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lag_is_summed_up() {
        let lag = |lags: &[u64]| Lag::over(lags.iter().copied());
        assert_eq!(lag(&[]), Lag { greatest: 0, mean: 0 });
        assert_eq!(lag(&[0, 10, 5, 0]), Lag { greatest: 10, mean: 3 });
        assert_eq!(lag(&[u64::MAX, u64::MAX]), Lag { greatest: u64::MAX, mean: u64::MAX });
    }
}
