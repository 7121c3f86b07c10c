//! The answer's head.

/// What there is to know of the answer before its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    /// Bytes that it takes.
    pub(super) length: usize,
    pub(super) status: u16,
    pub(super) chunked: bool,
}

/// The head is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct HeadError;

/// More than any server sends.
const MAX_FIELDS: usize = 64;

/// The head at the beginning of `bytes`; `None` if it isn't whole yet.
pub(super) fn parse(bytes: &[u8]) -> Result<Option<Head>, HeadError> {
    let mut fields = [httparse::EMPTY_HEADER; MAX_FIELDS];
    let mut response = httparse::Response::new(&mut fields);
    let httparse::Status::Complete(length) = response.parse(bytes).map_err(|_| HeadError)? else { return Ok(None) };
    let is_chunked = |field: &httparse::Header<'_>| {
        field.name.eq_ignore_ascii_case("transfer-encoding") && field.value.eq_ignore_ascii_case(b"chunked")
    };
    let chunked = response.headers.iter().any(is_chunked);
    Ok(Some(Head { length, status: response.code.ok_or(HeadError)?, chunked }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_coding_is_seen() {
        let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n";
        let plain = format!("{head}\r\n");
        let chunked = format!("{head}transfer-encoding: Chunked\r\n\r\n");
        assert_eq!(parse(plain.as_bytes()), Ok(Some(Head { length: plain.len(), status: 200, chunked: false })));
        assert_eq!(parse(chunked.as_bytes()), Ok(Some(Head { length: chunked.len(), status: 200, chunked: true })));
        assert_eq!(parse(head.as_bytes()), Ok(None));
        assert_eq!(parse(b"SMTP\r\n"), Err(HeadError));
    }
}
