//! Listening sockets: bound before any loop runs, one per worker and address.

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpListener};
#[cfg(unix)]
use std::os::unix::net::UnixListener;
use std::path::Path;
#[cfg(unix)]
use std::sync::Arc;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, TcpKeepalive, Type};

use crate::address::Address;
#[cfg(unix)]
use crate::socket_file::SocketFile;

/// Connections the kernel may hold for us, complete and not yet accepted. Thousands of clients return at once after
/// a restart; what the kernel allows (`net.core.somaxconn`) caps it.
const BACKLOG: i32 = 4096;

/// Times that a free port is looked for which several addresses have in common.
const PORT_TRIES: usize = 16;

/// A peer that has acknowledged nothing of what is sent for so long is gone: a phone out of reach, a machine switched off.
/// It sends no FIN, and by itself the kernel goes on for a quarter of an hour (`tcp_retries2`). The kernel takes a reader
/// for gone as well whose window has been shut for so long, though it answers: one that has stopped reading, and whose
/// socket holds what it doesn't take.
#[cfg(target_os = "linux")]
const PATIENCE: Duration = Duration::from_secs(25);

/// Silence after which the kernel asks a peer whether it is there. With comments every 15 s, the default, it hardly ever
/// has to.
const PROBE_AFTER: Duration = Duration::from_secs(15);

/// Time between two such questions.
#[cfg(target_os = "linux")]
const PROBE_INTERVAL: Duration = Duration::from_secs(5);

/// Bytes that the kernel keeps of what a peer sends and nobody has read yet (Linux takes twice as many, which is what it begins with).
/// Requests are small, so more helps nobody, and by itself the kernel gives a peer that sends without end up to some MiB:
/// 5,000 of them used up what it has for the TCP connections of the whole machine, and packets of all others were dropped.
const RECEIVE_BUFFER_BYTES: usize = 64 << 10;

/// Bound sockets, ready to be served by [`Workers::spawn`](crate::Workers::spawn).
///
/// Each worker has its own listener for each address (`SO_REUSEPORT`): the kernel spreads the connections, and
/// workers share no accept queue.
#[derive(Debug)]
pub struct Listeners {
    addrs: Vec<SocketAddr>,
    addresses: Vec<Address>,
    per_worker: Vec<Vec<Listener>>,
}

/// One worker's socket for one address.
#[derive(Debug)]
pub(crate) enum Listener {
    Tcp(TcpListener),
    /// The workers have one queue for all: the file system knows no `SO_REUSEPORT`. Each is called for every connection,
    /// and who comes first takes it. The file goes with the last of them.
    #[cfg(unix)]
    Unix(Arc<SocketFile>, UnixListener),
}

/// One address, bound for each worker.
#[derive(Debug)]
struct Bound {
    addr: SocketAddr,
    sockets: Vec<TcpListener>,
}

impl Listeners {
    /// Binds every address once for each of `workers` (at least one). Port 0 picks a port, the same for all workers and
    /// for all that one [`Address`] stands for.
    ///
    /// # Errors
    /// What the system says, such as [`io::ErrorKind::AddrInUse`]: also if the port's holder would share it
    /// (`SO_REUSEPORT`), since two servers that halve each other's connections are never meant.
    pub fn bind(addresses: &[Address], workers: usize) -> io::Result<Listeners> {
        let workers = workers.max(1);
        let per_worker = (0..workers).map(|_| Vec::new()).collect();
        let mut listeners = Listeners { addrs: Vec::new(), addresses: Vec::new(), per_worker };
        for address in addresses {
            if let Some(path) = address.path() {
                listeners.add_file(path)?;
                listeners.addresses.push(address.clone());
                continue;
            }
            for Bound { addr, sockets } in bind_together(&address.resolve()?, workers)? {
                listeners.addrs.push(addr);
                listeners.addresses.push(addr.into());
                for (worker, socket) in listeners.per_worker.iter_mut().zip(sockets) {
                    worker.push(Listener::Tcp(socket));
                }
            }
        }
        Ok(listeners)
    }

    /// Shares one socket out: who proxies for all clients may have one connection for each of them, so one worker alone
    /// would have all the work.
    #[cfg(unix)]
    fn add_file(&mut self, path: &Path) -> io::Result<()> {
        let (file, socket) = SocketFile::listen(path, BACKLOG)?;
        let file = Arc::new(file);
        for worker in &mut self.per_worker {
            worker.push(Listener::Unix(Arc::clone(&file), socket.try_clone()?));
        }
        Ok(())
    }

    #[cfg(not(unix))]
    fn add_file(&mut self, _path: &Path) -> io::Result<()> {
        Err(io::Error::new(ErrorKind::Unsupported, "this system has no sockets in its file system"))
    }

    /// The IP addresses as bound, in the order given, with the ports that were picked.
    #[must_use]
    pub fn local_addrs(&self) -> &[SocketAddr] {
        &self.addrs
    }

    /// All addresses as bound, those in the file system too.
    #[must_use]
    pub fn addresses(&self) -> &[Address] {
        &self.addresses
    }

    /// Each worker's sockets.
    pub(crate) fn into_parts(self) -> Vec<Vec<Listener>> {
        self.per_worker
    }
}

/// Binds what one address stands for, all to one port.
fn bind_together(addrs: &[SocketAddr], workers: usize) -> io::Result<Vec<Bound>> {
    let is_picked = addrs.iter().all(|addr| addr.port() == 0);
    let tries = if is_picked && addrs.len() > 1 { PORT_TRIES } else { 1 };
    let mut result = try_together(addrs, workers);
    for _ in 1..tries {
        match &result {
            // The port that is free for one is taken for another.
            Err(error) if error.kind() == ErrorKind::AddrInUse => result = try_together(addrs, workers),
            _ => break,
        }
    }
    result
}

fn try_together(addrs: &[SocketAddr], workers: usize) -> io::Result<Vec<Bound>> {
    let mut bound: Vec<Bound> = Vec::with_capacity(addrs.len());
    let mut missing = None;
    for &(mut addr) in addrs {
        if let Some(first) = bound.first() {
            addr.set_port(first.addr.port());
        }
        match bind_one(addr, workers) {
            Ok(one) => bound.push(one),
            Err(error) if is_missing_here(addr, &error) => missing = Some(error),
            Err(error) => return Err(error),
        }
    }
    match missing {
        Some(error) if bound.is_empty() => Err(error),
        _ => Ok(bound),
    }
}

/// Whether this machine has no addresses of this family, as many have none of IPv6. An IPv4 address that it doesn't have is
/// somebody else's, and no address to pass over.
fn is_missing_here(addr: SocketAddr, error: &io::Error) -> bool {
    // EAFNOSUPPORT, as Linux, and the BSDs and macOS, number it.
    let has_no_family = matches!(error.raw_os_error(), Some(97 | 47));
    has_no_family || (addr.is_ipv6() && error.kind() == ErrorKind::AddrNotAvailable)
}

fn bind_one(addr: SocketAddr, workers: usize) -> io::Result<Bound> {
    // A socket which does not share finds out whether the port is free. (Between closing it and binding
    // again somebody may slip in: with one worker, where nothing is shared, that gap doesn't exist.)
    // A port the system picks is free by itself.
    if workers > 1 && addr.port() != 0 {
        drop(listen(addr, false)?);
    }
    let first = listen(addr, workers > 1)?;
    let addr = first.local_addr()?;
    let mut sockets = vec![first];
    for _ in 1..workers {
        sockets.push(listen(addr, true)?);
    }
    Ok(Bound { addr, sockets })
}

fn listen(addr: SocketAddr, shared: bool) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
    // A restarted server must not wait for its former connections' TIME_WAIT.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    #[cfg(unix)]
    if shared {
        socket.set_reuse_port(true)?;
    }
    #[cfg(not(unix))]
    if shared {
        return Err(io::Error::new(io::ErrorKind::Unsupported, "several workers need SO_REUSEPORT"));
    }
    if addr.is_ipv6() {
        // `[::]` and `0.0.0.0` are two addresses, on every system alike.
        socket.set_only_v6(true)?;
    }
    socket.set_nonblocking(true)?;
    // Accepted sockets inherit it, which saves a call per connection. Events must not wait for an ACK.
    socket.set_tcp_nodelay(true)?;
    socket.set_recv_buffer_size(RECEIVE_BUFFER_BYTES)?;
    part_from_the_departed(&socket)?;
    socket.bind(&addr.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Makes the kernel end connections to peers that have left without a word; what is accepted inherits it.
///
/// ```text
///   last answer   15 s         25 s                        40 s
///   ──┴─────────── question ─── no answer: gone             │
///   ──┴──────────────── something sent, not acknowledged ── gone at the latest
/// ```
#[cfg(target_os = "linux")]
fn part_from_the_departed(socket: &Socket) -> io::Result<()> {
    socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(PROBE_AFTER).with_interval(PROBE_INTERVAL))?;
    // It counts for questions as for what is sent.
    socket.set_tcp_user_timeout(Some(PATIENCE))
}

/// Questions at least, at the system's pace.
#[cfg(not(target_os = "linux"))]
fn part_from_the_departed(socket: &Socket) -> io::Result<()> {
    socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(PROBE_AFTER))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::net::TcpStream;

    use socket2::SockRef;

    use super::*;

    #[test]
    fn what_is_accepted_has_the_listeners_options() {
        for workers in [1, 2] {
            let listeners = Listeners::bind(&["127.0.0.1:0".parse().unwrap()], workers).unwrap();
            let clients: Vec<_> = (0..16).map(|_| TcpStream::connect(listeners.local_addrs()[0]).unwrap()).collect();
            let mut accepted = 0;
            while accepted < clients.len() {
                for listener in listeners.per_worker.iter().flatten() {
                    let Listener::Tcp(listener) = listener else { panic!("no TCP: {listener:?}") };
                    let Ok((socket, _)) = listener.accept() else { continue };
                    accepted += 1;
                    let socket = SockRef::from(&socket);
                    assert!(socket.tcp_nodelay().unwrap() && socket.keepalive().unwrap());
                    assert_eq!(socket.recv_buffer_size().unwrap(), 2 * RECEIVE_BUFFER_BYTES);
                    assert_eq!(socket.tcp_keepalive_time().unwrap(), PROBE_AFTER);
                    assert_eq!(socket.tcp_keepalive_interval().unwrap(), PROBE_INTERVAL);
                    assert_eq!(socket.tcp_user_timeout().unwrap(), Some(PATIENCE));
                }
            }
        }
    }
}
