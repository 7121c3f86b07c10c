//! How a body's end is found.

use http::Version;
use http::header::{CONTENT_LENGTH, HeaderMap, TRANSFER_ENCODING};

use super::Limits;
use super::field::trim_blanks;
use super::request_error::RequestError;

/// How a body's end is found (RFC 9112 §6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// This many bytes; zero without a `Content-Length`.
    Length(usize),
    /// The chunked transfer coding.
    Chunked,
}

impl Framing {
    /// RFC 9112 §6.3, and stricter: whatever could be read in two ways is refused.
    pub(super) fn of(headers: &HeaderMap, version: Version, limits: &Limits) -> Result<Framing, RequestError> {
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
}

/// RFC 9112 §6.1, §6.3: where `chunked` is not last, the body's end can't be found (400); what comes before it and is
/// unknown to us can't be undone (501). An empty element is refused, since some would take it for the last one.
fn transfer_coding(headers: &HeaderMap) -> Result<Framing, RequestError> {
    let (mut chunked, mut unknown) = (false, false);
    for value in headers.get_all(TRANSFER_ENCODING) {
        for coding in value.as_bytes().split(|&byte| byte == b',').map(trim_blanks) {
            if coding.is_empty() || chunked {
                return Err(RequestError::Unchunked);
            }
            chunked = coding.eq_ignore_ascii_case(b"chunked");
            unknown |= !chunked;
        }
    }
    match (chunked, unknown) {
        (false, _) => Err(RequestError::Unchunked),
        (true, true) => Err(RequestError::TransferCoding),
        (true, false) => Ok(Framing::Chunked),
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::field::parse_fields;

    fn framing(lines: &str) -> Result<Framing, RequestError> {
        framing_in(Version::HTTP_11, lines)
    }

    fn framing_in(version: Version, lines: &str) -> Result<Framing, RequestError> {
        let limits = Limits::default();
        let fields = parse_fields(format!("{lines}\r\n").as_bytes(), &limits).unwrap();
        Framing::of(&fields, version, &limits)
    }

    #[test]
    fn refuses_two_ways_of_framing() {
        for lines in [
            "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
            "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
            "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n",
            "Content-Length: 5\r\nContent-Length: 6\r\n",
            "Content-Length: 5\r\nContent-Length: 5\r\n",
        ] {
            assert_eq!(framing(lines), Err(RequestError::Length), "{lines:?}");
        }
        assert_eq!(framing_in(Version::HTTP_10, "Transfer-Encoding: chunked\r\n"), Err(RequestError::Length));
    }

    #[test]
    fn refuses_lengths_that_some_read_otherwise() {
        for value in ["+5", "-5", "5, 5", "5,", "0x5", "", "5 5", "5.0", "5e0", "5_0", "\u{665}", "5\t6"] {
            assert_eq!(framing(&format!("Content-Length: {value}\r\n")), Err(RequestError::Length), "{value:?}");
        }
        for value in ["1048577", "18446744073709551616", "9999999999999999999999999999999999999999"] {
            assert_eq!(framing(&format!("Content-Length: {value}\r\n")), Err(RequestError::BodyTooLarge), "{value}");
        }
        assert_eq!(framing("Content-Length: 0005\r\n"), Ok(Framing::Length(5)));
        assert_eq!(framing("Content-Length: 1048576\r\n"), Ok(Framing::Length(1 << 20)));
        assert_eq!(framing(""), Ok(Framing::Length(0)));
    }

    #[test]
    fn knows_one_transfer_coding() {
        for value in ["chunked", "Chunked", "\tCHUNKED "] {
            assert_eq!(framing(&format!("Transfer-Encoding: {value}\r\n")), Ok(Framing::Chunked), "{value:?}");
        }
        for value in ["gzip, chunked", "gzip , deflate,chunked", "identity, chunked", "chunked;a, chunked"] {
            let line = format!("Transfer-Encoding: {value}\r\n");
            assert_eq!(framing(&line), Err(RequestError::TransferCoding), "{value:?}");
        }
        assert_eq!(
            framing("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n"),
            Err(RequestError::TransferCoding)
        );
    }

    #[test]
    fn chunked_is_last_and_there_once() {
        for value in [
            "",
            ",",
            "gzip",
            "identity",
            "xchunked",
            "chunkedx",
            "chunked;q=1",
            "\"chunked\"",
            "'chunked'",
            "chunked, gzip",
            "chunked, chunked",
            "gzip, chunked, chunked",
            "chunked,",
            ",chunked",
            "chunked,,",
            "chun ked",
        ] {
            let line = format!("Transfer-Encoding: {value}\r\n");
            assert_eq!(framing(&line), Err(RequestError::Unchunked), "{value:?}");
        }
        for lines in [
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding:\r\n",
        ] {
            assert_eq!(framing(lines), Err(RequestError::Unchunked), "{lines:?}");
        }
    }
}
