//! Request heads: strict where leniency lets two parties read one message differently (request smuggling).

use std::error::Error;
use std::fmt;
use std::mem::MaybeUninit;

use http::header::{CONNECTION, CONTENT_LENGTH, EXPECT, HOST, HeaderMap, HeaderName, HeaderValue, TRANSFER_ENCODING};
use http::uri::Authority;
use http::{Method, Request, StatusCode, Uri, Version};

use super::Limits;

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

/// How a body's end is found (RFC 9112 §6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// This many bytes; zero without a `Content-Length`.
    Length(usize),
    /// The chunked transfer coding.
    Chunked,
}

/// Why a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RequestError {
    /// The request line or a header field breaks the grammar.
    Malformed,
    /// A line ends with CR or LF alone.
    LineEnd,
    /// A header field is continued on the next line (obsolete folding).
    Folded,
    /// The target is no path, no `http` URI, and not the `*` of `OPTIONS`.
    Target,
    /// `Host` is missing, given twice, or no host.
    Host,
    /// `Content-Length` is no number, is given twice, or comes with `Transfer-Encoding`.
    Length,
    /// The chunked body breaks the grammar.
    Chunk,
    /// The transfer coding is unknown.
    TransferCoding,
    /// The version is neither HTTP/1.0 nor HTTP/1.1.
    Version,
    /// The head has too many bytes.
    HeadTooLarge,
    /// The head has too many fields.
    TooManyHeaders,
    /// The body has too many bytes.
    BodyTooLarge,
    /// `Expect` asks for something other than `100-continue`.
    Expectation,
    /// The request was not whole in time.
    Timeout,
}

impl RequestError {
    /// The status to answer with.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self {
            RequestError::Malformed
            | RequestError::LineEnd
            | RequestError::Folded
            | RequestError::Target
            | RequestError::Host
            | RequestError::Length
            | RequestError::Chunk => StatusCode::BAD_REQUEST,
            RequestError::Timeout => StatusCode::REQUEST_TIMEOUT,
            RequestError::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            RequestError::Expectation => StatusCode::EXPECTATION_FAILED,
            RequestError::HeadTooLarge | RequestError::TooManyHeaders => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            RequestError::TransferCoding => StatusCode::NOT_IMPLEMENTED,
            RequestError::Version => StatusCode::HTTP_VERSION_NOT_SUPPORTED,
        }
    }
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            RequestError::Malformed => "the request line or a header field is malformed",
            RequestError::LineEnd => "a line of the request ends with CR or LF alone, not with CRLF",
            RequestError::Folded => "a header field is folded over several lines",
            RequestError::Target => "the request target is neither a path nor an http URI",
            RequestError::Host => "exactly one valid Host header field is needed",
            RequestError::Length => "the Content-Length is invalid, repeated, or comes with Transfer-Encoding",
            RequestError::Chunk => "the chunked body is malformed",
            RequestError::TransferCoding => "the transfer coding is not supported; only chunked is",
            RequestError::Version => "the HTTP version is not supported; use HTTP/1.1",
            RequestError::HeadTooLarge => "the request head is too large",
            RequestError::TooManyHeaders => "the request has too many header fields",
            RequestError::BodyTooLarge => "the request body is too large",
            RequestError::Expectation => "the expectation is not supported; only 100-continue is",
            RequestError::Timeout => "the request was not complete in time",
        })
    }
}

impl Error for RequestError {}

/// Finds the end of a head in bytes that come piecemeal, looking at each byte once.
#[derive(Clone, Debug, Default)]
pub struct HeadScanner {
    /// Bytes looked at.
    scanned: usize,
    /// Where the line being read starts.
    line_start: usize,
}

impl HeadScanner {
    /// Where the head that starts at `bytes[0]` ends, its blank line included. `None`: it goes on. `bytes` must be
    /// what the last call got, and perhaps more.
    ///
    /// # Errors
    /// [`RequestError::LineEnd`] for CR or LF alone; [`RequestError::HeadTooLarge`].
    pub fn find_end(&mut self, bytes: &[u8], limits: &Limits) -> Result<Option<usize>, RequestError> {
        let window = &bytes[..bytes.len().min(limits.head_bytes)];
        while let Some(at) = window[self.scanned..].iter().position(|&byte| byte == b'\n') {
            let newline = self.scanned + at;
            self.scanned = newline + 1;
            let line = &window[self.line_start..newline];
            self.line_start = newline + 1;
            match line {
                [b'\r'] => return Ok(Some(newline + 1)),
                [content @ .., b'\r'] if !content.contains(&b'\r') => {}
                _ => return Err(RequestError::LineEnd),
            }
        }
        self.scanned = window.len();
        if bytes.len() >= limits.head_bytes { Err(RequestError::HeadTooLarge) } else { Ok(None) }
    }
}

/// Parses a whole head: from the method to the blank line, and nothing after it.
///
/// # Errors
/// A [`RequestError`], after which nothing that follows on the connection can be trusted.
pub fn parse_head(bytes: &[u8], limits: &Limits) -> Result<Head, RequestError> {
    if HeadScanner::default().find_end(bytes, limits)? != Some(bytes.len()) {
        return Err(RequestError::Malformed);
    }
    let mut fields = [const { MaybeUninit::uninit() }; Limits::MOST_HEADERS];
    let most = limits.headers.min(fields.len());
    let mut raw = httparse::Request::new(&mut []);
    match raw.parse_with_uninit_headers(bytes, &mut fields[..most]) {
        Ok(httparse::Status::Complete(end)) if end == bytes.len() => {}
        Ok(_) => return Err(RequestError::Malformed),
        Err(error) => return Err(explain(error, bytes)),
    }
    let version = if raw.version == Some(0) { Version::HTTP_10 } else { Version::HTTP_11 };
    let method = Method::from_bytes(raw.method.unwrap_or_default().as_bytes()).map_err(|_| RequestError::Malformed)?;
    let target = parse_target(&method, raw.path.unwrap_or_default())?;
    let headers = collect(raw.headers)?;
    check_host(&headers, version)?;
    let framing = framing(&headers, version, limits)?;
    let expects_continue = expects_continue(&headers, version)? && framing != Framing::Length(0);
    let keep_alive = keep_alive(&headers, version);
    let mut request = Request::new(());
    *request.method_mut() = method;
    *request.uri_mut() = target;
    *request.version_mut() = version;
    *request.headers_mut() = headers;
    Ok(Head { request, framing, expects_continue, keep_alive })
}

/// Says what httparse disliked. Folding and versions get errors of their own, since clients can act on them.
#[cold]
fn explain(error: httparse::Error, bytes: &[u8]) -> RequestError {
    match error {
        httparse::Error::TooManyHeaders => RequestError::TooManyHeaders,
        httparse::Error::Version if names_a_version(bytes) => RequestError::Version,
        _ if bytes.windows(3).any(|w| w == b"\r\n " || w == b"\r\n\t") => RequestError::Folded,
        _ => RequestError::Malformed,
    }
}

/// Whether the request line ends like `HTTP/2.0`, in a version that is none of ours.
fn names_a_version(bytes: &[u8]) -> bool {
    let line = bytes.split(|&byte| byte == b'\r').next().unwrap_or_default();
    let word = line.rsplit(|&byte| byte == b' ').next().unwrap_or_default();
    matches!(word, [b'H', b'T', b'T', b'P', b'/', major, b'.', minor] if major.is_ascii_digit() && minor.is_ascii_digit())
}

/// RFC 9112 §3.2. A fragment never belongs in a request.
fn parse_target(method: &Method, target: &str) -> Result<Uri, RequestError> {
    let uri: Uri = target.parse().map_err(|_| RequestError::Target)?;
    let fits = match target.as_bytes().first() {
        Some(b'/') => true,
        Some(b'*') => target == "*" && method == Method::OPTIONS,
        _ if method == Method::CONNECT => uri.authority().is_some() && uri.scheme().is_none(),
        _ => uri.authority().is_some() && matches!(uri.scheme_str(), Some("http" | "https")),
    };
    if fits && !target.contains('#') { Ok(uri) } else { Err(RequestError::Target) }
}

fn collect(fields: &[httparse::Header<'_>]) -> Result<HeaderMap, RequestError> {
    let mut headers = HeaderMap::with_capacity(fields.len());
    for field in fields {
        let name = HeaderName::from_bytes(field.name.as_bytes()).map_err(|_| RequestError::Malformed)?;
        let value = HeaderValue::from_bytes(field.value).map_err(|_| RequestError::Malformed)?;
        headers.try_append(name, value).map_err(|_| RequestError::TooManyHeaders)?;
    }
    Ok(headers)
}

/// RFC 9112 §3.2: one `Host`, and none only in HTTP/1.0. It may be empty.
fn check_host(headers: &HeaderMap, version: Version) -> Result<(), RequestError> {
    let mut hosts = headers.get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (None, _) if version == Version::HTTP_10 => Ok(()),
        (Some(host), None) if host.is_empty() => Ok(()),
        (Some(host), None) => match Authority::try_from(host.as_bytes()) {
            // A comma is grammatical, but stands where somebody has joined two fields.
            Ok(authority) if !authority.as_str().contains(['@', ',']) => Ok(()),
            _ => Err(RequestError::Host),
        },
        _ => Err(RequestError::Host),
    }
}

/// RFC 9112 §6.3, and stricter: whatever could be read in two ways is refused.
fn framing(headers: &HeaderMap, version: Version, limits: &Limits) -> Result<Framing, RequestError> {
    let mut lengths = headers.get_all(CONTENT_LENGTH).iter();
    let length = lengths.next();
    if lengths.next().is_some() {
        return Err(RequestError::Length);
    }
    if headers.contains_key(TRANSFER_ENCODING) {
        if length.is_some() {
            return Err(RequestError::Length);
        }
        // HTTP/1.0 has no transfer codings: its sender's framing is faulty (RFC 9112 §6.1).
        if version == Version::HTTP_10 {
            return Err(RequestError::Length);
        }
        return transfer_coding(headers);
    }
    match length {
        None => Ok(Framing::Length(0)),
        Some(value) => parse_length(value.as_bytes(), limits),
    }
}

fn transfer_coding(headers: &HeaderMap) -> Result<Framing, RequestError> {
    let mut chunked = false;
    for value in headers.get_all(TRANSFER_ENCODING) {
        for coding in value.as_bytes().split(|&byte| byte == b',') {
            match coding.trim_ascii() {
                coding if !coding.eq_ignore_ascii_case(b"chunked") => {
                    return Err(if coding.is_empty() { RequestError::Length } else { RequestError::TransferCoding });
                }
                _ if chunked => return Err(RequestError::Length),
                _ => chunked = true,
            }
        }
    }
    Ok(Framing::Chunked)
}

/// Digits only: `+5`, `5, 5` and ` 5` are numbers to some, and not to others.
fn parse_length(digits: &[u8], limits: &Limits) -> Result<Framing, RequestError> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(RequestError::Length);
    }
    let number = digits.iter().try_fold(0usize, |sum, digit| sum.checked_mul(10)?.checked_add((digit - b'0').into()));
    match number {
        Some(length) if length <= limits.body_bytes => Ok(Framing::Length(length)),
        _ => Err(RequestError::BodyTooLarge),
    }
}

/// RFC 9110 §10.1.1. HTTP/1.0 doesn't know `Expect`.
fn expects_continue(headers: &HeaderMap, version: Version) -> Result<bool, RequestError> {
    match headers.get(EXPECT) {
        Some(_) if version == Version::HTTP_10 => Ok(false),
        Some(value) if value.as_bytes().eq_ignore_ascii_case(b"100-continue") => Ok(true),
        Some(_) => Err(RequestError::Expectation),
        None => Ok(false),
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
    options.any(|word| word.trim_ascii().eq_ignore_ascii_case(option))
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn refuses_two_ways_of_framing() {
        assert_eq!(error(&with("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n")), RequestError::Length);
        assert_eq!(error(&with("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n")), RequestError::Length);
        assert_eq!(error(&with("Transfer-Encoding: chunked, chunked\r\n")), RequestError::Length);
        assert_eq!(error(&with("Transfer-Encoding: \r\n")), RequestError::Length);
        assert_eq!(error("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"), RequestError::Length);
    }

    #[test]
    fn refuses_lengths_that_some_read_otherwise() {
        for value in ["+5", "-5", "5, 5", "0x5", "", "5 5", "5.0", "٥", "5\t6"] {
            assert_eq!(error(&with(&format!("Content-Length: {value}\r\n"))), RequestError::Length, "{value:?}");
        }
        assert_eq!(error(&with("Content-Length: 5\r\nContent-Length: 6\r\n")), RequestError::Length);
        assert_eq!(error(&with("Content-Length: 5\r\nContent-Length: 5\r\n")), RequestError::Length);
        let huge = "9".repeat(40);
        assert_eq!(error(&with(&format!("Content-Length: {huge}\r\n"))), RequestError::BodyTooLarge);
        assert_eq!(parse(&with("Content-Length: 0005\r\n")).unwrap().framing, Framing::Length(5));
        assert_eq!(parse(&with("Content-Length: 1048576\r\n")).unwrap().framing, Framing::Length(1 << 20));
        assert_eq!(error(&with("Content-Length: 1048577\r\n")), RequestError::BodyTooLarge);
    }

    #[test]
    fn knows_one_transfer_coding() {
        assert_eq!(parse(&with("Transfer-Encoding: Chunked\r\n")).unwrap().framing, Framing::Chunked);
        for value in ["gzip", "gzip, chunked", "chunked, gzip", "identity", "xchunked", "chunked;q=1", "\"chunked\""] {
            let line = format!("Transfer-Encoding: {value}\r\n");
            assert_eq!(error(&with(&line)), RequestError::TransferCoding, "{value:?}");
        }
        assert_eq!(
            error(&with("Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n")),
            RequestError::TransferCoding
        );
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
    fn tells_other_versions_from_nonsense() {
        for version in ["HTTP/2.0", "HTTP/0.9", "HTTP/1.2", "HTTP/3.0"] {
            assert_eq!(error(&format!("GET / {version}\r\nHost: a\r\n\r\n")), RequestError::Version, "{version}");
        }
        assert_eq!(error("PRI * HTTP/2.0\r\n\r\n"), RequestError::Version);
        for version in ["HTTP/x.1", "http/1.1", "HTTP/1.10", "FTP/1.1"] {
            assert_eq!(error(&format!("GET / {version}\r\nHost: a\r\n\r\n")), RequestError::Malformed, "{version}");
        }
    }

    #[test]
    fn targets() {
        let target = |method: &str, target: &str| parse(&format!("{method} {target} HTTP/1.1\r\nHost: a\r\n\r\n"));
        for (method, uri) in
            [("GET", "/"), ("GET", "//a/b"), ("GET", "http://a/b?c"), ("OPTIONS", "*"), ("CONNECT", "a:1")]
        {
            assert!(target(method, uri).is_ok(), "{method} {uri}");
        }
        for (method, uri) in
            [("GET", "*"), ("GET", "a:1"), ("GET", "a/b"), ("GET", "ftp://a/"), ("GET", "/a#b"), ("OPTIONS", "*x")]
        {
            assert_eq!(target(method, uri).unwrap_err(), RequestError::Target, "{method} {uri}");
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
        assert_eq!(error(&with("Expect: a-cake\r\n")), RequestError::Expectation);
    }
}
