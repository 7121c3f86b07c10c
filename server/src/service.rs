//! The application as the event loops see it.

use std::net::SocketAddr;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;

use bytes::Bytes;
use http::{Response, StatusCode};
use sse_core::SubscribeError;
use sse_net::{Admission, Context, Peer, RequestError, StreamEnd, StreamReply};

use crate::app::{App, Exchange};
use crate::limits::Permit;
use crate::problem::Problem;
use crate::publish;
use crate::reply::{Kind, Reply, Responder};
use crate::request::Request;
use crate::session::Session;
use crate::shed;

/// Hands requests to the [`App`].
pub(crate) struct Service(pub(crate) Arc<App>);

impl sse_net::Service for Service {
    type Session = Session;
    type Permit = Permit;

    /// A trusted proxy has connections for all its clients, who are counted by what it says of them when their streams open.
    fn accept(&self, addr: &SocketAddr) -> Option<Permit> {
        match self.0.proxies.trusts(addr.ip()) {
            true => Some(Permit::uncounted()),
            false => self.0.networks.enter(addr.ip()),
        }
    }

    fn admit(&self, head: &http::Request<()>, peer: &Peer) -> Admission {
        // A client that is turned away for want of room isn't listened to either.
        if peer.excess.is_none() && self.0.takes_body(head) {
            Admission::Body { most_bytes: usize::MAX }
        } else {
            Admission::Nothing
        }
    }

    fn call(&self, request: http::Request<Bytes>, cx: &Context<'_, Self>) -> sse_net::Reply<Session> {
        let app = &self.0;
        let peer = cx.peer();
        let client = app.proxies.client(peer.addr.ip(), request.headers());
        let mut exchange = Exchange::new(Request::new(request, client, peer.addr), cx.permit().cloned());
        // A bug in an embedder's function costs its request an answer, not every client of this loop its stream.
        let reply = panic::catch_unwind(AssertUnwindSafe(|| app.answer(&mut exchange, cx.handle())));
        match reply.unwrap_or_else(|_| panicked()).0 {
            Kind::Now(answer) => app.settle(exchange, answer, cx.handle()),
            Kind::Later(start) => {
                let (app, inner, handle) = (Arc::clone(app), cx.responder(), cx.handle().clone());
                let responder = Responder::new(move |answer| inner.send(app.settle(exchange, answer, &handle)));
                // The same; the responder is dropped then, which answers.
                if panic::catch_unwind(AssertUnwindSafe(|| start(responder))).is_err() {
                    tracing::error!("what was to answer later panicked");
                }
                sse_net::Reply::Later
            }
        }
    }

    fn refuse(&self, error: &RequestError, peer: &Peer) -> Response<Bytes> {
        tracing::debug!(peer = %peer.addr, %error, "no acceptable request");
        let mut response = Response::from(match error {
            RequestError::BodyTooLarge => publish::too_large(self.0.max_body),
            RequestError::NoRoom => shed::no_room(),
            _ => Problem::from_error(error.status(), error),
        });
        self.0.cors.apply_unasked(response.headers_mut());
        response
    }

    fn refuse_stream(&self, error: &SubscribeError, stream: StreamReply<Session>) -> Response<Bytes> {
        self.0.refuse_stream(error, stream)
    }

    fn opened(&self, session: &Session) {
        self.0.connection_log.opened(session);
    }

    fn closed(&self, session: Session, end: StreamEnd) {
        self.0.connection_log.closed(&session, &end);
    }
}

#[cold]
fn panicked() -> Reply {
    tracing::error!("a handler or middleware panicked");
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "The server failed to answer; its log says more.").into()
}
