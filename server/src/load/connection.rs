//! One connection: it asks, reads the head of the answer, then the stream.

use std::fmt;
use std::io::{self, ErrorKind, Read, Write};

use mio::net::TcpStream;

use super::chunked::Chunked;
use super::events::EventParser;
use super::head;
use super::observer::{Observer, Track, now_ns};
use super::skim::{Skimmed, Skimmer};
use super::target::Target;

/// What is done with the bytes of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// They are parsed.
    Events,
    /// They are counted.
    Bytes,
    /// They are left where they are.
    Nothing,
}

/// Bytes of a head after which it is no head.
const MAX_HEAD_BYTES: usize = 64 << 10;

/// Bytes copied out of the kernel at a time: they should be parsed while they are in the cache.
const COPY_BYTES: usize = 64 << 10;

/// Reads that one turn does at most: a stream that is always ready must not keep the loop from the others.
const READS_PER_TURN: usize = 32;

pub(super) struct Connection {
    pub(super) socket: TcpStream,
    pub(super) reading: Reading,
    phase: Phase,
}

enum Phase {
    /// This request is to be sent.
    Connecting(Box<[u8]>),
    /// The head as far as it has come.
    Asked(Vec<u8>),
    /// Open, and counted at most.
    Open(Skimmer),
    /// Open, and read by events.
    Parsing(Box<Parser>),
}

#[derive(Default)]
struct Parser {
    chunked: Option<Chunked>,
    events: EventParser,
    track: Track,
}

/// What a turn has come to.
#[derive(Debug)]
pub(super) enum Outcome {
    /// There is no more to do before the socket's next edge.
    Waiting,
    /// There may be more to read.
    More,
    /// The server has ended the stream.
    Closed,
    /// It never was one, or broke.
    Failed(Failure),
}

/// What a turn has found.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) opened: bool,
    pub(super) bytes: u64,
    pub(super) events: u64,
}

impl Connection {
    /// Begins to connect, and asks.
    pub(super) fn open(target: &Target, reading: Reading) -> Result<Connection, Failure> {
        let socket = TcpStream::connect(target.address()).map_err(|error| Failure::Io(error.kind()))?;
        let mut connection = Connection { socket, reading, phase: Phase::Connecting(target.request().into()) };
        // A local connection stands at once; another will say when it does.
        connection.ask()?;
        Ok(connection)
    }

    pub(super) fn is_open(&self) -> bool {
        matches!(self.phase, Phase::Open(_) | Phase::Parsing(_))
    }

    /// Sends the request, if it is to be sent and the connection stands.
    pub(super) fn ask(&mut self) -> Result<(), Failure> {
        let Phase::Connecting(request) = &self.phase else { return Ok(()) };
        match self.socket.write(request) {
            Ok(length) if length == request.len() => self.phase = Phase::Asked(Vec::new()),
            Ok(_) => return Err(Failure::Io(ErrorKind::WriteZero)),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::NotConnected) => {}
            Err(error) => return Err(Failure::Io(error.kind())),
        }
        Ok(())
    }

    /// Reads what there is. `ending`: the server has said that it sends no more.
    pub(super) fn receive(
        &mut self,
        buffer: &mut [u8],
        ending: bool,
        observer: &mut Observer,
        found: &mut Found,
    ) -> Outcome {
        for _ in 0..READS_PER_TURN {
            let copied = COPY_BYTES.min(buffer.len());
            let read = match &mut self.phase {
                Phase::Connecting(_) => return Outcome::Waiting,
                Phase::Open(_) if self.reading == Reading::Nothing => return Outcome::Waiting,
                Phase::Open(skimmer) => skimmer.read(&self.socket, buffer),
                _ => self.socket.read(&mut buffer[..copied]).map(|read| Skimmed { read, room: copied, data: 0 }),
            };
            let Skimmed { read, room, data } = match read {
                Ok(Skimmed { read: 0, .. }) if self.is_open() => return Outcome::Closed,
                Ok(Skimmed { read: 0, .. }) => return Outcome::Failed(Failure::NoAnswer),
                Ok(skimmed) => skimmed,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Outcome::Waiting,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) if self.is_open() && error.kind() == ErrorKind::ConnectionReset => return Outcome::Closed,
                Err(error) => return Outcome::Failed(Failure::Io(error.kind())),
            };
            found.bytes += data as u64;
            if !matches!(self.phase, Phase::Open(_))
                && let Err(failure) = self.take(&buffer[..read], observer, found)
            {
                return Outcome::Failed(failure);
            }
            if self.has_ended() {
                return Outcome::Closed;
            }
            // Less than asked for was all there was: more will come with an edge of its own.
            if read < room && !ending {
                return Outcome::Waiting;
            }
        }
        Outcome::More
    }

    /// Reads up to `most` bytes of an open stream that is read by nothing else.
    pub(super) fn sip(&mut self, buffer: &mut [u8], most: usize) -> io::Result<Skimmed> {
        let Phase::Open(skimmer) = &mut self.phase else { return Err(ErrorKind::WouldBlock.into()) };
        let most = most.min(buffer.len());
        skimmer.read(&self.socket, &mut buffer[..most])
    }

    /// Whether the stream has said that it is over.
    fn has_ended(&self) -> bool {
        let chunked = match &self.phase {
            Phase::Parsing(parser) => parser.chunked,
            Phase::Open(skimmer) => skimmer.chunked(),
            Phase::Connecting(_) | Phase::Asked(_) => None,
        };
        chunked.is_some_and(|chunked| chunked.has_ended())
    }

    /// Takes bytes that were copied: of the head, or of events.
    fn take(&mut self, bytes: &[u8], observer: &mut Observer, found: &mut Found) -> Result<(), Failure> {
        let Phase::Asked(head) = &mut self.phase else { return self.parse(bytes, observer, found) };
        head.extend_from_slice(bytes);
        let bytes = std::mem::take(head);
        let Some(parsed) = head::parse(&bytes).map_err(|_| Failure::Answer)? else {
            if bytes.len() > MAX_HEAD_BYTES {
                return Err(Failure::Answer);
            }
            self.phase = Phase::Asked(bytes);
            return Ok(());
        };
        if parsed.status != 200 {
            return Err(Failure::Status(parsed.status));
        }
        found.opened = true;
        let chunked = parsed.chunked.then(Chunked::default);
        let body = &bytes[parsed.length..];
        match self.reading {
            Reading::Events => {
                self.phase = Phase::Parsing(Box::new(Parser { chunked, ..Parser::default() }));
                self.parse(body, observer, found)
            }
            Reading::Bytes | Reading::Nothing => {
                let mut skimmer = Skimmer::new(chunked);
                found.bytes += skimmer.count(body).map_err(|_| Failure::Answer)? as u64;
                self.phase = Phase::Open(skimmer);
                Ok(())
            }
        }
    }

    /// Takes bytes of the stream.
    fn parse(&mut self, bytes: &[u8], observer: &mut Observer, found: &mut Found) -> Result<(), Failure> {
        let Phase::Parsing(parser) = &mut self.phase else { return Ok(()) };
        let Parser { chunked, events, track } = &mut **parser;
        let now = now_ns();
        let mut parse = |bytes: &[u8]| {
            found.bytes += bytes.len() as u64;
            events.feed(bytes, |payload| {
                found.events += 1;
                observer.see(track, payload, now);
            });
        };
        match chunked {
            None => parse(bytes),
            Some(chunked) => chunked.feed(bytes, parse).map_err(|_| Failure::Answer)?,
        }
        Ok(())
    }
}

/// Why a connection is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// The answer isn't HTTP, or breaks its own coding.
    Answer,
    /// The server closed the connection without an answer.
    NoAnswer,
    Status(u16),
    Io(ErrorKind),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Answer => f.write_str("the answer is not HTTP/1.1"),
            Failure::NoAnswer => f.write_str("closed without an answer"),
            Failure::Status(status) => write!(f, "answered with status {status}"),
            Failure::Io(kind) => write!(f, "{kind}"),
        }
    }
}
