//! Which messages have come on one stream.
//!
//! Each line of data counts as a message: some servers put several messages into one event, a line each.

use memchr::memchr;
use sse_server::load::Payload;

/// Finds the messages in a stream, however it is cut, and holds them against what was to come: every number once, in
/// order. Messages that come from several publishers at once are in order within each one's.
#[derive(Debug)]
pub(crate) struct Tally {
    /// The beginning of a line whose end hasn't come.
    line: Vec<u8>,
    /// The number that each publisher's next message has.
    next: Vec<u64>,
    in_place: u64,
    misplaced: u64,
}

impl Tally {
    pub(crate) fn new(publishers: u64) -> Tally {
        Tally { line: Vec::new(), next: (0..publishers).collect(), in_place: 0, misplaced: 0 }
    }

    /// Calls `seen` with the number of each message that ends within `bytes`.
    pub(crate) fn feed(&mut self, mut bytes: &[u8], mut seen: impl FnMut(u64)) {
        while let Some(end) = memchr(b'\n', bytes) {
            let (line, rest) = (&bytes[..end], &bytes[end + 1..]);
            let number = if self.line.is_empty() {
                number(line)
            } else {
                self.line.extend_from_slice(line);
                let number = number(&self.line);
                self.line.clear();
                number
            };
            if let Some(number) = number {
                self.count(number);
                seen(number);
            }
            bytes = rest;
        }
        self.line.extend_from_slice(bytes);
    }

    /// Whether every message has come once and in order, so many being published.
    pub(crate) fn is_exact(&self, published: u64) -> bool {
        self.in_place == published && self.misplaced == 0
    }

    /// Messages that came where they belong, and any that came otherwise.
    pub(crate) fn count_all(&self) -> u64 {
        self.in_place + self.misplaced
    }

    fn count(&mut self, number: u64) {
        let publishers = self.next.len() as u64;
        let next = &mut self.next[(number % publishers) as usize];
        if number == *next {
            self.in_place += 1;
        } else {
            self.misplaced += 1;
        }
        *next = number + publishers;
    }
}

/// The number that a line of data says.
fn number(line: &[u8]) -> Option<u64> {
    let data = line.strip_prefix(b"data:")?;
    Payload::parse(data.strip_prefix(b" ").unwrap_or(data)).number
}
