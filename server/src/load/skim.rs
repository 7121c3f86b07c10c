//! Streams that are counted, not read: their data stays in the kernel.

use std::io::{self, Read};

use mio::net::TcpStream;

use super::chunked::{ChunkError, Chunked};

/// Bytes copied where the size of the next chunk is looked for. A small chunk is in them whole.
const LOOK_BYTES: usize = 256;

/// Counts the data of a stream.
#[derive(Clone, Copy, Debug)]
pub struct Skimmer {
    /// `None`: every byte is data.
    chunked: Option<Chunked>,
}

/// What one read has come to.
#[derive(Clone, Copy, Debug)]
pub struct Skimmed {
    /// Bytes read.
    pub read: usize,
    /// Bytes asked for.
    pub room: usize,
    /// How many of them are data.
    pub data: usize,
}

impl Skimmer {
    /// Counts from the first byte of a body on. `None`: every byte is data.
    #[must_use]
    pub fn new(chunked: Option<Chunked>) -> Skimmer {
        Skimmer { chunked }
    }

    pub(super) fn chunked(&self) -> Option<Chunked> {
        self.chunked
    }

    /// Reads past what there is, up to the buffer's length: data without copying it, and what lies between the data of
    /// two chunks.
    ///
    /// # Errors
    ///
    /// What the socket says, and if the bytes break the chunked coding.
    pub fn read(&mut self, mut socket: &TcpStream, buffer: &mut [u8]) -> io::Result<Skimmed> {
        let Some(chunked) = &mut self.chunked else {
            let read = discard(socket, buffer)?;
            return Ok(Skimmed { read, room: buffer.len(), data: read });
        };
        match chunked.ahead() {
            0 => {
                let room = LOOK_BYTES.min(buffer.len());
                let read = socket.read(&mut buffer[..room])?;
                let data = self.count(&buffer[..read]).map_err(io::Error::other)?;
                Ok(Skimmed { read, room, data })
            }
            ahead => {
                let room = ahead.min(buffer.len());
                let read = discard(socket, &mut buffer[..room])?;
                chunked.skip(read);
                Ok(Skimmed { read, room, data: read })
            }
        }
    }

    /// Counts the data in bytes that were copied.
    ///
    /// # Errors
    ///
    /// If they break the chunked coding.
    pub fn count(&mut self, bytes: &[u8]) -> Result<usize, ChunkError> {
        let Some(chunked) = &mut self.chunked else { return Ok(bytes.len()) };
        let mut data = 0;
        chunked.feed(bytes, |piece| data += piece.len())?;
        Ok(data)
    }
}

/// Reads past bytes. The kernel drops them without copying them: what a count costs is the call.
#[cfg(target_os = "linux")]
fn discard(socket: &TcpStream, buffer: &mut [u8]) -> io::Result<usize> {
    let (_, length) = rustix::net::recv(socket, buffer, rustix::net::RecvFlags::TRUNC)?;
    Ok(length)
}

#[cfg(not(target_os = "linux"))]
fn discard(mut socket: &TcpStream, buffer: &mut [u8]) -> io::Result<usize> {
    socket.read(buffer)
}
