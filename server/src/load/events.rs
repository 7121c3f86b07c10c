//! An event stream (WHATWG HTML §9.2), parsed as far as counting events and reading their payloads needs.

use memchr::memchr2;

use super::payload::Payload;

/// What is kept of a line that is cut: more than `data:` and a payload take.
const KEPT_BYTES: usize = 64;

/// Finds the events in a stream, however it is cut. Keeps no more of a line than its beginning.
#[derive(Debug, Default)]
pub(super) struct EventParser {
    /// The beginning of a line whose end hasn't come.
    kept: Vec<u8>,
    /// The line that hasn't ended has something in it.
    in_line: bool,
    /// The last byte was a CR: an LF after it ends no line of its own.
    after_cr: bool,
    /// The event so far has data, whose first line says this.
    data: Option<Payload>,
}

impl EventParser {
    /// Calls `event` for each event that ends within `bytes`.
    pub(super) fn feed(&mut self, mut bytes: &[u8], mut event: impl FnMut(Payload)) {
        if self.after_cr && !bytes.is_empty() {
            self.after_cr = false;
            bytes = bytes.strip_prefix(b"\n").unwrap_or(bytes);
        }
        while let Some(end) = memchr2(b'\n', b'\r', bytes) {
            self.end_line(&bytes[..end], &mut event);
            let ended_by_cr = bytes[end] == b'\r';
            bytes = &bytes[end + 1..];
            if ended_by_cr {
                self.after_cr = bytes.is_empty();
                bytes = bytes.strip_prefix(b"\n").unwrap_or(bytes);
            }
        }
        if !bytes.is_empty() {
            self.in_line = true;
            self.keep(bytes);
        }
    }

    fn keep(&mut self, bytes: &[u8]) {
        let room = KEPT_BYTES - self.kept.len();
        self.kept.extend_from_slice(&bytes[..room.min(bytes.len())]);
    }

    /// A line ends with `rest`.
    #[inline]
    fn end_line(&mut self, rest: &[u8], event: &mut impl FnMut(Payload)) {
        if self.in_line {
            self.keep(rest);
            let line = std::mem::take(&mut self.kept);
            self.line(&line);
            self.kept = line;
            self.kept.clear();
            self.in_line = false;
        } else if rest.is_empty() {
            if let Some(payload) = self.data.take() {
                event(payload);
            }
        } else {
            self.line(rest);
        }
    }

    #[inline]
    fn line(&mut self, line: &[u8]) {
        if self.data.is_none()
            && let Some(value) = line.strip_prefix(b"data")
        {
            self.data = match value.strip_prefix(b":") {
                Some(value) => Some(Payload::parse(value.strip_prefix(b" ").unwrap_or(value))),
                // A field without a colon has an empty value.
                None => value.is_empty().then(Payload::default),
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &str = ":comment\n\nid:1\nevent:a\ndata: t=5 n=1\ndata:n=9\n\r\n\rdata:n=2\r\n\r\ndata\n\n\
                          database:n=3\n\nevent:only\n\ndata:n=0000000000000000004 and more, and more, and more, and more\n\n";

    #[test]
    fn found_at_every_cut() {
        let number = |number| Payload { number: Some(number), sent_at: None };
        let expected = [Payload { sent_at: Some(5), number: Some(1) }, number(2), Payload::default(), number(4)];
        let stream = STREAM.as_bytes();
        for first in 0..stream.len() {
            for second in first..stream.len() {
                let (mut parser, mut events) = (EventParser::default(), Vec::new());
                for piece in [&stream[..first], &stream[first..second], &stream[second..]] {
                    parser.feed(piece, |payload| events.push(payload));
                }
                assert_eq!(events, expected, "cut at {first} and {second}");
            }
        }
    }
}
