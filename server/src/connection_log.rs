//! The log of who comes and goes. Strangers write it, so it takes so many lines a second, and so much of each text.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use sse_core::http::shortened;
use sse_net::{EndReason, StreamEnd};

use crate::quota::Quota;
use crate::session::Session;

/// Writes a line for each stream that opens or ends, while there are not too many.
#[derive(Debug)]
pub(crate) struct ConnectionLog(Mutex<Quota>);

impl ConnectionLog {
    pub(crate) fn new(now: Instant) -> ConnectionLog {
        ConnectionLog(Mutex::new(Quota::new(now)))
    }

    pub(crate) fn opened(&self, session: &Session) {
        if !self.has_room(Instant::now()) {
            return;
        }
        let namespaces = session.namespaces().with_commas();
        let (path, namespace) = (&*shortened(session.path()), &*shortened(&namespaces));
        let (client, agent) = (session.client(), &*shortened(session.agent()));
        tracing::info!(%client, path, namespace, agent, "connected");
    }

    pub(crate) fn closed(&self, session: &Session, end: &StreamEnd) {
        let now = Instant::now();
        if !self.has_room(now) {
            return;
        }
        let namespaces = session.namespaces().with_commas();
        let (path, namespace) = (&*shortened(session.path()), &*shortened(&namespaces));
        let (client, seconds) = (session.client(), now.duration_since(session.opened()).as_secs_f64());
        let reason = words(&end.reason);
        tracing::info!(%client, path, namespace, reason, sent = end.events_sent, seconds, "disconnected");
    }

    fn has_room(&self, now: Instant) -> bool {
        if !tracing::enabled!(tracing::Level::INFO) {
            return false; // And nothing is missing.
        }
        let taken = self.0.lock().unwrap_or_else(PoisonError::into_inner).take(now);
        if let Some(left_out) = taken {
            tell(left_out);
        }
        taken.is_some()
    }
}

/// What was left out at last is told of at the end, if nobody has come since.
impl Drop for ConnectionLog {
    fn drop(&mut self) {
        tell(self.0.get_mut().unwrap_or_else(PoisonError::into_inner).take_left_out());
    }
}

fn tell(left_out: u64) {
    if left_out > 0 {
        tracing::warn!(left_out, "connections came and went too fast for a line each");
    }
}

fn words(reason: &EndReason) -> &'static str {
    match reason {
        EndReason::ClientClosed => "closed by the client",
        EndReason::Lagged => "too far behind",
        EndReason::Stalled => "stalled",
        EndReason::Drained => "server stopping",
        EndReason::Failed(_) => "connection failed",
        _ => "other",
    }
}
