//! From where a client that was here before goes on.
//!
//! `EventSource` sends the id of the last event it saw as `Last-Event-ID` (WHATWG HTML section 9.2.4), but only when it
//! comes back by itself. A page that was loaded anew, and kept the id, can't set headers: for it there is a parameter.

use std::borrow::Cow;

use http::HeaderMap;

use super::parameters::LAST_EVENT_ID;
use super::query::Query;
use super::text;

const HEADER: &str = "last-event-id";

/// The longest id passed on. Ours have at most 37 bytes, so what is cut was none of ours, and isn't after the cut
/// either: it gets the answer that unknown ids get.
const MAX_BYTES: usize = 128;

/// The id after which the stream is to begin, as the client gives it. The header wins: it is newer than the URL,
/// whose parameter stays as it was while the client comes back again and again. Of several parameters the last
/// counts: clients append theirs to a URL that has one. An empty id is none, since a client that has seen no event
/// has the empty id.
#[must_use]
pub fn last_event_id(headers: &HeaderMap, query: Query<'_>) -> Option<Box<str>> {
    let header = headers.get(HEADER).map(|value| String::from_utf8_lossy(value.as_bytes()));
    let is_given = |id: &Cow<'_, str>| !id.is_empty();
    let id = header.filter(is_given).or_else(|| query.values_of(&LAST_EVENT_ID).filter(is_given).last())?;
    Some(text::cut(&id, MAX_BYTES).into())
}

#[cfg(test)]
mod tests {
    use http::{HeaderValue, Uri};

    use super::*;

    fn id(target: &str, header: Option<&[u8]>) -> Option<String> {
        let uri: Uri = target.parse().unwrap();
        let headers = header.map(|header| (HEADER.parse().unwrap(), HeaderValue::from_bytes(header).unwrap()));
        last_event_id(&headers.into_iter().collect(), Query::of(&uri)).map(String::from)
    }

    #[test]
    fn the_header_wins_and_empty_is_none() {
        assert_eq!(id("/a", None), None);
        assert_eq!(id("/a", Some(b"1-2")).as_deref(), Some("1-2"));
        assert_eq!(id("/a?last_event_id=1-3", None).as_deref(), Some("1-3"));
        assert_eq!(id("/a?last_event_id=1-3", Some(b"1-2")).as_deref(), Some("1-2"));
        assert_eq!(id("/a?last_event_id=1-3", Some(b"")).as_deref(), Some("1-3"));
        assert_eq!(id("/a?last_event_id=", Some(b"")), None);
        assert_eq!(id("/a?lastEventId=1-3", None).as_deref(), Some("1-3"));
    }

    #[test]
    fn of_several_the_last_counts() {
        for query in [
            "last_event_id=1-2&last_event_id=1-3",
            "lastEventId=1-2&last_event_id=1-3",
            "last_event_id=1-2&lastEventId=1-3",
        ] {
            assert_eq!(id(&format!("/a?{query}"), None).as_deref(), Some("1-3"), "{query}");
            assert_eq!(id(&format!("/a?{query}&x=1&last_event_id="), None).as_deref(), Some("1-3"), "{query}");
            assert_eq!(id(&format!("/a?{query}"), Some(b"1-1")).as_deref(), Some("1-1"), "{query}");
        }
    }

    #[test]
    fn whatever_is_sent_becomes_a_short_text_that_is_no_id_of_ours() {
        let long = [b'1'; 1000];
        assert_eq!(id("/a", Some(&long)).unwrap().len(), MAX_BYTES);
        assert_eq!(id("/a", Some(b"1-2\xff")).as_deref(), Some("1-2\u{FFFD}"));
        assert_eq!(id("/a?last_event_id=%00%ff", None).as_deref(), Some("\0\u{FFFD}"));
        let wide = "é".repeat(100);
        assert_eq!(id("/a", Some(format!("x{wide}").as_bytes())).unwrap().len(), MAX_BYTES - 1);
    }
}
