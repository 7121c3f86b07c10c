//! Listening sockets: bound before any loop runs, one per worker and address.

use std::io;
use std::net::{SocketAddr, TcpListener};

use socket2::{Domain, Protocol, Socket, Type};

/// Connections the kernel may hold for us, complete and not yet accepted. Thousands of clients return at once after
/// a restart; what the kernel allows (`net.core.somaxconn`) caps it.
const BACKLOG: i32 = 4096;

/// Bound sockets, ready to be served by [`Workers::spawn`](crate::Workers::spawn).
///
/// Each worker has its own listener for each address (`SO_REUSEPORT`): the kernel spreads the connections, and
/// workers share no accept queue.
#[derive(Debug)]
pub struct Listeners {
    addrs: Vec<SocketAddr>,
    per_worker: Vec<Vec<TcpListener>>,
}

impl Listeners {
    /// Binds every address once for each of `workers` (at least one). Port 0 picks a port, the same for all workers.
    ///
    /// # Errors
    /// What the system says, such as [`io::ErrorKind::AddrInUse`]: also if the port's holder would share it
    /// (`SO_REUSEPORT`), since two servers that halve each other's connections are never meant.
    pub fn bind(addrs: &[SocketAddr], workers: usize) -> io::Result<Listeners> {
        let workers = workers.max(1);
        let mut bound = Vec::with_capacity(addrs.len());
        let mut per_worker: Vec<Vec<TcpListener>> = (0..workers).map(|_| Vec::with_capacity(addrs.len())).collect();
        for &addr in addrs {
            // A socket which does not share finds out whether the port is free. (Between closing it and binding
            // again somebody may slip in: with one worker, where nothing is shared, that gap doesn't exist.)
            // A port the system picks is free by itself.
            if workers > 1 && addr.port() != 0 {
                drop(listen(addr, false)?);
            }
            let first = listen(addr, workers > 1)?;
            let addr = first.local_addr()?;
            bound.push(addr);
            let (first_worker, others) = per_worker.split_first_mut().expect("at least one worker");
            first_worker.push(first);
            for worker in others {
                worker.push(listen(addr, true)?);
            }
        }
        Ok(Listeners { addrs: bound, per_worker })
    }

    /// The addresses as bound, in the order given, with the ports that were picked.
    #[must_use]
    pub fn local_addrs(&self) -> &[SocketAddr] {
        &self.addrs
    }

    /// Each worker's sockets.
    pub(crate) fn into_parts(self) -> Vec<Vec<TcpListener>> {
        self.per_worker
    }
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
    socket.bind(&addr.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}
