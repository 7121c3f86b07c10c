//! A line that is cut again and again: each connection after some bytes of its stream, any number of them.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use fastrand::Rng;

/// The longest piece of a stream that gets through before a cut.
const MAX_PIECE_BYTES: usize = 8_000;

/// Passes connections on to a server, and cuts those that come first. Its threads end with the process.
pub(crate) struct Shears {
    address: SocketAddr,
    cuts: Arc<AtomicU64>,
}

impl Shears {
    /// Cuts this many connections, one after the other, and passes on whole what comes later.
    pub(crate) fn before(server: SocketAddr, most_cuts: u64, seed: u64) -> Shears {
        let listener = TcpListener::bind("127.0.0.1:0").expect("the system has a port left");
        let address = listener.local_addr().expect("it is bound");
        let cuts = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&cuts);
        thread::spawn(move || {
            let mut random = Rng::with_seed(seed);
            for client in listener.incoming().flatten() {
                let Ok(server) = TcpStream::connect(server) else { continue };
                let (from, to) = (copy_of(&client), copy_of(&server));
                thread::spawn(move || pass_on(from, to, u64::MAX));
                // One at a time: real clients come back when they have lost the last one.
                if counter.load(Ordering::Relaxed) < most_cuts {
                    let piece = random.usize(1..=MAX_PIECE_BYTES);
                    if pass_stream(server, client, piece) {
                        counter.fetch_add(1, Ordering::Relaxed); // a count on its own
                    }
                } else {
                    thread::spawn(move || pass_on(server, client, u64::MAX));
                }
            }
        });
        Shears { address, cuts }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Connections cut so far.
    pub(crate) fn cuts(&self) -> u64 {
        self.cuts.load(Ordering::Relaxed) // a count on its own
    }
}

/// Passes on a whole head, then so many bytes, and cuts both directions; `false` if the stream ended by itself.
///
/// The head is spared: a browser takes what it has of it for all, and gives up for good on an answer without a type.
fn pass_stream(mut from: TcpStream, mut to: TcpStream, piece: usize) -> bool {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        if !matches!(from.read(&mut byte), Ok(1)) {
            break;
        }
        head.extend(byte);
    }
    to.write_all(&head).is_ok() && pass_on(from, to, piece as u64) == piece as u64
}

/// Copies one direction until either side ends it or so many bytes have passed, which ends both; gives their number.
fn pass_on(from: TcpStream, mut to: TcpStream, most: u64) -> u64 {
    let mut limited = from.take(most);
    // Whoever is gone has not taken all: an error is an end like any other.
    let _ = io::copy(&mut limited, &mut to);
    let passed = most - limited.limit();
    let _ = limited.into_inner().shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
    passed
}

fn copy_of(socket: &TcpStream) -> TcpStream {
    socket.try_clone().expect("the system has a descriptor left")
}
