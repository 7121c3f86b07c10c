//! The chunked transfer coding (RFC 9112 §7.1), undone as strictly as it is written.

/// Takes a body in pieces of any length.
#[derive(Debug, Default)]
pub(crate) struct Chunks {
    /// A line as far as it has come.
    line: Vec<u8>,
    /// Bytes of the chunk, its line end included, that are still to come.
    left: usize,
    /// The last chunk has come, and the blank line after it.
    pub(crate) is_over: bool,
    is_last: bool,
}

impl Chunks {
    /// Appends the data in `bytes` to `data`.
    pub(crate) fn decode(&mut self, bytes: &[u8], data: &mut Vec<u8>) {
        for &byte in bytes {
            assert!(!self.is_over, "{byte} after the last chunk");
            match self.left {
                0 => self.line(byte),
                left => {
                    match left {
                        2 => assert_eq!(byte, b'\r', "the end of a chunk"),
                        1 => assert_eq!(byte, b'\n', "the end of a chunk"),
                        _ => data.push(byte),
                    }
                    self.left -= 1;
                }
            }
        }
    }

    /// A byte of the line with a chunk's size, or of the one after the last chunk.
    fn line(&mut self, byte: u8) {
        self.line.push(byte);
        let Some(line) = self.line.strip_suffix(b"\r\n") else { return };
        let line = std::str::from_utf8(line).expect("a size is text");
        if self.is_last {
            assert_eq!(line, "", "no trailers");
            self.is_over = true;
        } else {
            match usize::from_str_radix(line, 16).unwrap_or_else(|_| panic!("{line:?} is no size")) {
                0 => self.is_last = true,
                size => self.left = size + 2,
            }
        }
        self.line.clear();
    }
}
