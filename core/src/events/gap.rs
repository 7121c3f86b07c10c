//! What the server itself says in a stream: where it begins, and that events are missing.
//!
//! ```text
//!   id:18f3c2a9-42\n      the id alone: a client remembers it and dispatches nothing (WHATWG HTML §9.2.6), so that it
//!   \n                    comes back to this very place even if it breaks off before the first event
//!
//!   event:gap\n
//!   data:{"requested":"18f3c2a9-7","oldest":"18f3c2a9-43","reason":"evicted"}\n
//!   id:18f3c2a9-42\n      all after this id follows: a client that breaks off here comes back without a second gap
//!   \n
//! ```
//!
//! With history a stream begins with one of the two. A line that is written before it, such as `retry:`, joins its
//! block. [`frame`](crate::events::frame) knows how they are written.

use std::fmt::{self, Write};

use crate::events::event_id::EventId;
use crate::events::frame::{GAP, notice};
use crate::json;

/// Why a reader could not be given everything after its last event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum GapReason {
    /// The next event is no longer in the history. The stream goes on from the oldest that is: all that can be had.
    Evicted,
    /// The id was never given to an event. The stream goes on from now: anything older might come twice.
    Unknown,
    /// The id is of another life of the server. The stream goes on from the oldest event of this one: none of them can
    /// have been seen under that id.
    Restarted,
    /// The reader fell too far behind. The stream goes on from now: it should not fall behind again at once.
    Lagged,
}

impl fmt::Display for GapReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Evicted => "evicted",
            Self::Unknown => "unknown",
            Self::Restarted => "restarted",
            Self::Lagged => "lagged",
        })
    }
}

/// A gap, as its frame tells it.
#[derive(Debug)]
pub(crate) struct Gap<'a> {
    /// All after this is in the stream. `None`: events have no ids.
    pub(crate) id: Option<EventId>,
    pub(crate) requested: Option<&'a str>,
    pub(crate) oldest: Option<EventId>,
    pub(crate) reason: GapReason,
}

impl Gap<'_> {
    pub(crate) fn encode(&self) -> String {
        let mut data = "{\"requested\":".to_owned();
        match self.requested {
            Some(requested) => json::push_string(&mut data, requested.chars().take(MAX_REQUESTED)),
            None => data.push_str("null"),
        }
        data.push_str(",\"oldest\":");
        match self.oldest {
            Some(oldest) => json::push_string(&mut data, oldest.to_string().chars()),
            None => data.push_str("null"),
        }
        write!(data, ",\"reason\":\"{}\"}}", self.reason).expect("a string takes everything");
        notice(GAP, &data, self.id)
    }
}

/// Most characters of a requested id that are told back: ours are shorter.
const MAX_REQUESTED: usize = 128;

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn the_documented_bytes() {
        let id = |sequence| EventId { epoch: 0x18f3_c2a9, sequence };
        let gap =
            Gap { id: Some(id(42)), requested: Some("18f3c2a9-7"), oldest: Some(id(43)), reason: GapReason::Evicted };
        assert_eq!(
            gap.encode(),
            "event:gap\n\
             data:{\"requested\":\"18f3c2a9-7\",\"oldest\":\"18f3c2a9-43\",\"reason\":\"evicted\"}\nid:18f3c2a9-42\n\n"
        );
        let gap = Gap { id: None, requested: None, oldest: None, reason: GapReason::Lagged };
        assert_eq!(gap.encode(), "event:gap\ndata:{\"requested\":null,\"oldest\":null,\"reason\":\"lagged\"}\n\n");
    }

    #[test]
    fn what_was_requested_cannot_break_the_frame() {
        let requested = Some("a\"\\\n\r\u{85}é\u{0}");
        let frame = Gap { id: None, requested, oldest: None, reason: GapReason::Unknown }.encode();
        assert!(frame.contains(r#"{"requested":"a\"\\\u000a\u000d\u0085é\u0000","oldest""#), "{frame}");
        let long = "x".repeat(1000);
        let frame = Gap { id: None, requested: Some(&long), oldest: None, reason: GapReason::Unknown }.encode();
        assert!(frame.contains(&format!("\"{}\"", "x".repeat(MAX_REQUESTED))), "{frame}");
    }
}
