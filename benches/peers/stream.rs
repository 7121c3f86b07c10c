//! One stream: it asks, reads the head of the answer, then counts what comes.

use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::Duration;

use mio::net::TcpStream;

use sse_server::load::{Chunked, Skimmed, Skimmer};

use crate::Result;
use crate::program::Counting;
use crate::tally::Tally;

/// Bytes of a head after which it is no head.
const MAX_HEAD_BYTES: usize = 16 << 10;

/// Reads that one turn does at most: a stream that is always ready must not keep the others waiting.
const READS_PER_TURN: usize = 16;

#[derive(Debug)]
pub(crate) struct Stream {
    pub(crate) socket: TcpStream,
    request: Vec<u8>,
    phase: Phase,
    counting: Counting,
    chunked: Option<Chunked>,
    /// For what is counted.
    skimmer: Skimmer,
    pub(crate) tally: Tally,
    /// Bytes that were counted rather than read.
    pub(crate) bytes: u64,
}

#[derive(Debug)]
enum Phase {
    /// The request is to be sent.
    Connecting,
    /// The head as far as it has come.
    Asked(Vec<u8>),
    Open,
}

/// What a turn has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// There is no more to do before the socket's next edge.
    Waiting,
    /// There may be more to read.
    More,
    /// The server has closed it, or what it sends makes no sense.
    Ended,
}

impl Stream {
    /// Begins to connect.
    pub(crate) fn open(address: SocketAddr, path: &str, counting: Counting, publishers: u64) -> Result<Stream> {
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nAccept: text/event-stream\r\n\r\n").into_bytes();
        Ok(Stream {
            socket: TcpStream::connect(address)?,
            request,
            phase: Phase::Connecting,
            counting,
            chunked: None,
            skimmer: Skimmer::new(None),
            tally: Tally::new(publishers),
            bytes: 0,
        })
    }

    pub(crate) fn is_open(&self) -> bool {
        matches!(self.phase, Phase::Open)
    }

    /// Sends the request, once the connection stands.
    pub(crate) fn ask(&mut self) -> Progress {
        if !matches!(self.phase, Phase::Connecting) {
            return Progress::Waiting;
        }
        match self.socket.write(&self.request) {
            Ok(length) if length == self.request.len() => self.phase = Phase::Asked(Vec::new()),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::NotConnected) => {}
            _ => return Progress::Ended,
        }
        Progress::Waiting
    }

    /// Reads what there is; calls `seen` with the number of each message that was read rather than counted.
    pub(crate) fn receive(&mut self, buffer: &mut [u8], seen: &mut impl FnMut(u64)) -> Progress {
        if matches!(self.phase, Phase::Connecting) {
            return Progress::Waiting;
        }
        for _ in 0..READS_PER_TURN {
            let counted = self.is_open() && matches!(self.counting, Counting::Bytes { .. });
            let read = match counted {
                true => self.skimmer.read(&self.socket, buffer).map(|Skimmed { read, data, .. }| {
                    self.bytes += data as u64;
                    read
                }),
                false => self.socket.read(buffer),
            };
            match read {
                Ok(0) => return Progress::Ended,
                Ok(_) if counted => {}
                Ok(length) if self.take(&buffer[..length], seen).is_err() => return Progress::Ended,
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Progress::Waiting,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Progress::Ended,
            }
        }
        Progress::More
    }

    /// Takes bytes of the head, or of the body.
    fn take(&mut self, bytes: &[u8], seen: &mut impl FnMut(u64)) -> Result<()> {
        let Phase::Asked(head) = &mut self.phase else { return self.take_body(bytes, seen) };
        head.extend_from_slice(bytes);
        let Some(length) = head.windows(4).position(|end| end == b"\r\n\r\n").map(|at| at + 4) else {
            return if head.len() > MAX_HEAD_BYTES { Err("a head without an end".into()) } else { Ok(()) };
        };
        let all = std::mem::take(head);
        let head = String::from_utf8_lossy(&all[..length]).to_ascii_lowercase();
        if !head.starts_with("http/1.1 200") {
            return Err("the server refuses".into());
        }
        self.chunked = head.contains("\r\ntransfer-encoding: chunked\r\n").then(Chunked::default);
        self.skimmer = Skimmer::new(self.chunked);
        self.phase = Phase::Open;
        self.take_body(&all[length..], seen)
    }

    fn take_body(&mut self, bytes: &[u8], seen: &mut impl FnMut(u64)) -> Result<()> {
        if let Counting::Bytes { .. } = self.counting {
            self.bytes += self.skimmer.count(bytes)? as u64;
            return Ok(());
        }
        let tally = &mut self.tally;
        match &mut self.chunked {
            None => tally.feed(bytes, seen),
            Some(chunked) => chunked.feed(bytes, |data| tally.feed(data, &mut *seen))?,
        }
        Ok(())
    }

    /// Messages so far.
    pub(crate) fn count(&self) -> u64 {
        match self.counting {
            Counting::Lines => self.tally.count_all(),
            Counting::Bytes { opening, each } => self.bytes.saturating_sub(opening) / each,
        }
    }

    /// Whether every message has come, so many being published.
    pub(crate) fn is_exact(&self, published: u64) -> bool {
        match self.counting {
            Counting::Lines => self.tally.is_exact(published),
            Counting::Bytes { opening, each } => self.bytes == opening + published * each,
        }
    }
}

impl Drop for Stream {
    /// Resets the connection. Closed in order, it would hold its port for a minute.
    fn drop(&mut self) {
        // If it fails the socket closes in order.
        let _ = rustix::net::sockopt::set_socket_linger(&self.socket, Some(Duration::ZERO));
    }
}
