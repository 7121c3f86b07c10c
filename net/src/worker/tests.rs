use std::io::Write;
use std::net::{SocketAddr, TcpStream};

use bytes::Bytes;
use http::{Request, Response};
use mio::Waker;
use sse_core::{Filter, HubConfig};

use super::*;
use crate::proto::RequestError;
use crate::reply::{Reply, StreamReply};
use crate::service::{Context, Peer};
use crate::stream::StreamEnd;

/// `/stream` is a stream; the rest gets an empty answer.
struct Desk;

impl Service for Desk {
    type Session = ();

    fn call(&self, request: Request<Bytes>, _: &Context<'_, ()>) -> Reply<()> {
        match request.uri().path() {
            "/stream" => {
                let filter = Filter::parse("/").unwrap();
                Reply::Stream(StreamReply::new(Response::new(()), filter, ()))
            }
            _ => Reply::Response(Response::new(Bytes::new())),
        }
    }

    fn refuse(&self, _: &RequestError, _: &Peer) -> Response<Bytes> {
        Response::new(Bytes::new())
    }

    fn closed(&self, (): (), _: StreamEnd) {}
}

/// A worker that is run pass by pass.
struct Bench {
    worker: Worker<Desk>,
    events: Events,
    addr: SocketAddr,
}

impl Bench {
    fn new() -> Bench {
        let poll = Poll::new().unwrap();
        let inbox = Arc::new(Inbox::new(Waker::new(poll.registry(), WAKER_TOKEN).unwrap()));
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let addr = listener.local_addr().unwrap();
        let worker = Worker::new(Parts {
            poll,
            inbox: Arc::clone(&inbox),
            listeners: vec![listener],
            shared: Arc::new(Shared::new([inbox].into())),
            service: Arc::new(Desk),
            hub: Hub::new(HubConfig::default()),
            config: Config::default(),
            housekeeper: true,
        });
        Bench { worker: worker.unwrap(), events: Events::with_capacity(EVENTS_PER_PASS), addr }
    }

    fn connect(&mut self) -> TcpStream {
        let client = TcpStream::connect(self.addr).unwrap();
        let open = self.worker.connections.len();
        while self.worker.connections.len() == open {
            self.pass_on_edge();
        }
        client
    }

    /// Bytes that the one client has sent and the worker has not read.
    fn unread(&self) -> usize {
        let (_, connection) = self.worker.connections.iter().next().unwrap();
        connection.socket.peek(&mut [0; 64 << 10]).unwrap()
    }

    /// Waits for a socket to become ready, and runs a pass.
    fn pass_on_edge(&mut self) {
        self.worker.poll.poll(&mut self.events, Some(Duration::from_secs(30))).unwrap();
        assert!(!self.events.is_empty(), "nothing comes");
        self.worker.pass(&self.events);
    }
}

/// Who sends on while his turns are spent has edge upon edge: they don't add up to more turns.
#[test]
fn who_talks_without_end_has_one_turn_a_pass() {
    for path in ["/", "/stream"] {
        let mut bench = Bench::new();
        // So that little talk is many turns.
        bench.worker.scratch = vec![0; 64].into();
        let mut client = bench.connect();
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n");
        client.write_all(request.repeat(500).as_bytes()).unwrap();
        while bench.worker.attention.is_empty() {
            bench.pass_on_edge();
        }
        let before = bench.unread();
        bench.worker.pass(&Events::with_capacity(1));
        let turn = before - bench.unread();
        for _ in 0..5 {
            let before = bench.unread() + request.len();
            client.write_all(request.as_bytes()).unwrap();
            bench.pass_on_edge();
            let read = before - bench.unread();
            assert!(read < turn * 3 / 2, "{path}: {read} bytes read, {turn} without an edge");
            assert_eq!(bench.worker.attention.len(), 1, "{path}");
        }
    }
}
