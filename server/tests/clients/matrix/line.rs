//! The line between a client and what it reads from: it counts what passes, and breaks where it is told to.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use rustix::net::sockopt;

use super::upstream::{Socket, Upstream};

/// What the server sends to a stream that has been silent.
const KEEPALIVE: &[u8] = b":keepalive\n";

/// How the line breaks.
#[derive(Clone, Copy, Debug)]
pub(crate) enum End {
    Fin,
    Reset,
}

/// After how many bytes of a stream's body, and how, it breaks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cut {
    pub(crate) after_bytes: usize,
    pub(crate) end: End,
}

/// What has passed so far.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    /// Streams whose head has reached the client.
    pub(crate) opened: usize,
    /// Those of them that have ended, for whatever reason.
    pub(crate) ended: usize,
    /// Those of them that the line has cut.
    pub(crate) cut: usize,
    /// Those that are where they will be cut, and wait for leave.
    pub(crate) held: usize,
    pub(crate) keepalives: usize,
}

impl Counts {
    pub(crate) fn is_live(&self) -> bool {
        self.opened > self.ended
    }
}

/// Passes connections on until it breaks. Its threads end with the process.
pub(crate) struct Line {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    counts: Counts,
    /// Each stream takes the next as soon as there is one.
    plans: VecDeque<Cut>,
    /// How many may be cut.
    leaves: usize,
}

impl Line {
    pub(crate) fn to(upstream: Upstream) -> Line {
        let listener = TcpListener::bind("127.0.0.1:0").expect("the system has a port left");
        let address = listener.local_addr().expect("it is bound");
        let shared = Arc::new(Shared::default());
        let known = Arc::clone(&shared);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (upstream, shared) = (upstream.clone(), Arc::clone(&known));
                // A peer that is gone is an end like any other. While there is no server, a connection ends at once.
                thread::spawn(move || pass_on(client, &upstream, &shared));
            }
        });
        Line { address, shared }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn counts(&self) -> Counts {
        self.shared.lock().counts
    }

    /// The stream that is open takes the first of these cuts, each later one the next; then they are spared.
    pub(crate) fn cut(&self, plans: impl IntoIterator<Item = Cut>) {
        self.shared.lock().plans.extend(plans);
    }

    /// One stream may be cut, now or as soon as it is where it will be.
    pub(crate) fn give_leave(&self) {
        self.shared.lock().leaves += 1;
        self.shared.changed.notify_all();
    }

    /// Returns the counts as soon as they are as wanted, and `None` if that takes too long.
    pub(crate) fn wait(&self, patience: Duration, wanted: impl Fn(&Counts) -> bool) -> Option<Counts> {
        let unwanted = |state: &mut State| !wanted(&state.counts);
        let waited = self.shared.changed.wait_timeout_while(self.shared.lock(), patience, unwanted);
        let (state, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
        (!timeout.timed_out()).then_some(state.counts)
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A stream that ended by itself was not cut: another will be.
    fn give_back(&self, plan: Option<Cut>) -> Option<End> {
        self.lock().plans.extend(plan);
        None
    }

    /// Returns when a stream may be cut.
    fn wait_for_leave(&self) {
        self.count(|counts| counts.held += 1);
        let waited = self.changed.wait_while(self.lock(), |state| state.leaves == 0);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner);
        state.leaves -= 1;
    }

    fn count(&self, count: impl FnOnce(&mut Counts)) {
        count(&mut self.lock().counts);
        self.changed.notify_all();
    }
}

/// One connection, both ways, until either side or the line ends it.
fn pass_on(client: TcpStream, upstream: &Upstream, shared: &Shared) -> io::Result<()> {
    let server = upstream.connect()?;
    let (mut requests, mut to_server) = (client.try_clone()?, server.copy()?);
    thread::spawn(move || {
        let _ = io::copy(&mut requests, &mut to_server);
        to_server.end();
    });
    let passed = pass_stream(&client, &server, shared);
    server.end();
    match passed {
        // The other thread lets go of the socket when it can't read any more; the last to close it resets it.
        Ok(Some(End::Reset)) => {
            sockopt::set_socket_linger(&client, Some(Duration::ZERO))?;
            client.shutdown(Shutdown::Read)
        }
        _ => client.shutdown(Shutdown::Both),
    }
}

/// Passes on an answer; gives how it was cut, or `None` where it ended by itself.
fn pass_stream(mut client: &TcpStream, server: &Socket, shared: &Shared) -> io::Result<Option<End>> {
    let head = read_head(server)?;
    // A browser that finds its line cut within a head, or before it has read it, gives up for good: heads are spared.
    client.write_all(&head)?;
    let is_stream = head.starts_with(b"HTTP/1.1 200");
    if is_stream {
        shared.count(|counts| counts.opened += 1);
    }
    let passed = pass_body(client, server, shared, is_stream);
    if is_stream {
        shared.count(|counts| {
            counts.ended += 1;
            counts.cut += usize::from(passed.is_some());
            counts.held -= usize::from(passed.is_some());
        });
    }
    Ok(passed)
}

fn pass_body(mut client: &TcpStream, mut server: &Socket, shared: &Shared, is_stream: bool) -> Option<End> {
    let (mut plan, mut passed) = (None::<Cut>, 0);
    let mut buffer = vec![0; 1 << 16];
    let mut recent = Vec::new();
    loop {
        let read = match server.read(&mut buffer) {
            Ok(0) | Err(_) => return shared.give_back(plan),
            Ok(read) => read,
        };
        if plan.is_none() && is_stream {
            // Its first byte is counted from here.
            (plan, passed) = (shared.lock().plans.pop_front(), 0);
        }
        let left = plan.map_or(usize::MAX, |plan| plan.after_bytes - passed);
        let piece = &buffer[..read.min(left)];
        if client.write_all(piece).is_err() {
            return shared.give_back(plan);
        }
        passed += piece.len();
        count_keepalives(&mut recent, piece, shared);
        if let Some(plan) = plan
            && passed == plan.after_bytes
        {
            shared.wait_for_leave();
            return Some(plan.end);
        }
    }
}

/// `recent` is the end of what passed before, where a keepalive may have begun.
fn count_keepalives(recent: &mut Vec<u8>, piece: &[u8], shared: &Shared) {
    recent.extend(piece);
    let found = recent.windows(KEEPALIVE.len()).filter(|window| *window == KEEPALIVE).count();
    recent.drain(..recent.len().saturating_sub(KEEPALIVE.len() - 1));
    if found > 0 {
        shared.count(|counts| counts.keepalives += found);
    }
}

fn read_head(mut server: &Socket) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        server.read_exact(&mut byte)?;
        head.extend(byte);
    }
    Ok(head)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::PATIENCE;

    const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\n\r\n";

    /// A line to a server that answers each connection with this.
    fn line_to(answer: &'static [u8]) -> Line {
        let listener = TcpListener::bind("127.0.0.1:0").expect("the system has a port left");
        let upstream = Upstream::Tcp(listener.local_addr().expect("it is bound"));
        thread::spawn(move || {
            for mut connection in listener.incoming().flatten() {
                connection.write_all(answer).expect("the line is there");
            }
        });
        Line::to(upstream)
    }

    /// All that comes, and how it ends.
    fn read(line: &Line) -> (Vec<u8>, io::Result<usize>) {
        let mut bytes = Vec::new();
        let mut stream = TcpStream::connect(line.address).expect("the line listens");
        let end = stream.read_to_end(&mut bytes);
        (bytes, end)
    }

    #[test]
    fn a_stream_is_cut_after_so_many_bytes() {
        let line = line_to(b"HTTP/1.1 200 OK\r\n\r\ndata:Corgi\n\n");
        line.cut([End::Fin, End::Reset].map(|end| Cut { after_bytes: 4, end }));
        line.give_leave();
        line.give_leave();
        let (bytes, end) = read(&line);
        assert_eq!((&bytes[..], end.is_ok()), (&[HEAD, b"data"].concat()[..], true));
        let (bytes, end) = read(&line);
        assert_eq!(bytes, [HEAD, b"data"].concat());
        assert_eq!(end.expect_err("it is reset").kind(), io::ErrorKind::ConnectionReset);
        let (bytes, _) = read(&line);
        assert_eq!(bytes, [HEAD, b"data:Corgi\n\n"].concat());
        let counts = line.wait(PATIENCE, |counts| counts.ended == 3).expect("all streams end");
        assert_eq!((counts.opened, counts.cut), (3, 2));
    }

    #[test]
    fn a_stream_waits_for_leave_to_be_cut() {
        let line = line_to(b"HTTP/1.1 200 OK\r\n\r\ndata:Corgi\n\n");
        line.cut([Cut { after_bytes: 4, end: End::Fin }]);
        let client = TcpStream::connect(line.address).expect("the line listens");
        let counts = line.wait(PATIENCE, |counts| counts.held == 1).expect("it comes to the cut");
        assert_eq!((counts.cut, counts.is_live()), (0, true));
        line.give_leave();
        let counts = line.wait(PATIENCE, |counts| counts.cut == 1).expect("it is cut");
        assert_eq!((counts.held, counts.is_live()), (0, false));
        drop(client);
    }

    #[test]
    fn what_is_no_stream_is_not_cut() {
        let line = line_to(b"HTTP/1.1 503 Service Unavailable\r\n\r\nlater");
        line.cut([Cut { after_bytes: 1, end: End::Fin }]);
        assert!(read(&line).0.ends_with(b"later"));
        assert_eq!(line.counts().opened, 0);
    }

    #[test]
    fn keepalives_are_counted_however_they_come() {
        let shared = Shared::default();
        let mut recent = Vec::new();
        for byte in b"10\r\n:keepalive\n\r\n:keepalive\n\ndata:1\n:keep".chunks(1).chain([&b"alive\n"[..]]) {
            count_keepalives(&mut recent, byte, &shared);
        }
        assert_eq!(shared.lock().counts.keepalives, 3);
    }
}
