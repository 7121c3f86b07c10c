//! Errors as `application/problem+json` (RFC 9457).

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName};
use http::{HeaderValue, Response, StatusCode};

use super::bad_request::BadRequest;
use super::response_body::ResponseBody;
use super::text::sentence;
use crate::json;

/// An error answer: a status, and a sentence that tells a person what to do about it.
#[derive(Debug)]
pub(super) struct Problem {
    status: StatusCode,
    detail: String,
    header: Option<(HeaderName, HeaderValue)>,
}

impl Problem {
    pub(super) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, detail: detail.into(), header: None }
    }

    /// The error's own words, which have no capital and no full stop.
    pub(super) fn from_error(status: StatusCode, error: &impl std::error::Error) -> Self {
        Self::new(status, sentence(error.to_string()))
    }

    pub(super) fn with_header(self, name: HeaderName, value: &'static str) -> Self {
        Self { header: Some((name, HeaderValue::from_static(value))), ..self }
    }
}

impl From<BadRequest> for Problem {
    fn from(error: BadRequest) -> Self {
        Self::new(StatusCode::BAD_REQUEST, error.detail())
    }
}

impl From<Problem> for Response<ResponseBody> {
    fn from(Problem { status, detail, header }: Problem) -> Self {
        let mut body = "{\"title\":".to_owned();
        json::push_string(&mut body, status.canonical_reason().unwrap_or("Error").chars());
        body += &format!(",\"status\":{},\"detail\":", status.as_u16());
        json::push_string(&mut body, detail.chars());
        body.push('}');
        let mut response = Response::new(ResponseBody::whole(Bytes::from(body)));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.extend(header);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }
}
