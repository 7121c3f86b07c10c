//! `/admin/status.json`: the server and its connections, under the names that mroth/sseserver's dashboards read.
//!
//! The streams belong to the workers, so a visitor goes round to all of them and the answer is put together when it
//! is back:
//!
//! ```text
//!   request ──► waiting ──► round ──► visitor on worker 1 ──┐
//!                  ▲          │      visitor on worker 2 ──┼──► dropped: rows ──► thread: sort, write, send
//!                  └──────────┼─────────────────────────────────────────────────────────┘ next round, if any wait
//! ```
//! One round at a time serves everyone who was waiting when it began, so that many requests don't mean many rounds.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::Response;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use serde::{Serialize, Serializer};
use sse_core::{Hub, Resumes};
use sse_net::{Counters, Handle, StreamView};

use crate::namespaces::Namespaces;
use crate::reply::{Reply, Responder};
use crate::session::Session;
use crate::shed::Shedder;

/// What is known of the server at any time.
#[derive(Debug)]
pub(crate) struct Facts {
    node: String,
    started: Instant,
    started_unix: Duration,
}

impl Facts {
    pub(crate) fn now() -> Facts {
        Facts {
            node: gethostname::gethostname().to_string_lossy().into_owned(),
            started: Instant::now(),
            started_unix: SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default(),
        }
    }

    /// Unix time, moving steadily from that of the start however the system's clock is set meanwhile.
    fn unix_secs(&self, at: Instant) -> u64 {
        (self.started_unix + at.saturating_duration_since(self.started)).as_secs()
    }

    /// Tells this life of the server from every other.
    pub(crate) fn epoch(&self) -> u64 {
        u64::try_from(self.started_unix.as_micros()).unwrap_or(u64::MAX)
    }
}

/// Answers requests for the status.
pub(crate) struct StatusBoard {
    facts: Facts,
    hub: Hub,
    shedder: Arc<Shedder>,
    queue: Mutex<Queue>,
}

#[derive(Default)]
struct Queue {
    waiting: Vec<Responder>,
    under_way: bool,
}

impl StatusBoard {
    pub(crate) fn new(facts: Facts, hub: Hub, shedder: Arc<Shedder>) -> Arc<StatusBoard> {
        Arc::new(StatusBoard { facts, hub, shedder, queue: Mutex::default() })
    }

    pub(crate) fn answer(self: &Arc<Self>, handle: &Handle<Session>) -> Reply {
        let (board, handle) = (Arc::clone(self), handle.clone());
        Reply::later(move |responder| {
            let mut queue = board.queue();
            queue.waiting.push(responder);
            if !queue.under_way {
                queue.under_way = true;
                drop(queue);
                board.begin_round(handle);
            }
        })
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin_round(self: Arc<Self>, handle: Handle<Session>) {
        let responders = std::mem::take(&mut self.queue().waiting);
        let round = Round { board: self, handle: handle.clone(), responders };
        let gathering = Gathering(Mutex::new(Gathered { round: Some(round), rows: Vec::new() }));
        handle.visit_streams(move |stream| gathering.add(stream));
    }

    fn write(&self, handle: &Handle<Session>, mut rows: Vec<Row>) -> Bytes {
        rows.sort_by_key(|row| row.opened);
        let now = Instant::now();
        let counters = handle.counters();
        let status = Status {
            node: &self.facts.node,
            status: "OK",
            reported_at: self.facts.unix_secs(now),
            startup_time: self.facts.unix_secs(self.facts.started),
            msgs_broadcast: self.hub.published(),
            connections: Connections { rows: &rows, facts: &self.facts },
            version: env!("CARGO_PKG_VERSION"),
            uptime_seconds: now.saturating_duration_since(self.facts.started).as_secs(),
            draining: handle.is_draining(),
            channels: self.hub.channels(),
            accepted: counters.accepted,
            shed: self.shedder.streams(),
            disconnected: Disconnected { lagged: counters.lagged, stalled: counters.stalled },
            slow_consumers: SlowConsumers::from(&counters),
            resumes: Resumptions::from(&self.hub.resumes()),
            lag: Lag::over(rows.iter().map(|row| row.lag)),
        };
        Bytes::from(serde_json::to_vec(&status).expect("strings and numbers are always JSON"))
    }
}

/// One time round the workers, and who waits for its result. The next one begins where this is dropped, whatever
/// became of it.
struct Round {
    board: Arc<StatusBoard>,
    handle: Handle<Session>,
    responders: Vec<Responder>,
}

impl Round {
    fn answer(mut self, rows: Vec<Row>) {
        let json = self.board.write(&self.handle, rows);
        for responder in self.responders.drain(..) {
            responder.send(response(json.clone()));
        }
    }
}

impl Drop for Round {
    fn drop(&mut self) {
        let mut queue = self.board.queue();
        queue.under_way = !queue.waiting.is_empty();
        if queue.under_way {
            drop(queue);
            Arc::clone(&self.board).begin_round(self.handle.clone());
        }
    }
}

fn response(json: Bytes) -> Response<Bytes> {
    let mut response = Response::new(json);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// What the visitor carries. Dropped when the last worker is through.
struct Gathering(Mutex<Gathered>);

struct Gathered {
    /// Taken by the drop.
    round: Option<Round>,
    rows: Vec<Row>,
}

impl Gathering {
    fn add(&self, stream: &StreamView<'_, Session>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).rows.push(Row::new(stream));
    }
}

impl Drop for Gathering {
    fn drop(&mut self) {
        let gathered = self.0.get_mut().unwrap_or_else(PoisonError::into_inner);
        let Some(round) = gathered.round.take() else { return };
        let rows = std::mem::take(&mut gathered.rows);
        // A hundred thousand rows take about a tenth of a second to write, which no event loop has. Without a thread
        // those who wait get a 500 from their responders.
        let thread = thread::Builder::new().name("status".to_owned()).spawn(move || round.answer(rows));
        if let Err(error) = thread {
            tracing::error!(%error, "no thread to write the status");
        }
    }
}

/// What one stream looked like when the visitor came by.
struct Row {
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
    fn new(stream: &StreamView<'_, Session>) -> Row {
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
    /// Connections accepted since the start.
    accepted: u64,
    /// Subscribers turned away since the start.
    shed: u64,
    disconnected: Disconnected,
    slow_consumers: SlowConsumers,
    resumes: Resumptions,
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

impl From<&Resumes> for Resumptions {
    fn from(resumes: &Resumes) -> Resumptions {
        let &Resumes { exact, evicted, unknown, restarted, lagged, .. } = resumes;
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
    fn times_are_unix_seconds() {
        let facts = Facts::now();
        let later = facts.started + Duration::from_secs(90);
        assert_eq!(facts.unix_secs(later), (facts.started_unix + Duration::from_secs(90)).as_secs());
        assert!(facts.unix_secs(facts.started) > 1_700_000_000);
    }

    #[test]
    fn lag_is_summed_up() {
        let lag = |lags: &[u64]| Lag::over(lags.iter().copied());
        assert_eq!(lag(&[]), Lag { greatest: 0, mean: 0 });
        assert_eq!(lag(&[0, 10, 5, 0]), Lag { greatest: 10, mean: 3 });
        assert_eq!(lag(&[u64::MAX, u64::MAX]), Lag { greatest: u64::MAX, mean: u64::MAX });
    }
}
