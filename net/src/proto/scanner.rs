//! Where a head ends.

use http::Method;

use super::Limits;
use super::request_error::RequestError;

/// What every TLS connection begins with: a handshake record (RFC 8446 §5.1).
const TLS_HANDSHAKE: u8 = 0x16;

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
    /// [`RequestError::LineEnd`] for CR or LF alone; [`RequestError::HeadTooLarge`] or what part of the head is to blame
    /// for that; at the first byte, [`RequestError::Tls`] or [`RequestError::Malformed`].
    pub fn find_end(&mut self, bytes: &[u8], limits: &Limits) -> Result<Option<usize>, RequestError> {
        let window = &bytes[..bytes.len().min(limits.head_bytes)];
        if self.scanned == 0 {
            check_first(window)?;
        }
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
        if bytes.len() >= limits.head_bytes { Err(too_large(window)) } else { Ok(None) }
    }
}

/// A peer whose first byte is in no method speaks another protocol, and may wait for our answer while we wait for the rest
/// of its head.
fn check_first(bytes: &[u8]) -> Result<(), RequestError> {
    match bytes.first() {
        Some(&TLS_HANDSHAKE) => Err(RequestError::Tls),
        // Line ends have an error of their own.
        None | Some(b'\r' | b'\n') => Ok(()),
        Some(_) => Method::from_bytes(&bytes[..1]).map(drop).map_err(|_| RequestError::Malformed),
    }
}

/// What takes more than half of a head that is too large is to blame for it (RFC 9112 §3: 501 for a method, 414 for
/// a target).
#[cold]
fn too_large(head: &[u8]) -> RequestError {
    let most = head.len() / 2;
    let line_end = head.iter().position(|&byte| byte == b'\n').unwrap_or(head.len());
    let method_end = head[..line_end].iter().position(|&byte| byte == b' ').unwrap_or(line_end);
    match (method_end > most, line_end > most) {
        (true, _) => RequestError::Method,
        (false, true) => RequestError::TargetTooLong,
        (false, false) => RequestError::HeadTooLarge,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scan(head: &[u8]) -> Result<Option<usize>, RequestError> {
        let limits = Limits { head_bytes: 64, ..Limits::default() };
        let whole = HeadScanner::default().find_end(head, &limits);
        let mut scanner = HeadScanner::default();
        let pieces = (1..=head.len()).map(|end| scanner.find_end(&head[..end], &limits));
        assert_eq!(pieces.into_iter().find(|found| *found != Ok(None)).unwrap_or(Ok(None)), whole, "{head:?}");
        whole
    }

    #[test]
    fn finds_the_blank_line() {
        assert_eq!(scan(b"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET"), Ok(Some(27)));
        assert_eq!(scan(b"GET / HTTP/1.1\r\nHost: a\r\n\r"), Ok(None));
        assert_eq!(scan(b""), Ok(None));
    }

    #[test]
    fn what_can_not_begin_a_method_is_refused_at_once() {
        assert_eq!(scan(b"\x16\x03\x01\x02\x00"), Err(RequestError::Tls));
        for byte in [&b"\0"[..], b"\x04", b" ", b"\t", b"(", b"\x80", b"\xff"] {
            assert_eq!(scan(byte), Err(RequestError::Malformed), "{byte:?}");
        }
        assert_eq!(scan(b"\n"), Err(RequestError::LineEnd));
    }

    #[test]
    fn says_what_is_too_long() {
        let long = "x".repeat(64);
        for (head, error) in [
            (long.clone(), RequestError::Method),
            (format!("{} / HTTP/1.1\r\nHost: {long}", &long[..40]), RequestError::Method),
            (format!("GET /{long}"), RequestError::TargetTooLong),
            (format!("GET /{} HTTP/1.1\r\nHost: {long}", &long[..30]), RequestError::TargetTooLong),
            (format!("GET / HTTP/1.1\r\nHost: {long}"), RequestError::HeadTooLarge),
        ] {
            assert_eq!(scan(head.as_bytes()), Err(error), "{head}");
        }
    }
}
