//! Field lines, by one rule in a head and after a body (RFC 9112 §5).

use http::header::{HeaderMap, HeaderName, HeaderValue};

use super::Limits;
use super::request_error::RequestError;

/// All fields of a block: lines that end with CRLF each, and have neither CR nor LF elsewhere, and a blank one.
///
/// A blank before the colon is refused, as no name has one (RFC 9112 §5.1), and so is a line that continues another (§5.2).
pub(super) fn parse_fields(block: &[u8], limits: &Limits) -> Result<HeaderMap, RequestError> {
    let mut table = [httparse::EMPTY_HEADER; Limits::MOST_HEADERS];
    let most = limits.headers.min(Limits::MOST_HEADERS);
    let fields = match httparse::parse_headers(block, &mut table[..most]) {
        Ok(httparse::Status::Complete((end, fields))) if end == block.len() => fields,
        Ok(_) => return Err(RequestError::Malformed),
        Err(httparse::Error::TooManyHeaders) => return Err(RequestError::TooManyHeaders),
        Err(_) => return Err(explain(block)),
    };
    let mut headers = HeaderMap::with_capacity(fields.len());
    for field in fields {
        let name = HeaderName::from_bytes(field.name.as_bytes()).map_err(|_| RequestError::Malformed)?;
        let value = HeaderValue::from_bytes(trim_blanks(field.value)).map_err(|_| RequestError::Malformed)?;
        headers.try_append(name, value).map_err(|_| RequestError::TooManyHeaders)?;
    }
    Ok(headers)
}

/// Folding gets an error of its own, since clients can act on it.
#[cold]
fn explain(block: &[u8]) -> RequestError {
    let mut lines = block.split_inclusive(|&byte| byte == b'\n');
    match lines.any(|line| matches!(line, [b' ' | b'\t', ..])) {
        true => RequestError::Folded,
        false => RequestError::Malformed,
    }
}

/// Without the blanks around it (RFC 9110 §5.6.3). `trim_ascii` would take a form feed for one.
pub(super) fn trim_blanks(mut text: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = text {
        text = rest;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The one field of a line without its CRLF.
    fn parse_field(line: &[u8]) -> Result<(HeaderName, HeaderValue), RequestError> {
        let fields = parse_fields(&[line, b"\r\n\r\n"].concat(), &Limits::default())?;
        assert_eq!(fields.len(), 1, "{line:?}");
        Ok(fields.into_iter().map(|(name, value)| (name.unwrap(), value)).next().unwrap())
    }

    #[test]
    fn a_name_a_colon_and_a_value() {
        for (line, value) in [("X:y", "y"), ("x: \t y z\t ", "y z"), ("X:", ""), ("X: \t ", ""), ("X: a:b", "a:b")] {
            let (name, read) = parse_field(line.as_bytes()).unwrap();
            assert_eq!((name.as_str(), read.to_str().unwrap()), ("x", value), "{line:?}");
        }
        assert_eq!(parse_field(b"X: \xff").unwrap().1.as_bytes(), b"\xff");
    }

    /// Every byte there is, in a name and in a value.
    #[test]
    fn bytes() {
        for byte in 0..=u8::MAX {
            let is_token = byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
            let name = parse_field(&[b'a', byte, b'b', b':', b' ', b'x']);
            // Behind a colon the rest is a value.
            assert_eq!(name.is_ok(), is_token || byte == b':', "{byte:#x} in a name");
            let is_text = byte == b'\t' || (byte >= b' ' && byte != 0x7f);
            for value in [vec![b'a', b':', byte], vec![b'a', b':', b'b', byte, b'c']] {
                assert_eq!(parse_field(&value).is_ok(), is_text, "{byte:#x} in a value");
            }
        }
    }

    #[test]
    fn refuses_what_is_no_field() {
        for line in ["", "x", ":", ": x", "X : y", "X\t: y", "é: x", "GET /evil HTTP/1.1", "GET http://a/ HTTP/1.1"] {
            assert_eq!(parse_field(line.as_bytes()), Err(RequestError::Malformed), "{line:?}");
        }
        for line in [" X: y", "\tX: y", " ", "\t"] {
            assert_eq!(parse_field(line.as_bytes()), Err(RequestError::Folded), "{line:?}");
        }
    }

    #[test]
    fn counts_them() {
        let limits = Limits { headers: 2, ..Limits::default() };
        assert_eq!(parse_fields(b"\r\n", &limits).unwrap().len(), 0);
        assert_eq!(parse_fields(b"A: b\r\nA: c\r\n\r\n", &limits).unwrap().len(), 2);
        assert_eq!(parse_fields(b"A: b\r\nA: c\r\nA: d\r\n\r\n", &limits), Err(RequestError::TooManyHeaders));
    }
}
