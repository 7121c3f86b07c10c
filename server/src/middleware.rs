//! Functions of the embedder's that see every request before anything else does.

use bytes::Bytes;
use http::header::{ACCESS_CONTROL_EXPOSE_HEADERS, HeaderName, HeaderValue, SET_COOKIE, VARY};
use http::{HeaderMap, Response, StatusCode};

use crate::problem::Problem;
use crate::request::Request;

pub(crate) type Middleware = Box<dyn Fn(&Request) -> Verdict + Send + Sync>;

/// What middleware decides about a request.
///
/// ```
/// use sse_server::{Request, Verdict, http::StatusCode};
///
/// fn only_with_a_token(request: &Request) -> Verdict {
///     match request.header("authorization") {
///         Some("Bearer open-sesame") => Verdict::pass(),
///         _ => Verdict::refuse(StatusCode::UNAUTHORIZED, "Send the token as `Authorization: Bearer …`."),
///     }
/// }
/// # let builder = sse_server::Server::builder();
/// builder.middleware(only_with_a_token);
/// ```
#[derive(Debug)]
#[must_use]
pub struct Verdict {
    pub(crate) answer: Option<Response<Bytes>>,
    pub(crate) headers: HeaderMap,
}

impl Verdict {
    /// Let it on, to the next middleware or to what answers it.
    pub fn pass() -> Verdict {
        Verdict { answer: None, headers: HeaderMap::new() }
    }

    /// Answer it here.
    pub fn answer(response: impl Into<Response<Bytes>>) -> Verdict {
        Verdict { answer: Some(response.into()), headers: HeaderMap::new() }
    }

    /// Refuse it, with a sentence that says why. Browsers' `EventSource` gives up for good on anything but `200`.
    pub fn refuse(status: StatusCode, detail: impl Into<String>) -> Verdict {
        Verdict::answer(Problem::new(status, detail))
    }

    /// Add a header to whatever the answer will be, an event stream's head included. It replaces one that the answer
    /// has of the same name; `Vary`, `Set-Cookie` and `Access-Control-Expose-Headers` are added to.
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Verdict {
        add(&mut self.headers, &name, value);
        self
    }
}

/// Puts what middleware added over what the answer has.
pub(crate) fn overlay(added: HeaderMap, answer: &mut HeaderMap) {
    // `HeaderMap` names a header once and leaves the name out for its further values.
    let mut current = None;
    for (name, value) in added {
        let first = name.is_some();
        if first {
            current = name;
        }
        let Some(name) = &current else { continue };
        if first {
            add(answer, name, value);
        } else {
            answer.append(name, value);
        }
    }
}

fn add(headers: &mut HeaderMap, name: &HeaderName, value: HeaderValue) {
    if [VARY, SET_COOKIE, ACCESS_CONTROL_EXPOSE_HEADERS].contains(name) {
        headers.append(name, value);
    } else {
        headers.insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, SERVER};

    use super::*;

    fn value(text: &'static str) -> HeaderValue {
        HeaderValue::from_static(text)
    }

    #[test]
    fn added_headers_replace_ours_but_lists_grow() {
        let mut answer = HeaderMap::from_iter([(ACCESS_CONTROL_ALLOW_ORIGIN, value("*")), (VARY, value("Origin"))]);
        let verdict = Verdict::pass()
            .header(ACCESS_CONTROL_ALLOW_ORIGIN, value("https://a.example"))
            .header(VARY, value("Accept"))
            .header(SET_COOKIE, value("a=1"))
            .header(SET_COOKIE, value("b=2"))
            .header(SERVER, value("x"));
        overlay(verdict.headers, &mut answer);

        let all = |name| answer.get_all(name).iter().collect::<Vec<_>>();
        assert_eq!(all(ACCESS_CONTROL_ALLOW_ORIGIN), ["https://a.example"]);
        assert_eq!(all(VARY), ["Origin", "Accept"]);
        assert_eq!(all(SET_COOKIE), ["a=1", "b=2"]);
        assert_eq!(all(SERVER), ["x"]);
    }
}
