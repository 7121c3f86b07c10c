//! A line between clients and the server that can be cut.

use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// Passes connections on to the server until they are cut. Its threads end with the process.
pub(crate) struct Relay {
    address: SocketAddr,
    clients: Arc<Mutex<Vec<TcpStream>>>,
}

impl Relay {
    pub(crate) fn to(server: SocketAddr) -> Relay {
        let listener = TcpListener::bind("127.0.0.1:0").expect("the system has a port left");
        let address = listener.local_addr().expect("it is bound");
        let clients = Arc::new(Mutex::new(Vec::new()));
        let known = Arc::clone(&clients);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                // While there is no server, clients find a connection that closes at once.
                let Ok(server) = TcpStream::connect(server) else { continue };
                known.lock().expect("no one panics with it").push(copy_of(&client));
                pass_on(copy_of(&client), copy_of(&server));
                pass_on(server, client);
            }
        });
        Relay { address, clients }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Ends all connections. What is sent from now on reaches no one before they come back.
    pub(crate) fn cut(&self) {
        for client in self.clients.lock().expect("no one panics with it").drain(..) {
            // It may have ended by itself.
            let _ = client.shutdown(Shutdown::Both);
        }
    }
}

fn copy_of(socket: &TcpStream) -> TcpStream {
    socket.try_clone().expect("the system has a descriptor left")
}

/// Copies one direction until either side ends it, which ends both.
fn pass_on(mut from: TcpStream, mut to: TcpStream) {
    thread::spawn(move || {
        let _ = io::copy(&mut from, &mut to);
        let _ = from.shutdown(Shutdown::Both);
        let _ = to.shutdown(Shutdown::Both);
    });
}
