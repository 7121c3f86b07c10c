//! The chunked transfer coding (RFC 9112 §7.1), undone as it comes.

use crate::Result;

#[derive(Debug, Default)]
pub(crate) struct Chunks {
    state: State,
    /// The size as far as it is read, then the bytes of the chunk that are still to come.
    left: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// On the line that says how long the chunk is.
    #[default]
    Size,
    Data,
    /// In the line end after the data.
    End,
}

impl Chunks {
    /// Calls `data` for each piece of the body within `bytes`.
    pub(crate) fn feed(&mut self, mut bytes: &[u8], mut data: impl FnMut(&[u8])) -> Result<()> {
        while let Some((&byte, rest)) = bytes.split_first() {
            match self.state {
                State::Data => {
                    let length = usize::try_from(self.left).unwrap_or(usize::MAX).min(bytes.len());
                    data(&bytes[..length]);
                    self.left -= length as u64;
                    self.state = if self.left == 0 { State::End } else { State::Data };
                    bytes = &bytes[length..];
                    continue;
                }
                State::Size if byte == b'\n' && self.left == 0 => return Err("the server ended the stream".into()),
                State::Size if byte == b'\n' => self.state = State::Data,
                State::Size if byte == b'\r' => {}
                State::Size => {
                    let digit = (byte as char).to_digit(16).ok_or("a chunk without a size")?;
                    self.left = self.left.checked_mul(16).ok_or("a chunk too large")? + u64::from(digit);
                }
                State::End if byte == b'\n' => self.state = State::Size,
                State::End => {}
            }
            bytes = rest;
        }
        Ok(())
    }
}
