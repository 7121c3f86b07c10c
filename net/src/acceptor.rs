//! A worker's listeners, and what a failure to accept means.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
#[cfg(unix)]
use std::{net::Ipv4Addr, sync::Arc};

use mio::net::TcpListener;
#[cfg(unix)]
use mio::net::UnixListener;
use mio::{Interest, Registry, Token};

use crate::listener::Listener;
use crate::socket::Socket;
#[cfg(unix)]
use crate::socket_file::SocketFile;

/// A worker's listeners.
pub(crate) struct Acceptor {
    entrances: Vec<Entrance>,
}

struct Entrance {
    source: Source,
    /// Its next turn is arranged for, by the worker's list or a timer: an edge must not arrange for another.
    deferred: bool,
}

/// Where connections come from.
enum Source {
    Tcp(TcpListener),
    #[cfg(unix)]
    Unix {
        /// There for as long as any worker listens, and gone before the last one doesn't.
        _file: Arc<SocketFile>,
        listener: UnixListener,
    },
}

impl Acceptor {
    pub(crate) fn new(listeners: Vec<Listener>, registry: &Registry) -> io::Result<Acceptor> {
        let mut acceptor = Acceptor { entrances: Vec::with_capacity(listeners.len()) };
        for (index, listener) in listeners.into_iter().enumerate() {
            let token = token_of_listener(index);
            let source = match listener {
                Listener::Tcp(listener) => {
                    let mut listener = TcpListener::from_std(listener);
                    registry.register(&mut listener, token, Interest::READABLE)?;
                    Source::Tcp(listener)
                }
                #[cfg(unix)]
                Listener::Unix(file, listener) => {
                    let mut listener = UnixListener::from_std(listener);
                    registry.register(&mut listener, token, Interest::READABLE)?;
                    Source::Unix { _file: file, listener }
                }
            };
            acceptor.entrances.push(Entrance { source, deferred: false });
        }
        Ok(acceptor)
    }

    /// Which listener has this token.
    pub(crate) fn index_of(&self, token: Token) -> Option<usize> {
        let index = (usize::MAX - 1).checked_sub(token.0)?;
        (index < self.entrances.len()).then_some(index)
    }

    /// The next connection, and who is at its other end. In the file system that is a process of this machine.
    pub(crate) fn accept(&self, listener: usize) -> io::Result<(Socket, SocketAddr)> {
        match &self.entrances[listener].source {
            Source::Tcp(listener) => listener.accept().map(|(socket, addr)| (Socket::Tcp(socket), addr)),
            #[cfg(unix)]
            Source::Unix { listener, .. } => {
                listener.accept().map(|(socket, _)| (Socket::Unix(socket), (Ipv4Addr::LOCALHOST, 0).into()))
            }
        }
    }

    /// This listener's next turn is arranged for.
    pub(crate) fn defer(&mut self, listener: usize) {
        self.entrances[listener].deferred = true;
    }

    /// That turn has come.
    pub(crate) fn resume(&mut self, listener: usize) {
        self.entrances[listener].deferred = false;
    }

    pub(crate) fn is_deferred(&self, listener: usize) -> bool {
        self.entrances[listener].deferred
    }
}

/// Counted down from below the waker's, where no slot ever is.
fn token_of_listener(index: usize) -> Token {
    Token(usize::MAX - 1 - index)
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

    #[test]
    fn listeners_are_told_from_the_rest() {
        let poll = mio::Poll::new().unwrap();
        let acceptor = Acceptor::new(Vec::new(), poll.registry()).unwrap();
        assert_eq!(acceptor.index_of(token_of_listener(0)), None);
        let listeners = (0..2).map(|_| Listener::Tcp(std::net::TcpListener::bind("127.0.0.1:0").unwrap())).collect();
        let acceptor = Acceptor::new(listeners, poll.registry()).unwrap();
        assert_eq!(acceptor.index_of(token_of_listener(1)), Some(1));
        assert_eq!(acceptor.index_of(token_of_listener(2)), None);
        assert_eq!(acceptor.index_of(Token(0)), None);
        assert_eq!(acceptor.index_of(Token(usize::MAX)), None);
    }
}
