//! Request targets (RFC 9112 §3.2).
//!
//! Bytes beyond ASCII are no part of a URI (RFC 3986 §2), but curl and others send a path such as `/café` as it was typed:
//! where they are well-formed UTF-8 they can be read in one way only, and stay. So do `[` and `]`, which form libraries
//! leave as they are in parameters' names. Everything else that a URI can't have is refused, since proxies differ over it.

use std::str;

use http::{Method, Uri};

use super::host::is_host;
use super::request_error::RequestError;

/// A path with perhaps a query, an `http` URI, or the `*` of `OPTIONS`.
pub(super) fn parse_target(method: &Method, target: &[u8]) -> Result<Uri, RequestError> {
    if target.iter().any(|&byte| is_barred(byte)) {
        return Err(RequestError::Target);
    }
    let text = str::from_utf8(target).map_err(|_| RequestError::Target)?;
    let uri: Uri = text.parse().map_err(|_| RequestError::Target)?;
    let fits = match target {
        [b'/', ..] => true,
        [b'*', ..] => text == "*" && method == Method::OPTIONS,
        _ => {
            // Neither user nor empty host: RFC 9110 §4.2.1, §4.2.4.
            let is_absolute = matches!(uri.scheme_str(), Some("http" | "https"));
            is_absolute && uri.authority().is_some_and(|authority| is_host(authority.as_str().as_bytes()))
        }
    };
    if fits { Ok(uri) } else { Err(RequestError::Target) }
}

/// What can stand in no URI; and `#`, since a fragment never belongs in a request.
fn is_barred(byte: u8) -> bool {
    matches!(byte, 0..=b' ' | 0x7f | b'"' | b'#' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(method: &str, target: &str) -> Result<Uri, RequestError> {
        parse_target(&Method::from_bytes(method.as_bytes()).unwrap(), target.as_bytes())
    }

    #[test]
    fn targets() {
        for (method, target) in [
            ("GET", "/"),
            ("GET", "//a/b"),
            ("GET", "/a?b[]=c"),
            ("GET", "/caf\u{e9}?\u{1f436}"),
            ("GET", "http://a/b?c"),
            ("GET", "HTTP://a:80"),
            ("GET", "https://[::1]:1/b"),
            ("OPTIONS", "*"),
        ] {
            assert!(parse(method, target).is_ok(), "{method} {target}");
        }
        for (method, target) in [
            ("GET", ""),
            ("GET", "*"),
            ("OPTIONS", "*x"),
            ("GET", "a:1"),
            ("GET", "a/b"),
            ("GET", "?a"),
            ("GET", "ftp://a/"),
            ("GET", "http://"),
            ("GET", "http:///a"),
            ("GET", "http://u@a/"),
            ("GET", "http://a:zz/"),
            ("GET", "http://a:65536/"),
            ("GET", "/a#b"),
        ] {
            assert_eq!(parse(method, target), Err(RequestError::Target), "{method} {target}");
        }
    }

    #[test]
    fn bytes() {
        for byte in "\0\t \"#<>\\^`{|}\u{7f}".bytes() {
            for target in [[b'/', byte].as_slice(), &[b'/', b'?', byte]] {
                assert_eq!(parse_target(&Method::GET, target), Err(RequestError::Target), "{target:?}");
            }
        }
        // A byte alone, a surrogate, and a slash in two bytes.
        for ill in [&b"/\xff"[..], b"/\xc3", b"/?\xed\xa0\x80", b"/\xc0\xaf"] {
            assert_eq!(parse_target(&Method::GET, ill), Err(RequestError::Target), "{ill:?}");
        }
    }
}
