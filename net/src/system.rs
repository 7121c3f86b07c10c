//! What a worker asks of the world: sockets, and who comes. The time it is told.
//!
//! There are two worlds, mio's and the simulator's, and the worker can't tell which it is in.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;

use crate::roster::Key;
use crate::socket::Socket;

pub(crate) trait System {
    type Socket: Socket;

    /// The next connection of this listener, and who is at its other end.
    ///
    /// # Errors
    /// [`ErrorKind::WouldBlock`] if there is none; then its edge will come. See [`recovery`] for the rest.
    fn accept(&mut self, listener: usize) -> io::Result<(Self::Socket, SocketAddr)>;

    /// Tells of this socket's edges from now on, by this key.
    ///
    /// # Errors
    /// What the system says: it may be out of watches, or of memory.
    fn watch(&mut self, socket: &mut Self::Socket, key: Key) -> io::Result<()>;
}

/// An edge. Edges don't repeat, and one may come late, for who is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Edge {
    /// Somebody comes by this listener.
    Listener(usize),
    Socket(Key, Readiness),
}

/// What a socket has become ready for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Readiness {
    /// A read finds something: bytes, the end or an error.
    pub(crate) input: bool,
    /// The end of what the peer sends is in sight.
    pub(crate) ended: bool,
    /// A write finds room, or an error.
    pub(crate) output: bool,
    /// The peer is gone, not only done with sending.
    pub(crate) broken: bool,
}

/// What to do after a failure to accept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Recovery {
    /// There is nothing to accept.
    Wait,
    /// This connection is gone; the next may be sound.
    Next,
    /// Try again after a pause: no edge will call us, since the connection that we can't take stays in the queue.
    Backoff,
}

pub(crate) fn recovery(error: &io::Error) -> Recovery {
    match error.kind() {
        ErrorKind::WouldBlock => Recovery::Wait,
        ErrorKind::Interrupted | ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset => Recovery::Next,
        _ => Recovery::Backoff,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lack_of_descriptors_is_waited_out() {
        // EMFILE and ENFILE, as Linux, the BSDs and macOS number them.
        for errno in [24, 23] {
            assert_eq!(recovery(&io::Error::from_raw_os_error(errno)), Recovery::Backoff);
        }
        assert_eq!(recovery(&ErrorKind::OutOfMemory.into()), Recovery::Backoff);
        assert_eq!(recovery(&ErrorKind::ConnectionAborted.into()), Recovery::Next);
        assert_eq!(recovery(&ErrorKind::WouldBlock.into()), Recovery::Wait);
    }
}
