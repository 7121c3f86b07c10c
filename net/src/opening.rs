//! How a stream begins: with one block, and with at least one byte.
//!
//! ```text
//!   retry:2361\n              when to come back
//!   id:64416fd0b2c3a-7\n      the place where the stream begins; or a gap, which has that id too
//!   \n
//! ```
//!
//! One block, since clients that make an event of each block, with data or without, then make only one; and since a client
//! that is cut off right after it keeps its place. One byte at least, since proxies and some clients show nothing of a
//! stream before that.

use std::time::Duration;

use sse_core::Subscription;

use crate::retry::retry_line;

/// A comment for streams that have nothing else to begin with.
const COMMENT: &[u8] = b":\n";

/// The opening of a stream of which nothing has been read: what a subscription begins with is taken from it.
pub(crate) fn opening(subscription: &mut Subscription, retry: Option<Duration>) -> Vec<u8> {
    let mut opening = retry.map(retry_line).unwrap_or_default().into_bytes();
    if subscription.has_opening() {
        let block = subscription.chunk();
        let length = block.len();
        opening.extend_from_slice(block);
        subscription.advance(length);
    } else if opening.is_empty() {
        opening.extend_from_slice(COMMENT);
    } else {
        opening.push(b'\n');
    }
    opening
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use sse_core::{Event, Filter, Hub, HubConfig};

    use super::*;

    fn opened(history_bytes: usize, last_event_id: Option<&str>, retry: Option<Duration>) -> String {
        let hub = Hub::new(HubConfig { epoch: Some(0xe), history_bytes, ..HubConfig::default() });
        for data in ["1", "2"] {
            hub.publish(&Event::new("/a", data)).unwrap();
        }
        let filter = Filter::parse("/a").unwrap();
        let mut subscription = hub.subscribe_with(&filter, last_event_id, |_| Waker::noop().clone()).unwrap();
        hub.publish(&Event::new("/a", "3")).unwrap();
        let opening = String::from_utf8(opening(&mut subscription, retry)).unwrap();
        // A number that is drawn.
        match opening.split_once('\n') {
            Some((line, rest)) if line.starts_with("retry:") => format!("retry:N\n{rest}"),
            _ => opening,
        }
    }

    #[test]
    fn a_stream_begins_with_one_block_or_a_comment() {
        let retry = Some(Duration::from_secs(2));
        let gap = "event:gap\ndata:{\"requested\":\"d-1\",\"oldest\":\"e-1\",\"reason\":\"restarted\"}\nid:e-0\n\n";
        for (history_bytes, last_event_id, retry, expected) in [
            (1 << 20, None, retry, "retry:N\nid:e-2\n\n"),
            (1 << 20, Some("e-1"), retry, "retry:N\nid:e-1\n\n"),
            (1 << 20, Some("d-1"), retry, &format!("retry:N\n{gap}")),
            (1 << 20, Some("d-1"), None, gap),
            (1 << 20, None, None, "id:e-2\n\n"),
            (0, Some("e-1"), retry, "retry:N\n\n"),
            (0, None, None, ":\n"),
        ] {
            let opened = opened(history_bytes, last_event_id, retry);
            assert_eq!(opened, expected, "{history_bytes} bytes, {last_event_id:?}, {retry:?}");
        }
    }
}
