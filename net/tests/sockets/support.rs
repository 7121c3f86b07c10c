//! A small service on real sockets, and a client that reads what it expects.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use crate::chunks::Chunks;
use bytes::Bytes;
use http::{Request, Response};
use sse_core::{Event, Filter, Hub, HubConfig, Pattern, SubscribeError};
use sse_net::{
    Admission, Config, Context, Handle, Listeners, Peer, Reply, RequestError, Responder, Service, SlowConsumer,
    StreamEnd, StreamReply, Workers,
};

/// Longer than anything takes on a busy machine: reached only by a test that fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// The stream head without its date.
pub(crate) const STREAM_HEAD: &str =
    "Content-Type: text/event-stream\r\nSse-Resume: live\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n";

/// The same where no stream opens.
pub(crate) const HEAD_ALONE: &str = "Content-Type: text/event-stream\r\nConnection: close\r\n\r\n";

/// What a session remembers: the path asked for.
pub(crate) type Session = String;

/// `/stream/<namespace>,<namespace>...` is a stream, whose reader skips with `?slow=skip`; `/later` is answered by another thread, `/never` by a responder dropped,
/// `/hold` by the test, `/panic` panics; the rest is echoed: `/short` up to three bytes, `/unread` without its body.
pub(crate) struct Desk {
    ends: Mutex<Sender<(Session, StreamEnd)>>,
    pub(crate) held: Mutex<Vec<Responder<Session>>>,
}

impl Service for Desk {
    type Session = Session;
    type Permit = ();

    fn accept(&self, _: &SocketAddr) -> Option<()> {
        Some(())
    }

    fn call(&self, request: Request<Bytes>, cx: &Context<'_, Self>) -> Reply<Session> {
        let path = request.uri().path();
        if let Some(namespace) = path.strip_prefix("/stream") {
            let head = Response::builder().header("content-type", "text/event-stream").body(()).unwrap();
            let patterns = namespace.split(',').map(|path| Pattern::parse(path).unwrap());
            let mut reply = StreamReply::new(head, Filter::any_of(patterns).unwrap(), path.to_owned());
            reply.last_event_id = request.headers().get("last-event-id").map(|id| id.to_str().unwrap().into());
            if request.uri().query() == Some("slow=skip") {
                reply.slow_consumer = SlowConsumer::Skip;
            }
            return Reply::Stream(reply);
        }
        match path {
            "/later" => {
                let responder = cx.responder();
                thread::spawn(move || responder.send(Reply::Response(Response::new(Bytes::from("later")))));
                Reply::Later
            }
            "/never" => {
                drop(cx.responder());
                Reply::Later
            }
            "/lost" => Reply::Later,
            "/hold" => {
                self.held.lock().unwrap().push(cx.responder());
                Reply::Later
            }
            "/panic" => panic!("as asked"),
            "/excess" => Reply::Response(Response::new(Bytes::from(cx.peer().excess.is_some().to_string()))),
            "/large" => Reply::Response(Response::new(Bytes::from(vec![b'x'; 8 << 20]))),
            _ => Reply::Response(Response::new(request.into_body())),
        }
    }

    fn admit(&self, head: &Request<()>, _peer: &Peer) -> Admission {
        match head.uri().path() {
            "/unread" => Admission::Nothing,
            "/short" => Admission::Body { most_bytes: 3 },
            _ => Admission::Body { most_bytes: usize::MAX },
        }
    }

    fn refuse(&self, error: &RequestError, _peer: &Peer) -> Response<Bytes> {
        Response::builder().status(error.status()).body(Bytes::from(error.to_string())).unwrap()
    }

    fn refuse_stream(&self, error: &SubscribeError, stream: StreamReply<Session>) -> Response<Bytes> {
        Response::builder().status(503).body(Bytes::from(format!("{}: {error}", stream.session))).unwrap()
    }

    fn closed(&self, session: Session, end: StreamEnd) {
        let _ = self.ends.lock().unwrap().send((session, end));
    }
}

pub(crate) struct Server {
    pub(crate) addr: SocketAddr,
    pub(crate) hub: Hub,
    pub(crate) handle: Handle<Session>,
    pub(crate) desk: Arc<Desk>,
    ends: Receiver<(Session, StreamEnd)>,
    workers: Option<Workers<Session>>,
}

impl Server {
    pub(crate) fn start(config: Config) -> Server {
        Server::start_with(HubConfig::default(), config)
    }

    pub(crate) fn start_with(hub: HubConfig, config: Config) -> Server {
        let hub = Hub::new(hub);
        let listeners = Listeners::bind(&["127.0.0.1:0".parse().unwrap()], config.workers).unwrap();
        let addr = listeners.local_addrs()[0];
        let (sender, ends) = channel();
        let desk = Arc::new(Desk { ends: Mutex::new(sender), held: Mutex::default() });
        let workers = Workers::spawn(listeners, hub.clone(), Arc::clone(&desk), config).unwrap();
        Server { addr, hub, handle: workers.handle(), desk, ends, workers: Some(workers) }
    }

    pub(crate) fn connect(&self) -> Client {
        Client::new(TcpStream::connect(self.addr).unwrap())
    }

    /// Opens a stream and reads its head, and how it begins.
    pub(crate) fn subscribe(&self, namespace: &str) -> Client {
        let mut client = self.connect();
        client.send(&format!("GET /stream{namespace} HTTP/1.1\r\nHost: x\r\n\r\n"));
        let head = client.read_stream_head();
        assert!(head.starts_with("HTTP/1.1 200 OK\r\nDate: ") && head.ends_with(STREAM_HEAD), "{head}");
        client.read_opening();
        client
    }

    pub(crate) fn publish(&self, namespace: &str, data: &str) {
        self.hub.publish(&Event::new(namespace, data)).unwrap();
    }

    /// The next stream to end.
    pub(crate) fn next_end(&self) -> (Session, StreamEnd) {
        self.ends.recv_timeout(PATIENCE).expect("a stream ends")
    }

    pub(crate) fn has_ended_streams(&self) -> bool {
        self.ends.try_recv().is_ok()
    }

    /// Waits for the loops' end.
    pub(crate) fn join(&mut self) -> std::io::Result<()> {
        self.workers.take().expect("joined once").join()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.handle.shutdown();
        if let Some(workers) = self.workers.take() {
            let _ = workers.join();
        }
    }
}

pub(crate) struct Client {
    pub(crate) socket: TcpStream,
    buffer: Vec<u8>,
    /// The coding of the stream that is read.
    chunks: Option<Chunks>,
}

impl Client {
    pub(crate) fn new(socket: TcpStream) -> Client {
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.set_nodelay(true).unwrap();
        Client { socket, buffer: Vec::new(), chunks: None }
    }

    pub(crate) fn send(&mut self, text: &str) {
        self.socket.write_all(text.as_bytes()).unwrap();
    }

    /// Everything up to and with `end`.
    pub(crate) fn read_until(&mut self, end: &[u8]) -> String {
        loop {
            if let Some(at) = self.buffer.windows(end.len()).position(|window| window == end) {
                return String::from_utf8(self.buffer.drain(..at + end.len()).collect()).unwrap();
            }
            assert!(self.fill() > 0, "closed after {:?}", String::from_utf8_lossy(&self.buffer));
        }
    }

    pub(crate) fn read_exactly(&mut self, length: usize) -> String {
        while self.buffer.len() < length {
            assert!(self.fill() > 0, "closed after {:?}", String::from_utf8_lossy(&self.buffer));
        }
        String::from_utf8(self.buffer.drain(..length).collect()).unwrap()
    }

    /// The head of a stream. What is read after it is the stream, without its coding.
    pub(crate) fn read_stream_head(&mut self) -> String {
        let head = self.read_until(b"\r\n\r\n");
        if head.contains("\r\nTransfer-Encoding: chunked\r\n") {
            let (mut chunks, mut data) = (Chunks::default(), Vec::new());
            chunks.decode(&self.buffer, &mut data);
            (self.chunks, self.buffer) = (Some(chunks), data);
        }
        head
    }

    /// What a stream says first: a comment, or a block.
    pub(crate) fn read_opening(&mut self) -> String {
        while self.buffer.is_empty() {
            assert!(self.fill() > 0, "closed before it began");
        }
        self.read_until(if self.buffer[0] == b':' { b"\n" } else { b"\n\n" })
    }

    /// Whether the stream has said that it is over.
    pub(crate) fn is_over(&self) -> bool {
        self.chunks.as_ref().is_some_and(|chunks| chunks.is_over)
    }

    /// One finite answer: its head and body.
    pub(crate) fn read_answer(&mut self) -> (String, String) {
        let head = self.read_until(b"\r\n\r\n");
        let length =
            head.lines().find_map(|line| line.strip_prefix("Content-Length: ")).map_or(0, |n| n.parse().unwrap());
        (head, self.read_exactly(length))
    }

    /// Everything until the server closes.
    pub(crate) fn read_to_end(&mut self) -> String {
        while self.fill() > 0 {}
        String::from_utf8(std::mem::take(&mut self.buffer)).unwrap()
    }

    fn fill(&mut self) -> usize {
        let mut piece = [0; 64 << 10];
        let length = self.socket.read(&mut piece).expect("the server answers in time");
        match &mut self.chunks {
            Some(chunks) => chunks.decode(&piece[..length], &mut self.buffer),
            None => self.buffer.extend_from_slice(&piece[..length]),
        }
        length
    }
}

/// Waits until something holds.
#[track_caller]
pub(crate) fn wait_for(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < PATIENCE, "not in time: {what}");
        thread::sleep(Duration::from_millis(1));
    }
}
