//! The head of an event stream, and of one that only says when to come back.

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::events::event_id::EventId;
use crate::events::frame::id_line;

/// What every stream's head says. `X-Accel-Buffering` is how nginx is told to pass events on as they come.
pub const STREAM_HEADERS: [(&str, &str); 3] = [
    ("content-type", "text/event-stream; charset=utf-8"),
    ("cache-control", "no-cache, no-store, no-transform"),
    ("x-accel-buffering", "no"),
];

/// The same as a map.
#[must_use]
pub fn stream_headers() -> HeaderMap {
    let field = |(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value));
    STREAM_HEADERS.into_iter().map(field).collect()
}

/// What a subscriber gets that is turned away for now: a stream of this block alone, and its end.
///
/// A browser's `EventSource` gives up for good on any status but `200` (WHATWG HTML section 9.2.2, "fail the
/// connection"). The id that it came with comes back to it: to the letter of the standard, a block without one takes
/// it away, and with it the client's place. The time is to be random, or all that were turned away at once would be
/// back at once.
#[must_use]
pub fn retry_block(retry_ms: u32, last_event_id: Option<&str>) -> String {
    let mut block = format!("retry:{retry_ms}\n");
    // One of another form is none of ours: nothing is lost with it, and it could be anything.
    if let Some(id) = last_event_id.and_then(|id| id.parse::<EventId>().ok()) {
        block += &id_line(id);
    }
    block + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_head_is_as_documented() {
        let headers = stream_headers();
        assert_eq!(headers.len(), STREAM_HEADERS.len());
        assert_eq!(headers["content-type"], "text/event-stream; charset=utf-8");
    }

    #[test]
    fn an_id_of_ours_comes_back() {
        assert_eq!(retry_block(2000, None), "retry:2000\n\n");
        assert_eq!(retry_block(2000, Some("64416fd0b2c3a-7")), "retry:2000\nid:64416fd0b2c3a-7\n\n");
        assert_eq!(retry_block(2000, Some("1-2\nevent:x")), "retry:2000\n\n");
        assert_eq!(retry_block(2000, Some("yesterday")), "retry:2000\n\n");
    }
}
