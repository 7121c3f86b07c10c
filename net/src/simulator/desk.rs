//! What is served in the simulation.
//!
//! | path | answer |
//! |---|---|
//! | `/read/…`, `/skip/…` | a stream of that namespace, whose reader is disconnected or skips when it lags |
//! | `/echo/…` | the path, at once |
//! | `/later/…` | the path, when the simulation says so |
//! | `/large/…` | the path, and much more |
//! | `/nothing` | refused before its body comes |

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use sse_core::Filter;

use super::client;
use crate::proto::{Admission, RequestError};
use crate::reply::{Reply, SlowConsumer, StreamReply};
use crate::responder::Responder;
use crate::service::{Context, Peer, Service};
use crate::stream_end::StreamEnd;

/// Clones of one.
pub(super) type Permit = Arc<()>;

pub(super) struct Desk {
    permit: Permit,
    most_permits: usize,
    /// Who waits for an answer, which, and the body of the request.
    pub(super) waiting: Mutex<Vec<(Responder<Permit>, Bytes, Bytes)>>,
    opened: AtomicUsize,
    /// How streams have ended.
    pub(super) ends: Mutex<Vec<StreamEnd>>,
}

impl Desk {
    pub(super) fn new(most_permits: usize) -> Desk {
        let (opened, ends) = (AtomicUsize::new(0), Mutex::default());
        Desk { permit: Arc::new(()), most_permits, waiting: Mutex::default(), opened, ends }
    }

    /// Permits that are out.
    pub(super) fn permits(&self) -> usize {
        Arc::strong_count(&self.permit) - 1
    }

    /// Streams that it has been told of, and of whose end it has not.
    pub(super) fn open(&self) -> usize {
        self.opened.load(Ordering::Relaxed) - self.ends.lock().unwrap().len() // a count on its own
    }
}

impl Service for Desk {
    type Session = Permit;
    type Permit = Permit;

    fn accept(&self, _: &SocketAddr) -> Option<Permit> {
        (self.permits() < self.most_permits).then(|| Arc::clone(&self.permit))
    }

    fn admit(&self, head: &Request<()>, _: &Peer) -> Admission {
        match head.uri().path() {
            "/nothing" => Admission::Nothing,
            _ => Admission::Body { most_bytes: usize::MAX },
        }
    }

    fn call(&self, request: Request<Bytes>, context: &Context<'_, Self>) -> Reply<Permit> {
        let path = request.uri().path();
        let answer = Bytes::from(client::answer(path, request.body().len()));
        if path.starts_with("/later/") {
            self.waiting.lock().unwrap().push((context.responder(), answer, request.into_body()));
            return Reply::Later;
        }
        for (prefix, slow_consumer) in [("/read", SlowConsumer::Disconnect), ("/skip", SlowConsumer::Skip)] {
            if let Some(namespace) = path.strip_prefix(prefix) {
                let id = request.headers().get("last-event-id").map(|id| id.to_str().unwrap().into());
                let permit = context.permit().cloned().unwrap_or_default();
                let reply = StreamReply::new(Response::new(()), Filter::parse(namespace).unwrap(), permit);
                return Reply::Stream(StreamReply { last_event_id: id, slow_consumer, ..reply });
            }
        }
        Reply::Response(Response::new(answer))
    }

    fn refuse(&self, error: &RequestError, _: &Peer) -> Response<Bytes> {
        let mut response = Response::new(Bytes::new());
        *response.status_mut() = StatusCode::from_u16(error.status().as_u16()).unwrap();
        response
    }

    fn opened(&self, _: &Permit) {
        self.opened.fetch_add(1, Ordering::Relaxed); // a count on its own
    }

    fn closed(&self, _: Permit, end: StreamEnd) {
        self.ends.lock().unwrap().push(end);
    }
}
