//! Errors as `application/problem+json` (RFC 9457).

use std::error::Error;

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use http::{Response, StatusCode};
use serde::Serialize;
use sse_core::http::{BadRequest, sentence, shortened};

/// An error answer: a status and a sentence that tells a person what to do about it.
///
/// ```
/// use sse_server::{Problem, http::{Response, StatusCode}};
///
/// let problem = Problem::new(StatusCode::UNAUTHORIZED, "Sign in first: the token has run out.");
/// let response: Response<_> = problem.into();
/// assert_eq!(response.headers()["content-type"], "application/problem+json");
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Problem {
    status: StatusCode,
    detail: String,
    place: Option<Place>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

/// Where something is wrong in a body. All is counted from 1, columns in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Place {
    pub(crate) line: usize,
    pub(crate) column: usize,
    /// Of the array that the body is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) element: Option<usize>,
}

/// The members RFC 9457 section 3.1 names, and ours. Without `type` it is `about:blank`, whose title is the status's own.
#[derive(Serialize)]
struct Body<'a> {
    title: &'a str,
    status: u16,
    detail: &'a str,
    #[serde(flatten)]
    place: Option<Place>,
}

impl Problem {
    /// `detail` is a sentence for people; programs look at the status.
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Problem {
        Problem { status, detail: detail.into(), place: None, headers: Vec::new() }
    }

    /// The error's own words, which libraries write without a capital and a full stop.
    pub(crate) fn from_error(status: StatusCode, error: &impl Error) -> Problem {
        Problem::from_words(status, error.to_string())
    }

    /// The same for words that are no error of their own yet.
    pub(crate) fn from_words(status: StatusCode, words: String) -> Problem {
        Problem::new(status, sentence(words))
    }

    /// The sentence for people.
    #[cfg(test)]
    pub(crate) fn detail(&self) -> &str {
        &self.detail
    }

    /// With a header on the answer, such as `WWW-Authenticate`.
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Problem {
        self.headers.push((name, value));
        self
    }

    /// With the place in the body that is at fault.
    pub(crate) fn at(mut self, place: Place) -> Problem {
        let Place { line, column, element } = place;
        self.detail = match element {
            None => format!("Line {line}, column {column}: {}", self.detail),
            Some(element) => format!("Element {element}, line {line}, column {column}: {}", self.detail),
        };
        self.place = Some(place);
        self
    }

    pub(crate) fn not_found(path: &str) -> Problem {
        Problem::new(StatusCode::NOT_FOUND, format!("There is nothing at {}.", shortened(path)))
    }

    pub(crate) fn method_not_allowed(method: &http::Method, allow: &str) -> Problem {
        let detail = format!("{} does nothing here; allowed: {allow}.", shortened(method.as_str()));
        let allow = HeaderValue::from_str(allow).expect("method names are header text");
        Problem::new(StatusCode::METHOD_NOT_ALLOWED, detail).header(ALLOW, allow)
    }

    /// A method that nothing here knows, whatever the path (RFC 9110 §9.1).
    pub(crate) fn method_not_implemented(method: &http::Method) -> Problem {
        Problem::new(
            StatusCode::NOT_IMPLEMENTED,
            format!("{method} is no method of this server; names are case-sensitive."),
        )
    }

    /// `503`, with the seconds after which to come again.
    pub(crate) fn unavailable(detail: &str, retry_after_secs: u32) -> Problem {
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail).header(RETRY_AFTER, HeaderValue::from(retry_after_secs))
    }
}

impl Place {
    /// The place after this many bytes of a body.
    pub(crate) fn at(body: &[u8], offset: usize, element: Option<usize>) -> Place {
        let before = &body[..offset];
        let line_start = before.iter().rposition(|&byte| byte == b'\n').map_or(0, |newline| newline + 1);
        Place {
            line: 1 + before.iter().filter(|&&byte| byte == b'\n').count(),
            column: 1 + String::from_utf8_lossy(&before[line_start..]).chars().count(),
            element,
        }
    }
}

impl From<BadRequest> for Problem {
    fn from(error: BadRequest) -> Problem {
        Problem::new(StatusCode::BAD_REQUEST, error.detail())
    }
}

impl From<Problem> for Response<Bytes> {
    fn from(problem: Problem) -> Response<Bytes> {
        let body = Body {
            title: problem.status.canonical_reason().unwrap_or("Error"),
            status: problem.status.as_u16(),
            detail: &problem.detail,
            place: problem.place,
        };
        let body = serde_json::to_vec(&body).expect("strings and numbers are always JSON");
        let mut response = Response::new(Bytes::from(body));
        *response.status_mut() = problem.status;
        let headers = response.headers_mut();
        headers.extend(problem.headers);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_and_where() {
        let problem = || Problem::new(StatusCode::BAD_REQUEST, "`data` is missing.");
        let response = Response::from(problem().at(Place { line: 3, column: 7, element: None }));
        assert_eq!(response.status(), StatusCode::BAD_REQUEST);
        assert_eq!(
            response.body(),
            r#"{"title":"Bad Request","status":400,"detail":"Line 3, column 7: `data` is missing.","line":3,"column":7}"#
        );
        let problem = problem().at(Place { line: 3, column: 7, element: Some(2) });
        assert_eq!(problem.detail(), "Element 2, line 3, column 7: `data` is missing.");
    }

    #[test]
    fn places_are_counted_as_editors_do() {
        let body = b"\n\xC3\xA9\xff\r\n\nab";
        let place = |offset| {
            let Place { line, column, .. } = Place::at(body, offset, None);
            (line, column)
        };
        assert_eq!([0, 1, 3].map(place), [(1, 1), (2, 1), (2, 2)]);
        assert_eq!(place(body.len() - 1), (4, 2));
        assert_eq!(place(body.len()), (4, 3));
    }

    #[test]
    fn an_errors_words_become_a_sentence() {
        let error = "x".parse::<u8>().unwrap_err();
        assert_eq!(Problem::from_error(StatusCode::BAD_REQUEST, &error).detail, "Invalid digit found in string.");
    }

    #[test]
    fn a_long_path_is_not_told_in_full() {
        let path = format!("/{}", "x".repeat(8_000));
        let problem = Problem::not_found(&path);
        assert!(problem.detail().len() < 300 && problem.detail().ends_with("x…."), "{}", problem.detail());
    }

    #[test]
    fn a_method_that_does_nothing_is_told_what_does() {
        let response = Response::from(Problem::method_not_allowed(&http::Method::PUT, "POST, OPTIONS"));
        assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(response.headers()[ALLOW], "POST, OPTIONS");
    }
}
