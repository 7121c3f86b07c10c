//! The least HTTP/1.1 client that a test needs.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};

use crate::process::PATIENCE;

/// One request over a connection of its own: the answer's status and body.
#[track_caller]
pub(crate) fn request(address: SocketAddr, method: &str, target: &str, body: &str) -> (u16, String) {
    let head = format!("Content-Length: {}\r\nConnection: close\r\n", body.len());
    let answer = send(address, method, target, &head, body).and_then(|(status, length, mut stream)| {
        let mut body = vec![0; length.unwrap_or_default()];
        stream.read_exact(&mut body)?;
        Ok((status, String::from_utf8_lossy(&body).into_owned()))
    });
    answer.unwrap_or_else(|error| panic!("{method} {target}: {error}"))
}

/// Sends a request and reads the answer's head: its status, its `Content-Length`, and where its body is to be read.
pub(crate) fn send(
    address: SocketAddr,
    method: &str,
    target: &str,
    fields: &str,
    body: &str,
) -> io::Result<(u16, Option<usize>, BufReader<TcpStream>)> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(stream, "{method} {target} HTTP/1.1\r\nHost: {address}\r\n{fields}\r\n{body}")?;
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    stream.read_line(&mut line)?;
    let status = line.split(' ').nth(1).and_then(|status| status.parse().ok());
    let status = status.ok_or_else(|| io::Error::other(format!("{line:?} is no status line")))?;
    let mut length = None;
    while line.trim_end() != "" {
        line.clear();
        stream.read_line(&mut line)?;
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().ok();
        }
    }
    Ok((status, length, stream))
}
