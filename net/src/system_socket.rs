//! The system's sockets: TCP, or one in the file system.

use std::io::{self, IoSlice, Read, Write};
use std::net::Shutdown;
use std::time::Duration;

use mio::event::Source;
use mio::net::TcpStream;
#[cfg(unix)]
use mio::net::UnixStream;
use mio::{Interest, Registry, Token};
use socket2::SockRef;

use crate::socket::Socket;

/// Writing to a peer that has gone is an error, and no signal: in a process that has left SIGPIPE at its default, as some
/// hosts of this library do, the signal would be its end.
#[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd"))]
const NO_SIGNAL: i32 = libc::MSG_NOSIGNAL;
#[cfg(not(any(target_os = "linux", target_os = "android", target_os = "freebsd")))]
const NO_SIGNAL: i32 = 0;

/// What a connection is written to and read from.
#[derive(Debug)]
pub(crate) enum SystemSocket {
    Tcp(TcpStream),
    #[cfg(unix)]
    Unix(UnixStream),
}

impl Socket for SystemSocket {
    fn finish(&mut self) -> io::Result<()> {
        match self {
            SystemSocket::Tcp(socket) => socket.shutdown(Shutdown::Write),
            #[cfg(unix)]
            SystemSocket::Unix(socket) => socket.shutdown(Shutdown::Write),
        }
    }

    /// In the file system what the peer has not taken lies in the peer's own buffer, and goes with the peer.
    fn drop_unsent(&mut self) {
        match self {
            // A failure costs the memory of one buffer for a while, and nobody could do anything about it.
            SystemSocket::Tcp(socket) => drop(SockRef::from(&*socket).set_linger(Some(Duration::ZERO))),
            #[cfg(unix)]
            SystemSocket::Unix(_) => {}
        }
    }
}

impl Read for SystemSocket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            SystemSocket::Tcp(socket) => socket.read(buffer),
            #[cfg(unix)]
            SystemSocket::Unix(socket) => socket.read(buffer),
        }
    }
}

impl Write for SystemSocket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            SystemSocket::Tcp(socket) => socket.try_io(|| SockRef::from(&*socket).send_with_flags(bytes, NO_SIGNAL)),
            #[cfg(unix)]
            SystemSocket::Unix(socket) => socket.try_io(|| SockRef::from(&*socket).send_with_flags(bytes, NO_SIGNAL)),
        }
    }

    fn write_vectored(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            SystemSocket::Tcp(socket) => {
                socket.try_io(|| SockRef::from(&*socket).send_vectored_with_flags(pieces, NO_SIGNAL))
            }
            #[cfg(unix)]
            SystemSocket::Unix(socket) => {
                socket.try_io(|| SockRef::from(&*socket).send_vectored_with_flags(pieces, NO_SIGNAL))
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Source for SystemSocket {
    fn register(&mut self, registry: &Registry, token: Token, interests: Interest) -> io::Result<()> {
        match self {
            SystemSocket::Tcp(socket) => socket.register(registry, token, interests),
            #[cfg(unix)]
            SystemSocket::Unix(socket) => socket.register(registry, token, interests),
        }
    }

    fn reregister(&mut self, registry: &Registry, token: Token, interests: Interest) -> io::Result<()> {
        match self {
            SystemSocket::Tcp(socket) => socket.reregister(registry, token, interests),
            #[cfg(unix)]
            SystemSocket::Unix(socket) => socket.reregister(registry, token, interests),
        }
    }

    fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        match self {
            SystemSocket::Tcp(socket) => socket.deregister(registry),
            #[cfg(unix)]
            SystemSocket::Unix(socket) => socket.deregister(registry),
        }
    }
}
