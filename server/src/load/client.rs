//! The loop that drives all connections.

use std::io;
use std::time::{Duration, Instant};

use mio::{Events, Interest, Poll, Token};

use super::connection::{Connection, Failure, Found, Outcome, Reading};
use super::observer::Observer;
use super::skim::Skimmed;
use super::target::Target;

/// Readiness taken from the kernel in one call. What doesn't fit comes with the next.
const EVENTS_PER_TURN: usize = 1024;

/// For reads that only count: as much as a socket holds, so that one call empties it.
const BUFFER_BYTES: usize = 1 << 20;

/// Many event streams, read on the caller's thread, in turns.
pub struct Client {
    poll: Poll,
    events: Events,
    /// None once it has failed or closed.
    connections: Vec<Option<Connection>>,
    /// Bytes received on each connection after the head.
    received: Vec<u64>,
    /// Connections with more to read than their turn allowed.
    unfinished: Vec<usize>,
    buffer: Box<[u8]>,
    observer: Observer,
    counts: Counts,
    failure: Option<String>,
}

/// What has happened on all connections so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Connections asked for that are neither open yet nor failed.
    pub connecting: usize,
    /// Streams that were opened.
    pub opened: usize,
    /// Connections that never became a stream, or broke.
    pub failed: usize,
    /// Streams that the server has closed.
    pub closed: usize,
    /// Events on the connections that are read by [`Reading::Events`].
    pub events: u64,
    /// Bytes after the heads, without what the chunked coding adds.
    pub bytes: u64,
}

impl Client {
    /// A client without connections.
    ///
    /// # Errors
    ///
    /// If the system grants no poll.
    pub fn new() -> io::Result<Client> {
        Ok(Client {
            poll: Poll::new()?,
            events: Events::with_capacity(EVENTS_PER_TURN),
            connections: Vec::new(),
            received: Vec::new(),
            unfinished: Vec::new(),
            buffer: vec![0; BUFFER_BYTES].into(),
            observer: Observer::default(),
            counts: Counts::default(),
            failure: None,
        })
    }

    /// Begins to open a stream; gives its index. If it can't be opened, [`Counts::failed`] says so.
    pub fn connect(&mut self, target: &Target, reading: Reading) -> usize {
        let index = self.connections.len();
        self.connections.push(None);
        self.received.push(0);
        self.counts.connecting += 1;
        let opened = Connection::open(target, reading).and_then(|mut connection| {
            let interest = Interest::READABLE | Interest::WRITABLE;
            let registered = self.poll.registry().register(&mut connection.socket, Token(index), interest);
            registered.map(|()| connection).map_err(|error| Failure::Io(error.kind()))
        });
        match opened {
            Ok(connection) => self.connections[index] = Some(connection),
            Err(failure) => self.fail(index, &failure),
        }
        index
    }

    /// Does what there is to do on all connections, after waiting until there is something, at most for `wait`.
    ///
    /// # Errors
    ///
    /// If the poll fails, which it does only if it is broken.
    pub fn turn(&mut self, wait: Duration) -> io::Result<()> {
        let wait = if self.unfinished.is_empty() { wait } else { Duration::ZERO };
        match self.poll.poll(&mut self.events, Some(wait)) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
            _ => {}
        }
        for index in std::mem::take(&mut self.unfinished) {
            self.receive(index, true);
        }
        let events = std::mem::replace(&mut self.events, Events::with_capacity(0));
        for event in &events {
            let index = event.token().0;
            if event.is_writable() {
                self.ask(index);
            }
            if event.is_readable() || event.is_read_closed() || event.is_error() {
                self.receive(index, event.is_read_closed() || event.is_error());
            }
        }
        self.events = events;
        Ok(())
    }

    /// Takes turns until at most `most` connections are being opened, or until none was for so long. Whether it is so.
    ///
    /// # Errors
    ///
    /// As [`turn`](Self::turn).
    pub fn await_opening(&mut self, most: usize, patience: Duration) -> io::Result<bool> {
        let mut connecting = self.counts.connecting;
        let mut since = Instant::now();
        while self.counts.connecting > most {
            let left = patience.saturating_sub(since.elapsed());
            if left.is_zero() {
                return Ok(false);
            }
            self.turn(left)?;
            if self.counts.connecting < connecting {
                (connecting, since) = (self.counts.connecting, Instant::now());
            }
        }
        Ok(true)
    }

    /// Changes how a stream is read from now on. One that has been read by [`Reading::Events`] stays so.
    pub fn set_reading(&mut self, index: usize, reading: Reading) {
        if let Some(connection) = &mut self.connections[index] {
            connection.reading = reading;
            // The edges it missed don't repeat.
            self.unfinished.push(index);
        }
    }

    /// Reads up to `most` bytes on a connection that is read by [`Reading::Nothing`]: a slow reader's sip.
    pub fn sip(&mut self, index: usize, most: usize) {
        let Some(connection) = &mut self.connections[index] else { return };
        match connection.sip(&mut self.buffer, most) {
            Ok(Skimmed { read: 0, .. }) => self.close(index),
            Ok(Skimmed { data, .. }) => self.count(index, &Found { bytes: data as u64, ..Found::default() }),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(_) => self.close(index),
        }
    }

    /// Observes from here on anew.
    pub fn observe(&mut self, observer: Observer) {
        self.observer = observer;
    }

    /// What the events have shown since the last [`observe`](Self::observe).
    #[must_use]
    pub fn observer(&self) -> &Observer {
        &self.observer
    }

    /// What has happened so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Bytes after the head, on each connection by its index.
    #[must_use]
    pub fn received(&self) -> &[u64] {
        &self.received
    }

    /// What became of the first connection that failed.
    #[must_use]
    pub fn first_failure(&self) -> Option<&str> {
        self.failure.as_deref()
    }

    fn ask(&mut self, index: usize) {
        let Some(connection) = &mut self.connections[index] else { return };
        if let Err(failure) = connection.ask() {
            self.fail(index, &failure);
        }
    }

    fn receive(&mut self, index: usize, ending: bool) {
        let Some(connection) = &mut self.connections[index] else { return };
        let mut found = Found::default();
        let outcome = connection.receive(&mut self.buffer, ending, &mut self.observer, &mut found);
        self.count(index, &found);
        match outcome {
            Outcome::Waiting => {}
            Outcome::More => self.unfinished.push(index),
            Outcome::Closed => self.close(index),
            Outcome::Failed(failure) => self.fail(index, &failure),
        }
    }

    fn count(&mut self, index: usize, found: &Found) {
        self.received[index] += found.bytes;
        self.counts.bytes += found.bytes;
        self.counts.events += found.events;
        if found.opened {
            self.counts.opened += 1;
            self.counts.connecting -= 1;
        }
    }

    fn close(&mut self, index: usize) {
        self.connections[index] = None;
        self.counts.closed += 1;
    }

    #[cold]
    fn fail(&mut self, index: usize, failure: &Failure) {
        let was_open = self.connections[index].take().is_some_and(|connection| connection.is_open());
        if !was_open {
            self.counts.connecting -= 1;
        }
        self.counts.failed += 1;
        self.failure.get_or_insert_with(|| failure.to_string());
    }
}

impl Drop for Client {
    /// Resets what is open. Closed in order, ten thousand connections would hold their ports for a minute each.
    fn drop(&mut self) {
        for connection in self.connections.iter().flatten() {
            // If it fails the socket closes in order.
            let _ = rustix::net::sockopt::set_socket_linger(&connection.socket, Some(Duration::ZERO));
        }
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("counts", &self.counts).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::sync::mpsc;
    use std::thread;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(10);

    /// A server that gives each of the answers to one connection, in pieces, and then closes it.
    fn serve(answers: &'static [&'static [&'static str]]) -> Target {
        serve_when_told(answers, None)
    }

    /// Sends what comes after the first piece of each answer when it is told to, if so.
    fn serve_when_told(answers: &'static [&'static [&'static str]], told: Option<mpsc::Receiver<()>>) -> Target {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            for answer in answers {
                let (mut socket, _) = listener.accept().unwrap();
                let mut request = [0; 1024];
                let length = socket.read(&mut request).unwrap();
                assert!(request[..length].starts_with(b"GET /a HTTP/1.1\r\n"));
                for (index, piece) in answer.iter().enumerate() {
                    if let (1, Some(told)) = (index, &told) {
                        told.recv().unwrap();
                    }
                    socket.write_all(piece.as_bytes()).unwrap();
                    thread::sleep(Duration::from_millis(1));
                }
            }
        });
        Target::new(address, "localhost", "/a")
    }

    /// Reads each answer in its own way until all connections are closed or failed.
    fn read(target: &Target, readings: &[Reading]) -> Client {
        let mut client = Client::new().unwrap();
        for &reading in readings {
            client.connect(target, reading);
            // One after the other, so that it is known who gets which answer.
            client.await_opening(0, PATIENCE).unwrap();
        }
        let start = Instant::now();
        while client.counts().closed + client.counts().failed < readings.len() && start.elapsed() < PATIENCE {
            client.turn(Duration::from_millis(1)).unwrap();
        }
        client
    }

    #[test]
    fn streams_are_counted_and_parsed() {
        let target = serve(&[
            &["HTTP/1.1 200 OK\r\n", "\r\ndata:n=1\n\nda", "ta:n=3\n\n", ":x\n\n"],
            &[
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
                "a\r\ndata:n=1\n\n\r",
                "\n3\r\n:x\n\r\n0\r\n\r\n",
            ],
            &["HTTP/1.1 200 OK\r\n\r\ndata:n", "=1\n\n"],
            &[
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\na\r\ndata:",
                "n=1\n\n\r",
                "\n3\r\n:x\n\r\n0\r\n\r\n",
            ],
        ]);
        let client = read(&target, &[Reading::Events, Reading::Events, Reading::Bytes, Reading::Bytes]);
        let Counts { connecting, opened, failed, closed, events, bytes } = client.counts();
        assert_eq!((connecting, opened, failed, closed, events), (0, 4, 0, 4, 3));
        assert_eq!(client.received(), [24, 13, 10, 13]);
        assert_eq!(bytes, 60);
        assert_eq!((client.observer().missed(), client.observer().disordered()), (1, 0));
    }

    #[test]
    fn what_is_no_stream_fails() {
        let target = serve(&[&["HTTP/1.1 503 Busy\r\n\r\n"], &["SMTP\r\n"], &[]]);
        let client = read(&target, &[Reading::Events, Reading::Bytes, Reading::Nothing]);
        assert_eq!(client.counts(), Counts { failed: 3, ..Counts::default() });
        assert_eq!(client.first_failure(), Some("answered with status 503"));

        let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let client = read(&Target::new(nobody, "localhost", "/a"), &[Reading::Bytes]);
        assert_eq!(client.counts().failed, 1);
        assert_eq!(client.first_failure(), Some("connection refused"));
    }

    #[test]
    fn a_stopped_reader_reads_when_told_to() {
        const ANSWERS: &[&[&str]] = &[
            &["HTTP/1.1 200 OK\r\n\r\n", "data:0123456789\n\n", "data:more\n\n"],
            &["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "1c\r\ndata:0123456789\n\ndata:more\n\n\r\n"],
        ];
        let (tell, told) = mpsc::channel();
        let target = serve_when_told(ANSWERS, Some(told));
        for _ in 0..2 {
            let mut client = Client::new().unwrap();
            let index = client.connect(&target, Reading::Nothing);
            assert!(client.await_opening(0, PATIENCE).unwrap());
            assert_eq!(client.received()[index], 0, "the head alone has come");
            tell.send(()).unwrap();
            while client.received()[index] == 0 {
                client.sip(index, 5);
            }
            assert!(client.received()[index] <= 5);
            client.set_reading(index, Reading::Bytes);
            while client.counts().closed == 0 {
                client.turn(Duration::from_millis(1)).unwrap();
            }
            assert_eq!(client.received()[index], 28);
        }
    }
}
