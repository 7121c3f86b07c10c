//! The hub in a loop made by hand over the sockets of std: one thread, no poller, no HTTP library. It shows all there
//! is to driving subscriptions; a real loop would wait on the sockets too instead of trying them.
//!
//! ```text
//! cargo run -p sse-core --example custom_loop [ADDRESS]
//! curl -N localhost:8001/time
//! ```

use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::task::{Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};
use std::{env, str};

use sse_core::{Event, Filter, Hub, HubConfig, Subscription};

/// How long a socket that isn't ready, or a new client, may have to wait for the next try.
const RETRY: Duration = Duration::from_millis(20);

/// A reader this many bytes behind is not worth waiting for.
const MAX_LAG: u64 = 1024 * 1024;

/// A request head longer than this is none of ours.
const MAX_HEAD: usize = 8 * 1024;

const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-store\r\n\r\n";

/// Wakes the loop by ending its thread's sleep.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8001".to_owned());
    let listener = TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    println!("listening on http://{}", listener.local_addr()?);

    let hub = Hub::new(HubConfig::default());
    let publisher = hub.clone();
    thread::spawn(move || tick(&publisher));

    // One waker for all subscriptions of this loop. It is registered with the hub as well, so that what a publisher
    // leaves undelivered is delivered here.
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let _driver = hub.drive(waker.clone());
    let mut connections: Vec<Connection> = Vec::new();
    let started = Instant::now();
    let mut ticked = started;
    loop {
        let more = hub.drain();
        while let Some(socket) = would_block_is_none(listener.accept())? {
            connections.push(Connection::new(socket.0)?);
        }
        connections.retain_mut(|connection| connection.turn(&hub, &waker).is_ok());
        if ticked.elapsed() > Duration::from_secs(1) {
            hub.tick(started.elapsed());
            ticked = Instant::now();
        }
        if !more {
            thread::park_timeout(RETRY);
        }
    }
}

/// Seconds since the start, on `/time`, from another thread.
fn tick(hub: &Hub) {
    for second in 0.. {
        let second = u64::to_string(&second);
        hub.publish(&Event::new("/time", &second).named("tick")).expect("a number on /time is a valid event");
        thread::sleep(Duration::from_secs(1));
    }
}

/// One client: first its request is read, then its subscription is written.
struct Connection {
    socket: TcpStream,
    request: Vec<u8>,
    /// What of the answer's head is unsent.
    head: &'static [u8],
    subscription: Option<Subscription>,
}

impl Connection {
    fn new(socket: TcpStream) -> io::Result<Connection> {
        socket.set_nonblocking(true)?;
        Ok(Connection { socket, request: Vec::new(), head: HEAD, subscription: None })
    }

    /// Does what can be done without waiting; an error ends the connection.
    fn turn(&mut self, hub: &Hub, waker: &Waker) -> io::Result<()> {
        self.read()?;
        if self.subscription.is_none() {
            let Some(filter) = self.filter()? else { return Ok(()) };
            self.subscription = Some(hub.subscribe(filter, waker.clone()).map_err(io::Error::other)?);
        }
        self.write()
    }

    fn read(&mut self) -> io::Result<()> {
        let mut buffer = [0; 1024];
        while let Some(n) = would_block_is_none(self.socket.read(&mut buffer))? {
            if n == 0 || self.request.len() > MAX_HEAD {
                return Err(ErrorKind::ConnectionAborted.into());
            }
            // What a subscriber says after its request is of no interest.
            if self.subscription.is_none() {
                self.request.extend_from_slice(&buffer[..n]);
            }
        }
        Ok(())
    }

    /// What the request asks for, once it is whole: the path of `GET /path HTTP/1.1`.
    fn filter(&self) -> io::Result<Option<Filter>> {
        if !self.request.ends_with(b"\r\n\r\n") {
            return Ok(None);
        }
        let head = str::from_utf8(&self.request).map_err(io::Error::other)?;
        let path = head.strip_prefix("GET ").and_then(|rest| rest.split(' ').next());
        let path = path.ok_or(ErrorKind::InvalidData)?;
        Filter::parse(path).map(Some).map_err(io::Error::other)
    }

    /// Writes the head, then chunk after chunk, until the socket is full or the subscription has caught up.
    fn write(&mut self) -> io::Result<()> {
        while !self.head.is_empty() {
            let Some(n) = would_block_is_none(self.socket.write(self.head))? else { return Ok(()) };
            self.head = &self.head[n..];
        }
        let Some(subscription) = &mut self.subscription else { return Ok(()) };
        if subscription.lag() > MAX_LAG {
            return Err(ErrorKind::TimedOut.into());
        }
        loop {
            let chunk = subscription.chunk();
            if chunk.is_empty() {
                return Ok(());
            }
            let Some(n) = would_block_is_none(self.socket.write(chunk))? else { return Ok(()) };
            subscription.advance(n);
        }
    }
}

/// "Nothing yet" is no error.
fn would_block_is_none<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
        Err(error) => Err(error),
    }
}
