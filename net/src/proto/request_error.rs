//! Why a request is refused, in a status and a sentence.

use std::error::Error;
use std::fmt;

use http::StatusCode;

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
    /// A TLS handshake, where HTTP is spoken without TLS.
    Tls,
    /// The method is `CONNECT`, or so long that it can be none of ours.
    Method,
    /// The target is no path, no `http` URI, and not the `*` of `OPTIONS`; or it has bytes that no URI has.
    Target,
    /// The target is what makes the head too large.
    TargetTooLong,
    /// `Host` is missing, given twice, or no host.
    Host,
    /// `Content-Length` is no number, is given twice, or comes with `Transfer-Encoding`.
    Length,
    /// `Transfer-Encoding` doesn't end with `chunked`, or names it twice.
    Unchunked,
    /// The transfer coding is unknown.
    TransferCoding,
    /// The chunked body breaks the grammar.
    Chunk,
    /// What follows the last chunk is no field, or one that belongs in the head.
    Trailer,
    /// The version is neither HTTP/1.0 nor one that is read as HTTP/1.1.
    Version,
    /// The head has too many bytes.
    HeadTooLarge,
    /// The head has too many fields.
    TooManyHeaders,
    /// The body has too many bytes.
    BodyTooLarge,
    /// `Expect` asks for something other than `100-continue`, or for several things.
    Expectation,
    /// The request was not whole in time.
    Timeout,
    /// All connections together hold as much as they may, and the request or its answer would add to it.
    NoRoom,
}

impl RequestError {
    /// The status to answer with.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self {
            RequestError::Malformed
            | RequestError::LineEnd
            | RequestError::Folded
            | RequestError::Tls
            | RequestError::Target
            | RequestError::Host
            | RequestError::Length
            | RequestError::Unchunked
            | RequestError::Chunk
            | RequestError::Trailer => StatusCode::BAD_REQUEST,
            RequestError::Timeout => StatusCode::REQUEST_TIMEOUT,
            RequestError::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            RequestError::TargetTooLong => StatusCode::URI_TOO_LONG,
            RequestError::Expectation => StatusCode::EXPECTATION_FAILED,
            RequestError::HeadTooLarge | RequestError::TooManyHeaders => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            RequestError::Method | RequestError::TransferCoding => StatusCode::NOT_IMPLEMENTED,
            RequestError::Version => StatusCode::HTTP_VERSION_NOT_SUPPORTED,
            RequestError::NoRoom => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            RequestError::Malformed => "the request line or a header field is malformed",
            RequestError::LineEnd => "a line of the request ends with CR or LF alone, not with CRLF",
            RequestError::Folded => "a header field is folded over several lines",
            RequestError::Tls => "a TLS handshake came to an address that speaks plain HTTP: use http:// there",
            RequestError::Method => "this server does not implement the method",
            RequestError::Target => {
                "the request target is neither a path nor an http URI; percent-encode what can't stand in one"
            }
            RequestError::TargetTooLong => "the request target is too long",
            RequestError::Host => "exactly one valid Host header field is needed",
            RequestError::Length => "the Content-Length is invalid, repeated, or comes with Transfer-Encoding",
            RequestError::Unchunked => "the Transfer-Encoding must end with chunked, once",
            RequestError::TransferCoding => "the transfer coding is not supported; only chunked is",
            RequestError::Chunk => "the chunked body is malformed",
            RequestError::Trailer => "a trailer field is malformed, or is one that belongs in the head",
            RequestError::Version => "the HTTP version is not supported; use HTTP/1.1",
            RequestError::HeadTooLarge => "the request head is too large",
            RequestError::TooManyHeaders => "the request has too many header fields",
            RequestError::BodyTooLarge => "the request body is too large",
            RequestError::Expectation => "the expectation is not supported; only a single 100-continue is",
            RequestError::Timeout => "the request was not complete in time",
            RequestError::NoRoom => "the server has no room for the request or its answer; try again shortly",
        })
    }
}

impl Error for RequestError {}
