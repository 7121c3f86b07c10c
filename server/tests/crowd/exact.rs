//! A thousand connections, four publishers at full speed, overlapping filters: each connection receives, byte for byte,
//! what the order of ids says it should.
//!
//! The time only bounds how much is published. Nothing is hashed or sampled: connections with one filter are compared
//! with each other as their bytes come in, and one of them with the model at the end.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use sse_core::{Frame, Namespace, Pattern};
use sse_server::load::Chunked;
use sse_server::{Config, Event, EventId, Publisher, Server};

const CONNECTIONS: usize = 1_000;
const PUBLISHERS: u64 = 4;
const PUBLISHING: Duration = Duration::from_secs(5);
/// How long nothing at all may arrive before the test gives up: far more than any machine needs.
const PATIENCE: Duration = Duration::from_secs(60);

/// Fifty places: five, each with three below it, each of those with two below.
fn namespaces() -> Vec<String> {
    let tops = (0..5).map(|top| format!("/t{top}"));
    let middles = (0..15).map(|middle| format!("/t{}/m{}", middle / 3, middle % 3));
    let leaves = (0..30).map(|leaf| format!("/t{}/m{}/l{}", leaf / 6, leaf / 2 % 3, leaf % 2));
    tops.chain(middles).chain(leaves).collect()
}

/// All of them, and some that cut across.
fn filters() -> Vec<Pattern> {
    let across = ["/", "/*/m0", "/t1/*/l1", "/*/*/l0"].map(str::to_owned);
    namespaces().into_iter().chain(across).map(|path| Pattern::parse(&path).unwrap()).collect()
}

/// The event that a publisher publishes as its `number`th, so that the model can make it again.
fn event(publisher: u64, number: u64, places: usize) -> (usize, Option<&'static str>, String) {
    let mut random = fastrand::Rng::with_seed(publisher << 32 | number);
    let place = random.usize(..places);
    let name = [None, Some("tick"), Some("tock")][random.usize(..3)];
    let padding = "x".repeat(random.usize(..60));
    (place, name, format!("{publisher}/{number}\n{padding}"))
}

/// Publishes until told to stop; gives each event's sequence.
fn publish(publisher: u64, to: &Publisher, places: &[String], stop: &AtomicBool) -> Vec<u64> {
    let mut sequences = Vec::new();
    // Relaxed: the flag says only that time is up.
    while !stop.load(Ordering::Relaxed) {
        let (place, name, data) = event(publisher, sequences.len() as u64, places.len());
        let event = Event::new(&places[place], &data);
        let event = name.into_iter().fold(event, |event, name| event.named(name));
        sequences.push(to.publish(event).unwrap().sequence);
    }
    sequences
}

/// What the connections of one filter have received, as far as the one that is ahead.
#[derive(Default)]
struct Received {
    bytes: Vec<u8>,
}

impl Received {
    /// Takes bytes that came at `at`: those known already must be equal, the others become known.
    fn take(&mut self, at: usize, bytes: &[u8]) {
        let known = (self.bytes.len() - at).min(bytes.len());
        if let Some(difference) = difference(&self.bytes[at..at + known], &bytes[..known]) {
            panic!("two connections of one filter differ after byte {at}: {difference}");
        }
        self.bytes.extend_from_slice(&bytes[known..]);
    }
}

/// Where the one begins to differ from the other, as far as both go.
fn difference(one: &[u8], other: &[u8]) -> Option<String> {
    let both = one.len().min(other.len());
    // Gigabytes are compared here, by the whole; the place is looked for only where there is one.
    if one[..both] == other[..both] {
        return None;
    }
    let first = one.iter().zip(other).position(|(one, other)| one != other)?;
    let text = |bytes: &[u8]| {
        let around = first.saturating_sub(100)..bytes.len().min(first + 300);
        String::from_utf8_lossy(&bytes[around]).into_owned()
    };
    Some(format!("at byte {first}:\n{}\n---\n{}", text(one), text(other)))
}

struct Client {
    socket: TcpStream,
    filter: usize,
    chunked: Chunked,
    /// Bytes of the stream.
    received: usize,
}

/// Subscribes, and waits for the head of the answer.
fn connect(address: SocketAddr, filter: usize, pattern: &Pattern) -> Client {
    let mut socket = std::net::TcpStream::connect(address).unwrap();
    write!(socket, "GET /subscribe{pattern} HTTP/1.1\r\nHost: test\r\n\r\n").unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        socket.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    assert!(head.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&head));
    socket.set_nonblocking(true).unwrap();
    Client { socket: TcpStream::from_std(socket), filter, chunked: Chunked::default(), received: 0 }
}

/// Reads all connections until each has as many bytes as `due` says for its filter, once it says so.
fn read_all<'d>(
    clients: &mut [Client],
    received: &mut [Received],
    due: impl Fn() -> Option<&'d Vec<usize>>,
) -> io::Result<()> {
    let mut poll = Poll::new()?;
    for (token, client) in clients.iter_mut().enumerate() {
        poll.registry().register(&mut client.socket, Token(token), Interest::READABLE)?;
    }
    let mut events = Events::with_capacity(CONNECTIONS);
    let mut buffer = vec![0; 256 << 10];
    let mut last_byte = Instant::now();
    // Who may have something: one read each in turn, so that nobody is left unread while another is filled again.
    let mut ready = VecDeque::new();
    loop {
        let wait = if ready.is_empty() { Duration::from_millis(100) } else { Duration::ZERO };
        poll.poll(&mut events, Some(wait))?;
        ready.extend(events.iter().map(|event| event.token().0));
        for _ in 0..ready.len() {
            let Some(token) = ready.pop_front() else { break };
            let client = &mut clients[token];
            match client.socket.read(&mut buffer) {
                Ok(0) => panic!("closed after {} bytes", client.received),
                Ok(n) => {
                    let Client { filter, chunked, received: count, .. } = client;
                    let take = |data: &[u8]| {
                        received[*filter].take(*count, data);
                        *count += data.len();
                    };
                    chunked.feed(&buffer[..n], take).expect("a stream is chunked");
                    last_byte = Instant::now();
                    ready.push_back(token);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        if let Some(due) = due() {
            let behind = clients.iter().filter(|client| client.received < due[client.filter]).count();
            if behind == 0 {
                return Ok(());
            }
            assert!(last_byte.elapsed() < PATIENCE, "{behind} connections wait for bytes that don't come");
        }
    }
}

/// What each filter's subscribers are to receive, given each publisher's sequences: where the stream begins, and the
/// events in their order, each with its id.
fn model(epoch: u64, sequences: &[Vec<u64>], filters: &[Pattern]) -> Vec<Vec<u8>> {
    let names = namespaces();
    let places: Vec<_> = names.iter().map(|path| Namespace::parse(path).unwrap()).collect();
    let covering: Vec<Vec<usize>> = places
        .iter()
        .map(|place| (0..filters.len()).filter(|&filter| filters[filter].covers(place)).collect())
        .collect();
    let numbered = sequences.iter().zip(0..).flat_map(|(sequences, publisher)| {
        sequences.iter().zip(0..).map(move |(&sequence, number)| (sequence, publisher, number))
    });
    let mut order: Vec<(u64, u64, u64)> = numbered.collect();
    order.sort_unstable();
    let id = |sequence| EventId { epoch, sequence };
    let mut due = vec![format!("id:{}\n\n", id(0)).into_bytes(); filters.len()];
    for (sequence, publisher, number) in order {
        let end = format!("id:{}\n\n", id(sequence));
        let (place, name, data) = event(publisher, number, places.len());
        let frame = Frame::encode(name, data.as_bytes()).unwrap();
        for &filter in &covering[place] {
            due[filter].extend_from_slice(frame.fields());
            due[filter].extend_from_slice(end.as_bytes());
        }
    }
    due
}

#[test]
fn a_thousand_connections_receive_exactly_what_was_published() {
    super::allow_files(2 * CONNECTIONS as u64 + 100);
    let config = Config {
        listen: vec!["127.0.0.1:0".parse().unwrap()],
        workers: 2,
        // The readers share two cores with everything else here, and are behind as far as that takes them.
        max_lag: u64::MAX,
        // However long they take, no comment may come among the events.
        keepalive: None,
        // And a reader that is blocked has its place in the history, which must reach back as far.
        history_bytes: 1 << 30,
        // Random: no two connections of one filter would get the same bytes.
        retry: None,
        ..Config::default()
    };
    let server = Server::bind(config).unwrap();
    let (publisher, epoch) = (server.publisher(), server.hub().epoch());
    let handle = server.spawn().unwrap();
    let address = handle.local_addrs()[0];
    let (places, filters) = (namespaces(), filters());
    let mut clients: Vec<_> =
        (0..CONNECTIONS).map(|n| n % filters.len()).map(|n| connect(address, n, &filters[n])).collect();
    let mut received: Vec<_> = filters.iter().map(|_| Received::default()).collect();

    let (stop, lengths) = (AtomicBool::new(false), OnceLock::new());
    let expected = thread::scope(|scope| {
        let (places, stop, to) = (&places, &stop, &publisher);
        let publishers: Vec<_> =
            (0..PUBLISHERS).map(|number| scope.spawn(move || publish(number, to, places, stop))).collect();
        let expected = scope.spawn(|| {
            thread::park_timeout(PUBLISHING);
            stop.store(true, Ordering::Relaxed); // see `publish`
            let sequences: Vec<_> = publishers.into_iter().map(|publisher| publisher.join().unwrap()).collect();
            let expected = model(epoch, &sequences, &filters);
            lengths.set(expected.iter().map(Vec::len).collect()).unwrap();
            expected
        });
        read_all(&mut clients, &mut received, || lengths.get()).unwrap();
        expected.join().unwrap()
    });
    for ((filter, received), expected) in filters.iter().zip(&received).zip(&expected) {
        if let Some(difference) = difference(&received.bytes, expected) {
            panic!("{filter}: what came is not what was published: {difference}");
        }
        assert_eq!(received.bytes.len(), expected.len(), "{filter}");
    }
    let bytes: usize = clients.iter().map(|client| client.received).sum();
    println!("{} events, {} MiB to {CONNECTIONS} connections, all as published", handle.published(), bytes >> 20);
    drop(clients);
    handle.shutdown();
    handle.join().unwrap();
}
