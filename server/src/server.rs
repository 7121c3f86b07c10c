//! A server that has its addresses and waits to run.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use sse_core::Hub;
use sse_net::{Listeners, Workers};

use crate::app::App;
use crate::handle::{Control, ServerHandle};
use crate::publisher::Publisher;
use crate::service::Service;

/// A server bound to its addresses: clients may connect, and are served once it runs.
///
/// Dropping it unrun closes the addresses.
pub struct Server {
    listeners: Listeners,
    app: Arc<App>,
    loops: sse_net::Config,
    control: Control,
}

impl Server {
    pub(crate) fn new(listeners: Listeners, app: App, loops: sse_net::Config) -> Server {
        let control = Control::new(app.hub.clone());
        Server { listeners, app: Arc::new(app), loops, control }
    }

    /// The IP addresses served, with the ports that were picked.
    pub fn local_addrs(&self) -> &[SocketAddr] {
        self.listeners.local_addrs()
    }

    /// Publishes to this server's subscribers.
    pub fn publisher(&self) -> Publisher {
        Publisher::new(self.app.hub.clone())
    }

    /// The engine beneath: for subscriptions that are no connections of this server.
    pub fn hub(&self) -> &Hub {
        &self.app.hub
    }

    /// Steers and watches the server from elsewhere: how a server that [runs](Self::run) is stopped.
    pub fn control(&self) -> Control {
        self.control.clone()
    }

    /// Serves, on threads of its own.
    ///
    /// # Errors
    ///
    /// If the system grants no thread or no poll for an event loop.
    pub fn spawn(self) -> io::Result<ServerHandle> {
        let (local_addrs, addresses) = (self.local_addrs().to_vec(), self.listeners.addresses().to_vec());
        let hub = self.app.hub.clone();
        let workers = Workers::spawn(self.listeners, hub, Arc::new(Service(self.app)), self.loops)?;
        self.control.started(workers.handle());
        for address in &addresses {
            match address.path() {
                Some(_) => tracing::info!("listening on {address}"),
                None => tracing::info!("listening on http://{address}"),
            }
        }
        Ok(ServerHandle::new(workers, local_addrs, self.control))
    }

    /// Serves, and returns when the server has ended: never, unless a [`control`](Self::control) stops it.
    ///
    /// # Errors
    ///
    /// As [`spawn`](Self::spawn), and if an event loop ended by an error.
    pub fn run(self) -> io::Result<()> {
        self.spawn()?.join()
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("local_addrs", &self.local_addrs()).finish_non_exhaustive()
    }
}
