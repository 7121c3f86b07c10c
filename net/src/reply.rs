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
    /// Sent at once, before any event, without `Content-Length`: the body is chunked for HTTP/1.1, and ended by a close for
    /// HTTP/1.0. A field `Sse-Resume` is added, which says how the stream begins: `live`, `exact` or `gap` ([`Start`](sse_core::Start)).
    pub head: Response<()>,
    /// Which events the stream carries.
    pub filter: Filter,
    /// The id of the last event that the client has seen, as it says: the stream goes on after it if it can
    /// ([`Hub::resume`](sse_core::Hub::resume)).
    pub last_event_id: Option<Box<str>>,
    /// What happens if the client falls too far behind.
    pub slow_consumer: SlowConsumer,
    /// What the service wants back when the stream ends.
    pub session: S,
}

impl<S> StreamReply<S> {
    /// A stream from now on, whose reader is disconnected if it falls too far behind.
    #[must_use]
    pub fn new(head: Response<()>, filter: Filter, session: S) -> StreamReply<S> {
        StreamReply { head, filter, last_event_id: None, slow_consumer: SlowConsumer::default(), session }
    }
}

/// What happens to a reader that falls behind by more than [`Config::max_lag`](crate::Config::max_lag).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum SlowConsumer {
    /// Its connection is closed. It may come back and resume.
    #[default]
    Disconnect,
    /// It jumps to the present, at the end of a frame, and is told so
    /// ([`GapReason::Lagged`](sse_core::GapReason::Lagged)).
    Skip,
}
