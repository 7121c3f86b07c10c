//! The first line of a request (RFC 9112 §3).

use http::{Method, Uri, Version};

use super::request_error::RequestError;
use super::target::parse_target;

/// A method, a target and a version, with one space between them.
#[derive(Debug)]
pub(super) struct RequestLine {
    pub(super) method: Method,
    pub(super) target: Uri,
    pub(super) version: Version,
}

impl RequestLine {
    /// Reads a line, without its CRLF. The version is judged before the target: it says by which rules the rest is meant.
    pub(super) fn parse(line: &[u8]) -> Result<RequestLine, RequestError> {
        let mut words = line.split(|&byte| byte == b' ');
        let (Some(method), Some(target), Some(version), None) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            return Err(RequestError::Malformed);
        };
        let method = Method::from_bytes(method).map_err(|_| RequestError::Malformed)?;
        let version = parse_version(version)?;
        if method == Method::CONNECT {
            // We are no tunnel to anywhere, whatever the target (RFC 9110 §9.1, §9.3.6).
            return Err(RequestError::Method);
        }
        let target = parse_target(&method, target)?;
        Ok(RequestLine { method, target, version })
    }
}

/// RFC 9112 §2.3. A later minor version is read as the highest that we know of its major version (RFC 9110 §2.5).
fn parse_version(word: &[u8]) -> Result<Version, RequestError> {
    match word {
        b"HTTP/1.1" => Ok(Version::HTTP_11),
        b"HTTP/1.0" => Ok(Version::HTTP_10),
        [b'H', b'T', b'T', b'P', b'/', major @ b'0'..=b'9', b'.', b'0'..=b'9'] => match major {
            b'1' => Ok(Version::HTTP_11),
            _ => Err(RequestError::Version),
        },
        _ => Err(RequestError::Malformed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(line: &str) -> RequestError {
        RequestLine::parse(line.as_bytes()).expect_err(line)
    }

    #[test]
    fn one_space_between_three_words() {
        let line = RequestLine::parse(b"GET /a HTTP/1.1").unwrap();
        assert_eq!((line.method, line.target, line.version), (Method::GET, Uri::from_static("/a"), Version::HTTP_11));
        for line in [
            "",
            "GET",
            "GET /",
            "GET  / HTTP/1.1",
            "GET /  HTTP/1.1",
            "GET / HTTP/1.1 ",
            " GET / HTTP/1.1",
            "GET /a b HTTP/1.1",
            "GET\t/ HTTP/1.1",
            "GET /\tHTTP/1.1",
            "G@T / HTTP/1.1",
            "GÉT / HTTP/1.1",
        ] {
            assert_eq!(error(line), RequestError::Malformed, "{line:?}");
        }
    }

    #[test]
    fn tells_other_versions_from_nonsense() {
        for digit in 1..=9 {
            let line = format!("GET / HTTP/1.{digit}");
            assert_eq!(RequestLine::parse(line.as_bytes()).unwrap().version, Version::HTTP_11, "{line}");
        }
        assert_eq!(RequestLine::parse(b"GET / HTTP/1.0").unwrap().version, Version::HTTP_10);
        for version in ["HTTP/2.0", "HTTP/0.9", "HTTP/3.0", "HTTP/9.9"] {
            assert_eq!(error(&format!("GET / {version}")), RequestError::Version, "{version}");
        }
        assert_eq!(error("PRI * HTTP/2.0"), RequestError::Version);
        for version in
            ["HTTP/x.1", "http/1.1", "HTTP/1.10", "HTTP/01.1", "HTTP/1,1", "HTTP/1", "HTTP/2", "FTP/1.1", "HTTP/1.1\t"]
        {
            assert_eq!(error(&format!("GET / {version}")), RequestError::Malformed, "{version}");
        }
    }

    #[test]
    fn no_tunnels() {
        for target in ["a:1", "/", "http://a/", "*", "nonsense"] {
            assert_eq!(error(&format!("CONNECT {target} HTTP/1.1")), RequestError::Method, "{target}");
        }
    }
}
