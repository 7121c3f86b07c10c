//! A request that publishes, while its body comes.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, BufMut, Bytes};
use http::header::{ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, HOST, ORIGIN};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Response, StatusCode, Uri};
use http_body::Body;

use super::problem::Problem;
use super::publication::{event_name, is_coded, refused_status};
use super::query::Query;
use super::response_body::ResponseBody;
use crate::events::event::Event;
use crate::hub::Hub;

/// Frames of a body that are taken in one go. A client may send a body by single bytes; others are to have their turn.
const FRAMES_AT_ONCE: usize = 64;

/// An event whose data is still coming.
#[derive(Debug)]
pub(super) struct Publishing<B> {
    hub: Hub,
    namespace: String,
    name: String,
    body: Pin<Box<B>>,
    data: Vec<u8>,
    max_body_bytes: usize,
}

impl<B: Body> Publishing<B> {
    /// Begins to take a body, if the head says nothing against it.
    pub(super) fn new(
        hub: &Hub,
        head: &Parts,
        namespace: &str,
        body: B,
        max_body_bytes: usize,
    ) -> Result<Self, Problem> {
        if is_cross_site(&head.uri, &head.headers) {
            return Err(Problem::new(StatusCode::FORBIDDEN, "A page of another site may not publish here."));
        }
        if is_coded(&head.headers) {
            let detail = "The body has a `Content-Encoding`, and nothing is decoded here: send it uncompressed.";
            let problem = Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail);
            return Err(problem.with_header(ACCEPT_ENCODING, "identity"));
        }
        let name = event_name(Query::of(&head.uri))?;
        if body.size_hint().lower() > max_body_bytes as u64 {
            return Err(too_large(max_body_bytes));
        }
        let (hub, namespace, body) = (hub.clone(), namespace.to_owned(), Box::pin(body));
        Ok(Self { hub, namespace, name, body, data: Vec::new(), max_body_bytes })
    }

    /// The answer, once all of the body is there.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Response<ResponseBody>, Problem>> {
        for _ in 0..FRAMES_AT_ONCE {
            let Some(frame) = ready!(self.body.as_mut().poll_frame(cx)) else { return Poll::Ready(self.publish()) };
            let Ok(frame) = frame else {
                let detail = "The body broke off: nothing is published.";
                return Poll::Ready(Err(Problem::new(StatusCode::BAD_REQUEST, detail)));
            };
            // Trailers say nothing here.
            let Ok(data) = frame.into_data() else { continue };
            if data.remaining() > self.max_body_bytes - self.data.len() {
                return Poll::Ready(Err(too_large(self.max_body_bytes)));
            }
            self.data.put(data);
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn publish(&self) -> Result<Response<ResponseBody>, Problem> {
        let event = Event::new(&self.namespace, &self.data).named(&self.name);
        let id = self.hub.publish(&event).map_err(|error| Problem::from_error(refused_status(&error), &error))?;
        let mut response = Response::new(ResponseBody::whole(Bytes::from(format!(r#"{{"id":"{id}"}}"#))));
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        Ok(response)
    }
}

fn too_large(limit: usize) -> Problem {
    let detail = format!("The body is too large: at most {limit} bytes are taken here.");
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail)
}

/// Whether a browser says that a page of another site is behind the request (Fetch Metadata; or, over plain HTTP,
/// `Origin`). Programs say neither. A bearer's token is added by no browser by itself.
fn is_cross_site(uri: &Uri, headers: &HeaderMap) -> bool {
    let token = headers.get(AUTHORIZATION).and_then(|value| value.as_bytes().get(..7));
    if token.is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"bearer ")) {
        return false;
    }
    if let Some(site) = headers.get("sec-fetch-site") {
        return !matches!(site.as_bytes(), b"same-origin" | b"none");
    }
    let Some(origin) = headers.get(ORIGIN) else { return false };
    // The target's authority goes before `Host` (RFC 9112 section 3.2.2). Neither has the scheme's own port.
    let authority = uri.authority().map(|authority| authority.as_str().as_bytes());
    let host = authority.or_else(|| headers.get(HOST).map(HeaderValue::as_bytes)).unwrap_or_default();
    let origin = origin.to_str().unwrap_or_default();
    !origin.split_once("://").is_some_and(|(_, name)| name.as_bytes().eq_ignore_ascii_case(host))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_of_other_sites_are_known_by_what_browsers_say() {
        for (headers, cross) in [
            (&[("host", "a.example")][..], false),
            (&[("sec-fetch-site", "same-origin"), ("origin", "http://b.example")], false),
            (&[("sec-fetch-site", "same-site")], true),
            (&[("sec-fetch-site", "cross-site")], true),
            (&[("sec-fetch-site", "cross-site"), ("authorization", "Bearer x")], false),
            (&[("sec-fetch-site", "cross-site"), ("authorization", "Basic x")], true),
            (&[("host", "a.example:81"), ("origin", "http://A.example:81")], false),
            (&[("host", "a.example:81"), ("origin", "http://a.example")], true),
            (&[("host", "a.example"), ("origin", "null")], true),
            (&[("origin", "http://b.example")], true),
        ] {
            let mut request = http::Request::post("/a");
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            let request = request.body(()).unwrap();
            assert_eq!(is_cross_site(request.uri(), request.headers()), cross, "{headers:?}");
        }
    }
}
