//! How to turn clients away so that they come back.
//!
//! A browser's `EventSource` gives up for good on any status but `200` (WHATWG HTML section 9.2.2, "fail the
//! connection"), so a subscriber gets a stream that only says when to return, and ends. The time is random, or all
//! who were turned away at once would be back at once.

use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use http::Response;
use http::header::{CONNECTION, HeaderValue};

use crate::problem::Problem;
use crate::subscribe::stream_headers;

/// When those turned away are to return. Long enough to be a relief, short enough that hardly anyone watching notices.
const RETRY_MS: RangeInclusive<u32> = 2_000..=10_000;

/// Turns clients away, and counts the subscribers among them.
#[derive(Debug, Default)]
pub(crate) struct Shedder {
    streams: AtomicU64,
}

impl Shedder {
    /// What a subscriber gets.
    pub(crate) fn stream(&self) -> Response<Bytes> {
        // Relaxed: a statistic that orders nothing.
        self.streams.fetch_add(1, Ordering::Relaxed);
        let retry = format!("retry:{}\n\n", fastrand::u32(RETRY_MS));
        let mut response = Response::new(Bytes::from(retry));
        *response.headers_mut() = stream_headers();
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        response
    }

    /// What everyone else gets.
    pub(crate) fn response(&self) -> Response<Bytes> {
        let problem =
            Problem::unavailable("The server has as many connections as it may; try again shortly.", seconds());
        problem.header(CONNECTION, HeaderValue::from_static("close")).into()
    }

    /// How many subscribers were turned away.
    pub(crate) fn streams(&self) -> u64 {
        self.streams.load(Ordering::Relaxed)
    }
}

/// What a request gets for which, or for whose answer, there is no room.
pub(crate) fn no_room() -> Problem {
    let detail = "The server holds as much of requests and answers as it may (--max-buffered), and has no room for this one; \
                  try again shortly.";
    Problem::unavailable(detail, seconds())
}

fn seconds() -> u32 {
    fastrand::u32(RETRY_MS).div_ceil(1000)
}

#[cfg(test)]
mod tests {
    use http::header::{CONTENT_TYPE, RETRY_AFTER};

    use super::*;

    #[test]
    fn a_subscriber_is_told_when_to_return_in_words_it_understands() {
        let shedder = Shedder::default();
        let response = shedder.stream();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()[CONTENT_TYPE], "text/event-stream; charset=utf-8");
        let body = str::from_utf8(response.body()).unwrap();
        let retry: u32 = body.strip_prefix("retry:").unwrap().strip_suffix("\n\n").unwrap().parse().unwrap();
        assert!(RETRY_MS.contains(&retry));
        assert_eq!(shedder.streams(), 1);
    }

    #[test]
    fn others_get_503() {
        let response = Shedder::default().response();
        assert_eq!(response.status(), 503);
        let seconds: u32 = response.headers()[RETRY_AFTER].to_str().unwrap().parse().unwrap();
        assert!((2..=10).contains(&seconds));
    }
}
