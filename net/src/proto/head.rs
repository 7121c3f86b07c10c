//! Request heads: strict where leniency lets two parties read one message differently (request smuggling).

use http::header::{CONNECTION, EXPECT, HeaderMap};
use http::{Request, Version};

use super::Limits;
use super::field::{parse_fields, trim_blanks};
use super::framing::Framing;
use super::host::check_host;
use super::request_error::RequestError;
use super::request_line::RequestLine;
use super::scanner::HeadScanner;

/// A request head, and what it says of the connection.
#[derive(Debug)]
pub struct Head {
    /// Method, target, version and header fields.
    pub request: Request<()>,
    /// How the body's end is found.
    pub framing: Framing,
    /// The client waits for `100 Continue` before it sends the body.
    pub expects_continue: bool,
    /// Another request may follow on this connection.
    pub keep_alive: bool,
}

/// Parses a whole head: from the method to the blank line, and nothing after it.
///
/// # Errors
/// A [`RequestError`], after which nothing that follows on the connection can be trusted.
pub fn parse_head(bytes: &[u8], limits: &Limits) -> Result<Head, RequestError> {
    if HeadScanner::default().find_end(bytes, limits)? != Some(bytes.len()) {
        return Err(RequestError::Malformed);
    }
    // Every line ends with CRLF, or the scanner would have found no end; the last one is blank.
    let first = bytes.split_inclusive(|&byte| byte == b'\n').next().unwrap_or_default();
    let RequestLine { method, target, version } = RequestLine::parse(first.strip_suffix(b"\r\n").unwrap_or(first))?;
    let headers = parse_fields(&bytes[first.len()..], limits)?;
    check_host(&headers, version)?;
    let framing = Framing::of(&headers, version, limits)?;
    let expects_continue = expects_continue(&headers, version)? && framing != Framing::Length(0);
    let keep_alive = keep_alive(&headers, version);
    let mut request = Request::new(());
    *request.method_mut() = method;
    *request.uri_mut() = target;
    *request.version_mut() = version;
    *request.headers_mut() = headers;
    Ok(Head { request, framing, expects_continue, keep_alive })
}

/// RFC 9110 §10.1.1. HTTP/1.0 doesn't know `Expect`.
fn expects_continue(headers: &HeaderMap, version: Version) -> Result<bool, RequestError> {
    let mut expectations = headers.get_all(EXPECT).iter();
    match (expectations.next(), expectations.next()) {
        (None, _) => Ok(false),
        _ if version == Version::HTTP_10 => Ok(false),
        (Some(value), None) if value.as_bytes().eq_ignore_ascii_case(b"100-continue") => Ok(true),
        _ => Err(RequestError::Expectation),
    }
}

/// RFC 9112 §9.3.
fn keep_alive(headers: &HeaderMap, version: Version) -> bool {
    if has_option(headers, b"close") {
        return false;
    }
    version == Version::HTTP_11 || has_option(headers, b"keep-alive")
}

/// Whether `Connection` lists this option.
pub(super) fn has_option(headers: &HeaderMap, option: &[u8]) -> bool {
    let mut options = headers.get_all(CONNECTION).iter().flat_map(|value| value.as_bytes().split(|&byte| byte == b','));
    options.any(|word| trim_blanks(word).eq_ignore_ascii_case(option))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Method;

    fn parse(head: &str) -> Result<Head, RequestError> {
        parse_head(head.as_bytes(), &Limits::default())
    }

    fn error(head: &str) -> RequestError {
        match parse(head) {
            Ok(head) => panic!("accepted {head:?}"),
            Err(error) => error,
        }
    }

    /// A request with these header lines besides a host.
    fn with(lines: &str) -> String {
        format!("POST / HTTP/1.1\r\nHost: a\r\n{lines}\r\n")
    }

    #[test]
    fn reads_an_ordinary_head() {
        let head = parse("GET /subscribe/pets?x=1 HTTP/1.1\r\nHost: localhost:8001\r\nAccept: */*\r\n\r\n").unwrap();
        assert_eq!(head.request.method(), Method::GET);
        assert_eq!(head.request.uri().path(), "/subscribe/pets");
        assert_eq!(head.request.headers()["accept"], "*/*");
        assert_eq!(head.framing, Framing::Length(0));
        assert!(head.keep_alive && !head.expects_continue);
    }

    #[test]
    fn wants_one_host() {
        assert_eq!(error("GET / HTTP/1.1\r\n\r\n"), RequestError::Host);
        assert_eq!(error("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"), RequestError::Host);
        assert_eq!(error("GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n"), RequestError::Host);
        for host in ["a b", "a/b", "u@a", "a,b", "http://a"] {
            assert_eq!(error(&format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n")), RequestError::Host, "{host:?}");
        }
        for host in ["", "a", "a:80", "[::1]:80", "127.0.0.1"] {
            assert!(parse(&format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n")).is_ok(), "{host:?}");
        }
        assert!(parse("GET / HTTP/1.0\r\n\r\n").is_ok());
    }

    #[test]
    fn wants_crlf_everywhere() {
        assert_eq!(error("GET / HTTP/1.1\nHost: a\n\n"), RequestError::LineEnd);
        assert_eq!(error("GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n"), RequestError::LineEnd);
        assert_eq!(error("GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n"), RequestError::LineEnd);
        assert_eq!(error("GET / HTTP/1.1\r\nHost: a\r\r\n\r\n"), RequestError::LineEnd);
    }

    #[test]
    fn refuses_what_breaks_the_grammar() {
        assert_eq!(error(&with("X: a\r\n b\r\n")), RequestError::Folded);
        assert_eq!(error("GET / HTTP/1.1\r\n Host: a\r\n\r\n"), RequestError::Folded);
        for line in ["Content-Length : 5\r\n", "Content-Length\t: 5\r\n", ": x\r\n", "x\r\n", "X: a\0b\r\n", "é: x\r\n"]
        {
            assert_eq!(error(&with(line)), RequestError::Malformed, "{line:?}");
        }
        for line in
            ["GET  / HTTP/1.1", "GET / HTTP/1.1 ", " GET / HTTP/1.1", "GET /", "GET\t/ HTTP/1.1", "G@T / HTTP/1.1"]
        {
            assert_eq!(error(&format!("{line}\r\nHost: a\r\n\r\n")), RequestError::Malformed, "{line:?}");
        }
    }

    #[test]
    fn keeps_within_its_limits() {
        let fields = |count: usize| "X: y\r\n".repeat(count);
        assert!(parse(&with(&fields(99))).is_ok());
        assert_eq!(error(&with(&fields(100))), RequestError::TooManyHeaders);
        let pad = |bytes: usize| with(&format!("X: {}\r\n", "y".repeat(bytes - with("X: \r\n").len())));
        assert!(parse(&pad((16 << 10) - 1)).is_ok());
        assert!(parse(&pad(16 << 10)).is_ok());
        assert_eq!(error(&pad((16 << 10) + 1)), RequestError::HeadTooLarge);
    }

    #[test]
    fn connection_options() {
        let keep_alive = |version: &str, line: &str| {
            parse(&format!("GET / HTTP/{version}\r\nHost: a\r\n{line}\r\n")).unwrap().keep_alive
        };
        assert!(keep_alive("1.1", ""));
        assert!(!keep_alive("1.1", "Connection: Close\r\n"));
        assert!(!keep_alive("1.1", "Connection: foo\r\nConnection: x , close\r\n"));
        assert!(!keep_alive("1.0", ""));
        assert!(keep_alive("1.0", "Connection: Keep-Alive\r\n"));
        assert!(!keep_alive("1.0", "Connection: keep-alive, close\r\n"));
    }

    #[test]
    fn expectations() {
        let head = parse(&with("Content-Length: 1\r\nExpect: 100-Continue\r\n")).unwrap();
        assert!(head.expects_continue);
        assert!(!parse(&with("Expect: 100-continue\r\n")).unwrap().expects_continue, "no body to wait with");
        for lines in [
            "Expect: a-cake",
            "Expect:",
            "Expect: 100-continue, 100-continue",
            "Expect: 100-continue\r\nExpect: 100-continue",
        ] {
            assert_eq!(error(&with(&format!("{lines}\r\n"))), RequestError::Expectation, "{lines:?}");
        }
        let old = "POST / HTTP/1.0\r\nContent-Length: 1\r\nExpect: 100-continue\r\nExpect: a-cake\r\n\r\n";
        assert!(!parse(old).unwrap().expects_continue, "HTTP/1.0 knows no expectations");
    }
}
