//! Response heads.

use std::fmt;
use std::time::SystemTime;

use http::header::{CONNECTION, CONTENT_LENGTH, DATE, HeaderMap, TRANSFER_ENCODING};
use http::{Response, StatusCode};

/// What tells a client to send the body it holds back (RFC 9110 §10.1.1).
pub(super) const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// Bytes of an ordinary head, so that encoding one allocates once.
const USUAL_HEAD_BYTES: usize = 512;

/// A rendered `Date` field, to be made once a second rather than once an answer.
#[derive(Clone, PartialEq, Eq)]
pub struct DateLine {
    line: String,
}

impl DateLine {
    /// Renders this time (RFC 9110 §5.6.7).
    #[must_use]
    pub fn new(time: SystemTime) -> DateLine {
        DateLine { line: format!("Date: {}\r\n", httpdate::fmt_http_date(time)) }
    }
}

impl fmt::Debug for DateLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.line.trim_end())
    }
}

/// How the end of an answer's body is found, and what becomes of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ending {
    pub(super) body: BodyEnd,
    pub(super) connection: Option<&'static str>,
}

/// How the end of an answer's body is found (RFC 9112 §6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BodyEnd {
    /// After so many bytes.
    Length(usize),
    /// After the last chunk.
    Chunked,
    /// With the connection; or there is no body.
    Close,
}

/// Writes a head. What `response` says of framing is replaced by `ending`.
pub(super) fn encode_head<B>(response: &Response<B>, ending: Ending, date: &DateLine) -> Vec<u8> {
    let mut out = Vec::with_capacity(USUAL_HEAD_BYTES);
    let status = response.status();
    out.extend_from_slice(b"HTTP/1.1 ");
    out.extend_from_slice(status.as_str().as_bytes());
    out.push(b' ');
    out.extend_from_slice(status.canonical_reason().unwrap_or_default().as_bytes());
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(date.line.as_bytes());
    encode_fields(&mut out, response.headers());
    match ending.body {
        BodyEnd::Length(length) if has_body(status) => {
            out.extend_from_slice(format!("Content-Length: {length}\r\n").as_bytes());
        }
        BodyEnd::Chunked => out.extend_from_slice(b"Transfer-Encoding: chunked\r\n"),
        BodyEnd::Length(_) | BodyEnd::Close => {}
    }
    if let Some(connection) = ending.connection {
        out.extend_from_slice(b"Connection: ");
        out.extend_from_slice(connection.as_bytes());
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"\r\n");
    out
}

/// Whether an answer of this status has a body, and a length, at all (RFC 9110 §6.4.1). A `Content-Length` with 204
/// is forbidden, and one with 304 would have to be that of the full answer (§8.6).
pub(super) fn has_body(status: StatusCode) -> bool {
    !matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
}

fn encode_fields(out: &mut Vec<u8>, headers: &HeaderMap) {
    for (name, value) in headers {
        if [CONTENT_LENGTH, TRANSFER_ENCODING, CONNECTION, DATE].contains(name) {
            continue;
        }
        // `content-type` is written `Content-Type`: no parser may care, but people read heads.
        let mut starts_word = true;
        out.extend(name.as_str().bytes().map(|byte| {
            let byte = if starts_word { byte.to_ascii_uppercase() } else { byte };
            starts_word = byte == b'-';
            byte
        }));
        out.extend_from_slice(b": ");
        out.extend_from_slice(value.as_bytes());
        out.extend_from_slice(b"\r\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(response: Response<()>, body: BodyEnd, connection: Option<&'static str>) -> String {
        let date = DateLine::new(SystemTime::UNIX_EPOCH);
        String::from_utf8(encode_head(&response, Ending { body, connection }, &date)).unwrap()
    }

    #[test]
    fn exact_bytes() {
        let response = Response::builder().header("content-type", "text/plain").header("x-a", "1").body(()).unwrap();
        assert_eq!(
            head(response, BodyEnd::Length(12), Some("close")),
            "HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\nContent-Type: text/plain\r\nX-A: 1\r\n\
             Content-Length: 12\r\nConnection: close\r\n\r\n"
        );
    }

    #[test]
    fn framing_is_not_the_services() {
        let response = Response::builder()
            .header("transfer-encoding", "chunked")
            .header("content-length", "7")
            .header("connection", "upgrade")
            .body(())
            .unwrap();
        assert_eq!(
            head(response, BodyEnd::Close, None),
            "HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\n\r\n"
        );
    }

    #[test]
    fn no_length_where_no_body_can_be() {
        let response = Response::builder().status(204).body(()).unwrap();
        assert!(!head(response, BodyEnd::Length(0), None).contains("Content-Length"));
        let response = Response::builder().status(799).body(()).unwrap();
        assert!(head(response, BodyEnd::Length(0), None).starts_with("HTTP/1.1 799 \r\n"));
    }
}
