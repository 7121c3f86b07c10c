//! What a connection is written to and read from: a socket of the system, or of the simulator.

use std::io::{self, ErrorKind, IoSlice, Read, Write};

/// A socket that doesn't block.
pub(crate) trait Socket: Read + Write {
    /// Closes the sending side.
    fn finish(&mut self) -> io::Result<()>;

    /// Makes closing drop what the peer has not taken. Otherwise the kernel keeps it until the peer takes it.
    fn drop_unsent(&mut self);
}

/// One read, again if a signal broke in.
pub(crate) fn read(socket: &mut impl Socket, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match socket.read(buffer) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

/// One write, again if a signal broke in.
pub(crate) fn write(socket: &mut impl Socket, bytes: &[u8]) -> io::Result<usize> {
    loop {
        match socket.write(bytes) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

/// One write of several pieces, again if a signal broke in.
pub(crate) fn write_pieces(socket: &mut impl Socket, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
    loop {
        match socket.write_vectored(pieces) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}
