use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Mutex;

use bytes::Bytes;
use http::{Request, Response};
use mio::Waker;
use socket2::SockRef;
use sse_core::{Event, Filter, HubConfig};

use super::exchanges::ACTIONS_PER_TURN;
use super::*;
use crate::proto::RequestError;
use crate::reply::{Reply, SlowConsumer, StreamReply};
use crate::service::{Context, Peer};
use crate::socket::Socket;
use crate::stream::StreamEnd;

/// `/stream` is a stream, and so is `/skip`, whose readers skip; `/gone` is one, too, whose client resets its connection just before it opens; the rest gets an
/// empty answer.
#[derive(Default)]
struct Desk {
    /// The client that `/gone` is asked by.
    leaver: Mutex<Option<TcpStream>>,
}

impl Service for Desk {
    type Session = ();

    fn call(&self, request: Request<Bytes>, _: &Context<'_, ()>) -> Reply<()> {
        match request.uri().path() {
            path @ ("/stream" | "/skip" | "/gone") => {
                if path == "/gone" {
                    reset(self.leaver.lock().unwrap().take().unwrap());
                }
                let filter = Filter::parse("/").unwrap();
                let id = request.headers().get("last-event-id").map(|id| id.to_str().unwrap().into());
                let slow_consumer = if path == "/skip" { SlowConsumer::Skip } else { SlowConsumer::Disconnect };
                let reply = StreamReply::new(Response::new(()), filter, ());
                Reply::Stream(StreamReply { last_event_id: id, slow_consumer, ..reply })
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
        Bench::with(HubConfig::default())
    }

    fn with(hub: HubConfig) -> Bench {
        let poll = Poll::new().unwrap();
        let inbox = Arc::new(Inbox::new(Waker::new(poll.registry(), WAKER_TOKEN).unwrap()));
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let addr = listener.local_addr().unwrap();
        let worker = Worker::new(Parts {
            poll,
            inbox: Arc::clone(&inbox),
            listeners: vec![Listener::Tcp(listener)],
            shared: Arc::new(Shared::new([inbox].into())),
            service: Arc::new(Desk::default()),
            hub: Hub::new(hub),
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
        let Socket::Tcp(socket) = &connection.socket else { panic!("no TCP") };
        socket.peek(&mut [0; 64 << 10]).unwrap()
    }

    /// Runs passes as the loop does.
    fn pass_until(&mut self, mut holds: impl FnMut(&Worker<Desk>) -> bool) {
        let begun = Instant::now();
        while !holds(&self.worker) {
            assert!(begun.elapsed() < Duration::from_secs(60), "it never comes to that");
            let timeout = self.worker.time_to_sleep();
            self.worker.poll.poll(&mut self.events, timeout).unwrap();
            self.worker.inbox.unpark();
            self.worker.pass(&self.events);
        }
    }

    /// Waits for a socket to become ready, and runs a pass.
    fn pass_on_edge(&mut self) {
        self.worker.poll.poll(&mut self.events, Some(Duration::from_secs(30))).unwrap();
        assert!(!self.events.is_empty(), "nothing comes");
        self.worker.pass(&self.events);
    }
}

/// Closes a socket so that the other side finds it gone at its next call.
fn reset(socket: TcpStream) {
    SockRef::from(&socket).set_linger(Some(Duration::ZERO)).unwrap();
}

/// A connection may end in any action of a turn, the last one too: nothing names it after that.
#[test]
fn a_client_may_be_gone_at_any_action_of_a_turn() {
    for before in 0..2 * ACTIONS_PER_TURN {
        let mut bench = Bench::new();
        let mut client = bench.connect();
        let requests = "GET / HTTP/1.1\r\nHost: x\r\n\r\n".repeat(before) + "GET /gone HTTP/1.1\r\nHost: x\r\n\r\n";
        client.write_all(requests.as_bytes()).unwrap();
        *bench.worker.service.leaver.lock().unwrap() = Some(client);
        bench.pass_until(|worker| worker.connections.is_empty());
        assert_eq!(bench.worker.handle.streams(), 0);
    }
}

/// A slot is used again in the very pass that has an edge for the connection that was there.
#[test]
fn a_late_edge_of_one_connection_is_no_edge_of_the_next() {
    let mut bench = Bench::new();
    let mut first = bench.connect();
    first.write_all(&b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".repeat(10 * ACTIONS_PER_TURN)).unwrap();
    while bench.worker.attention.is_empty() {
        bench.pass_on_edge();
    }
    // The listener is ready before the first client is gone; so its slot is free when the second one is accepted.
    let second = TcpStream::connect(bench.addr).unwrap();
    reset(first);
    bench.pass_on_edge();
    let (slot, connection) = bench.worker.connections.iter().next().unwrap();
    assert_eq!((bench.worker.connections.len(), slot), (1, 0));
    let Role::Exchange(exchange) = &connection.role else { panic!("nothing was asked for") };
    assert!(!exchange.broken && !exchange.ending);
    drop(second);
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

/// Told to leave while its socket is full, far from the end of what it is owed.
#[test]
fn who_is_told_to_leave_gets_what_it_is_owed_first() {
    const EVENTS: usize = 20_000;
    for is_live in [true, false] {
        let mut bench = Bench::with(HubConfig { history_bytes: 64 << 20, ..HubConfig::default() });
        let hub = bench.worker.hub.clone();
        let live = is_live.then(|| hub.subscribe(Filter::parse("/").unwrap(), std::task::Waker::noop().clone()));
        for _ in 0..EVENTS {
            hub.publish(&Event::new("/a", &[b'x'; 1000])).unwrap();
        }
        let mut client = bench.connect();
        client.write_all(b"GET /stream HTTP/1.0\r\nHost: x\r\nLast-Event-ID: 0-0\r\n\r\n").unwrap();
        bench.pass_until(|worker| worker.connections.iter().any(|(_, stream)| stream.flags.contains(Flags::BLOCKED)));
        let (token, stream) = bench.worker.connections.iter().next().unwrap();
        let key = ConnectionKey { token: token_of(token), serial: stream.serial };
        bench.worker.leave(key);
        let reading = std::thread::spawn(move || std::io::read_to_string(client).unwrap());
        bench.pass_until(|worker| worker.connections.is_empty());
        assert_eq!(reading.join().unwrap().matches("\ndata:").count(), EVENTS, "live: {is_live}");
        drop(live);
    }
}

/// The socket is full within a chunk of many frames, which are skipped then. Some clients hand out a chunk only when it is
/// whole, and would see nothing of the gap for as long as the next frames don't fill it.
#[test]
fn no_chunk_stays_open_that_nothing_comes_for() {
    let mut bench = Bench::with(HubConfig { history_bytes: 64 << 20, ..HubConfig::default() });
    let hub = bench.worker.hub.clone();
    let mut client = bench.connect();
    client.write_all(b"GET /skip HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    bench.pass_until(|worker| worker.handle.streams() == 1);
    let is_within_a_chunk = |worker: &Worker<Desk>| {
        let (_, connection) = worker.connections.iter().next().unwrap();
        matches!(&connection.role, Role::Stream { stream, .. } if stream.framing.is_open())
    };
    let no_edges = Events::with_capacity(1);
    while !is_within_a_chunk(&bench.worker) {
        for _ in 0..100 {
            hub.publish(&Event::new("/a", &[b'x'; 1000])).unwrap();
        }
        bench.worker.pass(&no_edges);
    }
    while bench.worker.handle.counters().skipped == 0 {
        hub.publish(&Event::new("/a", &[b'x'; 1000])).unwrap();
        bench.worker.pass(&no_edges);
    }
    assert!(is_within_a_chunk(&bench.worker));
    let reading = std::thread::spawn(move || {
        let mut text = String::new();
        while !text.contains("event:gap") {
            let mut piece = [0; 64 << 10];
            let length = client.read(&mut piece).unwrap();
            text.push_str(std::str::from_utf8(&piece[..length]).unwrap());
        }
        client
    });
    bench.pass_until(|worker| !is_within_a_chunk(worker));
    drop(reading.join().unwrap());
}
