//! The real world of a worker: mio's poll, and listening sockets.

use std::io;
use std::net::SocketAddr;
#[cfg(unix)]
use std::{net::Ipv4Addr, sync::Arc};

use mio::event::Event;
use mio::net::TcpListener;
#[cfg(unix)]
use mio::net::UnixListener;
use mio::{Interest, Registry, Token};

use crate::listener::Listener;
use crate::roster::Key;
#[cfg(unix)]
use crate::socket_file::SocketFile;
use crate::system::{Edge, Readiness, System};
use crate::system_socket::SystemSocket;

/// The waker's token. Listeners have those below it, connections those of their keys.
pub(crate) const WAKER_TOKEN: Token = Token(usize::MAX);

/// A worker's listeners, and what its sockets are watched by.
#[derive(Debug)]
pub(crate) struct MioSystem {
    registry: Registry,
    entrances: Vec<Entrance>,
}

/// Where connections come from.
#[derive(Debug)]
enum Entrance {
    Tcp(TcpListener),
    #[cfg(unix)]
    Unix {
        /// There for as long as any worker listens, and gone before the last one doesn't.
        _file: Arc<SocketFile>,
        listener: UnixListener,
    },
}

impl MioSystem {
    pub(crate) fn new(listeners: Vec<Listener>, registry: Registry) -> io::Result<MioSystem> {
        let mut entrances = Vec::with_capacity(listeners.len());
        for (index, listener) in listeners.into_iter().enumerate() {
            let token = token_of_listener(index);
            entrances.push(match listener {
                Listener::Tcp(listener) => {
                    let mut listener = TcpListener::from_std(listener);
                    registry.register(&mut listener, token, Interest::READABLE)?;
                    Entrance::Tcp(listener)
                }
                #[cfg(unix)]
                Listener::Unix(file, listener) => {
                    let mut listener = UnixListener::from_std(listener);
                    registry.register(&mut listener, token, Interest::READABLE)?;
                    Entrance::Unix { _file: file, listener }
                }
            });
        }
        Ok(MioSystem { registry, entrances })
    }

    /// The number of listeners.
    pub(crate) fn listeners(&self) -> usize {
        self.entrances.len()
    }
}

impl System for MioSystem {
    type Socket = SystemSocket;

    /// In the file system a process of this machine is at the other end.
    fn accept(&mut self, listener: usize) -> io::Result<(SystemSocket, SocketAddr)> {
        match &self.entrances[listener] {
            Entrance::Tcp(listener) => listener.accept().map(|(socket, addr)| (SystemSocket::Tcp(socket), addr)),
            #[cfg(unix)]
            Entrance::Unix { listener, .. } => {
                listener.accept().map(|(socket, _)| (SystemSocket::Unix(socket), (Ipv4Addr::LOCALHOST, 0).into()))
            }
        }
    }

    fn watch(&mut self, socket: &mut SystemSocket, key: Key) -> io::Result<()> {
        self.registry.register(socket, key.token(), Interest::READABLE | Interest::WRITABLE)
    }
}

/// What the poll tells a worker with so many listeners. `None`: only that somebody has rung the waker.
pub(crate) fn edge_of(event: &Event, listeners: usize) -> Option<Edge> {
    let token = event.token();
    if token == WAKER_TOKEN {
        return None;
    }
    if let Some(listener) = listener_of(token, listeners) {
        return Some(Edge::Listener(listener));
    }
    let readiness = Readiness {
        input: event.is_readable() || event.is_read_closed() || event.is_error(),
        ended: event.is_read_closed() || event.is_error(),
        output: event.is_writable(),
        broken: event.is_write_closed() || event.is_error(),
    };
    Some(Edge::Socket(Key::of(token), readiness))
}

fn listener_of(token: Token, listeners: usize) -> Option<usize> {
    let index = (usize::MAX - 1).checked_sub(token.0)?;
    (index < listeners).then_some(index)
}

/// Counted down from below the waker's, where no key's token ever is.
fn token_of_listener(index: usize) -> Token {
    Token(usize::MAX - 1 - index)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listeners_are_told_from_the_rest() {
        assert_eq!(listener_of(token_of_listener(0), 0), None);
        assert_eq!(listener_of(token_of_listener(1), 2), Some(1));
        assert_eq!(listener_of(token_of_listener(2), 2), None);
        assert_eq!(listener_of(Token(0), 2), None);
        assert_eq!(listener_of(WAKER_TOKEN, 2), None);
    }
}
