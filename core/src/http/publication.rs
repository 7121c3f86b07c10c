//! What a request publishes that carries one event: the path names the namespace, the body is the data.

use http::header::CONTENT_ENCODING;
use http::{HeaderMap, HeaderValue, StatusCode};

use super::bad_request::BadRequest;
use super::path::decode_query_value;
use super::query::Query;
use super::text::shortened;
use crate::events::event::EventError;
use crate::events::frame::FrameError;

/// The name that `?event=NAME` gives to an event. An empty one is none.
pub fn event_name(query: Query<'_>) -> Result<String, BadRequest> {
    let mut names = query.raw_values("event");
    let name = names.next().unwrap_or_default();
    if names.next().is_some() {
        return Err(BadRequest::new("The query names the event twice: an event has one name."));
    }
    decode_query_value(name).map_err(|error| {
        BadRequest::new(format!("The event name {:?} in the query can't be read. {error}", shortened(name)))
    })
}

/// Whether a body is coded in some way (RFC 9110 section 8.4). We decode nothing: what is compressed would be
/// published as it is. The answer is `415`, with `Accept-Encoding: identity`.
#[must_use]
pub fn is_coded(headers: &HeaderMap) -> bool {
    let values = headers.get_all(CONTENT_ENCODING).iter().map(HeaderValue::as_bytes);
    let mut codings = values.flat_map(|value| value.split(|&byte| byte == b',')).map(<[u8]>::trim_ascii);
    !codings.all(|coding| coding.is_empty() || coding.eq_ignore_ascii_case(b"identity"))
}

/// The status of the answer for an event that can't be published.
#[must_use]
pub fn refused_status(error: &EventError) -> StatusCode {
    match error {
        EventError::Namespace(_) | EventError::Frame(FrameError::DataNotUtf8 { .. }) => StatusCode::BAD_REQUEST,
        EventError::Frame(FrameError::FrameTooLong { .. } | FrameError::DataTooLong { .. }) => {
            StatusCode::PAYLOAD_TOO_LARGE
        }
        EventError::Closed => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::UNPROCESSABLE_ENTITY,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_has_one_name() {
        let name = |query| event_name(Query::new(query));
        assert_eq!(name("").as_deref(), Ok(""));
        assert_eq!(name("event=new+dog").as_deref(), Ok("new dog"));
        assert!(name("event=a&event=b").unwrap_err().detail().contains("twice"));
        assert!(name("event=%zz").unwrap_err().detail().contains("\"%zz\""));
    }

    #[test]
    fn identity_is_no_coding() {
        let coded = |value| is_coded(&HeaderMap::from_iter([(CONTENT_ENCODING, HeaderValue::from_static(value))]));
        assert!(!is_coded(&HeaderMap::new()) && !coded("") && !coded("identity, Identity"));
        assert!(coded("gzip") && coded("identity, br"));
    }
}
