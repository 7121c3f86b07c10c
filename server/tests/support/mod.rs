//! A server on a port of its own, and a client of a few lines that sees every byte.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::ops::Deref;
use std::time::{Duration, Instant};

use body::Body;
use sse_server::load::Chunked;
use sse_server::{Builder, Config, Event, EventId, Server, ServerHandle};

mod body;

/// Nothing waits for this: it only ends a test that has failed already.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Settings for tests: one worker on a port that the system picks. Streams carry events and nothing else: neither ids
/// nor a `retry:`.
pub(crate) fn config() -> Config {
    Config { history_bytes: 0, retry: None, ..with_history() }
}

/// The same with what streams carry by default.
pub(crate) fn with_history() -> Config {
    Config { listen: vec!["127.0.0.1:0".parse().unwrap()], workers: 1, ..Config::default() }
}

/// A server that ends with its test.
pub(crate) struct Running(ServerHandle);

impl Running {
    pub(crate) fn new(config: Config) -> Running {
        Running::build(Server::builder().config(config))
    }

    pub(crate) fn build(builder: Builder) -> Running {
        Running(builder.bind().unwrap().spawn().unwrap())
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.local_addrs()[0]
    }

    pub(crate) fn publish(&self, namespace: &str, name: &str, data: &str) -> EventId {
        self.publisher().publish(Event::new(namespace, data).named(name)).unwrap()
    }

    pub(crate) fn get(&self, target: &str) -> Response {
        get(self.address(), target)
    }

    /// A request of any method, with more header lines and a body.
    pub(crate) fn request(&self, method: &str, target: &str, headers: &[&str], body: &str) -> Response {
        request(self.address(), method, target, headers, body)
    }

    /// The same by another name of the server's.
    pub(crate) fn request_as(&self, method: &str, target: &str, host: &str, headers: &[&str], body: &str) -> Response {
        let headers: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
        let length = body.len();
        let head = format!("{method} {target} HTTP/1.1\r\nHost: {host}\r\n{headers}Content-Length: {length}\r\n\r\n");
        exchange(self.address(), (head + body).as_bytes())
    }

    pub(crate) fn post(&self, target: &str, body: &str) -> Response {
        self.request("POST", target, &["Content-Type: application/x-www-form-urlencoded"], body)
    }

    pub(crate) fn subscribe(&self, target: &str) -> Stream {
        Stream::open(self.address(), target, &[])
    }
}

impl Deref for Running {
    type Target = ServerHandle;

    fn deref(&self) -> &ServerHandle {
        &self.0
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.shutdown();
    }
}

pub(crate) fn get(address: SocketAddr, target: &str) -> Response {
    request(address, "GET", target, &[], "")
}

pub(crate) fn request(address: SocketAddr, method: &str, target: &str, headers: &[&str], body: &str) -> Response {
    let length = format!("Content-Length: {}", body.len());
    let headers = [headers, &[&length]].concat();
    let mut reader = BufReader::new(send(address, &format!("{method} {target} HTTP/1.1"), &headers, body));
    let mut response = Response::read_head(&mut reader);
    if method != "HEAD" {
        response.read_body(&mut reader);
    }
    response
}

/// The answer to whatever bytes.
pub(crate) fn exchange(address: SocketAddr, request: &[u8]) -> Response {
    let mut socket = connect(address);
    socket.write_all(request).unwrap();
    let mut reader = BufReader::new(socket);
    let mut response = Response::read_head(&mut reader);
    response.read_body(&mut reader);
    response
}

/// Asks again until the answer is as wanted.
pub(crate) fn eventually<T>(mut ask: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(begun.elapsed() < PATIENCE, "it never came");
        std::thread::yield_now();
    }
}

fn send(address: SocketAddr, line: &str, headers: &[&str], body: &str) -> TcpStream {
    let mut socket = connect(address);
    let headers: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
    let request = format!("{line}\r\nHost: {address}\r\n{headers}\r\n{body}");
    socket.write_all(request.as_bytes()).unwrap();
    socket
}

fn connect(address: SocketAddr) -> TcpStream {
    let socket = TcpStream::connect(address).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}

#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Response {
    fn read_head(reader: &mut impl BufRead) -> Response {
        let mut line = || {
            let mut line = String::new();
            reader.read_line(&mut line).unwrap();
            line.strip_suffix("\r\n").unwrap_or_else(|| panic!("no line of a head: {line:?}")).to_owned()
        };
        let status = line().split(' ').nth(1).unwrap().parse().unwrap();
        let headers = std::iter::from_fn(|| Some(line()).filter(|line| !line.is_empty()))
            .map(|line| {
                let (name, value) = line.split_once(": ").unwrap();
                (name.to_ascii_lowercase(), value.to_owned())
            })
            .collect();
        Response { status, headers, body: String::new() }
    }

    fn read_body(&mut self, reader: &mut impl Read) {
        if let Some(length) = self.header("content-length") {
            let mut body = vec![0; length.parse().unwrap()];
            reader.read_exact(&mut body).unwrap();
            self.body = String::from_utf8(body).unwrap();
        }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// All values of a header.
    pub(crate) fn headers(&self, name: &str) -> Vec<&str> {
        self.headers.iter().filter(|(own, _)| own == name).map(|(_, value)| value.as_str()).collect()
    }

    /// The names of all headers, sorted.
    pub(crate) fn header_names(&self) -> Vec<&str> {
        let mut names: Vec<_> = self.headers.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        names
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    /// The sentence of a problem document, which this must be.
    pub(crate) fn problem(&self) -> String {
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{self:?}");
        let json = self.json();
        assert_eq!(json["status"], self.status);
        json["detail"].as_str().unwrap().to_owned()
    }
}

/// What a stream begins with that has neither an id nor a `retry:` to say.
const COMMENT: &[u8] = b":\n";

/// An event stream, without its coding.
pub(crate) struct Stream {
    pub(crate) head: Response,
    /// The stream had nothing else to begin with. The comment is passed over.
    pub(crate) began_with_comment: bool,
    reader: BufReader<Body<BufReader<TcpStream>>>,
}

impl Stream {
    /// Returns when the head is there; from then on every event published reaches the stream.
    pub(crate) fn open(address: SocketAddr, target: &str, headers: &[&str]) -> Stream {
        Stream::open_as(address, target, headers, "HTTP/1.1")
    }

    /// The same in another version of HTTP.
    pub(crate) fn open_as(address: SocketAddr, target: &str, headers: &[&str], version: &str) -> Stream {
        let mut reader = BufReader::new(send(address, &format!("GET {target} {version}"), headers, ""));
        let head = Response::read_head(&mut reader);
        let chunked = (head.header("transfer-encoding") == Some("chunked")).then(Chunked::default);
        let mut reader = BufReader::new(Body::new(reader, chunked));
        let comment = if reader.fill_buf().unwrap().starts_with(COMMENT) { COMMENT.len() } else { 0 };
        reader.consume(comment);
        Stream { head, began_with_comment: comment > 0, reader }
    }

    /// Keeps the system from taking ever more for a reader who does not read.
    pub(crate) fn narrow(&self) {
        let socket = self.reader.get_ref().source().get_ref();
        rustix::net::sockopt::set_socket_recv_buffer_size(socket, 64 << 10).unwrap();
    }

    /// The next bytes must be these.
    #[track_caller]
    pub(crate) fn expect(&mut self, bytes: &str) {
        let mut read = vec![0; bytes.len()];
        self.reader.read_exact(&mut read).unwrap();
        assert_eq!(String::from_utf8_lossy(&read), bytes);
    }

    /// The next frame, without the blank line at its end.
    #[track_caller]
    pub(crate) fn frame(&mut self) -> String {
        self.frame_or_end().expect("the stream goes on")
    }

    /// The same, unless the stream ends before the frame does.
    pub(crate) fn frame_or_end(&mut self) -> Option<String> {
        let mut frame = String::new();
        while !frame.ends_with("\n\n") {
            if self.reader.read_line(&mut frame).unwrap() == 0 {
                return None;
            }
        }
        frame.truncate(frame.len() - 2);
        Some(frame)
    }

    /// The next event as it would be without history: blocks that carry none, and the event's id, are left out.
    pub(crate) fn event(&mut self) -> String {
        loop {
            let frame = self.frame();
            let lines: Vec<_> = frame.lines().filter(|line| !line.starts_with("id:")).collect();
            if lines.iter().any(|line| line.starts_with("data:")) {
                return lines.join("\n");
            }
        }
    }

    /// As many bytes, of what may be no stream.
    pub(crate) fn bytes(mut self, length: usize) -> String {
        let mut bytes = vec![0; length];
        self.reader.read_exact(&mut bytes).unwrap();
        String::from_utf8(bytes).unwrap()
    }

    /// Everything up to the end.
    pub(crate) fn rest(mut self) -> String {
        let mut rest = String::new();
        self.reader.read_to_string(&mut rest).unwrap();
        rest
    }

    /// Everything up to the end, which the server has told.
    pub(crate) fn whole_rest(mut self) -> String {
        let mut rest = String::new();
        self.reader.read_to_string(&mut rest).unwrap();
        assert!(self.reader.get_ref().is_whole(), "cut off after {rest:?}");
        rest
    }
}
