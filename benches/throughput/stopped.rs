//! Readers that ask for a stream and never read it.
//!
//! The server closes their streams after a while, but they can't see it: the end lies behind bytes that they don't read.
//! So each comes back by itself, after a time. Their sockets are made to hold little, on both sides, so that
//! it is the server who meets their silence within seconds, and not the kernel for minutes.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};

use crate::Result;

/// Of one turn, so that those who do read don't wait for long.
const RETURNS_PER_TURN: usize = 32;

/// The smallest segments that the kernel lets us ask for: by their size it decides how much the server's socket holds.
const SEGMENT_BYTES: u32 = 88;

/// Some of them.
pub(crate) struct Stopped {
    server: SocketAddr,
    /// How long each stays before it comes back.
    stay: Duration,
    /// Who has been there for longest comes first.
    readers: VecDeque<Reader>,
    returned: u64,
}

struct Reader {
    path: String,
    /// Only held: dropping it resets the connection.
    _socket: Socket,
    since: Instant,
}

impl Stopped {
    /// One on each of these paths.
    pub(crate) fn open(server: SocketAddr, paths: &[String], stay: Duration) -> Result<Stopped> {
        let readers = paths.iter().map(|path| Reader::open(server, path.clone())).collect::<Result<_>>()?;
        Ok(Stopped { server, stay, readers, returned: 0 })
    }

    /// Lets some of those whose time is over leave, and come back.
    pub(crate) fn turn(&mut self) -> Result<()> {
        for _ in 0..RETURNS_PER_TURN {
            if self.readers.front().is_none_or(|first| first.since.elapsed() < self.stay) {
                break;
            }
            let Some(Reader { path, .. }) = self.readers.pop_front() else { break };
            self.readers.push_back(Reader::open(self.server, path)?);
            self.returned += 1;
        }
        Ok(())
    }

    /// How many times one has come back.
    pub(crate) fn returned(&self) -> u64 {
        self.returned
    }
}

impl Reader {
    fn open(server: SocketAddr, path: String) -> Result<Reader> {
        let socket = Socket::new(Domain::for_address(server), Type::STREAM, None)?;
        socket.set_tcp_mss(SEGMENT_BYTES)?;
        // The kernel makes it the least that there is.
        socket.set_recv_buffer_size(1)?;
        // Closed in order, ten thousand connections would hold their ports for a minute each.
        socket.set_linger(Some(Duration::ZERO))?;
        socket.connect(&server.into())?;
        let request = format!("GET {path} HTTP/1.1\r\nHost: {server}\r\n\r\n");
        if socket.send(request.as_bytes())? < request.len() {
            return Err("a request did not fit into its socket".into());
        }
        Ok(Reader { path, _socket: socket, since: Instant::now() })
    }
}
