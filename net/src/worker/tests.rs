use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Mutex;

use bytes::Bytes;
use http::{Request, Response};
use mio::{Events, Poll, Waker};
use socket2::SockRef;
use sse_core::{Event, Filter, FilterLimits, HubConfig, Pattern};

use super::*;
use crate::flags::Flags;
use crate::listener::Listener;
use crate::mio_system::{MioSystem, WAKER_TOKEN, edge_of};
use crate::proto::RequestError;
use crate::reply::{Reply, SlowConsumer, StreamReply};
use crate::service::{Context, Peer};
use crate::stream::Stream;
use crate::stream_end::StreamEnd;
use crate::system_socket::SystemSocket;
use crate::turns::{ACTIONS_PER_OVERTIME, ACTIONS_PER_TURN};

/// `/stream` is a stream, and so is `/skip`, whose readers skip; `/gone` is one, too, whose client resets its connection just before it opens; the rest gets an
/// empty answer.
#[derive(Default)]
struct Desk {
    /// The client that `/gone` is asked by.
    leaver: Mutex<Option<TcpStream>>,
}

impl Service for Desk {
    type Session = ();
    type Permit = ();

    fn accept(&self, _: &SocketAddr) -> Option<()> {
        Some(())
    }

    fn call(&self, request: Request<Bytes>, _: &Context<'_, Self>) -> Reply<()> {
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

/// A worker over real sockets that is run pass by pass.
struct Bench {
    worker: Worker<Desk, MioSystem>,
    poll: Poll,
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
        let system = MioSystem::new(vec![Listener::Tcp(listener)], poll.registry().try_clone().unwrap()).unwrap();
        let parts = Parts {
            inbox: Arc::clone(&inbox),
            shared: Arc::new(Shared::new([inbox].into(), &Config::default())),
            service: Arc::new(Desk::default()),
            hub: Hub::new(hub),
            config: Config::default(),
            housekeeper: true,
        };
        Bench { worker: Worker::new(parts, system, 1, now()), poll, events: Events::with_capacity(1024), addr }
    }

    fn connect(&mut self) -> TcpStream {
        let client = TcpStream::connect(self.addr).unwrap();
        let open = self.worker.handle.connections();
        while self.worker.handle.connections() == open {
            self.pass_on_edge();
        }
        client
    }

    /// The one connection.
    fn connection(&self) -> (Key, &Connection<SystemSocket, (), ()>) {
        self.worker.connections.iter().next().unwrap()
    }

    fn stream(&self) -> &Stream<()> {
        self.connection().1.stream().unwrap()
    }

    /// Bytes that the one client has sent and the worker has not read.
    fn unread(&self) -> usize {
        let SystemSocket::Tcp(socket) = &self.connection().1.socket else { panic!("no TCP") };
        socket.peek(&mut [0; 64 << 10]).unwrap()
    }

    /// Runs passes as the loop does.
    fn pass_until(&mut self, mut holds: impl FnMut(&Bench) -> bool) {
        let begun = Instant::now();
        while !holds(self) {
            assert!(begun.elapsed() < Duration::from_secs(60), "it never comes to that");
            let idle = self.worker.is_idle() && self.worker.inbox.park();
            let wake_at = if idle { self.worker.poll_timeout() } else { Some(Instant::now()) };
            self.poll_events(wake_at.map(|at| at.saturating_duration_since(Instant::now())));
        }
    }

    /// Waits for a socket to become ready, and runs a pass.
    fn pass_on_edge(&mut self) {
        self.poll_events(Some(Duration::from_secs(30)));
        assert!(!self.events.is_empty(), "nothing comes");
    }

    /// Runs a pass that no edge comes to.
    fn pass(&mut self) {
        self.worker.pass(now(), std::iter::empty());
    }

    fn poll_events(&mut self, timeout: Option<Duration>) {
        self.poll.poll(&mut self.events, timeout).unwrap();
        self.worker.inbox.unpark();
        self.worker.pass(now(), self.events.iter().filter_map(|event| edge_of(event, 1)));
    }
}

fn now() -> Now {
    Now { instant: Instant::now(), system: SystemTime::now() }
}

/// Closes a socket so that the other side finds it gone at its next call.
fn reset(socket: TcpStream) {
    SockRef::from(&socket).set_linger(Some(Duration::ZERO)).unwrap();
}

/// A connection may end in any action of a turn, the last one too: nothing names it after that.
#[test]
fn a_client_may_be_gone_at_any_action_of_a_turn() {
    for before in 0..ACTIONS_PER_TURN + ACTIONS_PER_OVERTIME {
        let mut bench = Bench::new();
        let mut client = bench.connect();
        let requests = "GET / HTTP/1.1\r\nHost: x\r\n\r\n".repeat(before) + "GET /gone HTTP/1.1\r\nHost: x\r\n\r\n";
        client.write_all(requests.as_bytes()).unwrap();
        *bench.worker.service.leaver.lock().unwrap() = Some(client);
        bench.pass_until(|bench| bench.worker.connections.is_empty());
        assert_eq!(bench.worker.handle.streams(), 0);
    }
}

/// Where the service has nothing of its own to say, the status says why there is no stream.
#[test]
fn a_stream_that_the_hub_refuses_leaves_nothing_behind() {
    let no_channels = HubConfig { max_channels: 0, ..HubConfig::default() };
    let no_patterns = FilterLimits { patterns: 0, ..FilterLimits::default() };
    let no_filters = HubConfig { filter_limits: no_patterns, ..HubConfig::default() };
    for (hub, begin) in [(no_channels, "HTTP/1.1 503"), (no_filters, "HTTP/1.1 400")] {
        let mut bench = Bench::with(hub);
        let mut client = bench.connect();
        client.write_all(b"GET /stream HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        client.set_nonblocking(true).unwrap();
        let mut answer = [0; 12];
        bench.pass_until(|_| client.peek(&mut answer).is_ok_and(|length| length == answer.len()));
        assert_eq!(str::from_utf8(&answer), Ok(begin));
        assert_eq!(bench.worker.handle.streams(), 0);
        let (first_topic, _) = bench.worker.topics.open(&Pattern::parse("/other").unwrap());
        assert_eq!(first_topic, 0, "no topic is left");
    }
}

/// A slot is used again in the very pass that has an edge for the connection that was there.
#[test]
fn a_late_edge_of_one_connection_is_no_edge_of_the_next() {
    let mut bench = Bench::new();
    let mut first = bench.connect();
    first.write_all(&b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".repeat(10 * ACTIONS_PER_OVERTIME)).unwrap();
    bench.pass_until(|bench| !bench.worker.turns.overtime.is_empty());
    let (first_key, _) = bench.connection();
    // The listener is ready before the first client is gone; so its slot is free when the second one is accepted.
    let second = TcpStream::connect(bench.addr).unwrap();
    reset(first);
    bench.pass_on_edge();
    let (key, connection) = bench.connection();
    assert_eq!(bench.worker.handle.connections(), 1);
    // The slot, but another connection.
    assert_eq!(key.token().0 as u32, first_key.token().0 as u32);
    assert_ne!(key, first_key);
    let Role::Exchange(exchange) = &connection.role else { panic!("nothing was asked for") };
    assert!(!exchange.has_unread());
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
        bench.pass_until(|bench| !bench.worker.turns.overtime.is_empty());
        let before = bench.unread();
        bench.pass();
        let turn = before - bench.unread();
        for _ in 0..5 {
            let before = bench.unread() + request.len();
            client.write_all(request.as_bytes()).unwrap();
            bench.pass_on_edge();
            let read = before - bench.unread();
            assert!(read < turn * 3 / 2, "{path}: {read} bytes read, {turn} without an edge");
            assert_eq!(bench.worker.turns.overtime.len(), 1, "{path}");
        }
    }
}

/// Who asks for one thing doesn't wait until all those have had their turn who ask without end.
#[test]
fn who_asks_for_little_is_answered_beside_those_who_ask_without_end() {
    const PEERS: usize = 100;
    let mut bench = Bench::new();
    let requests = "GET / HTTP/1.1\r\nHost: x\r\n\r\n".repeat(500);
    let peers: Vec<_> = (0..PEERS).map(|_| bench.connect()).collect();
    for mut peer in &peers {
        peer.write_all(requests.as_bytes()).unwrap();
    }
    bench.pass_until(|bench| bench.worker.turns.overtime.len() == PEERS);
    let mut client = bench.connect();
    client.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    client.set_nonblocking(true).unwrap();
    bench.pass_on_edge();
    let mut answer = [0; 1024];
    let length = client.read(&mut answer).expect("answered in the pass that has heard of the request");
    assert!(answer[..length].starts_with(b"HTTP/1.1 200 "));
    assert!(!bench.worker.turns.overtime.is_empty(), "the peers have been done with before");
}

/// Nor do those who come with little each keep the others from going on.
#[test]
fn who_asks_without_end_goes_on_beside_those_who_ask_for_little() {
    let mut bench = Bench::new();
    let request = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n";
    let mut clients: Vec<_> = (0..100).map(|_| bench.connect()).collect();
    let mut peer = bench.connect();
    peer.write_all(&request.repeat(500)).unwrap();
    peer.set_nonblocking(true).unwrap();
    bench.pass_until(|bench| !bench.worker.turns.overtime.is_empty());
    let mut answers = vec![0; 64 << 10];
    while peer.read(&mut answers).is_ok() {}
    for client in &mut clients {
        client.write_all(request).unwrap();
    }
    bench.pass_on_edge();
    assert!(!bench.worker.turns.attention.is_empty(), "all were answered in one pass");
    assert!(peer.read(&mut answers).is_ok(), "the peer got nothing meanwhile");
}

/// Told to leave while its socket is full, far from the end of what it is owed.
#[test]
fn who_is_told_to_leave_gets_what_it_is_owed_first() {
    const EVENTS: usize = 20_000;
    for is_live in [true, false] {
        let mut bench = Bench::with(HubConfig { epoch: Some(0), history_bytes: 64 << 20, ..HubConfig::default() });
        let hub = bench.worker.hub.clone();
        let live = is_live.then(|| hub.subscribe(Filter::parse("/").unwrap(), std::task::Waker::noop().clone()));
        for _ in 0..EVENTS {
            hub.publish(&Event::new("/a", &[b'x'; 1000])).unwrap();
        }
        let mut client = bench.connect();
        client.write_all(b"GET /stream HTTP/1.0\r\nHost: x\r\nLast-Event-ID: 0-0\r\n\r\n").unwrap();
        bench.pass_until(|bench| bench.worker.handle.streams() == 1 && bench.stream().flags.contains(Flags::BLOCKED));
        let (key, _) = bench.connection();
        bench.worker.leave(key);
        let reading = std::thread::spawn(move || std::io::read_to_string(client).unwrap());
        bench.pass_until(|bench| bench.worker.connections.is_empty());
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
    bench.pass_until(|bench| bench.worker.handle.streams() == 1);
    let is_within_a_chunk = |bench: &Bench| bench.stream().is_within_a_chunk();
    while !is_within_a_chunk(&bench) {
        for _ in 0..100 {
            hub.publish(&Event::new("/a", &[b'x'; 1000])).unwrap();
        }
        bench.pass();
    }
    while bench.worker.handle.counters().skipped == 0 {
        hub.publish(&Event::new("/a", &[b'x'; 1000])).unwrap();
        bench.pass();
    }
    assert!(is_within_a_chunk(&bench));
    let reading = std::thread::spawn(move || {
        let mut text = String::new();
        while !text.contains("event:gap") {
            let mut piece = [0; 64 << 10];
            let length = client.read(&mut piece).unwrap();
            text.push_str(std::str::from_utf8(&piece[..length]).unwrap());
        }
        client
    });
    bench.pass_until(|bench| !is_within_a_chunk(bench));
    drop(reading.join().unwrap());
}
