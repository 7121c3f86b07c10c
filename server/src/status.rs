//! `/admin/status.json`: the server and its connections, under the names that mroth/sseserver's dashboards read.
//!
//! The streams belong to the workers, so a visitor goes round to all of them and the answer is put together when it
//! is back:
//!
//! ```text
//!   request ──► waiting ──► round ──► visitor on worker 1 ──┐
//!      │           │          │       visitor on worker 2 ──┼──► dropped: rows ──► thread: sort, write, send
//!      │           └──────────┼─────────────────────────────────────────────────────────┤ next round, if any wait
//!      └──► answered at once ◄┼──────────────────── shared for a while, if it is slow ◄─┘
//! ```
//! One round at a time serves everyone who was waiting when it began, so that many requests don't mean many rounds. An
//! answer is as fresh as that, unless it costs much, or too many are still being read ([`snapshot`]).

mod desk;
mod facts;
mod report;
mod snapshot;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use bytes::Bytes;
use http::Response;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use sse_core::Hub;
use sse_net::{Handle, StreamView};

use crate::reply::{Reply, Responder};
use crate::session::Session;
use crate::shed::Shedder;
use desk::{Asked, Desk};
pub(crate) use facts::Facts;
use report::{Report, Row};
use snapshot::Snapshots;

/// Answers requests for the status.
pub(crate) struct StatusBoard {
    facts: Facts,
    hub: Hub,
    shedder: Arc<Shedder>,
    desk: Mutex<Desk>,
    snapshots: Snapshots,
}

impl StatusBoard {
    pub(crate) fn new(facts: Facts, hub: Hub, shedder: Arc<Shedder>) -> Arc<StatusBoard> {
        Arc::new(StatusBoard { facts, hub, shedder, desk: Mutex::default(), snapshots: Snapshots::default() })
    }

    pub(crate) fn answer(self: &Arc<Self>, handle: &Handle<Session>) -> Reply {
        let (board, handle) = (Arc::clone(self), handle.clone());
        Reply::later(move |responder| {
            if let Some(json) = board.snapshots.again() {
                return responder.send(response(json));
            }
            let asked = board.desk().ask(responder);
            match asked {
                Asked::Begin(responders) => board.begin_round(handle, responders),
                Asked::Wait => {}
                Asked::Have(responder, json) => responder.send(response(json)),
            }
        })
    }

    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin_round(self: Arc<Self>, handle: Handle<Session>, responders: Vec<Responder>) {
        let round = Round { board: self, handle: handle.clone(), responders };
        let gathering = Gathering(Mutex::new(Gathered { round: Some(round), rows: Vec::new() }));
        handle.visit_streams(move |stream| gathering.add(stream));
    }

    fn write(&self, handle: &Handle<Session>, rows: Vec<Row>) -> Vec<u8> {
        Report {
            facts: &self.facts,
            hub: &self.hub,
            counters: handle.counters(),
            buffered: handle.buffered(),
            replays: handle.replays(),
            draining: handle.is_draining(),
            shedder: &self.shedder,
        }
        .write(rows)
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
        let shared_for = self.board.snapshots.shared_for(json.len());
        let json = self.board.snapshots.keep(json);
        let mut responders = std::mem::take(&mut self.responders);
        if !shared_for.is_zero() {
            responders.append(&mut self.board.desk().share(json.clone()));
        }
        for responder in responders {
            responder.send(response(json.clone()));
        }
        drop(json);
        // Here, rather than a look at a clock by who asks next: nobody may, and the memory would be kept for nothing.
        thread::sleep(shared_for);
    }
}

impl Drop for Round {
    fn drop(&mut self) {
        // Ends: who comes while there are too many snapshots doesn't wait.
        loop {
            let waiting = self.board.desk().end_round();
            if waiting.is_empty() {
                return;
            }
            let Some(json) = self.board.snapshots.again() else {
                return Arc::clone(&self.board).begin_round(self.handle.clone(), waiting);
            };
            for responder in waiting {
                responder.send(response(json.clone()));
            }
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
