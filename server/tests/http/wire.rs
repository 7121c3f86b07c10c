//! A server in this process, and a client that sends whatever it is told.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use sse_server::{Builder, ServerHandle};

/// Nothing waits for this: it only ends a test that has failed already.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server that ends with its test.
pub(crate) struct Served(ServerHandle);

impl Served {
    pub(crate) fn new(builder: Builder) -> Served {
        Served(builder.bind().unwrap().spawn().unwrap())
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let address: SocketAddr = self.0.local_addrs()[0];
        let socket = TcpStream::connect(address).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.set_nodelay(true).unwrap();
        socket
    }

    /// Sends `bytes` in pieces of this length and then its end; gives all that comes back.
    pub(crate) fn exchange(&self, bytes: &[u8], piece: usize) -> Vec<u8> {
        let mut socket = self.connect();
        send(&mut socket, bytes, piece);
        // It may be closed already, which is for the answers to show.
        let _ = socket.shutdown(Shutdown::Write);
        let mut received = Vec::new();
        socket.read_to_end(&mut received).unwrap();
        received
    }

    /// Sends `bytes`, and gives the head that comes back.
    pub(crate) fn open(&self, bytes: &[u8], piece: usize) -> String {
        let mut socket = self.connect();
        send(&mut socket, bytes, piece);
        read_head(&mut socket)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.0.shutdown();
    }
}

/// Reads up to a blank line, and nothing after it.
pub(crate) fn read_head(socket: &mut TcpStream) -> String {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        socket.read_exact(&mut byte).unwrap();
        head.extend_from_slice(&byte);
    }
    String::from_utf8(head).unwrap()
}

/// The server may close a refused connection before all is sent.
fn send(socket: &mut TcpStream, bytes: &[u8], piece: usize) {
    for piece in bytes.chunks(piece) {
        match socket.write_all(piece) {
            Err(error) if [ErrorKind::BrokenPipe, ErrorKind::ConnectionReset].contains(&error.kind()) => return,
            sent => sent.unwrap(),
        }
    }
}

/// An answer as it came.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let fields = self.head.lines().filter_map(|line| line.split_once(": "));
        fields.into_iter().find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

/// Takes `received` apart, to the last byte. `to_head`: the first answer is without its body.
pub(crate) fn answers(received: &[u8], to_head: bool) -> Vec<Answer> {
    let mut rest = std::str::from_utf8(received).unwrap();
    let mut answers: Vec<Answer> = Vec::new();
    while !rest.is_empty() {
        let (head, after) = rest.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no whole head: {rest:?}"));
        let status =
            head.strip_prefix("HTTP/1.1 ").and_then(|line| line.get(..3)).unwrap_or_else(|| panic!("{head:?}"));
        let mut answer = Answer { status: status.parse().unwrap(), head: head.to_owned(), body: String::new() };
        let length = answer.header("content-length").map_or(0, |length| length.parse().unwrap());
        let is_bare = to_head && answers.is_empty();
        let (body, after) = after.split_at(if is_bare { 0 } else { length });
        answer.body = body.to_owned();
        if answer.status >= 400 {
            assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{answer:?}");
            assert!(is_bare || body.contains(&format!("\"status\":{status},\"detail\":\"")), "{answer:?}");
        }
        answers.push(answer);
        rest = after;
    }
    answers
}
