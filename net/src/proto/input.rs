//! Bytes on their way in.

/// Bytes received and not yet understood. A peer may send nothing for hours, so what is read holds no buffer.
#[derive(Debug, Default)]
pub(super) struct Input {
    bytes: Vec<u8>,
    /// This much of the bytes is read.
    read: usize,
}

impl Input {
    pub(super) fn unread(&self) -> &[u8] {
        &self.bytes[self.read..]
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.bytes.drain(..self.read);
        self.read = 0;
        self.bytes.extend_from_slice(bytes);
    }

    /// This much more is read.
    pub(super) fn advance(&mut self, bytes: usize) {
        self.read += bytes;
        if self.unread().is_empty() {
            self.clear();
        }
    }

    /// Some clients send CRLF after a body; a server should read past it (RFC 9112 §2.2).
    pub(super) fn skip_blank_lines(&mut self) {
        while self.unread().starts_with(b"\r\n") {
            self.advance(2);
        }
    }

    /// Drops all of it.
    pub(super) fn clear(&mut self) {
        *self = Input::default();
    }

    /// Bytes that are held, read or not.
    pub(super) fn capacity(&self) -> usize {
        self.bytes.capacity()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_holds_nothing() {
        let mut input = Input::default();
        input.push(b"\r\n\r\nab");
        input.skip_blank_lines();
        assert_eq!(input.unread(), b"ab");
        input.advance(1);
        input.push(b"c");
        assert_eq!(input.unread(), b"bc");
        input.advance(2);
        assert_eq!((input.unread(), input.capacity()), (&b""[..], 0));
    }

    #[test]
    fn half_a_blank_line_is_none() {
        let mut input = Input::default();
        input.push(b"\r\n\r");
        input.skip_blank_lines();
        assert_eq!(input.unread(), b"\r");
        input.push(b"\nG");
        input.skip_blank_lines();
        assert_eq!(input.unread(), b"G");
    }
}
