//! A client that publishes over HTTP, one request after the other.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};

pub(crate) struct Poster {
    socket: TcpStream,
    request: Vec<u8>,
}

impl Poster {
    pub(crate) fn connect(address: SocketAddr) -> io::Result<Poster> {
        let socket = TcpStream::connect(address)?;
        socket.set_nodelay(true)?;
        Ok(Poster { socket, request: Vec::new() })
    }

    /// Publishes, and waits for the answer. No namespace: what the body is, `kind` says.
    pub(crate) fn publish(&mut self, namespace: &str, kind: &str, body: &str) -> io::Result<()> {
        self.request.clear();
        let length = body.len();
        write!(
            self.request,
            "POST /publish{namespace} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n\
             {body}"
        )?;
        self.socket.write_all(&self.request)?;
        self.await_answer()
    }

    /// Reads one answer: a short one, whose body ends with the JSON object's brace.
    fn await_answer(&mut self) -> io::Result<()> {
        let mut answer = [0; 4096];
        let mut length = 0;
        while !answer[..length].ends_with(b"}") {
            match self.socket.read(&mut answer[length..])? {
                0 => return Err(ErrorKind::UnexpectedEof.into()),
                more => length += more,
            }
        }
        if !answer.starts_with(b"HTTP/1.1 200 ") {
            return Err(io::Error::other(String::from_utf8_lossy(&answer[..length]).into_owned()));
        }
        Ok(())
    }
}
