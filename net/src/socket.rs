//! A connection's socket: TCP, or one in the file system.

use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::net::Shutdown;
use std::time::Duration;

use mio::event::Source;
use mio::net::TcpStream;
#[cfg(unix)]
use mio::net::UnixStream;
use mio::{Interest, Registry, Token};
use socket2::SockRef;

/// Writing to a peer that has gone is an error, and no signal: in a process that has left SIGPIPE at its default, as some
/// hosts of this library do, the signal would be its end.
#[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd"))]
const NO_SIGNAL: i32 = libc::MSG_NOSIGNAL;
#[cfg(not(any(target_os = "linux", target_os = "android", target_os = "freebsd")))]
const NO_SIGNAL: i32 = 0;

/// What a connection is written to and read from.
#[derive(Debug)]
pub(crate) enum Socket {
    Tcp(TcpStream),
    #[cfg(unix)]
    Unix(UnixStream),
}

impl Socket {
    pub(crate) fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        match self {
            Socket::Tcp(socket) => socket.shutdown(how),
            #[cfg(unix)]
            Socket::Unix(socket) => socket.shutdown(how),
        }
    }

    /// Makes closing drop what the peer has not taken. Otherwise the kernel keeps it until the peer takes it. In the file
    /// system it lies in the peer's own buffer, and goes with the peer.
    pub(crate) fn drop_unsent(&self) {
        match self {
            // A failure costs the memory of one buffer for a while, and nobody could do anything about it.
            Socket::Tcp(socket) => drop(SockRef::from(socket).set_linger(Some(Duration::ZERO))),
            #[cfg(unix)]
            Socket::Unix(_) => {}
        }
    }
}

impl Read for Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Socket::Tcp(socket) => socket.read(buffer),
            #[cfg(unix)]
            Socket::Unix(socket) => socket.read(buffer),
        }
    }
}

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Socket::Tcp(socket) => socket.try_io(|| SockRef::from(&*socket).send_with_flags(bytes, NO_SIGNAL)),
            #[cfg(unix)]
            Socket::Unix(socket) => socket.try_io(|| SockRef::from(&*socket).send_with_flags(bytes, NO_SIGNAL)),
        }
    }

    fn write_vectored(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            Socket::Tcp(socket) => {
                socket.try_io(|| SockRef::from(&*socket).send_vectored_with_flags(pieces, NO_SIGNAL))
            }
            #[cfg(unix)]
            Socket::Unix(socket) => {
                socket.try_io(|| SockRef::from(&*socket).send_vectored_with_flags(pieces, NO_SIGNAL))
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Source for Socket {
    fn register(&mut self, registry: &Registry, token: Token, interests: Interest) -> io::Result<()> {
        match self {
            Socket::Tcp(socket) => socket.register(registry, token, interests),
            #[cfg(unix)]
            Socket::Unix(socket) => socket.register(registry, token, interests),
        }
    }

    fn reregister(&mut self, registry: &Registry, token: Token, interests: Interest) -> io::Result<()> {
        match self {
            Socket::Tcp(socket) => socket.reregister(registry, token, interests),
            #[cfg(unix)]
            Socket::Unix(socket) => socket.reregister(registry, token, interests),
        }
    }

    fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        match self {
            Socket::Tcp(socket) => socket.deregister(registry),
            #[cfg(unix)]
            Socket::Unix(socket) => socket.deregister(registry),
        }
    }
}

/// One read, again if a signal broke in.
pub(crate) fn read(socket: &mut Socket, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match socket.read(buffer) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

/// One write, again if a signal broke in.
pub(crate) fn write(socket: &mut Socket, bytes: &[u8]) -> io::Result<usize> {
    loop {
        match socket.write(bytes) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

/// One write of several pieces, again if a signal broke in.
pub(crate) fn write_pieces(socket: &mut Socket, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
    loop {
        match socket.write_vectored(pieces) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}
