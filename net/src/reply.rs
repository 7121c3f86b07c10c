//! What a service answers.

use bytes::Bytes;
use http::Response;
use sse_core::Filter;

/// A service's answer to one request.
///
/// `Date`, `Content-Length` and `Connection` are filled in on the way out. A service may set `Connection: close`
/// to have the connection closed after a finite answer; what else it says of framing is dropped.
#[derive(Debug)]
pub enum Reply<S> {
    /// A finite answer. To a `HEAD` only its head is sent, with the `Content-Length` of the body.
    Response(Response<Bytes>),
    /// An event stream, which lasts until one side ends it.
    Stream(StreamReply<S>),
    /// The answer comes through the [`Responder`](crate::Responder) taken from the context. Until then the
    /// connection waits, and so do requests pipelined behind this one.
    Later,
}

/// An event stream to be opened.
///
/// To a `HEAD`, to a peer in [`excess`](crate::Peer::excess), and during a [`drain`](crate::Handle::drain) only the
/// head is sent: the stream never opens, and the session is dropped without
/// [`Service::closed`](crate::Service::closed).
#[derive(Debug)]
pub struct StreamReply<S> {
    /// Sent at once, before any event; without `Content-Length` and not chunked, since a close ends the stream.
    pub head: Response<()>,
    /// Which events the stream carries.
    pub filter: Filter,
    /// What the service wants back when the stream ends.
    pub session: S,
}
