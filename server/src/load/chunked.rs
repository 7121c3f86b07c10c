//! The chunked transfer coding (RFC 9112 §7.1), undone as it comes.

use std::fmt;

/// Finds the data in a chunked body, however it is cut.
///
/// ```text
///   Size ──LF──▶ Data ──▶ DataEnd ──LF──▶ Size …      a size of 0 ends the body: what follows is not looked at
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Chunked {
    state: State,
    /// The size as far as it is read, then the bytes of the chunk that are still to come.
    left: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Size,
    /// In what may follow the size on its line.
    Extension,
    Data,
    DataEnd,
    Ended,
}

/// The body breaks the coding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkError;

impl fmt::Display for ChunkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the body breaks the chunked coding")
    }
}

impl std::error::Error for ChunkError {}

impl Chunked {
    /// Calls `data` for each piece of the body within `bytes`.
    ///
    /// # Errors
    ///
    /// If the bytes break the coding: nothing after that can be told apart.
    pub fn feed(&mut self, mut bytes: &[u8], mut data: impl FnMut(&[u8])) -> Result<(), ChunkError> {
        while let Some((&byte, rest)) = bytes.split_first() {
            match self.state {
                State::Data => {
                    let length = usize::try_from(self.left).unwrap_or(usize::MAX).min(bytes.len());
                    data(&bytes[..length]);
                    self.skip(length);
                    bytes = &bytes[length..];
                    continue;
                }
                State::Ended => return Ok(()),
                State::Size => self.size(byte)?,
                State::Extension if byte == b'\n' => self.begin(),
                State::DataEnd if byte == b'\n' => self.state = State::Size,
                State::DataEnd if byte != b'\r' => return Err(ChunkError),
                State::Extension | State::DataEnd => {}
            }
            bytes = rest;
        }
        Ok(())
    }

    /// Bytes that come next and are data for certain: what is left of a chunk.
    pub(super) fn ahead(&self) -> usize {
        if self.state == State::Data { usize::try_from(self.left).unwrap_or(usize::MAX) } else { 0 }
    }

    /// Passes over so many of the bytes [ahead](Self::ahead).
    pub(super) fn skip(&mut self, bytes: usize) {
        self.left -= bytes as u64;
        if self.left == 0 {
            self.state = State::DataEnd;
        }
    }

    /// Whether the last chunk was seen.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.state == State::Ended
    }

    fn size(&mut self, byte: u8) -> Result<(), ChunkError> {
        match (byte as char).to_digit(16) {
            Some(digit) if self.left < 1 << 56 => self.left = self.left * 16 + u64::from(digit),
            Some(_) => return Err(ChunkError),
            None if byte == b'\n' => self.begin(),
            None if matches!(byte, b'\r' | b';' | b' ' | b'\t') => self.state = State::Extension,
            None => return Err(ChunkError),
        }
        Ok(())
    }

    fn begin(&mut self) {
        self.state = if self.left == 0 { State::Ended } else { State::Data };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn found_at_every_cut() {
        let body = b"5\r\nhello\r\n1;name=value\r\n \r\n00A\r\nwide world\r\n0\r\n\r\n";
        for cut in 0..body.len() {
            let (mut chunked, mut data) = (Chunked::default(), Vec::new());
            for piece in [&body[..cut], &body[cut..]] {
                chunked.feed(piece, |bytes| data.extend_from_slice(bytes)).unwrap();
            }
            assert_eq!(data, b"hello wide world");
            assert!(chunked.has_ended());
        }
    }

    #[test]
    fn what_is_no_chunk_is_refused() {
        for body in ["x\r\n", "1\r\nab", "10000000000000000\r\n", "-1\r\n"] {
            assert_eq!(Chunked::default().feed(body.as_bytes(), |_| {}), Err(ChunkError), "{body}");
        }
    }
}
