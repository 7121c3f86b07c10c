//! The child that things are measured against: sockets and a loop, without a server around them.
//!
//! It answers requests like a server would, whatever they ask for, and sends the same frames on the same kind of
//! sockets. So its figures say what this machine can do, and a server's ratio to them what the server costs.

use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::ops::Range;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, TryRecvError};
use std::thread;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use sse_server::load::now_ns;

use crate::Result;
use crate::credit::Credit;
use crate::order::{Answer, Order, Plan, Published, Way};
use crate::producer::Producer;
use crate::stdio;

const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n";
const CHUNKED_HEAD: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";

/// Bytes that a socket is given at a time: as many as the server gives. A segment on the loopback interface carries 65,483
/// bytes at most, so 64 KiB would leave a second one of 53 bytes: measured here, 5.5 GB/s instead of 8.8 GB/s.
const PIECE_BYTES: usize = 63 << 10;

/// Room for what is published in a run, so that the buffer isn't moved. Unused, it takes no memory.
const BUFFER_BYTES: usize = 512 << 20;

/// Sends until the parent has gone.
pub(crate) fn run(way: Way) -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let credit = Arc::new(Credit::default());
    let (plans, todo) = mpsc::channel::<Plan>();
    let theirs = Arc::clone(&credit);
    thread::Builder::new().name("bare".to_owned()).spawn(move || {
        let outcome = Bare::accept(&listener, &todo, way).and_then(|(bare, plan)| bare.publish(way, &plan, &theirs));
        let published = outcome.expect("bare loops meet no errors but full sockets");
        stdio::answer(&Answer::Published(published)).expect("the parent listens");
        // The sockets stay open while the parent reads what is left in them.
        loop {
            thread::park();
        }
    })?;
    stdio::answer(&Answer::Serving { address, opening_bytes: 0 })?;
    stdio::hear(|order| {
        match order {
            Order::Publish(plan) => plans.send(plan)?,
            Order::Seen(bytes) => credit.grant(bytes),
            Order::Stop => credit.stop(),
        }
        Ok(())
    })
}

struct Bare {
    peers: Vec<Peer>,
    buffer: Vec<u8>,
}

struct Peer {
    socket: TcpStream,
    /// Bytes of the buffer that it has been sent.
    cursor: usize,
    /// The part of the buffer that is in the chunk under way, if there is one.
    chunk: Range<usize>,
    /// Bytes of that chunk, with its framing, that are sent.
    sent: usize,
}

impl Bare {
    /// Takes connections until there is a plan.
    fn accept(listener: &TcpListener, todo: &Receiver<Plan>, way: Way) -> Result<(Bare, Plan)> {
        listener.set_nonblocking(true)?;
        let head = if way == Way::SharedChunks { CHUNKED_HEAD } else { HEAD };
        let mut peers = Vec::new();
        loop {
            match listener.accept() {
                Ok((socket, _)) => peers.push(Peer { socket: greet(socket, head)?, cursor: 0, chunk: 0..0, sent: 0 }),
                Err(error) if error.kind() == ErrorKind::WouldBlock => match todo.try_recv() {
                    Ok(plan) => return Ok((Bare { peers, buffer: Vec::with_capacity(BUFFER_BYTES) }, plan)),
                    Err(TryRecvError::Empty) => thread::sleep(Duration::from_micros(200)),
                    Err(error) => return Err(error.into()),
                },
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn publish(mut self, way: Way, plan: &Plan, credit: &Credit) -> Result<Published> {
        let mut producer = Producer::new(plan, 0);
        let mut passes = Histogram::<u64>::new(3)?;
        loop {
            let now = now_ns();
            let over = producer.is_over(now, credit);
            let due = if over { 0 } else { producer.due(now, credit) };
            match way {
                Way::SendEach => {
                    for _ in 0..due {
                        let (_, data) = producer.next(now);
                        self.buffer.clear();
                        append(&mut self.buffer, data);
                        let start = Instant::now();
                        self.send_each()?;
                        passes.record(start.elapsed().as_nanos() as u64)?;
                    }
                    if due == 0 && !over {
                        producer.wait(now, credit);
                    }
                }
                Way::SharedBuffer | Way::SharedChunks => {
                    for _ in 0..due {
                        append(&mut self.buffer, producer.next(now).1);
                    }
                    // A burst is not all that is due: more is appended before the next pass.
                    let more = !over && producer.due(now, credit) > 0;
                    if !more && !self.send_pieces(way)? && due == 0 && !over {
                        producer.wait(now, credit);
                    }
                }
            }
            if over && self.peers.iter().all(|peer| peer.cursor == self.buffer.len() || way == Way::SendEach) {
                let pass_ns = (!passes.is_empty()).then(|| passes.value_at_quantile(0.5));
                return Ok(Published { pass_ns, ..producer.into_published() });
            }
        }
    }

    /// One call for each socket, with the message in the buffer.
    fn send_each(&mut self) -> Result<()> {
        for peer in &mut self.peers {
            let mut rest = &self.buffer[..];
            while !rest.is_empty() {
                match peer.socket.write(rest) {
                    Ok(sent) => rest = &rest[sent..],
                    // The reader is on another core: it comes.
                    Err(error) if error.kind() == ErrorKind::WouldBlock => thread::yield_now(),
                    Err(error) => return Err(error.into()),
                }
            }
        }
        Ok(())
    }

    /// A pass over all sockets; false if none took anything.
    fn send_pieces(&mut self, way: Way) -> Result<bool> {
        let mut sent_any = false;
        for peer in self.peers.iter_mut().filter(|peer| peer.cursor < self.buffer.len()) {
            let outcome = match way {
                Way::SharedChunks => peer.send_chunk(&self.buffer),
                _ => peer.send_piece(&self.buffer),
            };
            match outcome {
                Ok(()) => sent_any = true,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(sent_any)
    }
}

impl Peer {
    fn send_piece(&mut self, buffer: &[u8]) -> io::Result<()> {
        let end = buffer.len().min(self.cursor + PIECE_BYTES);
        self.cursor += self.socket.write(&buffer[self.cursor..end])?;
        Ok(())
    }

    /// Begins a chunk, or goes on with the one under way.
    fn send_chunk(&mut self, buffer: &[u8]) -> io::Result<()> {
        if self.chunk.is_empty() {
            (self.chunk, self.sent) = (self.cursor..buffer.len().min(self.cursor + PIECE_BYTES), 0);
        }
        let mut line = io::Cursor::new([0; 16]);
        write!(line, "{:x}\r\n", self.chunk.len())?;
        let pieces = [&line.get_ref()[..line.position() as usize], &buffer[self.chunk.clone()], b"\r\n"];
        let bytes: usize = pieces.iter().map(|piece| piece.len()).sum();
        let mut slices = pieces.map(IoSlice::new);
        let mut slices = &mut slices[..];
        IoSlice::advance_slices(&mut slices, self.sent);
        self.sent += self.socket.write_vectored(slices)?;
        if self.sent == bytes {
            self.cursor = self.chunk.end;
            self.chunk = 0..0;
        }
        Ok(())
    }
}

/// Reads a request, whatever it is, and answers.
fn greet(mut socket: TcpStream, head: &[u8]) -> Result<TcpStream> {
    socket.set_nonblocking(false)?;
    socket.set_nodelay(true)?;
    let (mut request, mut piece) = (Vec::new(), [0; 1024]);
    while !request.ends_with(b"\r\n\r\n") {
        match socket.read(&mut piece)? {
            0 => return Err("a client left before it asked".into()),
            length => request.extend_from_slice(&piece[..length]),
        }
    }
    socket.write_all(head)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

fn append(buffer: &mut Vec<u8>, data: &[u8]) {
    buffer.extend_from_slice(b"data:");
    buffer.extend_from_slice(data);
    buffer.extend_from_slice(b"\n\n");
}
