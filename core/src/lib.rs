//! A fan-out engine for [Server-Sent Events](https://html.spec.whatwg.org/multipage/server-sent-events.html):
//! hierarchical namespaces, any number of publishers and readers, one order for all, no lock anywhere.
//!
//! # What it is for
//!
//! It says *what* to write to many connections: contiguous, preformatted bytes. An event loop, an async server, or a
//! loop of your own over std sockets writes them. There are no sockets, threads, clock or runtime inside.
//!
//! # How it works
//!
//! The usual design pushes each message into a queue for each connection. Here a frame is made once and appended once
//! to the *log* of each channel it belongs to; a connection is a *cursor* in that log.
//!
//! ```text
//!   publish ─▶ sequencer ─▶ trie: which channels? ─▶ log of /pets  ....frame frame frame|
//!   publish ─▶ (one order)                                 cursor ▲      cursor ▲
//! ```
//!
//! A reader writes all between its cursor and the log's end in one call. So fan-out costs an amortised system call for
//! each connection and nothing for each message; a slow reader is a cursor far behind; and its lag is a subtraction.
//!
//! # Trade-offs
//!
//! A frame is appended once for each *pattern* that covers it, so a thousand distinct patterns over one namespace are a
//! thousand appends: [`FilterLimits`] and [`HubConfig::max_channels`] bound what is subscribed to. Readers hold
//! the log from their place on, so the owner of one watches its [lag](Subscription::lag): one that can't read now is
//! [parked](Subscription::park), [skips](Subscription::skip) to the present, or is dropped. All delivery is done by one
//! thread at a time.
//!
//! # Coming back
//!
//! With [`HubConfig::history_bytes`] every event has an id, and is kept for a while. A reader that broke off
//! [resumes](Hub::resume) after the last id it has seen: it gets everything since, once and in order, or one frame
//! `event:gap` that tells what it can't have. Each stream begins with a block that says its place.
//!
//! ```
//! use std::task::Waker;
//! use sse_core::{Event, Filter, Hub, HubConfig, Start};
//!
//! let hub = Hub::new(HubConfig { epoch: Some(0x18f3), history_bytes: 1 << 20, ..HubConfig::default() });
//! for breed in ["Corgi", "Husky", "Poodle"] {
//!     hub.publish(&Event::new("/pets/dogs", breed))?;
//! }
//! let mut subscription = hub.resume(Filter::parse("/pets")?, "18f3-1", Waker::noop().clone())?;
//! assert_eq!(subscription.start(), Start::Exact);
//! let mut stream = Vec::new();
//! while let chunk @ [_, ..] = subscription.chunk() {
//!     let length = chunk.len();
//!     stream.extend_from_slice(chunk);
//!     subscription.advance(length);
//! }
//! assert_eq!(stream, b"id:18f3-1\n\ndata:Husky\nid:18f3-2\n\ndata:Poodle\nid:18f3-3\n\n");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # How to use it
//!
//! ```
//! use std::task::Waker;
//! use sse_core::{Event, Filter, Hub, HubConfig};
//!
//! let hub = Hub::new(HubConfig::default());
//! let mut subscription = hub.subscribe(Filter::parse("/pets")?, Waker::noop().clone())?;
//!
//! hub.publish(&Event::new("/pets/dogs", "Corgi").named("new-dog"))?;
//! hub.publish(&Event::new("/petshop", "not for us"))?;
//!
//! let mut socket = Vec::new();
//! socket.extend_from_slice(subscription.chunk());
//! subscription.advance(socket.len());
//! assert_eq!(socket, b"event:new-dog\ndata:Corgi\n\n");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Embedding in axum
//!
//! With the feature `tower` a hub is a service, which is mounted with one line:
//!
//! ```ignore
//! let app = Router::new().nest_service("/events", EventService::new(hub).with_timer(tokio::time::sleep));
//! ```
//!
//! `GET /events/pets` is then the stream of `/pets`, with resuming, keepalive comments and an end for slow readers; see
//! `http::EventService`. A task tells the hub the time: `tokio::spawn(keep_time(hub.clone(), tokio::time::sleep))`.
//!
//! # Features
//!
//! None is on by default, and none brings a runtime.
//!
//! - `stream`: a [`Subscription`] is a `futures_core::Stream<Item = Bytes>`; an `EventStream` is one with keepalive
//!   comments and an end, for the bodies of any framework's answers.
//! - `http`: what a request for a stream asks for, and what its answer's head says.
//! - `tower`: `EventService`, a `tower_service::Service` for axum, hyper and others. An `EventStream` is an
//!   `http_body::Body`.
//! - `blocking`: a plain thread waits for a subscription with `Subscription::wait`.

mod adapters;
mod channels;
mod config;
mod delivery;
mod events;
mod hamt;
mod history;
#[cfg(feature = "http")]
pub mod http;
mod hub;
mod json;
mod names;
mod random;
mod reading;
mod routing;
mod sync;

#[cfg(feature = "blocking")]
pub use adapters::blocking::Waited;
#[cfg(feature = "stream")]
pub use adapters::event_stream::EventStream;
pub use adapters::time::keep_time;
pub use config::HubConfig;
pub use delivery::statistics::Statistics;
pub use events::event::{Event, EventError, PreparedEvent};
pub use events::event_id::{EventId, EventIdError};
pub use events::frame::{Frame, FrameError};
pub use events::gap::GapReason;
pub use history::resume_counts::ResumeCounts;
pub use hub::{Driver, Hub, SubscribeError, TryPublishError};
pub use names::filter::{Filter, FilterError, FilterLimits};
pub use names::namespace::{Limits, Namespace, NamespaceError};
pub use names::pattern::Pattern;
pub use reading::ready::{Chunk, ChunkStart, Lagging, Ready};
pub use reading::start::Start;
pub use reading::subscription::Subscription;
