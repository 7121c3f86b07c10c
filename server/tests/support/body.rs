//! The body of a stream as its client sees it.

use std::io::{self, BufRead, Read};

use sse_server::load::Chunked;

/// Reads a body past its coding. It ends with its last chunk, or with the connection.
pub(crate) struct Body<R> {
    inner: R,
    /// None: there is no coding.
    chunked: Option<Chunked>,
    /// Data that is decoded, and how much of it is read.
    data: Vec<u8>,
    read: usize,
}

impl<R: BufRead> Body<R> {
    pub(crate) fn new(inner: R, chunked: Option<Chunked>) -> Body<R> {
        Body { inner, chunked, data: Vec::new(), read: 0 }
    }

    /// Where it comes from.
    pub(crate) fn source(&self) -> &R {
        &self.inner
    }

    /// Whether the body has said that this was all.
    pub(crate) fn is_whole(&self) -> bool {
        self.chunked.is_some_and(|chunked| chunked.has_ended())
    }
}

impl<R: BufRead> Read for Body<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(chunked) = &mut self.chunked else { return self.inner.read(buffer) };
        while self.read == self.data.len() {
            let bytes = self.inner.fill_buf()?;
            let length = bytes.len();
            if length == 0 || chunked.has_ended() {
                return Ok(0);
            }
            self.data.clear();
            self.read = 0;
            let data = &mut self.data;
            chunked.feed(bytes, |piece| data.extend_from_slice(piece)).map_err(io::Error::other)?;
            self.inner.consume(length);
        }
        let length = buffer.len().min(self.data.len() - self.read);
        buffer[..length].copy_from_slice(&self.data[self.read..][..length]);
        self.read += length;
        Ok(length)
    }
}
