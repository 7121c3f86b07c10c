//! A stream as its reader sees it: the request, the answer's head, the blocks.

mod parser;

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use sse_server::load::Chunked;

pub(crate) use parser::Block;
use parser::Parser;

/// How long one read waits: then the reader looks whether it still has to.
const LOOK: Duration = Duration::from_secs(1);

/// How the stream's head says that it begins: `Sse-Resume`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Begins {
    Live,
    Exact,
    Gap,
}

/// What came of a read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Bytes(usize),
    Nothing,
    Ended,
}

pub(crate) struct Stream {
    socket: TcpStream,
    head: Vec<u8>,
    /// None: the head is not there yet.
    pub(crate) status: Option<u16>,
    pub(crate) begins: Option<Begins>,
    chunked: Chunked,
    parser: Parser,
    buffer: Vec<u8>,
}

impl Stream {
    /// Sends the request.
    pub(crate) fn open(address: SocketAddr, target: &str, fields: &str) -> io::Result<Stream> {
        let mut socket = TcpStream::connect(address)?;
        socket.set_read_timeout(Some(LOOK))?;
        write!(socket, "GET {target} HTTP/1.1\r\nHost: {address}\r\n{fields}\r\n")?;
        Ok(Stream {
            socket,
            head: Vec::new(),
            status: None,
            begins: None,
            chunked: Chunked::default(),
            parser: Parser::default(),
            buffer: vec![0; 64 << 10],
        })
    }

    /// Keeps the system from taking ever more for a reader who does not read. (Less than a segment would slow it down when
    /// it does.)
    pub(crate) fn narrow(&self) {
        rustix::net::sockopt::set_socket_recv_buffer_size(&self.socket, 64 << 10).expect("a socket has a buffer");
    }

    /// Reads at most `most` bytes, and gives the blocks that end in them.
    pub(crate) fn read(&mut self, most: usize, blocks: &mut Vec<Block>) -> Result<Outcome, String> {
        let most = most.min(self.buffer.len());
        let length = match self.socket.read(&mut self.buffer[..most]) {
            Ok(0) => return Ok(Outcome::Ended),
            Ok(length) => length,
            Err(error) => return outcome(&error),
        };
        let mut bytes = &self.buffer[..length];
        let all;
        if self.status.is_none() {
            self.head.extend_from_slice(bytes);
            let Some(end) = self.head.windows(4).position(|four| four == b"\r\n\r\n") else {
                return Ok(Outcome::Bytes(length));
            };
            all = std::mem::take(&mut self.head);
            let head = str::from_utf8(&all[..end]).map_err(|error| error.to_string())?;
            let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
            self.status = Some(status.ok_or_else(|| format!("no status in {head:?}"))?);
            self.begins = begins(head)?;
            bytes = &all[end + 4..];
        }
        if self.begins.is_some() {
            let mut data = Vec::new();
            self.chunked.feed(bytes, |piece| data.extend_from_slice(piece)).map_err(|error| error.to_string())?;
            self.parser.feed(&data, blocks)?;
        }
        Ok(Outcome::Bytes(length))
    }
}

fn outcome(error: &io::Error) -> Result<Outcome, String> {
    match error.kind() {
        ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted => Ok(Outcome::Nothing),
        ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::BrokenPipe => Ok(Outcome::Ended),
        _ => Err(format!("reading: {error}")),
    }
}

/// None if it isn't the head of a stream.
fn begins(head: &str) -> Result<Option<Begins>, String> {
    let field = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("sse-resume").then_some(value.trim())
    });
    Ok(match field {
        None => None,
        Some("live") => Some(Begins::Live),
        Some("exact") => Some(Begins::Exact),
        Some("gap") => Some(Begins::Gap),
        Some(other) => return Err(format!("Sse-Resume: {other}")),
    })
}
