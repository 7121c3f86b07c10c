//! The simulated world: sockets whose every call may fall short or fail, edges that come late, a listener that runs out of
//! descriptors. It behaves as epoll(7) and tcp(7) say: a read that falls short has found the socket empty, a write that falls
//! short has found it full, and an edge comes when that changes.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;

use crate::roster::Key;
use crate::socket::Socket;
use crate::system::{Edge, Readiness, System};

/// EMFILE, as Linux numbers it.
const NO_DESCRIPTORS: i32 = 24;

pub(super) type Shared = Rc<RefCell<World>>;

/// One connection's two directions.
#[derive(Default)]
pub(super) struct Wire {
    /// Sent by the client, on its way.
    pub(super) flight: VecDeque<u8>,
    arrived: VecDeque<u8>,
    /// The client sends nothing after that.
    pub(super) has_finished: bool,
    end_arrived: bool,
    /// Taken by the socket, and not yet by the client.
    pub(super) sent: VecDeque<u8>,
    /// Bytes that the socket takes before it is full.
    pub(super) capacity: usize,
    /// A write has found it full.
    starved: bool,
    /// The connection is reset at the call that comes after so many.
    pub(super) reset_in: Option<u32>,
    is_reset: bool,
    key: Option<Key>,
    readiness: Readiness,
    /// The system would not watch it, so the server had to let it go.
    pub(super) is_refused: bool,
    /// The server sends nothing more.
    pub(super) is_over: bool,
}

impl Wire {
    /// A call of the socket. It may be the one at which the peer is gone.
    fn call(&mut self) -> io::Result<()> {
        if let Some(left) = &mut self.reset_in {
            match left.checked_sub(1) {
                Some(less) => *left = less,
                None => self.reset(),
            }
        }
        if self.is_reset { Err(ErrorKind::ConnectionReset.into()) } else { Ok(()) }
    }

    pub(super) fn reset(&mut self) {
        self.is_reset = true;
        self.readiness = Readiness { input: true, ended: true, output: true, broken: true };
    }

    /// The client takes what has been sent, so many bytes at most.
    pub(super) fn take(&mut self, most: usize, received: &mut Vec<u8>) {
        Read::by_ref(&mut self.sent).take(most as u64).read_to_end(received).expect("memory");
        // As the kernel: only when a good part is free.
        if self.starved && self.sent.len() <= self.capacity / 2 {
            self.starved = false;
            self.readiness.output = true;
        }
    }

    /// So many bytes of those on their way arrive.
    fn arrive(&mut self, most: usize) {
        let count = self.flight.len().min(most);
        self.arrived.extend(self.flight.drain(..count));
        self.readiness.input |= count > 0;
        if self.flight.is_empty() && self.has_finished && !self.end_arrived {
            self.end_arrived = true;
            self.readiness.input = true;
            self.readiness.ended = true;
        }
    }
}

pub(super) struct World {
    pub(super) random: fastrand::Rng,
    pub(super) wires: Vec<Wire>,
    /// Those of which the server may still hear, in their order.
    open: Vec<usize>,
    /// Connections that wait to be accepted.
    pub(super) queue: VecDeque<usize>,
    queue_edge: bool,
    /// Calls of accept that find no descriptor.
    pub(super) without_descriptors: usize,
    /// Edges of sockets that are closed.
    late: Vec<Edge>,
    /// Whether things go wrong by themselves.
    pub(super) has_faults: bool,
    /// Calls of sockets so far.
    pub(super) calls: usize,
}

impl World {
    pub(super) fn new(seed: u64) -> World {
        World {
            random: fastrand::Rng::with_seed(seed),
            wires: Vec::new(),
            open: Vec::new(),
            queue: VecDeque::new(),
            queue_edge: false,
            without_descriptors: 0,
            late: Vec::new(),
            has_faults: true,
            calls: 0,
        }
    }

    /// A client connects. Gives the number of its wire.
    pub(super) fn connect(&mut self) -> usize {
        let wire = self.wires.len();
        self.wires.push(Wire { capacity: 1 << self.random.u32(6..16), ..Wire::default() });
        self.open.push(wire);
        self.queue.push_back(wire);
        self.queue_edge = true;
        wire
    }

    /// Something of what is on its way arrives; gives the edges of that, in any order.
    pub(super) fn edges(&mut self) -> Vec<Edge> {
        let mut edges = std::mem::take(&mut self.late);
        self.open.retain(|&wire| !self.wires[wire].is_over || self.wires[wire].key.is_some());
        for &wire in &self.open {
            let wire = &mut self.wires[wire];
            let most = if self.random.bool() { usize::MAX } else { self.random.usize(0..100) };
            wire.arrive(most);
            // An edge may take its time.
            if let Some(key) = wire.key
                && wire.readiness != Readiness::default()
                && !(self.has_faults && self.random.u8(..4) == 0)
            {
                edges.push(Edge::Socket(key, std::mem::take(&mut wire.readiness)));
            }
        }
        if std::mem::take(&mut self.queue_edge) {
            edges.push(Edge::Listener(0));
        }
        self.random.shuffle(&mut edges);
        edges
    }

    /// Whether nothing is on its way to the server, but for those who wait to be accepted.
    pub(super) fn is_quiet(&self) -> bool {
        let is_quiet = |wire: &Wire| {
            let is_said = wire.flight.is_empty() && wire.has_finished <= wire.end_arrived;
            wire.is_over || (is_said && (wire.key.is_none() || wire.readiness == Readiness::default()))
        };
        let mut open = self.open.iter().map(|&wire| &self.wires[wire]);
        self.late.is_empty() && !self.queue_edge && open.all(is_quiet)
    }

    /// A call is broken off by a signal, now and then.
    fn interrupt(&mut self) -> io::Result<()> {
        self.calls += 1;
        match self.has_faults && self.random.u8(..50) == 0 {
            true => Err(ErrorKind::Interrupted.into()),
            false => Ok(()),
        }
    }
}

pub(super) struct SimulatedSystem(pub(super) Shared);

impl System for SimulatedSystem {
    type Socket = SimulatedSocket;

    fn accept(&mut self, _: usize) -> io::Result<(SimulatedSocket, SocketAddr)> {
        let mut world = self.0.borrow_mut();
        world.interrupt()?;
        if !world.queue.is_empty() && world.without_descriptors > 0 {
            world.without_descriptors -= 1;
            return Err(io::Error::from_raw_os_error(NO_DESCRIPTORS));
        }
        let wire = world.queue.pop_front().ok_or(ErrorKind::WouldBlock)?;
        let socket = SimulatedSocket { world: Rc::clone(&self.0), wire };
        Ok((socket, (Ipv4Addr::LOCALHOST, 1).into()))
    }

    fn watch(&mut self, socket: &mut SimulatedSocket, key: Key) -> io::Result<()> {
        let mut world = self.0.borrow_mut();
        if world.has_faults && world.random.u8(..100) == 0 {
            world.wires[socket.wire].is_refused = true;
            return Err(ErrorKind::OutOfMemory.into());
        }
        let wire = &mut world.wires[socket.wire];
        wire.key = Some(key);
        // What is there already has an edge of its own.
        wire.readiness.input |= !wire.arrived.is_empty() || wire.end_arrived;
        wire.readiness.output = true;
        Ok(())
    }
}

pub(super) struct SimulatedSocket {
    world: Shared,
    wire: usize,
}

impl Read for SimulatedSocket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut world = self.world.borrow_mut();
        world.interrupt()?;
        let wire = &mut world.wires[self.wire];
        wire.call()?;
        if wire.arrived.is_empty() {
            return if wire.end_arrived { Ok(0) } else { Err(ErrorKind::WouldBlock.into()) };
        }
        wire.arrived.read(buffer)
    }
}

impl Write for SimulatedSocket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_vectored(&[IoSlice::new(bytes)])
    }

    fn write_vectored(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut world = self.world.borrow_mut();
        world.interrupt()?;
        let wire = &mut world.wires[self.wire];
        wire.call()?;
        let length: usize = pieces.iter().map(|piece| piece.len()).sum();
        let taken = length.min(wire.capacity - wire.sent.len());
        wire.starved |= taken < length;
        if taken == 0 && length > 0 {
            return Err(ErrorKind::WouldBlock.into());
        }
        // Only what is taken is touched: pieces are often much more than a small socket has room for.
        let mut room = taken;
        for piece in pieces {
            let part = &piece[..piece.len().min(room)];
            wire.sent.extend(part);
            room -= part.len();
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Socket for SimulatedSocket {
    fn finish(&mut self) -> io::Result<()> {
        self.world.borrow_mut().wires[self.wire].is_over = true;
        Ok(())
    }

    fn drop_unsent(&mut self) {
        self.world.borrow_mut().wires[self.wire].sent.clear();
    }
}

impl Drop for SimulatedSocket {
    fn drop(&mut self) {
        let mut world = self.world.borrow_mut();
        let wire = &mut world.wires[self.wire];
        wire.is_over = true;
        let readiness = std::mem::take(&mut wire.readiness);
        if let Some(key) = wire.key.take()
            && (readiness != Readiness::default() || world.random.bool())
        {
            world.late.push(Edge::Socket(key, Readiness { input: true, ended: true, output: true, broken: true }));
        }
    }
}
