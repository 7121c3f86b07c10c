//! How to turn clients away so that they come back.
//!
//! A browser's `EventSource` gives up for good on any status but `200` (WHATWG HTML section 9.2.2, "fail the
//! connection"), so a subscriber gets a stream that only says when to return, and ends. The time is random, or all
//! who were turned away at once would be back at once.

use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use http::header::{CONNECTION, HeaderValue, RETRY_AFTER};
use http::{Response, StatusCode};
use sse_core::http::{retry_block, stream_headers};
use sse_net::Excess;

use crate::problem::Problem;

/// When those turned away are to return. Long enough to be a relief, short enough that hardly anyone watching notices.
const RETRY_MS: RangeInclusive<u32> = 2_000..=10_000;

/// What a developer sees who wonders why nothing comes; clients pass over it.
const FILTERS_COMMENT: &str = ":The streams of your address, or its /64, name as many segments or wildcards as they may \
                               (--max-filter-segments-per-ip, --max-filter-wildcards-per-ip): name fewer, or close some.\n";

/// Why a subscriber is turned away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shed {
    Draining,
    /// There are as many connections as may be.
    Full,
    /// Its network has as many.
    Address,
    /// The filters of its network's streams are as large as they may be.
    ///
    /// Most often that is the client's own doing, but a status would be wrong all the same: a page whose connection was lost comes
    /// back before we know that its old stream is gone, and would give up for good on a network that has room a moment later;
    /// and so would everyone else behind that address.
    Filters,
    /// It needs a channel, and there are as many as may be.
    Channels,
    /// As many streams catch up as may.
    Replays,
}

impl From<Excess> for Shed {
    fn from(excess: Excess) -> Shed {
        match excess {
            Excess::Full => Shed::Full,
            Excess::Unpermitted => Shed::Address,
        }
    }
}

/// Turns subscribers away, and counts them.
#[derive(Debug, Default)]
pub(crate) struct Shedder {
    streams: AtomicU64,
    filters: AtomicU64,
    channels: AtomicU64,
    replays: AtomicU64,
}

impl Shedder {
    /// What a subscriber gets. The id it came with comes back to it.
    pub(crate) fn stream(&self, reason: Shed, last_event_id: Option<&str>) -> Response<Bytes> {
        self.streams.fetch_add(1, Ordering::Relaxed); // a count on its own
        let counter = match reason {
            Shed::Filters => Some(&self.filters),
            Shed::Channels => Some(&self.channels),
            Shed::Replays => Some(&self.replays),
            Shed::Draining | Shed::Full | Shed::Address => None,
        };
        if let Some(counter) = counter {
            counter.fetch_add(1, Ordering::Relaxed); // a count on its own
        }
        let comment = if reason == Shed::Filters { FILTERS_COMMENT } else { "" };
        let block = comment.to_owned() + &retry_block(fastrand::u32(RETRY_MS), last_event_id);
        let mut response = Response::new(Bytes::from(block));
        *response.headers_mut() = stream_headers();
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        response
    }

    /// How many subscribers were turned away.
    pub(crate) fn streams(&self) -> u64 {
        self.streams.load(Ordering::Relaxed) // a count on its own
    }

    /// How many of them asked for more than their network may.
    pub(crate) fn filters(&self) -> u64 {
        self.filters.load(Ordering::Relaxed) // a count on its own
    }

    /// How many of them needed a channel too many.
    pub(crate) fn channels(&self) -> u64 {
        self.channels.load(Ordering::Relaxed) // a count on its own
    }

    /// How many of them came back for what they had missed, while too many others did.
    pub(crate) fn replays(&self) -> u64 {
        self.replays.load(Ordering::Relaxed) // a count on its own
    }
}

/// What everyone else gets on a connection too many.
pub(crate) fn excess(excess: Excess) -> Problem {
    let problem = match excess {
        Excess::Full => {
            Problem::unavailable("The server has as many connections as it may; try again shortly.", seconds())
        }
        Excess::Unpermitted => {
            let detail = "Your address, or its /64, has as many connections as it may (--max-connections-per-ip); close some, or \
                          try again shortly.";
            Problem::new(StatusCode::TOO_MANY_REQUESTS, detail).header(RETRY_AFTER, HeaderValue::from(seconds()))
        }
    };
    problem.header(CONNECTION, HeaderValue::from_static("close"))
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
    use http::header::CONTENT_TYPE;

    use super::*;

    #[test]
    fn a_subscriber_is_told_when_to_return_in_words_it_understands() {
        let shedder = Shedder::default();
        for (came_with, told) in [
            (None, ""),
            (Some("64416fd0b2c3a-7"), "id:64416fd0b2c3a-7\n"),
            // None of ours: nothing is lost with it, and it could be anything.
            (Some("1-2\nevent:x"), ""),
            (Some("yesterday"), ""),
        ] {
            let response = shedder.stream(Shed::Full, came_with);
            assert_eq!(response.status(), 200);
            assert_eq!(response.headers()[CONTENT_TYPE], "text/event-stream; charset=utf-8");
            let body = str::from_utf8(response.body()).unwrap();
            let (retry, rest) = body.strip_prefix("retry:").unwrap().split_once('\n').unwrap();
            assert!(RETRY_MS.contains(&retry.parse().unwrap()));
            assert_eq!(rest, format!("{told}\n"));
        }
        assert_eq!((shedder.streams(), shedder.replays()), (4, 0));
    }

    #[test]
    fn who_asks_for_too_much_can_see_why() {
        let shedder = Shedder::default();
        let body = shedder.stream(Shed::Filters, Some("64416fd0b2c3a-7")).into_body();
        let (comment, rest) = str::from_utf8(&body).unwrap().split_once('\n').unwrap();
        assert!(comment.starts_with(':') && comment.contains("--max-filter-wildcards-per-ip"), "{comment}");
        assert!(rest.starts_with("retry:") && rest.ends_with("\nid:64416fd0b2c3a-7\n\n"), "{rest}");
        assert_eq!((shedder.streams(), shedder.filters()), (1, 1));
    }

    #[test]
    fn others_are_told_by_a_status() {
        for (problem, status, words) in [
            (excess(Excess::Full), 503, "connections"),
            (excess(Excess::Unpermitted), 429, "--max-connections-per-ip"),
            (no_room(), 503, "--max-buffered"),
        ] {
            assert!(problem.detail().contains(words), "{problem:?}");
            let response = Response::from(problem);
            assert_eq!(response.status(), status);
            let seconds: u32 = response.headers()[RETRY_AFTER].to_str().unwrap().parse().unwrap();
            assert!((2..=10).contains(&seconds));
        }
    }
}
