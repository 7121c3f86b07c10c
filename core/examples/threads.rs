//! A thread for each client, which writes to its socket and sleeps when there is nothing to write: the shortest way
//! without a runtime, for a few hundred clients. (`custom_loop` serves all of them on one thread.)
//!
//! ```text
//! cargo run -p sse-core --example threads [ADDRESS]
//! curl -N localhost:8001/time
//! ```

use std::io::{self, BufRead, BufReader, ErrorKind, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::task::{Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use sse_core::{Event, Filter, Hub, HubConfig};

/// A client that takes nothing for so long is given up.
const STALL: Duration = Duration::from_secs(10);

/// How long nothing is written at most.
const KEEPALIVE: Duration = Duration::from_secs(15);

const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-store\r\n\r\n:\n";

/// Ends the sleep of a client's thread.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

fn main() -> io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8001".to_owned());
    let listener = TcpListener::bind(address)?;
    println!("listening on http://{}", listener.local_addr()?);
    let hub = Hub::new(HubConfig::default());
    let publisher = hub.clone();
    thread::spawn(move || tick(&publisher));
    loop {
        let (socket, _) = listener.accept()?;
        let hub = hub.clone();
        // How a client ends is of no interest here.
        thread::spawn(move || serve(&hub, &socket).ok());
    }
}

/// Seconds since the start, on `/time`. The hub is told the time as well, since it has no clock.
fn tick(hub: &Hub) {
    let started = Instant::now();
    for second in 0.. {
        hub.publish(&Event::new("/time", &u64::to_string(&second)).named("tick")).expect("a number is a valid event");
        hub.tick(started.elapsed());
        thread::sleep(Duration::from_secs(1));
    }
}

/// Reads the request's first line, `GET /path HTTP/1.1`, and writes until the client is gone.
fn serve(hub: &Hub, mut socket: &TcpStream) -> io::Result<()> {
    socket.set_read_timeout(Some(STALL))?;
    socket.set_write_timeout(Some(STALL))?;
    let mut line = String::new();
    BufReader::new(io::Read::take(socket, 8 << 10)).read_line(&mut line)?;
    let path = line.strip_prefix("GET ").and_then(|rest| rest.split(' ').next()).ok_or(ErrorKind::InvalidData)?;
    let filter = Filter::parse(path).map_err(io::Error::other)?;
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut subscription = hub.subscribe(filter, waker).map_err(io::Error::other)?;
    socket.write_all(HEAD)?;
    loop {
        // A wake-up since the last look ends this at once.
        let slept = Instant::now();
        while let chunk @ [_, ..] = subscription.chunk() {
            let length = chunk.len();
            socket.write_all(chunk)?;
            subscription.advance(length);
        }
        thread::park_timeout(KEEPALIVE);
        if slept.elapsed() >= KEEPALIVE && subscription.chunk().is_empty() {
            socket.write_all(b":keepalive\n")?;
        }
    }
}
