//! What a handler answers, now or later.

use std::fmt;

use bytes::Bytes;
use http::Response;
use http::header::{CONTENT_TYPE, HeaderValue};
use sse_core::Filter;

use crate::problem::Problem;

/// What a handler answers: a response, a subscription, or word that the answer comes later.
#[must_use]
pub struct Reply(pub(crate) Kind);

pub(crate) enum Kind {
    Now(Answer),
    Later(Box<dyn FnOnce(Responder) + Send>),
}

/// An answer that can be given at once.
pub(crate) enum Answer {
    Response(Response<Bytes>),
    Subscription(Filter),
}

impl Reply {
    /// A finite response. [`Response`]s and [`Problem`]s convert by themselves: `response.into()`.
    pub fn response(response: Response<Bytes>) -> Reply {
        Reply(Kind::Now(Answer::Response(response)))
    }

    /// `200` with a page.
    pub fn html(page: impl Into<Bytes>) -> Reply {
        Reply::response(ok(page.into(), HeaderValue::from_static("text/html; charset=utf-8")))
    }

    /// `200` with text.
    pub fn text(text: impl Into<Bytes>) -> Reply {
        Reply::response(ok(text.into(), HeaderValue::from_static("text/plain; charset=utf-8")))
    }

    /// `200` with JSON, written out by the caller.
    pub fn json(json: impl Into<Bytes>) -> Reply {
        Reply::response(ok(json.into(), HeaderValue::from_static("application/json")))
    }

    /// An event stream with everything the filter covers: from now on, or, for a client that comes back with
    /// `Last-Event-ID` (or `?last_event_id=`), from where it left.
    pub fn subscribe(filter: Filter) -> Reply {
        Reply(Kind::Now(Answer::Subscription(filter)))
    }

    /// An answer that takes work which blocks. Handlers run on an event loop's thread, where a database or a disk would
    /// hold up thousands of streams: `start` takes the [`Responder`] to a thread of its own (or a pool's) and returns.
    ///
    /// ```
    /// # use sse_server::Reply;
    /// let reply = Reply::later(|responder| {
    ///     std::thread::spawn(move || {
    ///         let answer = "read from a slow disk";
    ///         responder.send(Reply::text(answer));
    ///     });
    /// });
    /// ```
    pub fn later(start: impl FnOnce(Responder) + Send + 'static) -> Reply {
        Reply(Kind::Later(Box::new(start)))
    }
}

/// `200`, of this type.
fn ok(body: Bytes, content_type: HeaderValue) -> Response<Bytes> {
    let mut response = Response::new(body);
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}

impl From<Response<Bytes>> for Reply {
    fn from(response: Response<Bytes>) -> Reply {
        Reply::response(response)
    }
}

impl From<Problem> for Reply {
    fn from(problem: Problem) -> Reply {
        Reply::response(problem.into())
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Now(Answer::Response(response)) => f.debug_tuple("Response").field(&response.status()).finish(),
            Kind::Now(Answer::Subscription(filter)) => {
                f.debug_tuple("Subscription").field(&format_args!("{filter}")).finish()
            }
            Kind::Later(_) => f.write_str("Later"),
        }
    }
}

/// Answers one request later, from any thread. Comes from [`Reply::later`].
///
/// Dropped unsent (by a panic, say), it answers `500`. If the client has gone meanwhile, the answer is dropped.
#[must_use = "a responder dropped unsent answers 500"]
pub struct Responder(Box<dyn FnOnce(Answer) + Send>);

impl Responder {
    pub(crate) fn new(send: impl FnOnce(Answer) + Send + 'static) -> Responder {
        Responder(Box::new(send))
    }

    /// Answers: with a response, a subscription, or [later still](Reply::later).
    pub fn send(self, reply: impl Into<Reply>) {
        match reply.into().0 {
            Kind::Now(answer) => (self.0)(answer),
            Kind::Later(start) => start(self),
        }
    }
}

impl fmt::Debug for Responder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Responder").finish_non_exhaustive()
    }
}
