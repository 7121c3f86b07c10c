//! A mio event loop that writes Server-Sent Events straight from shared logs to HTTP connections.
//!
//! This crate lies between the engine ([`sse_core`]: which event belongs to whom) and an application (routes, access,
//! pages). It knows sockets and HTTP/1.1, and no routes: the application is a [`Service`], which answers each request
//! with a finite response or with an event stream. It is what `sse-server` runs on, and can be used without it.
//!
//! # Trade-offs
//! - **No async runtime.** A stream is not a task with a buffer but an entry in a slab: a socket, a cursor into the log
//!   of its channel, a few flags. Idle, it costs some 350 bytes, and sending it a message is one `send` from
//!   memory that all streams share. The price: a service must not block. What takes long is answered
//!   [`Later`](Reply::Later), from another thread.
//! - **Batches come by themselves.** While a pass over the connections runs, new frames gather behind the cursors, and
//!   the next pass sends them in one call. One message leaves at once; a hundred thousand a second leave in large
//!   pieces.
//! - **A slow reader hurts nobody.** It has no queue: it only falls behind in the log, and beyond
//!   [`Config::max_lag`] it is cut off, or skips to the present. With history it doesn't even hold what it has yet to
//!   read ([`Subscription::park`](sse_core::Subscription::park)). Readers that keep up are never cut off, however fast
//!   it is published.
//! - **Strict HTTP.** What two parties might read differently (request smuggling) is refused.
//! - No TLS, no HTTP/2, no compression: a proxy in front may add them.
//!
//! # How it works
//! ```text
//!    publisher's thread                               event loop (one thread)
//!   ┌──────────────────┐  appends once   ┌─────────┐
//!   │ Hub::publish     │ ──────────────▶ │ channel │ ◀── cursor ── stream ──▶ socket
//!   └──────────────────┘                 │   log   │ ◀── cursor ── stream ──▶ socket
//!            │                           └─────────┘ ◀── cursor ── stream ──▶ socket
//!            │ wakes, once                                           ▲
//!            ▼                                                       │ flushes each
//!          bell ────────▶ inbox ────────▶ topic: the loop's streams on that channel
//!                           ▲
//!        Responder, Handle ─┘
//! ```
//! - Each loop has its own poll, listeners, connections, timers and inbox; loops share the hub and nothing else. The
//!   kernel spreads new connections over them (`SO_REUSEPORT`).
//! - The loop's streams on one channel form a *topic*, with one waker, its *bell*: however many streams there are and
//!   however often it is rung, it leaves one message in the inbox. A stream of several patterns is in several topics.
//! - Streams with much to catch up on take turns, a few at a time between the passes for all others.
//! - Sockets are watched edge-triggered. A turn is bounded (63 KiB for a stream, some tens of actions for an exchange), and so
//!   is what a pass does of each kind of work; what is left is put on a list for the next pass, since edges don't repeat.
//! - One timer wheel serves all: deadlines of requests, keepalives, stalls. Keepalives are spread by a phase of
//!   each stream's own, so that there are no bursts of them, not even a period after an event that went to everyone.
//! - A body is taken only as far as the service has said at the end of its head ([`Service::admit`]): what nobody wants is
//!   not kept.
//! - [`proto`] is HTTP as a state machine without I/O and without a clock, tested at every cut of its input.
//!
//! # How to use it
//! ```
//! use std::net::SocketAddr;
//! use std::sync::Arc;
//! use bytes::Bytes;
//! use http::{Request, Response};
//! use sse_core::{Event, Filter, Hub, HubConfig};
//! use sse_net::*;
//!
//! struct Pets;
//!
//! impl Service for Pets {
//!     type Session = ();
//!     type Permit = ();
//!
//!     fn accept(&self, _: &SocketAddr) -> Option<()> {
//!         Some(())
//!     }
//!
//!     fn call(&self, request: Request<Bytes>, _: &Context<'_, Self>) -> Reply<()> {
//!         let Ok(filter) = Filter::parse(request.uri().path()) else {
//!             return Reply::Response(Response::builder().status(404).body(Bytes::new()).unwrap());
//!         };
//!         let head = Response::builder().header("Content-Type", "text/event-stream").body(()).unwrap();
//!         Reply::Stream(StreamReply::new(head, filter, ()))
//!     }
//!
//!     fn refuse(&self, error: &RequestError, _: &Peer) -> Response<Bytes> {
//!         Response::builder().status(error.status()).body(error.to_string().into()).unwrap()
//!     }
//!
//!     fn closed(&self, _: (), _: StreamEnd) {}
//! }
//!
//! let hub = Hub::new(HubConfig::default());
//! let listeners = Listeners::bind(&["127.0.0.1:0".parse()?], 1)?;
//! let addr = listeners.local_addrs()[0];
//! let workers = Workers::spawn(listeners, hub.clone(), Arc::new(Pets), Config::default())?;
//!
//! // curl -N http://{addr}/pets
//! # use std::io::{Read, Write};
//! # let mut curl = std::net::TcpStream::connect(addr)?;
//! # curl.write_all(b"GET /pets HTTP/1.1\r\nHost: x\r\n\r\n")?;
//! # while workers.handle().streams() == 0 { std::thread::yield_now() }
//! hub.publish(&Event::new("/pets/dogs", "Corgi"))?;
//! # let mut text = String::new();
//! # let mut piece = [0; 999];
//! # while !text.contains("data:Corgi\n\n") {
//! #     let length = curl.read(&mut piece)?;
//! #     assert_ne!(length, 0);
//! #     text += std::str::from_utf8(&piece[..length])?;
//! # }
//!
//! workers.handle().shutdown();
//! workers.join()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod address;
mod config;
mod connection;
mod event_loop;
mod exchange;
mod flags;
mod handle;
mod inbox;
mod keepalive;
mod ledger;
mod listener;
mod mio_system;
mod opening;
pub mod proto;
mod reply;
mod responder;
mod retry;
mod roster;
mod service;
mod shared_chunk;
#[cfg(test)]
mod simulator;
mod socket;
#[cfg(unix)]
mod socket_file;
mod stream;
mod stream_end;
mod system;
mod system_socket;
mod timers;
mod topic;
mod turns;
mod visits;
mod worker;
mod workers;

pub use address::{Address, AddressError};
pub use config::{Config, EXCESS_CONNECTIONS};
pub use handle::{Counters, Handle};
pub use ledger::ALLOWANCE_BYTES;
pub use listener::Listeners;
pub use proto::{Admission, RequestError};
pub use reply::{Reply, SlowConsumer, StreamReply};
pub use responder::Responder;
pub use service::{Context, Excess, Peer, Service};
pub use stream_end::{EndReason, StreamEnd, StreamView};
pub use workers::Workers;
