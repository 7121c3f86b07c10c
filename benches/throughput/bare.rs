//! The child that things are measured against: sockets and a loop, without a server around them.
//!
//! It answers requests like a server would, whatever they ask for, and sends the same frames on the same kind of
//! sockets. So its figures say what this machine can do, and a server's ratio to them what the server costs.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
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
        let outcome = Bare::accept(&listener, &todo).and_then(|(bare, plan)| bare.publish(way, &plan, &theirs));
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
    sockets: Vec<TcpStream>,
    /// Bytes of the buffer that each has been sent.
    cursors: Vec<usize>,
    buffer: Vec<u8>,
}

impl Bare {
    /// Takes connections until there is a plan.
    fn accept(listener: &TcpListener, todo: &Receiver<Plan>) -> Result<(Bare, Plan)> {
        listener.set_nonblocking(true)?;
        let mut sockets = Vec::new();
        loop {
            match listener.accept() {
                Ok((socket, _)) => sockets.push(greet(socket)?),
                Err(error) if error.kind() == ErrorKind::WouldBlock => match todo.try_recv() {
                    Ok(plan) => {
                        let (cursors, buffer) = (vec![0; sockets.len()], Vec::with_capacity(BUFFER_BYTES));
                        return Ok((Bare { sockets, cursors, buffer }, plan));
                    }
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
                Way::SharedBuffer => {
                    for _ in 0..due {
                        append(&mut self.buffer, producer.next(now).1);
                    }
                    // A burst is not all that is due: more is appended before the next pass.
                    let more = !over && producer.due(now, credit) > 0;
                    if !more && !self.send_pieces()? && due == 0 && !over {
                        producer.wait(now, credit);
                    }
                }
            }
            if over && self.cursors.iter().all(|&cursor| cursor == self.buffer.len() || way == Way::SendEach) {
                let pass_ns = (!passes.is_empty()).then(|| passes.value_at_quantile(0.5));
                return Ok(Published { pass_ns, ..producer.into_published() });
            }
        }
    }

    /// One call for each socket, with the message in the buffer.
    fn send_each(&mut self) -> Result<()> {
        for socket in &mut self.sockets {
            let mut rest = &self.buffer[..];
            while !rest.is_empty() {
                match socket.write(rest) {
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
    fn send_pieces(&mut self) -> Result<bool> {
        let mut sent_any = false;
        for (socket, cursor) in self.sockets.iter_mut().zip(&mut self.cursors) {
            let end = self.buffer.len().min(*cursor + PIECE_BYTES);
            if *cursor == end {
                continue;
            }
            match socket.write(&self.buffer[*cursor..end]) {
                Ok(sent) => *cursor += sent,
                Err(error) if error.kind() == ErrorKind::WouldBlock => continue,
                Err(error) => return Err(error.into()),
            }
            sent_any = true;
        }
        Ok(sent_any)
    }
}

/// Reads a request, whatever it is, and answers.
fn greet(mut socket: TcpStream) -> Result<TcpStream> {
    socket.set_nonblocking(false)?;
    socket.set_nodelay(true)?;
    let (mut request, mut piece) = (Vec::new(), [0; 1024]);
    while !request.ends_with(b"\r\n\r\n") {
        match socket.read(&mut piece)? {
            0 => return Err("a client left before it asked".into()),
            length => request.extend_from_slice(&piece[..length]),
        }
    }
    socket.write_all(HEAD)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

fn append(buffer: &mut Vec<u8>, data: &[u8]) {
    buffer.extend_from_slice(b"data:");
    buffer.extend_from_slice(data);
    buffer.extend_from_slice(b"\n\n");
}
