//! What is served: the seam between the event loops and the application.

use std::cell::Cell;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use sse_core::SubscribeError;

use crate::handle::Handle;
use crate::inbox::{Inbox, Ticket};
use crate::proto::{Admission, RequestError};
use crate::reply::{Reply, StreamReply};
use crate::responder::Responder;
use crate::stream_end::StreamEnd;

/// Answers requests. One value serves all event loops, so its methods run on several threads at once.
///
/// Every method runs on an event loop's thread and holds up all its connections: none may block. What takes long
/// belongs on a thread of the application's own, answered through a [`Responder`].
pub trait Service: Sized + Send + Sync + 'static {
    /// What the service wants to remember of an open stream.
    type Session: Send + 'static;

    /// The right of a connection to be there: what [`accept`](Self::accept) counts is given back when the last clone is dropped.
    /// `()` where nothing is counted.
    type Permit: Clone + Send + 'static;

    /// Somebody comes from this address, and has a permit from now on, until the connection is closed or becomes a stream. A
    /// stream's session may keep a clone ([`Context::permit`]), so that the connection goes on to count, once. `None`: this is one
    /// connection too many from there. It is in [excess](Excess), gets one answer, and is closed.
    fn accept(&self, addr: &SocketAddr) -> Option<Self::Permit>;

    /// Says what it will take of the body that follows this head, before a byte of it is kept and before `100 Continue` is
    /// sent. Isn't asked about a request without a body. By default everything is taken, up to
    /// [`Limits::body_bytes`](crate::proto::Limits::body_bytes).
    ///
    /// A service that would refuse the request whatever its body says takes [`Admission::Nothing`], and refuses it in
    /// [`call`](Self::call), which comes next: so one place answers, and strangers can't make us hold what nobody wants.
    fn admit(&self, head: &Request<()>, peer: &Peer) -> Admission {
        let _ = (head, peer);
        Admission::Body { most_bytes: usize::MAX }
    }

    /// Answers one request. Its body is whole, or empty where [`admit`](Self::admit) has taken nothing of it.
    fn call(&self, request: Request<Bytes>, cx: &Context<'_, Self>) -> Reply<Self::Session>;

    /// The answer to bytes that are no acceptable request. Its status should be [`RequestError::status`]. The
    /// connection is closed after it.
    fn refuse(&self, error: &RequestError, peer: &Peer) -> Response<Bytes>;

    /// The answer in place of a stream that the hub doesn't take; the session is dropped with it. By default a bare status:
    /// `503` if there are too many channels or the hub is closed, and otherwise `400`.
    fn refuse_stream(&self, error: &SubscribeError, stream: StreamReply<Self::Session>) -> Response<Bytes> {
        let _ = stream;
        let mut response = Response::new(Bytes::new());
        *response.status_mut() = match error {
            SubscribeError::TooManyChannels { .. } | SubscribeError::Closed => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::BAD_REQUEST,
        };
        response
    }

    /// A stream has opened: its head is on its way, and it will be [`closed`](Self::closed).
    fn opened(&self, session: &Self::Session) {
        let _ = session;
    }

    /// A stream has ended.
    fn closed(&self, session: Self::Session, end: StreamEnd);
}

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// The address at the other end of the socket. Who comes by one in the file system comes from this machine:
    /// `127.0.0.1`, without a port.
    pub addr: SocketAddr,
    /// Whether this is a connection too many: answer shortly, it is closed after one answer.
    pub excess: Option<Excess>,
}

/// Why a connection is one too many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Excess {
    /// There are [`Config::max_connections`](crate::Config::max_connections).
    Full,
    /// The service has no [permit](Service::accept) for it.
    Unpermitted,
}

/// The circumstances of one request.
pub struct Context<'a, V: Service> {
    peer: &'a Peer,
    permit: &'a Result<V::Permit, Excess>,
    handle: &'a Handle<V::Session>,
    inbox: &'a Arc<Inbox<V::Session>>,
    ticket: Ticket,
    /// Whether a responder was taken: without one, `Reply::Later` would never be answered.
    deferred: Cell<bool>,
}

impl<'a, V: Service> Context<'a, V> {
    pub(crate) fn new(
        peer: &'a Peer,
        permit: &'a Result<V::Permit, Excess>,
        handle: &'a Handle<V::Session>,
        inbox: &'a Arc<Inbox<V::Session>>,
        ticket: Ticket,
    ) -> Self {
        Context { peer, permit, handle, inbox, ticket, deferred: Cell::new(false) }
    }

    /// Who asks.
    #[must_use]
    pub fn peer(&self) -> &Peer {
        self.peer
    }

    /// The connection's right to be there.
    ///
    /// # Errors
    /// Why it is one connection too many.
    pub fn permit(&self) -> Result<&V::Permit, Excess> {
        self.permit.as_ref().map_err(|excess| *excess)
    }

    /// The event loops this runs on.
    #[must_use]
    pub fn handle(&self) -> &Handle<V::Session> {
        self.handle
    }

    /// What answers this request later. Take it only to return [`Reply::Later`]; the first answer counts.
    pub fn responder(&self) -> Responder<V::Session> {
        self.deferred.set(true);
        Responder::new(Arc::clone(self.inbox), self.ticket)
    }

    pub(crate) fn is_deferred(&self) -> bool {
        self.deferred.get()
    }
}

impl<V: Service> fmt::Debug for Context<'_, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").field("peer", self.peer).field("ticket", &self.ticket).finish_non_exhaustive()
    }
}
