//! Event streams: from a path to a filter, from a filter to an open stream.

use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue};
use http::{HeaderMap, StatusCode};
use sse_core::{Filter, Limits};

use crate::problem::Problem;
use crate::reply::Reply;

/// The stream of a namespace or pattern, as the path names it.
pub(crate) fn answer(namespace: &str, limits: &Limits) -> Result<Reply, Problem> {
    let filter = Filter::parse_within(namespace, limits);
    filter.map(Reply::subscribe).map_err(|error| Problem::from_error(StatusCode::BAD_REQUEST, &error))
}

/// What every stream's head says. `X-Accel-Buffering` is how nginx is told to pass events on as they come.
pub(crate) fn stream_headers() -> HeaderMap {
    HeaderMap::from_iter([
        (CONTENT_TYPE, HeaderValue::from_static("text/event-stream; charset=utf-8")),
        (CACHE_CONTROL, HeaderValue::from_static("no-cache, no-store")),
        (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no")),
    ])
}
