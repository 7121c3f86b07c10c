//! Requests that are sent over one connection, one after the other.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

pub(crate) struct Caller {
    socket: BufReader<TcpStream>,
    address: SocketAddr,
}

impl Caller {
    pub(crate) fn new(address: SocketAddr, patience: Duration) -> io::Result<Caller> {
        let socket = TcpStream::connect(address)?;
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(patience))?;
        Ok(Caller { socket: BufReader::new(socket), address })
    }

    pub(crate) fn get(&mut self, target: &str) -> io::Result<String> {
        self.ask("GET", target, "text/plain", "")
    }

    pub(crate) fn post(&mut self, target: &str, kind: &str, body: &str) -> io::Result<String> {
        self.ask("POST", target, kind, body)
    }

    /// The body of the answer, whose status must be 200.
    fn ask(&mut self, method: &str, target: &str, kind: &str, body: &str) -> io::Result<String> {
        let length = body.len();
        let fields = format!("Host: {}\r\nContent-Type: {kind}\r\nContent-Length: {length}", self.address);
        self.socket.get_mut().write_all(format!("{method} {target} HTTP/1.1\r\n{fields}\r\n\r\n{body}").as_bytes())?;
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if self.socket.read_line(&mut head)? == 0 {
                return Err(io::Error::other(format!("{method} {target}: no answer but {head:?}")));
            }
        }
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(": ")?;
            name.eq_ignore_ascii_case("content-length").then(|| value.parse().ok())?
        });
        let length = length.ok_or_else(|| io::Error::other(format!("{method} {target}: no length in {head:?}")))?;
        let mut body = vec![0; length];
        self.socket.read_exact(&mut body)?;
        let body = String::from_utf8(body).map_err(io::Error::other)?;
        match head.starts_with("HTTP/1.1 200 ") {
            true => Ok(body),
            false => Err(io::Error::other(format!("{method} {target}: {head}{body}"))),
        }
    }
}
